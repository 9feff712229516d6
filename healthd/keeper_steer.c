#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "healthd/keeper.h"
#include "healthd/steer.h"
#include "lib/event.h"

/*
 * Who of our own workers is there, by the scoreboards, some dozens of times a second (steer.h says
 * when) and at every start and end; the kernel is told to send datagrams to these alone, and the
 * board tells the workers, so that what is already queued for the others is read by a neighbour.
 */

#define ALIVE_BEAT_MS 300 /* for the reflex: that long it may be held up by others' work */
#define SLOW_MS 5000	  /* and so long while it shows life (decision 0016) */
#define LIFE_EACH_MS 100

static bool
is_its_writer(const struct keeper *k, int slot)
{
	struct scoreboard *b = k->scores[slot];

	return b != NULL && atomic_load_explicit(&b->pid, memory_order_relaxed) ==
				(uint64_t)k->slots[slot].pid;
}

/* How old its last heartbeat is; INT64_MAX: it wrote what is no time. */
static int64_t
late_us(const struct scoreboard *b, struct mono now)
{
	uint64_t beat = atomic_load_explicit(&b->heartbeat_us, memory_order_relaxed);

	return beat <= INT64_MAX ? now.us - (int64_t)beat : INT64_MAX;
}

static bool
beats(const struct keeper *k, int slot, struct mono now, int64_t within_ms)
{
	const struct slot *s = &k->slots[slot];
	struct scoreboard *b = k->scores[slot];
	int64_t late;
	uint64_t state;

	if (s->pid == 0 || s->leaving)
		return false;
	if (!is_its_writer(k, slot))
		return s->mute && s->ready;
	state = atomic_load_explicit(&b->state, memory_order_relaxed);
	if (state == SCORE_STARTING || state >= SCORE_STOPPING)
		return false;
	late = late_us(b, now);
	/* Written after `now` was read it is a little ahead; far ahead it is no time of ours. */
	return late < within_ms * 1000 && late > -within_ms * 1000;
}

/*
 * One whose beat is late, but who runs, or waits for a processor: slow, for SLOW_MS at most. Read
 * from /proc only while nobody beats.
 */
static bool
is_slow(struct keeper *k, int slot, struct mono now)
{
	struct pulse *p = &k->pulses[slot];
	struct life life;

	if (!beats(k, slot, now, SLOW_MS))
		return false;
	if (!mono_is_set(p->read_at) || mono_diff_ms(now, p->read_at) >= LIFE_EACH_MS) {
		life = life_read(k->slots[slot].pid);
		if (life_shown(&p->life, &life))
			p->shown_at = now;
		p->life = life;
		p->read_at = now;
	}
	return mono_is_set(p->shown_at) && mono_diff_ms(now, p->shown_at) < ALIVE_BEAT_MS;
}

static uint64_t
who(const struct keeper *k, struct mono now, int64_t within_ms)
{
	uint64_t bits = 0;

	for (int i = 0; i < k->n_slots; i++)
		if (beats(k, i, now, within_ms))
			bits |= UINT64_C(1) << i;
	return bits;
}

static void
attach(const struct keeper *k, uint64_t bits)
{
	struct sock_filter code[STEER_MAX];
	struct sock_fprog program = {.filter = code};
	char name[HELD_NAME];
	int fd;

	program.len = (unsigned short)steer_program(bits, code);
	for (int l = 0; program.len > 0; l++) {
		snprintf(name, sizeof(name), "udp.0.%d", l);
		fd = held_find(&k->held, name);
		if (fd == -1)
			return;
		if (setsockopt(
			fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)) == -1)
			event_say(EVENT_WARN, "steer",
			    "datagrams of address %d cannot be steered: %s", l, strerror(errno));
	}
}

void
steer_now(struct keeper *k)
{
	struct mono now = mono_now();
	uint64_t bits, alive;

	if (k->board == NULL)
		return;
	alive = who(k, now, ALIVE_BEAT_MS);
	bits = who(k, now, STEER_BEAT_MS);
	/* Where the processors are so short that none beats in time, the late ones serve. */
	if (bits == 0)
		bits = alive;
	for (int i = 0; i < k->n_slots; i++)
		k->slots[i].ready = (alive >> i & 1) != 0 || (alive == 0 && is_slow(k, i, now));
	if (bits == k->steered)
		return;
	k->steered = bits;
	attach(k, bits);
	atomic_store_explicit(&k->board->ready, bits, memory_order_relaxed);
}

/* How old the oldest last heartbeat is of those that are sent to. */
static int64_t
latest_us(const struct keeper *k)
{
	struct mono now = mono_now();
	int64_t latest = 0, late;

	for (int i = 0; i < k->n_slots; i++) {
		if ((k->steered >> i & 1) == 0 || !is_its_writer(k, i))
			continue;
		late = late_us(k->scores[i], now);
		if (late > latest)
			latest = late;
	}
	return latest;
}

static void
on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct keeper *k = timer->data;
	bool none = mono_is_set(k->none_since);

	(void)events;
	steer_now(k);
	timer->repeat = (double)steer_look_us(latest_us(k)) / 1e6;
	ev_timer_again(loop, timer);
	slots_note_none(k);
	if (mono_is_set(k->none_since) != none)
		gates_reflex(k);
}

void
steer_init(struct keeper *k)
{
	ev_init(&k->look, on_look);
	k->look.data = k;
}

/* The group may still have the program of the keeper before us, or of before the sockets that are
 * held now: what is true now is said anew. */
void
steer_start(struct keeper *k)
{
	for (int i = 0; i < k->n_slots; i++)
		k->slots[i].mute = k->hot && k->slots[i].pid != 0 && !is_its_writer(k, i);
	if (k->board == NULL)
		return;
	ev_timer_stop(k->loop, &k->look);
	k->steered = 0;
	atomic_store_explicit(&k->board->ready, 0, memory_order_relaxed);
	steer_now(k);
	ev_timer_set(&k->look, STEER_LOOK_MS / 1e3, STEER_LOOK_MS / 1e3);
	ev_timer_start(k->loop, &k->look);
}
