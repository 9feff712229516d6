/*
 * guard_bench NODES: what one word of the fleet's guard costs, of a lane that wants to go silent in
 * a fleet of so many nodes, all in view, one in a hundred of them wishing or silent. The very
 * function that the brain runs, once a view and lane. One line of JSON, nanoseconds; the clock's
 * own time is taken off.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bgpctl/site.h"
#include "healthd/guard.h"
#include "lib/ensure.h"
#include "tests/bench/bench_clock.h"

#define STEPS 20000
#define WARM 2000

static struct peer peers[MAX_FLEET];
static int64_t took[STEPS];

static int
fill(int size)
{
	for (int i = 0; i < size - 1; i++)
		peers[i] = (struct peer){
		    .id = (uint16_t)(i + 1),
		    .nonce = (uint16_t)(i + 7),
		    .rung = i % 100 == 50 ? RUNG_SILENT : (int8_t)(RUNG_DRAIN + i % 3),
		    .flags = i % 100 == 25 ? BEACON_WISHING : 0,
		    .severity = i % 100 == 25 ? SEVERITY_LOW : SEVERITY_NONE,
		    .load = BEACON_LOAD_UNKNOWN,
		    .region = (uint16_t)(1 + i % 8),
		    .max_suspended = (uint16_t)(size / 3),
		};
	return size - 1;
}

/* How many granted: they are to do their work, not to be thrown away by a compiler. */
static int
run(int size)
{
	struct guard_conf conf = {.id = size,
	    .size = size,
	    .min_announcing = 1,
	    .max_suspended = size / 3,
	    .region = 1,
	    .settle_ms = 10000,
	    .view_max_age_ms = 5000};
	struct mono now = {1000000};
	struct guard_in in = {.peers = peers, .n_peers = fill(size), .severity = SEVERITY_LOW};
	struct guard guard = guard_init();
	int64_t own = clock_ns();
	int granted = 0;

	for (int n = -WARM; n < STEPS; n++) {
		struct guard_out out;
		int64_t begin, end;

		now = mono_add_us(now, 1000000);
		in.view_at = now;
		begin = now_ns();
		out = guard_step(&conf, guard, &in, now);
		end = now_ns();
		guard = out.state;
		granted += out.granted;
		if (n >= 0)
			took[n] = end - begin - own;
	}
	return granted;
}

int
main(int argc, char **argv)
{
	int size = argc == 2 ? atoi(argv[1]) : 0;

	if (size < 2 || size > MAX_FLEET) {
		fprintf(stderr, "usage: guard_bench NODES (2 to %d)\n", MAX_FLEET);
		return 1;
	}
	ENSURE(run(size) > STEPS); /* once settled, each of them */
	qsort(took, STEPS, sizeof(*took), by_size);
	printf("{\"nodes\": %d, \"steps\": %d, \"min\": %lld, \"median\": %lld, \"p99\": %lld, "
	       "\"max\": %lld}\n",
	    size, STEPS, (long long)took[0], (long long)took[STEPS / 2],
	    (long long)took[STEPS / 100 * 99], (long long)took[STEPS - 1]);
	return 0;
}
