#include "healthd/leave.h"

/* Looks end at whole readings, about a second apart. */
#define SLACK_MS 500

static int64_t
clients(const struct leave *l, int64_t rate)
{
	return rate > l->probes ? rate - l->probes : 0;
}

int64_t
leave_look_ms(const struct leave *l)
{
	int64_t before = clients(l, l->before);
	int64_t ms = before > 0 ? (int64_t)100 * 1000 * 1000 / before : 0;

	return ms < LEAVE_LEAST_MS ? LEAVE_LEAST_MS : ms;
}

enum leave_because
leave_step(const struct leave *l, int64_t since_ms, uint64_t seen, int64_t look_ms)
{
	int64_t rate;

	if (since_ms >= l->drain_ms)
		return LEAVE_TIME;
	if (!l->counted || since_ms < LEAVE_LEAST_MS || look_ms <= 0 ||
	    look_ms < leave_look_ms(l) - SLACK_MS)
		return LEAVE_NOT;
	if (seen > INT64_MAX / 1000000)
		return LEAVE_NOT;
	rate = (int64_t)seen * 1000000 / look_ms;
	return clients(l, rate) * 100 <= clients(l, l->before) ? LEAVE_EMPTY : LEAVE_NOT;
}
