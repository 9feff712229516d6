/*
 * recorder: the flight recorder, a ring of bounded size on disk: samples, events, decisions with
 * reasons. Appends go to memory and are written once a second; a full or broken disk stops the
 * recording (counted, one alarm), never the daemon. A torn or foreign file is set aside, not
 * trusted. docs/recorder.md has the format.
 */
#ifndef BGPCTL_RECORDER_H
#define BGPCTL_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"

struct recorder;

#define RECORDER_SET_ASIDE ".aside" /* what a file that cannot be trusted is renamed to */

enum record_type {
	RECORD_BOOT = 1, /* text: version, boot id, the whole configuration in force; at the
			  * beginning, and again and again */
	RECORD_SAMPLE,	 /* binary: one or more struct record_sample, in order */
	RECORD_EVENT,	 /* level as one digit, a blank, the event line */
	RECORD_DECISION, /* JSON text: lane, inputs, outputs, reasons */
	RECORD_INPUT,	 /* JSON text: as a decision, where nothing but its input is news: proof,
			  * limits, preflight, shutdown */
	RECORD_STATE,	 /* JSON text: a check or a lane as it stands, or what a lane is told from
			  * here on: see healthd/flight.h */
};

enum sample_kind {
	SAMPLE_PROBE, /* one probe's end */
	SAMPLE_TICK,  /* all windows were told that it is `at_us` */
	SAMPLE_STEP,  /* lane `check` was decided at `at_us`; value 1: its workers were starved */
	SAMPLE_EVIDENCE, /* `check` is evidence from at_us on (value 1), or not any more (0) */
};

struct record_sample {
	uint16_t check, target;
	uint8_t outcome;
	int8_t value;
	uint16_t kind; /* enum sample_kind */
	int32_t rtt_us;
	uint32_t reserved_too;
	int64_t sent_us, at_us;
};

/* NULL and an error when it can't be opened; the daemon goes on without (and may try again each
 * minute). `size_bytes` is at least 1 MiB. A file of another size, version or boot of the world is
 * renamed to PATH.aside. */
struct recorder *recorder_open(const char *path, int64_t size_bytes, struct err *err);
/* The same without waiting for a disk: whether it could be opened is recorder_flush()'s first news,
 * and what is appended until then is kept. NULL: no memory, or no thread. */
struct recorder *recorder_begin(const char *path, int64_t size_bytes, struct err *err);

/* Copies to memory, never blocks; data beyond 64 KiB is cut off. Samples that follow each other
 * share a record. What finds no room (the disk stands still) is dropped and counted. */
void recorder_append(struct recorder *r, enum record_type type, const void *data, size_t length);
/* An event in the form that RECORD_EVENT asks for. */
void recorder_event(struct recorder *r, int level, const char *line);

/* To be called about once a second; never blocks: a thread writes. -1 with an error the first time
 * that opening or writing has failed (or stands still for 10 s), 1 the first time that it works
 * again, else 0. After a failure it is tried again each minute. */
int recorder_flush(struct recorder *r, struct err *err);
uint64_t recorder_dropped(const struct recorder *r); /* records */
/* Writes what is there, waiting at most half a second. NULL is fine. */
void recorder_close(struct recorder *r);

/* Reads the ring from the oldest record on, also while it is being written. `lost`: records are
 * missing before this one. `done` of `of` records have been read with it. Stops when `each` returns
 * non-zero; data is followed by a zero byte. */
struct record_seen {
	enum record_type type;
	int64_t wall_us, mono_us;
	const void *data;
	size_t length;
	uint64_t sequence;
	bool lost;
	size_t done, of;
};
typedef int record_seen_each(void *arg, const struct record_seen *r);
int recorder_walk(const char *path, record_seen_each *each, void *arg, uint64_t *skipped,
    struct err *err);

/* Reads the ring from the oldest record on, also while it is being written; `wall_us` is
 * wall-clock. Stops when `each` returns non-zero. Damaged records are skipped and counted in
 * *skipped. */
typedef int record_each(void *arg, enum record_type type, int64_t wall_us, int64_t mono_us,
    const void *data, size_t length);
int recorder_read(const char *path, record_each *each, void *arg, uint64_t *skipped,
    struct err *err);

#endif
