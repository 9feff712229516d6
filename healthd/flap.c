#include "healthd/flap.h"

#include <math.h>

#include "bgpctl/site.h"

/*
 * One struct flap belongs to one lane; it is part of the ladder's state and outlives the brain with
 * it. It estimates what the most impatient router in common use has on record against our prefix;
 * it errs to the strict side only in never forgetting below one point at once.
 */

/* Under one point of a thousand nothing is left to wait for. Without this floor, a limit equal to a
 * cost would be reached only in infinite time. */
static const double nothing = 1.0;

double
flap_estimate(const struct flap_conf *conf, struct flap f, struct mono now)
{
	double age_ms = (double)mono_diff_us(now, f.at) / 1000.0;
	double left;

	if (age_ms < 0)
		age_ms = 0;
	left = f.penalty * exp2(-age_ms / (double)conf->half_life_ms);
	return left < nothing ? 0 : left;
}

int64_t
flap_cost(const struct flap_conf *conf, int from, int to)
{
	if (from == to || from == RUNG_SILENT)
		return 0;
	return to == RUNG_SILENT ? conf->withdraw_cost : conf->change_cost;
}

struct flap
flap_charge(const struct flap_conf *conf, struct flap f, int from, int to, struct mono now)
{
	double present = flap_estimate(conf, f, now);

	return (struct flap){
	    .penalty = present + (double)flap_cost(conf, from, to), .at = mono_max(now, f.at)};
}

struct mono
flap_allowed_at(const struct flap_conf *conf, struct flap f, int64_t cost, struct mono now)
{
	double room = (double)(conf->limit - cost);
	double left = flap_estimate(conf, f, now);
	double wait_ms;

	if (left <= room)
		return now;
	if (room < 0)
		return MONO_FOREVER; /* a cost over the limit never fits */
	/* Wait until `left` has decayed to `room`, or to where flap_estimate() rounds it to
	 * nothing; one millisecond more keeps rounding from waking us a moment too early. */
	wait_ms = (double)conf->half_life_ms * log2(left / fmax(room, nothing * 0.999));
	return mono_add_ms(now, (int64_t)ceil(wait_ms) + 1);
}
