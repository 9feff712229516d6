#include "healthd/jsontext.h"

#include <stdio.h>

#include "lib/text.h"

json_t *
jsontext(const char *text)
{
	json_t *whole = json_string(text);
	char clean[2048];

	if (whole != NULL)
		return whole;
	snprintf(clean, sizeof(clean), "%s", text);
	text_clean(clean);
	return json_string(clean);
}
