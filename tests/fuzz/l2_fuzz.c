/*
 * l2_fuzz: a shard under a program of puts, drops, purges, finds, takeovers, false hits and damage
 * at chosen places. Whatever is found is an entry that was made for that key; without damage, it is
 * the last one put.
 *
 * Four octets an instruction: what, key, and a number.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/ensure.h"
#include "lib/sealed.h"
#include "resolver/l2_shard.h"
#include "tests/unit/wire_maker.h"

#define KEYS 64
#define VERSIONS 8
#define LARGE 100

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	int fd, hits;
	struct l2 *writer, *reader;
	int last[KEYS]; /* version, -1: none */
	bool damaged;
	uint8_t *octets; /* a writable mapping */
};

static struct entry *made[KEYS][VERSIONS];
static struct key keys[KEYS];
static struct err err;

static void
make_all(void)
{
	static _Alignas(8) uint8_t memory[ENTRY_ROOM];

	for (unsigned n = 0; n < KEYS && keys[n].name_length == 0; n++) {
		keys[n] = numbered_key(n);
		for (unsigned v = 0; v < VERSIONS; v++) {
			size_t size = numbered_entry(n, v, LARGE, 1000, memory);

			made[n][v] = malloc(size);
			ENSURE(made[n][v] != NULL);
			memcpy(made[n][v], memory, size);
		}
	}
}

static void
find(const struct world *w, const struct l2 *s, unsigned n)
{
	static _Alignas(8) uint8_t got[ENTRY_ROOM];
	size_t size = l2_find(s, &keys[n], got);

	if (size == 0)
		return;
	for (int v = 0; v < VERSIONS; v++)
		if (made[n][v]->size == size && memcmp(made[n][v], got, size) == 0) {
			ENSURE(w->damaged || w->last[n] == v);
			return;
		}
	ENSURE(!"a wrong answer");
}

static void
take_over(struct world *w)
{
	l2_close(w->writer);
	w->writer = l2_open_writer(w->fd, &err);
	ENSURE(w->writer != NULL);
	w->octets = w->writer->memory;
	ENSURE(l2_hits_use(w->writer, w->hits, &err) == 0);
}

static void
damage(struct world *w, unsigned what, unsigned n, unsigned number)
{
	const struct l2_shape *shape = &w->reader->shape;
	uint64_t from = 0, length = shape->buckets_at;

	if (what % 3 == 1) { /* a bucket in use */
		from = (uint64_t)((uint8_t *)l2_bucket_of(w->reader,
				      key_hash(&keys[n], atomic_load(&w->reader->header->seed))) -
				  w->reader->memory);
		length = sizeof(struct l2_bucket);
	} else if (what % 3 == 2) {
		from = shape->log_at;
		length = 65536;
	}
	w->octets[from + number % length] ^= (uint8_t)(1u << n % 8);
	w->damaged = true;
}

/* Those of the keys whose number has this in its lowest bits. */
static bool
chosen(const struct entry *e, void *arg)
{
	const unsigned *n = arg;
	struct key k;

	entry_key(e, &k);
	for (unsigned i = 0; i < KEYS; i++)
		if (key_equal(&k, &keys[i]))
			return i % 8 == *n % 8;
	return true; /* of no key that was put: damage */
}

static void
purge(struct world *w, unsigned n)
{
	uint64_t before = l2_purges(w->reader), gone = 0, went;

	for (unsigned i = n % 8; i < KEYS; i += 8) {
		gone += w->last[i] >= 0;
		w->last[i] = -1;
	}
	went = l2_purge(w->writer, chosen, &n);
	ENSURE(l2_purges(w->reader) == before + 1);
	ENSURE(w->damaged || went <= gone); /* some may have been evicted */
}

static void
instruct(struct world *w, const uint8_t *p)
{
	unsigned n = p[1] % KEYS, number = (unsigned)p[2] << 8 | p[3];

	switch (p[0] % 8) {
	case 0:
	case 1:
	case 2:
		w->last[n] = (int)(number % VERSIONS);
		for (unsigned i = 0; i <= number >> 12; i++)
			l2_put(w->writer, made[n][w->last[n]]);
		break;
	case 3:
		if (number % 4 == 3) {
			purge(w, n);
			break;
		}
		l2_drop(w->writer, &keys[n]);
		w->last[n] = -1;
		break;
	case 4:
		damage(w, p[0] / 8, n, number);
		break;
	case 5:
		take_over(w);
		break;
	case 6:
		l2_bucket_begin(l2_bucket_of(
		    w->writer, key_hash(&keys[n], atomic_load(&w->writer->header->seed))));
		break;
	default:
		if (p[0] / 8 % 2 == 1) /* anybody may write there: no damage */
			memset((void *)w->writer->hits, (int)number, w->writer->hits_bytes);
		find(w, w->writer, n);
	}
	find(w, w->reader, n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = {.damaged = false};

	make_all();
	for (int n = 0; n < KEYS; n++)
		w.last[n] = -1;
	ENSURE(l2_make(L2_BYTES_MIN, &w.fd, &err) == 0);
	ENSURE(l2_hits_make(L2_BYTES_MIN, &w.hits, &err) == 0);
	w.reader = l2_open_reader(w.fd, &err);
	ENSURE(w.reader != NULL && l2_hits_use(w.reader, w.hits, &err) == 0);
	take_over(&w);
	for (size_t at = 0; at + 4 <= size; at += 4)
		instruct(&w, data + at);
	for (unsigned n = 0; n < KEYS; n++)
		find(&w, w.reader, n);
	l2_close(w.reader);
	l2_close(w.writer);
	close(w.hits);
	close(w.fd);
	return 0;
}
