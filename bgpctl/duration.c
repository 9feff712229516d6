#include "bgpctl/duration.h"

#include <stdio.h>
#include <string.h>

#define YEAR_MS (365LL * 86400 * 1000)

static int64_t
unit_ms(const char **text)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}, {"m", 60000}, {"h", 3600000},
	    {"d", 86400000}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t n = strlen(units[i].name);

		if (strncmp(*text, units[i].name, n) == 0) {
			*text += n;
			return units[i].ms;
		}
	}
	return 0;
}

bool
duration_parse(const char *text, int64_t *ms)
{
	int64_t sum = 0, last = INT64_MAX;

	if (*text == '\0')
		return false;
	while (*text != '\0') {
		int64_t number = 0, unit;

		if (*text < '0' || *text > '9')
			return false;
		for (; *text >= '0' && *text <= '9'; text++) {
			number = number * 10 + (*text - '0');
			if (number > YEAR_MS)
				return false;
		}
		unit = unit_ms(&text);
		if (unit == 0 || unit >= last || number > YEAR_MS / unit)
			return false; /* units only get smaller: "1h30m", not "30m1h" */
		last = unit;
		sum += number * unit;
	}
	if (sum > YEAR_MS)
		return false;
	*ms = sum;
	return true;
}

const char *
duration_render(double seconds, char buf[static DURATION_TEXT])
{
	int64_t s;

	if (!(seconds > 0)) /* also what is no number */
		seconds = 0;
	if (seconds > 1e12)
		seconds = 1e12;
	if (seconds < 9.95) {
		snprintf(buf, DURATION_TEXT, seconds < 0.05 ? "0 s" : "%.1f s", seconds);
		return buf;
	}
	s = (int64_t)(seconds + 0.5);
	if (s < 60)
		snprintf(buf, DURATION_TEXT, "%d s", (int)s);
	else if (s < 600 && s % 60 != 0)
		snprintf(buf, DURATION_TEXT, "%d min %d s", (int)(s / 60), (int)(s % 60));
	else if (s < 3600)
		snprintf(buf, DURATION_TEXT, "%d min", (int)(s / 60));
	else if (s < 86400 && s / 60 % 60 != 0)
		snprintf(buf, DURATION_TEXT, "%d h %d min", (int)(s / 3600), (int)(s / 60 % 60));
	else if (s < 86400)
		snprintf(buf, DURATION_TEXT, "%d h", (int)(s / 3600));
	else if (s / 3600 % 24 != 0)
		snprintf(buf, DURATION_TEXT, "%lld d %d h", (long long)(s / 86400),
		    (int)(s / 3600 % 24));
	else
		snprintf(buf, DURATION_TEXT, "%lld d", (long long)(s / 86400));
	return buf;
}
