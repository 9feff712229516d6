/*
 * The worker's life: what it opens, its loop, its signals, its end.
 *
 * On SIGTERM it goes on answering while what is in flight ends, at most WORKER_STOP_MS, so that
 * nobody who has asked is left alone; connections that wait for nothing are closed at once. What
 * comes to sockets that somebody holds is left to the others as soon as they read it: what lies
 * there is not lost when we end.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/event.h"
#include "resolver/ask.h"
#include "resolver/cage.h"
#include "resolver/given.h"
#include "resolver/worker_parts.h"

#define TICK_S 0.015 /* the heart beats, and the board is looked at, every 20 ms at least */
#define ENTRY_BYTES_USUAL 512 /* L1: so many entries fit, more or less */
#define WAITERS_A_QUESTION 4

void
worker_state(struct worker *w)
{
	enum score_state state = standing_state(
	    &w->standing, w->running, mono_is_set(w->stop_at), engine_links_up(w));

	atomic_store_explicit(&w->score->state, state, memory_order_relaxed);
}

static void
heartbeat(struct worker *w)
{
	w->now = mono_now();
	atomic_store_explicit(&w->score->heartbeat_us, (uint64_t)w->now.us, memory_order_relaxed);
}

static uint64_t
ready(const struct worker *w)
{
	return w->board != NULL
		   ? atomic_load_explicit(&w->board->ready, memory_order_relaxed)
		   : 0;
}

/* Stopping: do others read what we leave in our sockets, or will it keep? */
static bool
may_leave(const struct worker *w)
{
	uint64_t there = ready(w);
	int64_t left_ms = mono_diff_ms(w->stop_at, w->now);

	if (w->board == NULL || left_ms <= WORKER_STOP_MS - WORKER_STOP_READ_MS)
		return true;
	return there != 0 && (w->number >= 64 || (there >> w->number & 1) == 0);
}

static void
board_look(struct worker *w)
{
	uint64_t wards;

	if (w->left)
		return;
	if (mono_is_set(w->stop_at) && may_leave(w)) {
		w->left = true;
		udp_leave(w);
		return;
	}
	wards = board_wards(ready(w), (unsigned)w->number, w->n_slots);
	if (wards != w->wards)
		udp_wards(w, wards);
}

static void
turn(struct ev_loop *loop, ev_check *check, int events)
{
	struct worker *w = check->data;

	(void)loop;
	(void)events;
	heartbeat(w);
	board_look(w);
	engine_links_heed(w);
}

static bool
is_done(const struct worker *w)
{
	return mono_is_set(w->stop_at) &&
	    ((w->join.n_waiting == 0 && tcp_is_quiet(w)) || !mono_before(w->now, w->stop_at));
}

static void
flush(struct ev_loop *loop, ev_prepare *prepare, int events)
{
	struct worker *w = prepare->data;

	(void)events;
	if (!w->running) {
		w->running = true;
		heartbeat(w);
		worker_state(w);
	}
	engine_links_flush(w);
	udp_flush(w);
	if (!is_done(w))
		return;
	/* The last look at the sockets that go down with us. Whom it finds may have to wait. */
	udp_drain(w);
	udp_flush(w);
	if (is_done(w))
		ev_break(loop, EVBREAK_ALL);
}

static void
tick(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	worker_deadlines(timer->data);
}

static void
stop(struct ev_loop *loop, ev_signal *signal, int events)
{
	struct worker *w = signal->data;

	(void)loop;
	(void)events;
	if (mono_is_set(w->stop_at))
		return;
	w->stop_at = mono_add_ms(w->now, WORKER_STOP_MS);
	worker_state(w);
	event_say(EVENT_NOTICE, "stopping", "signal %d; %u clients wait for an answer",
	    signal->signum, w->join.n_waiting);
	tcp_stop(w);
	board_look(w);
}

static void
no_reload(struct ev_loop *loop, ev_signal *signal, int events)
{
	(void)loop;
	(void)signal;
	(void)events;
	event_say(EVENT_WARN, "not_reloaded",
	    "a worker does not read its configuration again; replace "
	    "the workers one by one: bgpctl upgrade");
}

/* The memory of all that may be in flight at once, and of the caches. */
static int
memory_get(struct worker *w, struct err *err)
{
	const struct resolver_conf *c = w->conf;
	uint32_t n = (uint32_t)c->worker.in_flight, n_waiters = n * WAITERS_A_QUESTION,
		 n_buckets = 1;
	size_t l1_bytes = (size_t)c->worker.l1_mib << 20;

	while (n_buckets < n)
		n_buckets *= 2;
	w->found = aligned_alloc(64, (ENTRY_ROOM + 63) / 64 * 64);
	w->told = aligned_alloc(64, (ENTRY_ROOM + 63) / 64 * 64);
	w->answer = malloc(UINT16_MAX);
	w->failing = calloc(1, sizeof(*w->failing));
	w->l1 = l1_new(l1_bytes, l1_bytes / ENTRY_BYTES_USUAL);
	w->waiting = calloc(n_waiters, sizeof(*w->waiting));
	w->asking = calloc(n, sizeof(*w->asking));
	w->questions = calloc(n, sizeof(*w->questions));
	w->waiters = calloc(n_waiters, sizeof(*w->waiters));
	w->buckets = calloc(n_buckets, sizeof(*w->buckets));
	if (w->found == NULL || w->told == NULL || w->answer == NULL || w->failing == NULL ||
	    w->l1 == NULL || w->waiting == NULL || w->asking == NULL || w->questions == NULL ||
	    w->waiters == NULL || w->buckets == NULL)
		return err_set(err, "not enough memory; lower worker.in_flight or worker.l1_mib");
	refresh_init(&w->refresh, c->refresh.percent, c->refresh.per_s, c->worker.in_flight,
	    w->now);
	join_init(&w->join, w->questions, n, w->waiters, n_waiters, w->buckets, n_buckets);
	return 0;
}

static int
local_make(struct worker *w, struct err *err)
{
	const struct resolver_conf *c = w->conf;

	local_identity(c->identity, c->pop, c->node, w->number, w->local.identity);
	local_version(c->version, ANYPOP_VERSION, w->local.version);
	return local_health(&w->local, c->health_name, &c->health_address, err);
}

static void
watch_signal(struct worker *w, ev_signal *s, void (*cb)(struct ev_loop *, ev_signal *, int), int n)
{
	ev_signal_init(s, cb, n);
	s->data = w;
	ev_signal_start(w->loop, s);
}

static void
watchers_start(struct worker *w)
{
	ev_timer_init(&w->tick, tick, 0, TICK_S);
	w->tick.data = w;
	ev_timer_again(w->loop, &w->tick);
	ev_prepare_init(&w->flush, flush);
	w->flush.data = w;
	ev_prepare_start(w->loop, &w->flush);
	ev_check_init(&w->turn, turn);
	w->turn.data = w;
	ev_set_priority(&w->turn, EV_MAXPRI);
	ev_check_start(w->loop, &w->turn);
	watch_signal(w, &w->term, stop, SIGTERM);
	watch_signal(w, &w->interrupt, stop, SIGINT);
	watch_signal(w, &w->hup, no_reload, SIGHUP);
	udp_start(w);
	tcp_start(w);
}

/* Sockets last: who is seen to listen is ready. */
static int
open_all(struct worker *w, struct held *given, struct err *err)
{
	w->score = given_score(given, 'w', w->number, NULL, err);
	if (w->score == NULL || local_make(w, err) == -1 || memory_get(w, err) == -1)
		return -1;
	if (getrandom(&w->secret, sizeof(w->secret), 0) != sizeof(w->secret) ||
	    getrandom(&w->dice, sizeof(w->dice), 0) != sizeof(w->dice))
		return err_errno(err, "no random numbers");
	if (engine_links_open(w, given, err) == -1 || tcp_new(w, err) == -1 ||
	    limiter_open(w, given, err) == -1)
		return -1;
	if (worker_sockets_open(w, given, err) == -1 ||
	    cage_drop(CAGE_WORKER, w->conf->worker.user, err) == -1)
		return -1;
	if (geteuid() == 0)
		event_say(EVENT_WARN, "worker_root", "the worker runs as root; write worker.user");
	return 0;
}

static void
free_all(struct worker *w)
{
	tcp_free(w);
	udp_free(w);
	limiter_free(w);
	engine_links_close(w);
	l1_free(w->l1);
	free(w->buckets);
	free(w->waiters);
	free(w->questions);
	free(w->asking);
	free(w->waiting);
	free(w->failing);
	free(w->answer);
	free(w->told);
	free(w->found);
	board_unmap(w->board);
	scoreboard_unmap(w->score);
}

int
worker_run(const struct resolver_conf *conf, int number, struct err *err)
{
	static struct worker w;
	struct held given;
	int done;

	if (held_from_env(&given, err) == -1)
		return -1;
	w = (struct worker){.conf = conf, .number = number, .now = mono_now()};
	w.loop = ev_default_loop(EVFLAG_AUTO);
	done = w.loop == NULL ? err_set(err, "libev cannot start; is LIBEV_FLAGS set?")
			      : open_all(&w, &given, err);
	held_fini(&given);
	if (done == 0) {
		watchers_start(&w);
		if (conf->worker.seccomp)
			done = cage_close(CAGE_WORKER, err);
	}
	if (done == 0) {
		event_say(
		    EVENT_NOTICE, "worker_ready", "%s, %d UDP sockets", w.local.identity, w.n_udp);
		ev_run(w.loop, 0);
		event_say(EVENT_NOTICE, "worker_stopped", "%u clients were left without an answer",
		    w.join.n_waiting);
	}
	free_all(&w);
	return done;
}
