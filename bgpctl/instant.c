/*
 * Reads the local time zone (mktime), which is why it is not pure.
 */
#include "bgpctl/instant.h"

#include <string.h>
#include <time.h>

#include "bgpctl/duration.h"

static bool
parse_date(const char *text, int64_t *out)
{
	static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S",
	    "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = {.tm_isdst = -1};
		const char *rest = strptime(text, forms[i], &tm);
		int64_t fraction = 0, unit = 100000;

		if (rest == NULL)
			continue;
		if (*rest == '.' && i < 2) /* what --json prints is taken back */
			for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10)
				fraction += (*rest - '0') * unit;
		if (*rest != '\0' && strcmp(rest, "Z") != 0)
			continue;
		*out = (int64_t)(*rest == 'Z' ? timegm(&tm) : mktime(&tm)) * 1000000 + fraction;
		return true;
	}
	return false;
}

static bool
parse_clock(const char *text, int64_t now_us, int64_t *out)
{
	time_t now = (time_t)(now_us / 1000000);
	struct tm tm, day;
	const char *rest;

	if (localtime_r(&now, &day) == NULL)
		return false;
	tm = day;
	tm.tm_sec = 0;
	rest = strptime(text, "%H:%M:%S", &tm);
	if (rest == NULL || *rest != '\0') {
		tm = day;
		tm.tm_sec = 0;
		rest = strptime(text, "%H:%M", &tm);
	}
	if (rest == NULL || *rest != '\0')
		return false;
	tm.tm_isdst = -1;
	if (mktime(&tm) > now) {
		tm.tm_mday--;
		tm.tm_isdst = -1;
	}
	*out = (int64_t)mktime(&tm) * 1000000;
	return true;
}

bool
instant_parse(const char *text, int64_t now_us, int64_t *out)
{
	int64_t ms;

	if (duration_parse(text, &ms)) {
		*out = now_us - ms * 1000;
		return true;
	}
	return parse_date(text, out) || parse_clock(text, now_us, out);
}
