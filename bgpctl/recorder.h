/*
 * recorder: the flight recorder, a ring of bounded size on disk: samples, events, decisions with
 * reasons. Appends go to memory and are written once a second; a full or broken disk stops the
 * recording (counted, one alarm), never the daemon. A torn or foreign file is set aside, not
 * trusted. docs/recorder.md has the format.
 */
#ifndef BGPCTL_RECORDER_H
#define BGPCTL_RECORDER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"

struct recorder;

enum record_type {
	RECORD_BOOT = 1, /* text: version, boot id, the whole configuration in force */
	RECORD_SAMPLE,	 /* binary: instance, target, sample */
	RECORD_EVENT,	 /* the event line */
	RECORD_DECISION, /* JSON text: lane, inputs, outputs, reasons */
	RECORD_INPUT,	 /* JSON text: other input of a decision: proof, limits, preflight */
};

struct record_sample {
	uint16_t check, target;
	uint8_t outcome;
	int8_t value;
	int32_t rtt_us;
	int64_t sent_us, at_us;
};

/* NULL and an error when it can't be opened; the daemon goes on without. */
struct recorder *recorder_open(const char *path, int64_t size_bytes, struct err *err);
void recorder_append(struct recorder *r, enum record_type type, const void *data, size_t length);
/* To be called about once a second. -1 with an error the first time that writing fails. */
int recorder_flush(struct recorder *r, struct err *err);
void recorder_close(struct recorder *r);

/* Reads the ring from the oldest record on; `wall_us` is wall-clock. Stops when `each` returns
 * non-zero. Damaged records are skipped and counted in *skipped. */
typedef int record_each(void *arg, enum record_type type, int64_t wall_us, int64_t mono_us,
    const void *data, size_t length);
int recorder_read(const char *path, record_each *each, void *arg, uint64_t *skipped,
    struct err *err);

#endif
