#include "resolver/quarantine.h"

#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(struct quarantine) <= 96 << 10, "a table of some pages");

void
quarantine_init(struct quarantine *q, uint64_t seed)
{
	q->seed = seed;
	q->size = sizeof(*q);
	q->version = QUARANTINE_VERSION;
	q->magic = QUARANTINE_MAGIC;
}

bool
quarantine_is(const struct quarantine *q, size_t bytes)
{
	return bytes >= sizeof(*q) && q->magic == QUARANTINE_MAGIC &&
	       q->version == QUARANTINE_VERSION && q->size == sizeof(*q);
}

static struct key
bare(const struct key *k)
{
	struct key b = *k;

	b.flags = 0;
	return b;
}

static size_t
set_of(const struct quarantine *q, const struct key *k)
{
	return key_hash(k, q->seed) % QUARANTINE_SETS * QUARANTINE_WAYS;
}

static bool
in_use(const struct quarantine_slot *s)
{
	return s->strikes > 0 || s->kills > 0;
}

/* The writer's look: NULL when it is not there. */
static struct quarantine_slot *
slot_find(struct quarantine *q, const struct key *k)
{
	struct quarantine_slot *s = &q->slots[set_of(q, k)];

	for (int i = 0; i < QUARANTINE_WAYS; i++)
		if (in_use(&s[i]) && key_equal(&s[i].key, k))
			return &s[i];
	return NULL;
}

/* A free one, or that of whoever is out first. */
static struct quarantine_slot *
slot_new(struct quarantine *q, const struct key *k)
{
	struct quarantine_slot *s = &q->slots[set_of(q, k)], *best = s;

	for (int i = 0; i < QUARANTINE_WAYS; i++) {
		if (!in_use(&s[i]))
			return &s[i];
		if (s[i].until_s < best->until_s)
			best = &s[i];
	}
	return best;
}

/* An odd sequence is left by a writer that was killed here: it stays odd until this is done. */
static void
slot_write(struct quarantine_slot *s, const struct sentence *to, uint32_t kills)
{
	uint32_t n = atomic_load_explicit(&s->sequence, memory_order_relaxed) | 1u;

	atomic_store_explicit(&s->sequence, n, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	s->strikes = to->strikes;
	s->kills = kills;
	s->signal = to->signal;
	s->since_s = to->since_s;
	s->until_s = to->until_s;
	s->key = to->key;
	atomic_store_explicit(&s->sequence, n + 1, memory_order_release);
}

void
quarantine_begin(struct quarantine *q, const struct key *k)
{
	q->in_hand = bare(k);
	atomic_store_explicit(&q->hand, HAND_BEGUN, memory_order_release);
}

void
quarantine_end(struct quarantine *q)
{
	static const struct sentence nobody;
	struct quarantine_slot *s;

	if (atomic_load_explicit(&q->hand, memory_order_relaxed) != HAND_BEGUN)
		return;
	s = slot_find(q, &q->in_hand);
	if (s != NULL)
		slot_write(s, &nobody, 0);
	atomic_store_explicit(&q->hand, HAND_EMPTY, memory_order_release);
}

void
quarantine_leave(struct quarantine *q)
{
	atomic_store_explicit(&q->hand, HAND_EMPTY, memory_order_release);
}

void
quarantine_fault(struct quarantine *q, uint32_t signal)
{
	if (atomic_load_explicit(&q->hand, memory_order_relaxed) != HAND_BEGUN)
		return;
	atomic_store_explicit(&q->hand_signal, signal, memory_order_relaxed);
	atomic_store_explicit(&q->hand, HAND_FAULT, memory_order_release);
}

static int64_t
term_s(uint32_t strikes)
{
	int64_t s = QUARANTINE_FIRST_S;

	for (uint32_t i = 1; i < strikes && s < QUARANTINE_MOST_S; i++)
		s *= 2;
	return s < QUARANTINE_MOST_S ? s : QUARANTINE_MOST_S;
}

enum quarantine_settled
quarantine_settle(struct quarantine *q, int64_t now_s, struct sentence *out)
{
	uint32_t hand = atomic_load_explicit(&q->hand, memory_order_acquire), kills = 0;
	struct quarantine_slot *s;
	bool convicted = hand == HAND_FAULT;

	if (hand != HAND_BEGUN && hand != HAND_FAULT) {
		atomic_store_explicit(&q->hand, HAND_EMPTY, memory_order_release);
		return SETTLED_NOBODY;
	}
	s = slot_find(q, &q->in_hand);
	*out = (struct sentence){.key = q->in_hand, .since_s = now_s, .until_s = now_s};
	if (s != NULL) {
		out->strikes = s->strikes;
		kills = s->kills;
	}
	convicted |= ++kills >= 2;
	if (convicted) {
		out->strikes++;
		out->until_s = now_s + term_s(out->strikes);
		kills = 0;
	}
	if (hand == HAND_FAULT)
		out->signal = atomic_load_explicit(&q->hand_signal, memory_order_relaxed);
	slot_write(s != NULL ? s : slot_new(q, &out->key), out, kills);
	atomic_store_explicit(&q->hand, HAND_EMPTY, memory_order_release);
	return convicted ? SETTLED_CONVICTED : SETTLED_SPARED;
}

/* False: it is being written, or was torn. */
static bool
slot_read(const struct quarantine_slot *s, struct quarantine_slot *copy)
{
	uint32_t before = atomic_load_explicit(&s->sequence, memory_order_acquire);

	memcpy(copy, s, sizeof(*copy));
	atomic_thread_fence(memory_order_acquire);
	return before % 2 == 0 &&
	       atomic_load_explicit(&s->sequence, memory_order_relaxed) == before;
}

/* Of the one in hand at a fault: its sentence begins now, whatever the successor will say. */
static bool
in_hand_at_fault(const struct quarantine *q, const struct key *k, int64_t now_s,
    struct sentence *out)
{
	struct key in_hand;

	if (atomic_load_explicit(&q->hand, memory_order_acquire) != HAND_FAULT)
		return false;
	in_hand = q->in_hand;
	if (!key_equal(&in_hand, k))
		return false;
	*out = (struct sentence){.key = *k,
	    .strikes = 1,
	    .signal = atomic_load_explicit(&q->hand_signal, memory_order_relaxed),
	    .since_s = now_s,
	    .until_s = now_s + QUARANTINE_FIRST_S};
	return true;
}

enum quarantine_state
quarantine_find(
    const struct quarantine *q, const struct key *k, int64_t now_s, struct sentence *out)
{
	struct key b = bare(k);
	struct quarantine_slot copy;
	struct sentence ignored;
	size_t at;

	if (out == NULL)
		out = &ignored;
	if (q == NULL)
		return QUARANTINE_FREE;
	if (in_hand_at_fault(q, &b, now_s, out))
		return QUARANTINE_HELD;
	at = set_of(q, &b);
	for (size_t i = at; i < at + QUARANTINE_WAYS; i++) {
		if (!slot_read(&q->slots[i], &copy) || copy.strikes == 0 ||
		    !key_equal(&copy.key, &b))
			continue;
		*out = (struct sentence){b, copy.strikes, copy.signal, copy.since_s, copy.until_s};
		if (copy.until_s > now_s && copy.until_s - now_s <= QUARANTINE_MOST_S)
			return QUARANTINE_HELD;
		return QUARANTINE_PAROLE;
	}
	return QUARANTINE_FREE;
}

const char *
quarantine_how(const struct sentence *s, char out[static QUARANTINE_HOW])
{
	if (s->signal == 0)
		return strcpy(out, "killed twice");
	snprintf(out, QUARANTINE_HOW, "signal %u", s->signal);
	return out;
}
