#include "healthd/limit.h"

#include <stddef.h>

/*
 * A lane's outside limits are a small table owned by the brain, kept over restarts in the state
 * directory; expiry is in monotonic time here, and whoever loads the file converts, so that a jump
 * of the wall clock changes nothing while we run. An owner holds at most one limit of each sort:
 * saying it again replaces it.
 */

const char *
limit_owner_name(enum limit_owner o)
{
	static const char *const names[] = {
	    [OWNER_OPERATOR] = "operator",
	    [OWNER_BIRDC] = "birdc",
	    [OWNER_BRAKE] = "brake",
	    [OWNER_ALONE] = "alone",
	    [OWNER_ABSORB] = "absorb",
	    [OWNER_FLAP] = "flap",
	    [OWNER_PREFLIGHT] = "preflight",
	    [OWNER_HOLD] = "hold",
	    [OWNER_EMERGENCY] = "emergency",
	    [OWNER_PROOF] = "proof",
	    [OWNER_START] = "start",
	    [OWNER_UNKNOWN] = "unknown",
	    [OWNER_SHUTDOWN] = "shutdown",
	    [OWNER_FLEET] = "fleet",
	    [OWNER_REGION] = "region",
	};

	_Static_assert(
	    sizeof(names) / sizeof(names[0]) == N_LIMIT_OWNERS, "every owner has a name");
	return (unsigned)o < N_LIMIT_OWNERS ? names[o] : "?";
}

const char *
limit_sort_name(enum limit_sort s)
{
	static const char *const names[] = {
	    [LIMIT_CAP] = "cap", [LIMIT_FLOOR] = "floor", [LIMIT_PIN] = "pin"};

	return (unsigned)s < sizeof(names) / sizeof(names[0]) ? names[s] : "?";
}

struct mono
limits_tick(struct limit *l, int n, struct mono now)
{
	struct mono first = MONO_NEVER;

	for (int i = 0; i < n; i++) {
		if (!l[i].set || !mono_is_set(l[i].until))
			continue;
		if (!mono_before(now, l[i].until))
			l[i] = (struct limit){0};
		else if (!mono_is_set(first) || mono_before(l[i].until, first))
			first = l[i].until;
	}
	return first;
}

bool
limits_put(struct limit *l, int n, const struct limit *limit)
{
	struct limit *free_slot = NULL;

	for (int i = 0; i < n; i++) {
		if (!l[i].set) {
			free_slot = free_slot ? free_slot : &l[i];
			continue;
		}
		if (l[i].owner == limit->owner && l[i].sort == limit->sort) {
			free_slot = &l[i];
			break;
		}
	}
	if (!free_slot)
		return false;
	*free_slot = *limit;
	free_slot->set = true;
	return true;
}

bool
limits_drop(struct limit *l, int n, enum limit_owner owner)
{
	bool any = false;

	for (int i = 0; i < n; i++) {
		if (!l[i].set || l[i].owner != owner)
			continue;
		l[i] = (struct limit){0};
		any = true;
	}
	return any;
}

/* The lowest (or highest) rung of one sort, `none` when there is no limit of that sort. */
static int
extreme(const struct limit *l, int n, enum limit_sort sort, bool highest, int none)
{
	int best = none;
	bool any = false;

	for (int i = 0; i < n; i++) {
		if (!l[i].set || l[i].sort != sort)
			continue;
		if (!any || (highest ? l[i].rung > best : l[i].rung < best))
			best = l[i].rung;
		any = true;
	}
	return best;
}

int
limits_cap(const struct limit *l, int n, int best)
{
	int cap = extreme(l, n, LIMIT_CAP, false, best);

	return cap < best ? (cap < 0 ? 0 : cap) : best;
}

int
limits_floor(const struct limit *l, int n, int best)
{
	int floor = extreme(l, n, LIMIT_FLOOR, true, 0);

	return floor < best ? (floor < 0 ? 0 : floor) : best;
}

int
limits_pin(const struct limit *l, int n)
{
	int pin = extreme(l, n, LIMIT_PIN, false, -1);

	return pin < 0 ? -1 : pin;
}
