#include "lib/text.h"

#include <stdbool.h>
#include <stddef.h>

/* Longer than need be, half of a surrogate pair, or beyond the last character (RFC 3629, 4). */
static bool
is_forbidden(const unsigned char *p)
{
	return (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90);
}

/* How many bytes the UTF-8 character at `p` has; 0 when it is none (or a control of C1). */
static size_t
utf8_length(const unsigned char *p)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
	    : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
	    : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
					  : 0;

	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	if (n > 2 && is_forbidden(p))
		return 0;
	return n == 2 && p[0] == 0xc2 && p[1] < 0xa0 ? 0 : n;
}

void
text_clean(char *text)
{
	unsigned char *p = (unsigned char *)text;

	while (*p != '\0') {
		size_t n = utf8_length(p);

		if (n == 0 || (n == 1 && (*p < ' ' || *p == 0x7f) && *p != '\n')) {
			*p = '?';
			n = 1;
		}
		p += n;
	}
}
