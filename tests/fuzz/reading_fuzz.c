/*
 * reading_fuzz: any text as each of the kernel's files.
 */
#include <stdlib.h>
#include <string.h>

#include "healthd/reading.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	uint64_t a = 0, b = 0;
	int64_t r, share, grade;

	if (text == NULL)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	if (reading_pressure(text, &r) && (r < 0 || r > 10099))
		abort();
	reading_column(text, "Udp:", "RcvbufErrors", &a);
	reading_field(text, "MemTotal:", &a);
	reading_field(text, "inactive_file", &b);
	reading_nth(text, 0, &a);
	reading_nth(text, 2, &b);
	share = reading_share(a < b ? a : b, a < b ? b : a);
	if (share < 0 || share > 10000)
		abort();
	if (reading_rate(a, b, (int64_t)(size + 1)) < 0)
		abort();
	grade = reading_grade(share, 2000, 6000);
	if (grade < 0 || grade > 100)
		abort();
	free(text);
	return 0;
}
