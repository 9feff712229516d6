/*
 * Questions on their way to engines.
 *
 * They leave in batches: with the batch of datagrams that brought them, or when the loop's turn
 * ends. One that is in a batch has its engine as if that knew of it; what the socket does not take
 * is unsent again, and goes to another engine or waits until one has room.
 */
#include <string.h>

#include "lib/ensure.h"
#include "resolver/ask.h"
#include "resolver/worker_parts.h"

void
engine_links_unsent(struct worker *w)
{
	uint32_t next;

	for (uint32_t i = w->join.open.older; i != JOIN_NONE && w->n_unsent > 0; i = next) {
		next = w->join.questions[i].all.newer;
		if (w->asking[i].engine < 0)
			engine_links_send(w, i);
	}
}

/* True: the socket has taken all of the batch. A full one is written when it has room; a broken one
 * is found so by its reader. */
static bool
batch_push(struct engine_link *l)
{
	struct worker *w = l->worker;

	l->taken = ask_out_send(&l->out, l->io.fd);
	if (l->taken == l->out.n) {
		ask_out_clear(&l->out);
		l->taken = 0;
		return true;
	}
	l->full = true;
	ev_io_stop(w->loop, &l->io);
	ev_io_set(&l->io, l->io.fd, EV_READ | EV_WRITE);
	ev_io_start(w->loop, &l->io);
	return false;
}

static void
question_undo(struct engine_link *l, uint32_t id)
{
	struct worker *w = l->worker;
	uint32_t question = join_find(&w->join, id);
	struct asking *a = &w->asking[question];

	if (question == JOIN_NONE || a->engine != l->number)
		return;
	if (a->refresh) {
		if (!worker_unasked(w, question))
			return;
	} else {
		a->engine = -1;
		w->n_unsent++;
	}
	engine_links_send(w, question);
}

void
engine_link_undo(struct engine_link *l)
{
	for (unsigned i = l->taken; i < l->out.n; i++)
		question_undo(l, l->asked[i]);
	ask_out_clear(&l->out);
	l->taken = 0;
}

/* What one does not take another one may; but one that is full is asked for nothing more in this
 * turn, so that it ends. */
void
engine_links_flush(struct worker *w)
{
	while (w->leaving) {
		w->leaving = false;
		for (int i = 0; i < w->conf->engines; i++) {
			struct engine_link *l = &w->engines[i];

			if (l->out.n > 0 && (l->full || !batch_push(l)))
				engine_link_undo(l);
		}
	}
}

bool
engine_link_send(struct engine_link *l, uint32_t question)
{
	struct worker *w = l->worker;
	const struct key *k = &w->join.questions[question].key;
	struct asking *asking = &w->asking[question];
	struct ask a = {
	    .version = ASK_VERSION,
	    .id = join_id(&w->join, question),
	    .type = k->type,
	    .class = k->class,
	    .flags = (uint8_t)(k->flags | (asking->refresh ? ASK_REFRESH : 0)),
	    .name_length = k->name_length,
	};
	uint8_t packet[ASK_MAX];

	if (l->full || (l->out.n == ASK_BATCH && !batch_push(l)))
		return false;
	memcpy(a.name, k->name, k->name_length);
	l->asked[l->out.n] = a.id;
	ENSURE(ask_out_put(&l->out, packet, ask_encode(&a, packet, sizeof(packet)), NULL, 0));
	if (probation_is(l) && !batch_push(l)) {
		ask_out_clear(&l->out);
		l->taken = 0;
		return false;
	}
	asking->engine = l->number;
	asking->told = l->told;
	w->n_unsent--;
	w->leaving = true;
	return true;
}

void
engine_links_send(struct worker *w, uint32_t question)
{
	int n = (int)w->conf->engines;
	int own = engine_link_of(w, &w->join.questions[question].key)->number;

	if (probation_route(w, question) != WAY_ENGINES) {
		probation_next(w);
		return;
	}
	for (int i = 0; i < n; i++) {
		struct engine_link *l = &w->engines[(own + i) % n];

		if (l->up && engine_link_send(l, question))
			return;
	}
}

bool
engine_link_refresh(struct worker *w, uint32_t question)
{
	struct engine_link *l = engine_link_of(w, &w->join.questions[question].key);

	/* A suspect is not worth an engine: what is cached lives on to its end. */
	return probation_route(w, question) == WAY_ENGINES && l->up &&
	       engine_link_send(l, question);
}
