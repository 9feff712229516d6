/*
 * Links to the engines, one each, opened anew for as long as it takes.
 *
 * A key belongs to one engine, whose shard of the cache holds its answer; while that one is away
 * any other resolves it just as well. What an engine says is checked as if it were hostile: it
 * reads the Internet. Its shard stays mapped while it is away.
 *
 * An engine is there once it has said hello: its listening socket may outlive it, and whoever
 * connects to that meanwhile has nobody yet who reads.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/event.h"
#include "resolver/ask.h"
#include "resolver/ask_io.h"
#include "resolver/given.h"
#include "resolver/hold.h"
#include "resolver/worker_parts.h"

enum { RETRY_MS = 20, BATCHES_A_TURN = 4 };

struct engine_link *
engine_link_of(struct worker *w, const struct key *k)
{
	return &w->engines[key_shard(k, (unsigned)w->conf->engines)];
}

bool
engine_links_up(const struct worker *w)
{
	for (int i = 0; i < w->conf->engines; i++)
		if (w->engines[i].up)
			return true;
	return false;
}

bool
engine_link_hopeful(const struct engine_link *l)
{
	return l->up || mono_diff_ms(l->worker->now, l->away_since) < WORKER_AWAY_MS;
}

bool
engine_links_cut(struct worker *w, const struct key *k)
{
	const struct engine_link *l = engine_link_of(w, k);

	return l->up && l->cut;
}

bool
engine_links_hopeful(const struct worker *w)
{
	for (int i = 0; i < w->conf->engines; i++)
		if (engine_link_hopeful(&w->engines[i]))
			return true;
	return false;
}

static int
n_links(const struct worker *w)
{
	return (int)w->conf->engines + (w->conf->engine.probation ? 1 : 0);
}

/* What people and paths call it. */
static int
number_of(const struct engine_link *l)
{
	return probation_is(l) ? ENGINE_PROBATION : l->number;
}

/* What was purged may stand in L1 in any form, and what failed may be why it was. */
static void
copies_drop(struct worker *w)
{
	l1_clear(w->l1);
	failing_clear(w->failing);
}

void
engine_links_heed(struct worker *w)
{
	struct engine_link *l;
	uint64_t purges;

	for (int i = 0; i < w->conf->engines; i++) {
		l = &w->engines[i];
		purges = l->shard != NULL ? l2_purges(l->shard) : l->purges;
		if (purges == l->purges)
			continue;
		l->purges = purges;
		copies_drop(w);
		event_say(EVENT_NOTICE, "purged",
		    "engine %d's shard was purged; the own cache is emptied", i);
	}
}

static void
link_lost(struct engine_link *l, const char *why)
{
	struct worker *w = l->worker;
	char name[HELD_NAME];
	uint32_t next, n = 0;

	/* An engine that was purged may have told old answers until it was: those that lay in the
	 * socket are read only now, when the purge may have been heeded already. */
	if (l->shard != NULL && l2_purges(l->shard) != l->purges_hello)
		copies_drop(w);
	l->up = false;
	l->away_since = w->now;
	engine_link_undo(l);
	if (!probation_is(l))
		probation_suspect(l);
	for (uint32_t i = w->join.open.older; i != JOIN_NONE; i = next) {
		next = w->join.questions[i].all.newer;
		if (w->asking[i].engine != l->number)
			continue;
		if (probation_is(l))
			probation_lost(w, i);
		else
			worker_lost(w, i);
		n++;
	}
	if (probation_is(l))
		w->trial = 0;
	worker_state(w);
	event_say(EVENT_WARN, "engine_lost", "engine %s: %s; %u questions wait for it",
	    given_engine(name, "", number_of(l)), why, n);
	engine_links_unsent(w);
}

static void
link_down(struct engine_link *l, const char *why)
{
	struct worker *w = l->worker;

	ev_io_stop(w->loop, &l->io);
	close(l->io.fd);
	l->connected = false;
	ev_timer_again(w->loop, &l->retry);
	if (l->up)
		link_lost(l, why);
}

/* It said hello. */
static void
link_up(struct engine_link *l)
{
	struct worker *w = l->worker;
	char name[HELD_NAME];

	/* What others did not find says nothing about this one. */
	if (!engine_links_up(w) && !probation_is(l))
		w->standing = (struct standing){0};
	l->up = l->known = true;
	l->last = (struct last_words){0};
	w->served |= !probation_is(l);
	l->purges_hello = l->shard != NULL ? l2_purges(l->shard) : 0;
	worker_state(w);
	event_say(EVENT_NOTICE, "engine_there", "engine %s is there, after %lld ms",
	    given_engine(name, "", number_of(l)),
	    (long long)mono_diff_ms(w->now, l->away_since));
	engine_links_unsent(w);
}

/* A shard that is mapped already stays: an engine's successor brings the same one along. */
static void
shard_take(struct engine_link *l, int fd)
{
	struct l2 *shard;
	struct stat st = {0};
	struct err err;

	if (fd < 0)
		return;
	if (l->shard != NULL && fstat(fd, &st) == 0 && st.st_dev == l->shard_dev &&
	    st.st_ino == l->shard_ino) {
		close(fd);
		return;
	}
	fstat(fd, &st);
	shard = l2_open_reader(fd, &err);
	close(fd);
	if (shard == NULL) {
		event_say(EVENT_ALARM, "shard_unusable",
		    "engine %d: %s; its answers are not shared", l->number, err.text);
		return;
	}
	if (l->shard != NULL)
		l2_close(l->shard);
	else
		l->purges = l2_purges(shard);
	l->shard = shard;
	l->shard_dev = st.st_dev;
	l->shard_ino = st.st_ino;
}

/* Where its engine is told what was asked of the shard that was handed in with it. Without it hits
 * are hits all the same, and the engine knows less of what to keep. */
static void
hits_take(struct engine_link *l, int fd)
{
	struct err err;

	if (fd < 0)
		return;
	if (l->shard != NULL && l2_hits_use(l->shard, fd, &err) < 0)
		event_say(EVENT_WARN, "hits_unusable",
		    "engine %d: %s; it is not told what is asked", l->number, err.text);
	close(fd);
}

/* Over its cap or about to end: another one may do it. What fills it waits for upstream (lib/
 * scoreboard.h), so it speaks against nobody here. */
static void
question_declined(struct worker *w, struct engine_link *by, uint32_t question)
{
	int n = (int)w->conf->engines;

	if (w->asking[question].refresh) {
		if (worker_unasked(w, question))
			engine_links_send(w, question);
		return;
	}
	if (++w->asking[question].declined < WORKER_DECLINES) {
		w->asking[question].engine = -1;
		w->n_unsent++;
		for (int i = 1; i < n; i++) {
			struct engine_link *l = &w->engines[(by->number + i) % n];

			if (l->up && engine_link_send(l, question))
				return;
		}
	}
	worker_failed(w, question, CAUSE_UPSTREAM, EDE_OTHER, "the engine is full");
}

/* False: it does not speak our language. */
static bool
told_take(struct engine_link *l, const uint8_t *in, size_t length, int fd)
{
	struct worker *w = l->worker;
	const struct entry *e;
	struct last_words last;
	struct told t;
	uint32_t question;

	/* Its end is read next. */
	if (l->up && fd < 0 && last_decode(in, length, &last)) {
		l->last = last;
		return true;
	}
	if (!told_decode(in, length, &t, &e)) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	if (t.id == TOLD_HELLO) {
		if (probation_is(l))
			probation_take(w, fd);
		else
			shard_take(l, fd);
		l->cut = t.state == TOLD_CUT;
		if (!l->up)
			link_up(l);
		return true;
	}
	if (fd >= 0)
		close(fd);
	if (!l->up)
		return false;
	l->told++;
	question = join_find(&w->join, t.id);
	/* Who was declined has not passed. */
	if (probation_is(l))
		probation_told(w, t.id, e != NULL ? question : JOIN_NONE);
	if (question == JOIN_NONE || w->asking[question].engine != l->number)
		return true;
	if (e == NULL && probation_is(l))
		probation_declined(w, question);
	else if (e == NULL)
		question_declined(w, l, question);
	else if (entry_valid(e, t.entry_size, &w->join.questions[question].key))
		worker_told(w, question, e);
	else
		worker_failed(
		    w, question, CAUSE_INTERNAL, EDE_OTHER, "the engine's answer is damaged");
	return true;
}

/* False: the link is down. */
static bool
link_packet(struct engine_link *l, unsigned i)
{
	struct worker *w = l->worker;
	ssize_t n = w->in.packets[i].length;

	if (n <= 0) {
		/* An empty packet looks like the end, and may bring one along. */
		if (w->in.packets[i].descriptor >= 0)
			close(w->in.packets[i].descriptor);
		link_down(l, n == 0 ? "it ended" : strerror(EMSGSIZE));
		return false;
	}
	if (!told_take(l, ask_in_packet(&w->in, i), (size_t)n, w->in.packets[i].descriptor)) {
		link_down(l, "it sent what is no answer");
		return false;
	}
	if (probation_is(l))
		probation_next(w);
	return true;
}

static void
link_read(struct engine_link *l)
{
	struct ask_in *in = &l->worker->in;
	unsigned done = 0;

	for (int turns = BATCHES_A_TURN; turns > 0; turns--) {
		if (ask_in_receive(in, l->io.fd, ASK_BATCH) < 0 && errno != EAGAIN &&
		    errno != EINTR) {
			link_down(l, strerror(errno));
			return;
		}
		for (done = 0; done < in->n && link_packet(l, done);)
			done++;
		ask_in_drop(in, done + 1);
		if (done < ASK_BATCH)
			return;
	}
}

static void
link_ready(struct ev_loop *loop, ev_io *io, int events)
{
	struct engine_link *l = io->data;

	if (events & EV_WRITE) {
		ev_io_stop(loop, io);
		ev_io_set(io, io->fd, EV_READ);
		ev_io_start(loop, io);
		l->full = false;
		engine_links_unsent(l->worker);
	}
	if ((events & EV_READ) && l->connected)
		link_read(l);
}

static void
link_try(struct engine_link *l)
{
	struct worker *w = l->worker;
	struct err err;
	int fd = ask_connect(w->conf->run_dir, number_of(l), &err);

	if (fd == -1)
		return;
	ev_timer_stop(w->loop, &l->retry);
	ev_io_set(&l->io, fd, EV_READ);
	ev_io_start(w->loop, &l->io);
	l->connected = true;
	l->full = false;
}

static void
link_retry(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct engine_link *l = timer->data;

	(void)loop;
	(void)events;
	link_try(l);
}

int
engine_links_open(struct worker *w, struct held *given, struct err *err)
{
	char name[HELD_NAME];

	w->engines = calloc((size_t)n_links(w), sizeof(*w->engines));
	if (ask_in_open(&w->in, TOLD_MAX) < 0 || w->engines == NULL)
		return err_set(err, "no memory for %lld engines", (long long)w->conf->engines);
	for (int i = 0; i < n_links(w); i++) {
		struct engine_link *l = &w->engines[i];

		l->worker = w;
		l->number = i;
		l->away_since = w->now;
		ev_init(&l->io, link_ready);
		ev_init(&l->retry, link_retry);
		l->io.data = l->retry.data = l;
		l->retry.repeat = RETRY_MS / 1e3;
		/* So what is cached is a hit from the first query on, with engines or without. */
		if (!probation_is(l)) {
			shard_take(l, given_take(given, given_name(name, "shard.", i)));
			hits_take(l, given_take(given, given_name(name, "hits.", i)));
		}
		ev_timer_again(w->loop, &l->retry);
	}
	probation_take(w, given_take(given, HOLD_QUARANTINE));
	for (int i = 0; i < n_links(w); i++)
		link_try(&w->engines[i]);
	worker_state(w);
	return 0;
}

void
engine_links_close(struct worker *w)
{
	for (int i = 0; w->engines != NULL && i < n_links(w); i++) {
		struct engine_link *l = &w->engines[i];

		ev_timer_stop(w->loop, &l->retry);
		if (l->connected) {
			ev_io_stop(w->loop, &l->io);
			close(l->io.fd);
		}
		if (l->shard != NULL)
			l2_close(l->shard);
	}
	probation_free(w);
	free(w->engines);
	ask_in_close(&w->in);
}
