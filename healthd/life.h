/*
 * life: does a silent process do anything? Read from /proc, only when a probe was silent.
 *
 * All threads count. A process shows life when it is runnable now (it waits for a processor, or has
 * one), or when its threads together have run and waited for a processor for a twentieth of the
 * time since the last reading. So a busy or starved one does; one that is stopped, waits for a lock
 * or sleeps does not, nor does one in which some thread only keeps a clock.
 */
#ifndef HEALTHD_LIFE_H
#define HEALTHD_LIFE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/mono.h"

struct life {
	bool known;    /* it could be read; false: anything may be so, which is no sign of life */
	bool stopped;  /* by a signal or a tracer */
	bool runnable; /* a thread is */
	int64_t spent_us; /* ever: running, and runnable without a processor; all threads */
	struct mono at;
};

/* One reading; some tens of microseconds a thread. */
struct life life_read(int32_t pid);
/* `before` is the last reading since the process last spoke, not `known` if there is none: then
 * only being runnable tells. */
bool life_shown(const struct life *before, const struct life *now);

#endif
