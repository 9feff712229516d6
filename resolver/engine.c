/*
 * The engine's life: take or make the descriptors, make the context (which reads every file), give
 * up rights, serve until told to stop, let what is in flight end, go.
 *
 * The heartbeat is a timer of the loop that resolves, so that it stops when resolving hangs.
 */
#include "resolver/engine.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/ensure.h"
#include "lib/event.h"
#include "lib/sealed.h"
#include "resolver/ask_io.h"
#include "resolver/engine_bridge.h"
#include "resolver/cage.h"
#include "resolver/engine_context.h"
#include "resolver/engine_fault.h"
#include "resolver/engine_impl.h"
#include "resolver/engine_probation.h"
#include "resolver/given.h"

#define HEARTBEAT_S 0.015 /* every 20 ms at least */
#define HUSH_MS 1000	  /* what is in flight gets so long while others wait for the next engine */

static int
open_listener(const struct engine *e, struct held *given, struct err *err)
{
	char name[HELD_NAME];
	int fd = given_take(given, given_engine(name, "listen.", e->number)), type = 0,
	    listening = 0;
	socklen_t size = sizeof(int);

	if (fd == -1)
		return ask_listen(e->conf->run_dir, e->number, e->conf->worker.user, err);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_SEQPACKET ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 || !listening)
		return err_set(
		    err, "%s, which was handed over, is no listening SEQPACKET socket", name);
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return err_errno(err, "cannot prepare %s", name);
	return fd;
}

/* Without it, or with one that is none, the shard forgets the oldest instead of the unasked. */
static void
open_hits(struct engine *e, struct held *given)
{
	char name[HELD_NAME];
	int fd = given_take(given, given_name(name, "hits.", e->number));
	struct err err;

	if (fd == -1)
		return;
	if (l2_hits_use(e->shard, fd, &err) < 0)
		event_say(EVENT_WARN, "hits_unusable",
		    "%s: %s; the cache forgets the oldest first", name, err.text);
	close(fd);
}

/* Peers get a descriptor that can only read: it is made while we still may. */
static int
open_shard(struct engine *e, struct held *given, struct err *err)
{
	char name[HELD_NAME];
	int fd = given_take(given, given_name(name, "shard.", e->number));
	bool is_given = fd != -1;

	if (!is_given && l2_make((size_t)e->conf->worker.l2_mib << 20, &fd, err) < 0)
		return -1;
	e->shard = l2_open_writer(fd, err);
	if (e->shard != NULL)
		e->shard_reader = sealed_reopen(fd, err);
	close(fd);
	if (e->shard != NULL && e->shard_reader >= 0)
		return 0;
	return is_given ? err_wrap(err, "%s", name) : -1;
}

void
engine_state(struct engine *e)
{
	atomic_store_explicit(&e->score->state,
	    standing_state(&e->standing, e->running, e->stopping, true), memory_order_relaxed);
}

static void
on_heartbeat(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct engine *e = w->data;

	(void)loop;
	(void)revents;
	fault_turn();
	atomic_store_explicit(
	    &e->score->heartbeat_us, (uint64_t)mono_now().us, memory_order_relaxed);
}

void
engine_settled(struct engine *e)
{
	if (e->stopping && e->oldest == NULL && peers_idle(e))
		ev_break(e->loop, EVBREAK_ALL);
}

static void
on_hush_limit(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)w;
	(void)revents;
	ev_break(loop, EVBREAK_ALL);
}

void
engine_hush(struct engine *e)
{
	int64_t ms = e->conf->engine.deadline_ms;

	e->hushed = e->stopping = true;
	engine_state(e);
	peers_refuse(e);
	peers_pause(e);
	if (ev_is_active(&e->hush_limit))
		return;
	ms = ms < HUSH_MS ? ms : HUSH_MS;
	ev_timer_init(&e->hush_limit, on_hush_limit, (double)ms / 1e3, 0);
	ev_timer_start(e->loop, &e->hush_limit);
}

/* Questions that were asked are answered, at their deadlines at the latest; new ones are declined,
 * so that another engine has them. Where there is none they wait for this one's successor, and so
 * it does not keep them waiting for the slowest of its own. */
static void
on_stop(struct ev_loop *loop, struct ev_signal *w, int revents)
{
	struct engine *e = w->data;

	(void)loop;
	(void)revents;
	if (!e->stopping)
		event_say(EVENT_NOTICE, "engine_stopping",
		    "signal %d; %lld questions are in flight", w->signum, (long long)e->in_flight);
	e->stopping = true;
	engine_state(e);
	peers_refuse(e);
	if (e->conf->engines == 1 && e->quarantine == NULL)
		engine_hush(e);
	engine_settled(e);
}

/* As the loop is about to wait for the first time. */
static void
on_running(struct ev_loop *loop, struct ev_prepare *w, int revents)
{
	struct engine *e = w->data;

	ev_prepare_stop(loop, w);
	e->running = true;
	on_heartbeat(loop, &e->heartbeat, revents);
	engine_state(e);
}

static void
start_watchers(struct engine *e)
{
	ev_timer_init(&e->heartbeat, on_heartbeat, 0, HEARTBEAT_S);
	ev_signal_init(&e->term, on_stop, SIGTERM);
	ev_signal_init(&e->interrupt, on_stop, SIGINT);
	ev_prepare_init(&e->first, on_running);
	e->heartbeat.data = e->term.data = e->interrupt.data = e->first.data = e;
	ev_prepare_start(e->loop, &e->first);
	ev_timer_start(e->loop, &e->heartbeat);
	ev_signal_start(e->loop, &e->term);
	ev_signal_start(e->loop, &e->interrupt);
}

static int
enter_cage(struct engine *e, struct err *err)
{
	if (cage_drop(CAGE_ENGINE, e->conf->engine.user, err) < 0)
		return -1;
	e->user = geteuid();
	if (geteuid() == 0)
		event_say(EVENT_WARN, "engine_root", "the engine runs as root; write engine.user");
	else if (e->conf->engine.user[0] != '\0' &&
		 strcmp(e->conf->engine.user, e->conf->worker.user) == 0)
		event_say(EVENT_WARN, "engine_user",
		    "workers run as %s too; write another engine.user, so that who breaks into one "
		    "has not the other",
		    e->conf->engine.user);
	return e->conf->engine.seccomp ? cage_close(CAGE_ENGINE, err) : 0;
}

/* An answer of before a purge must not come back by way of Redis, and the purge may have been of
 * any name: one that this shard has seen ends all trust in what is older than this engine. */
static int
open_l3(struct engine *e, struct err *err)
{
	struct l2_stats stats;

	for (int i = e->conf->redis.n_servers; i < SCORE_SERVERS; i++)
		score_name(e->score->server[i].name, "");
	if (e->conf->redis.n_servers == 0)
		return 0;
	l2_stats(e->shard, &stats);
	e->l3 = l3_new(e->conf, e->loop, e->score, stats.purges > 0, err);
	return e->l3 != NULL ? 0 : err_wrap(err, "redis");
}

static int
engine_start(struct engine *e, struct held *given, struct err *err)
{
	int listener = open_listener(e, given, err);
	char name[HELD_NAME];

	if (listener < 0)
		return -1;
	e->score = given_score(given, 'e', e->number, &e->score_reader, err);
	if (e->score == NULL ||
	    (e->number == ENGINE_PROBATION ? probation_open(e, given, err)
					   : open_shard(e, given, err)) < 0)
		return -1;
	if (e->shard != NULL)
		open_hits(e, given);
	for (int i = 0; i < context_count(e->conf); i++) {
		e->ctx[i] = context_new(e->conf, i, e->base, err);
		if (e->ctx[i] == NULL)
			return -1;
	}
	if (e->shard != NULL && open_l3(e, err) < 0)
		return -1;
	questions_init(e);
	backup_init(e);
	if (upstreams_open(e, err) < 0)
		return -1;
	start_watchers(e);
	event_say(EVENT_NOTICE, "engine_started", "engine %s resolves with libunbound %s, %s%s",
	    given_engine(name, "", e->number), ub_version(),
	    e->conf->engine.mode == ENGINE_ROOT ? "from the root" : "by forwarders",
	    e->conf->engine.trust_anchor[0] != '\0' ? "" : ", without validation");
	if (fault_install(e, err) < 0 || enter_cage(e, err) < 0)
		return -1;
	if (e->l3 != NULL)
		l3_start(e->l3);
	return peers_init(e, listener) == 0 ? 0 : err_set(err, "no memory for workers' questions");
}

/* Also of one that did not get far; its peers are gone. */
static void
engine_free(struct engine *e)
{
	ev_timer_stop(e->loop, &e->patience);
	upstreams_close(e);
	for (int i = 0; i < CONTEXTS_MAX; i++)
		if (e->ctx[i] != NULL)
			ub_ctx_delete(e->ctx[i]);
	questions_fini(e);
	l3_free(e->l3);
	bridge_free(e->base);
	if (e->shard != NULL)
		l2_close(e->shard);
	scoreboard_unmap(e->score);
	if (e->shard_reader >= 0)
		close(e->shard_reader);
	if (e->score_reader >= 0)
		close(e->score_reader);
	if (e->quarantine != NULL)
		probation_close(e);
	free(e);
}

int
engine_run(const struct resolver_conf *conf, int number, struct err *err)
{
	struct engine *e;
	struct held given;
	char name[HELD_NAME];
	int done;

	if (held_from_env(&given, err) < 0)
		return -1;
	e = calloc(1, sizeof(*e));
	ENSURE(e != NULL);
	e->conf = number == ENGINE_PROBATION ? probation_conf(conf) : conf;
	e->capacity = number == ENGINE_PROBATION ? 1 : conf->engine.in_flight;
	/* The probation engine has one question at a time, a late one too. */
	e->slots = number == ENGINE_PROBATION ? 1 : context_questions(conf);
	e->number = number;
	e->shard_reader = e->score_reader = -1;
	e->loop = ev_default_loop(EVFLAG_NOENV);
	ENSURE(e->loop != NULL);
	e->base = bridge_new(e->loop);
	done = engine_start(e, &given, err);
	held_fini(&given);
	if (done < 0) {
		engine_free(e);
		return -1;
	}
	ev_run(e->loop, 0);
	peers_flush(e);
	e->over = true;
	fault_over();
	event_say(EVENT_NOTICE, "engine_stopped",
	    "engine %s ends; libunbound still worked on %lld questions that nobody waits for",
	    given_engine(name, "", e->number), (long long)e->in_flight);
	if (e->purged)
		purge_end(e);
	peers_fini(e);
	engine_free(e);
	return 0;
}
