#include "healthd/renew.h"

struct renew_out
renew_step(struct renew r, const struct renew_in *in, struct mono now)
{
	struct renew_out out = {.because = RENEW_NOT};

	r.lost |= in->shared_failed;
	if (!in->failing || !in->shared_well)
		r.failing_since = MONO_NEVER;
	else if (!mono_is_set(r.failing_since))
		r.failing_since = now;
	/* What came too soon after the last time is not forgotten by that. */
	if (in->shared_well &&
	    (!mono_is_set(r.last) || mono_diff_ms(now, r.last) >= RENEW_APART_MS)) {
		if (r.lost)
			out.because = RENEW_RECOVERED;
		else if (mono_is_set(r.failing_since) &&
			 mono_diff_ms(now, r.failing_since) >= RENEW_FAILING_MS)
			out.because = RENEW_FAILING;
	}
	if (out.because != RENEW_NOT)
		r = (struct renew){.failing_since = MONO_NEVER, .last = now};
	out.state = r;
	return out;
}
