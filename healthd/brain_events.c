/*
 * brain_events: where this process's events go besides stderr and the journal: memory for `bgpctl
 * events`, those who follow, and the flight recorder.
 */
#include "healthd/brain.h"

#include <time.h>

#include "healthd/history.h"

#define HISTORY_BYTES ((size_t)256 << 10)

static void
on_event(void *arg, enum event_level level, const char *name, const char *line)
{
	struct brain *b = arg;
	struct timespec ts;
	int64_t wall_us;

	clock_gettime(CLOCK_REALTIME, &ts);
	wall_us = (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
	if (b->history != NULL)
		history_add(b->history, wall_us, level, name, line);
	if (b->recorder != NULL)
		recorder_event(b->recorder, level, line);
	if (b->console != NULL) {
		json_t *told =
		    json_pack("{so}", "event", history_event(wall_us, level, name, line));

		console_tell(b->console, told);
		json_decref(told);
	}
}

void
events_init(struct brain *b)
{
	b->history = history_new(HISTORY_BYTES);
	event_set_sink(on_event, b);
}

void
events_fini(struct brain *b)
{
	event_set_sink(NULL, NULL);
	history_free(b->history);
	b->history = NULL;
}
