/*
 * Any octets as a packet between worker (or operator) and engine, at either end: refused, or read
 * to what writes the same octets again; an entry that came along is in bounds, and one that is
 * valid can be served.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns.h"
#include "lib/ensure.h"
#include "resolver/ask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* On the heap, and no larger than it is: a read behind its end is found. */
static void
as_question(const uint8_t *data, size_t size)
{
	uint8_t again[ASK_MAX];
	struct ask a;

	if (!ask_decode(data, size, &a))
		return;
	ENSURE(ask_encode(&a, again, sizeof(again)) == size);
	ENSURE(memcmp(data, again, size) == 0);
}

static void
as_purge(const uint8_t *data, size_t size)
{
	uint8_t again[PURGE_MAX], answer[PURGED_SIZE];
	struct purged d;
	struct purge p;

	if (purge_decode(data, size, &p)) {
		ENSURE(purge_is(data, size));
		ENSURE(purge_encode(&p, again, sizeof(again)) == size);
		ENSURE(memcmp(data, again, size) == 0);
	}
	if (purged_decode(data, size, &d)) {
		purged_encode(&d, answer);
		ENSURE(size == PURGED_SIZE && memcmp(data, answer, size) == 0);
	}
}

static void
as_last_words(const uint8_t *data, size_t size)
{
	uint8_t again[LAST_MAX];
	struct last_words l;

	if (!last_decode(data, size, &l))
		return;
	ENSURE(last_encode(&l, again, sizeof(again)) == size);
	ENSURE(memcmp(data, again, size) == 0);
}

static void
as_look(const uint8_t *data, size_t size)
{
	uint8_t again[LOOK_SIZE];
	uint32_t id;

	if (!look_decode(data, size, &id))
		return;
	look_encode(id, again);
	ENSURE(size == LOOK_SIZE && memcmp(data, again, size) == 0);
}

static void
as_answer(const uint8_t *data, size_t size)
{
	static uint8_t served[65535];
	uint8_t *packet = malloc(size > 0 ? size : 1), head[TOLD_HEAD];
	const struct entry *e;
	struct told t;
	struct key k;
	size_t n;

	ENSURE(packet != NULL);
	memcpy(packet, data, size);
	if (told_decode(packet, size, &t, &e)) {
		ENSURE((t.id == TOLD_HELLO && t.entry_size == 0
				? told_hello(t.state == TOLD_CUT, head)
				: told_encode(t.id, t.entry_size, head)) == TOLD_HEAD);
		ENSURE(memcmp(head, packet, TOLD_HEAD) == 0);
		ENSURE((e != NULL) == (t.entry_size > 0));
		ENSURE(e == NULL || (const uint8_t *)e + t.entry_size == packet + size);
	}
	if (e != NULL && entry_valid(e, t.entry_size, NULL)) {
		const char *why = entry_text(e);

		ENSURE(why == NULL || (const uint8_t *)why + strlen(why) < packet + size);
		entry_key(e, &k);
		n = entry_serve(e, 1, true, true, k.name, 1000, 30, served, sizeof(served));
		/* Whether its records make sense is the engine's word; that all is in bounds is
		 * ours. */
		ENSURE(n == e->message_length || n == (size_t)DNS_HEADER + k.name_length + 4);
	}
	free(packet);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	as_question(data, size);
	as_purge(data, size);
	as_look(data, size);
	as_last_words(data, size);
	as_answer(data, size);
	return 0;
}
