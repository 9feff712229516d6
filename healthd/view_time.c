#include "healthd/view_time.h"

#include <stdio.h>

json_t *
view_seconds(int64_t us)
{
	return json_real((double)(us / 1000) / 1000);
}

json_t *
view_since(struct mono t, struct mono now)
{
	return mono_is_set(t) ? view_seconds(mono_diff_us(now, t)) : json_null();
}

json_t *
view_left(struct mono t, struct mono now)
{
	if (!mono_is_set(t) || t.us == INT64_MAX)
		return json_null();
	return view_seconds(mono_before(now, t) ? mono_diff_us(t, now) : 0);
}

json_t *
view_wall(const struct timespec *ts)
{
	struct tm tm;
	char text[40];
	size_t n;

	gmtime_r(&ts->tv_sec, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%03ldZ", ts->tv_nsec / 1000000);
	return json_string(text);
}
