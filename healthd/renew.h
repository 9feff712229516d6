/*
 * renew: when to replace engines that run. Pure.
 *
 * A resolver remembers for long which servers did not answer, and libunbound takes a trust anchor
 * whose priming failed for broken for a minute, however well the network is meanwhile. A process
 * that begins anew knows nothing of that, and what is cached outlives it. So engines are replaced
 * when connectivity has come back (a shared check had failed and all are well again), and when one
 * goes on failing although all shared checks are well.
 */
#ifndef HEALTHD_RENEW_H
#define HEALTHD_RENEW_H

#include <stdbool.h>

#include "lib/mono.h"

#define RENEW_FAILING_MS 2000 /* an engine that fails for so long is replaced */
#define RENEW_APART_MS 10000  /* never sooner after the last time */

/* Zeros, with MONO_NEVER in the times, begin. */
struct renew {
	bool lost;		   /* a shared check has failed since the last time */
	struct mono failing_since; /* an engine fails, and shared checks are well; never: not so */
	struct mono last;
};
struct renew_in {
	bool shared_failed; /* any of them */
	bool shared_well;   /* there is one, and all are ok */
	bool failing;	    /* some engine says SCORE_FAILING */
};
enum renew_because { RENEW_NOT, RENEW_RECOVERED, RENEW_FAILING };

struct renew_out {
	struct renew state;
	enum renew_because because;
};
/* Call some times a second; what it says is done by the caller, who begins no second replacement
 * while one is under way. */
struct renew_out renew_step(struct renew r, const struct renew_in *in, struct mono now);

#endif
