/*
 * trace: made-up traffic of a resolver, the same for the same seed: which name is asked at which
 * second. Objects are answers of DNS-like sizes and lives, made of their number alone.
 */
#ifndef BENCH_TRACE_H
#define BENCH_TRACE_H

#include "resolver/entry.h"

enum trace_kind { TRACE_ZIPF, TRACE_SCANS, TRACE_SHIFTS, N_TRACES };

struct trace {
	enum trace_kind kind;
	uint32_t n_requests, n_names, n_objects; /* numbers from n_names on are asked once */
	uint32_t rate;				 /* requests a second */
	uint32_t *asked;			 /* owned; by request, the object's number */
	uint32_t distinct;
	uint64_t footprint; /* octets of the names that are asked, as a shard keeps them */
};

extern const char *const trace_names[N_TRACES];

struct trace *trace_new(enum trace_kind kind, uint32_t n_names, uint32_t n_requests, uint64_t seed);
void trace_free(struct trace *t);
static inline uint32_t
trace_second(const struct trace *t, uint32_t request)
{
	return 1000 + request / t->rate;
}

/* Octets in a shard's log, with what one takes of the index. */
uint32_t object_bytes(const struct trace *t, uint32_t object);
/* Of one A record. */
bool object_is_typical(const struct trace *t, uint32_t object);
uint32_t object_ttl(const struct trace *t, uint32_t object);
struct key object_key(const struct trace *t, uint32_t object);
/* A sound entry, in ENTRY_ROOM octets. */
const struct entry *object_entry(const struct trace *t, uint32_t object, int64_t now_s, void *out);

#endif
