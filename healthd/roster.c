#include "healthd/supervise.h"

/*
 * All slots as one: is anybody there to answer? See supervise.h.
 *
 * A process that is ready for a moment stops the clock (clients are being answered), and only one
 * that has been ready for stable_ms sets it back to zero.
 */
struct roster
roster_step(struct roster r, const struct worker *w, int n, struct mono now)
{
	uint32_t failures = 0;
	bool stable = false, was_slow = r.slow > 0;

	r.ready = 0;
	r.wanted = 0;
	r.slow = 0;
	for (int i = 0; i < n; i++) {
		failures += w[i].failures;
		r.wanted += w[i].wanted;
		r.ready += w[i].state == WORKER_READY;
		stable |= w[i].state == WORKER_READY && w[i].stable;
		r.slow += w[i].slow &&
			  (w[i].state == WORKER_READY || w[i].state == WORKER_UNREADY);
	}
	if (r.slow > 0 || was_slow)
		r.slow_at = now;
	/* Fewer than before: slots were taken away or adopted anew. */
	if (stable || failures < r.base)
		r.base = failures;
	r.failed_starts = (int)(failures - r.base);
	if (r.ready > 0 && mono_is_set(r.none_since))
		r.none_us = mono_diff_us(now, r.none_since);
	if (stable || r.wanted == 0)
		r.none_us = 0;
	if (r.ready > 0 || r.wanted == 0)
		r.none_since = MONO_NEVER;
	else if (!mono_is_set(r.none_since))
		r.none_since = mono_add_us(now, -r.none_us);
	return r;
}

bool
roster_failed(const struct roster *r, int64_t none_ready_ms, int64_t failed_starts,
    struct mono now)
{
	if (r->ready > 0 || r->wanted == 0)
		return false;
	return r->failed_starts >= failed_starts ||
	    mono_diff_us(now, r->none_since) >= none_ready_ms * 1000;
}

bool
roster_broken(const struct roster *r, int64_t failed_starts)
{
	return r->failed_starts >= failed_starts && r->slow == 0;
}

struct mono
roster_deadline(const struct roster *r, int64_t none_ready_ms)
{
	return mono_is_set(r->none_since) ? mono_add_ms(r->none_since, none_ready_ms) : MONO_NEVER;
}

bool
roster_starved(const struct roster *r, struct mono now)
{
	return r->slow > 0 || mono_before(now, roster_starved_until(r, now));
}

struct mono
roster_starved_until(const struct roster *r, struct mono now)
{
	struct mono until;

	if (r->slow > 0 || !mono_is_set(r->slow_at))
		return MONO_NEVER;
	until = mono_add_ms(r->slow_at, ROSTER_STARVED_MS);
	return mono_before(now, until) ? until : MONO_NEVER;
}
