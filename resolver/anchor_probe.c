/*
 * By the events of libev, as engines do it: the library's own, for synchronous questions, are
 * libevent's, whose names libev has too.
 */
#include "resolver/anchor_probe.h"

#include <stdbool.h>
#include <stdio.h>

#include "resolver/engine_bridge.h"
#include "resolver/engine_context.h"

#define TYPE_DNSKEY 48
#define CLASS_IN 1
#define LOOK_S 60 /* all of the root's servers over and over; nobody waits for it */

enum { SEC_BOGUS = 1, SEC_SECURE = 2 };

struct look {
	struct ev_loop *loop;
	bool answered;
	int rcode, sec;
	char why[160];
};

static void
on_answer(void *arg, int rcode, void *packet, int length, int sec, char *why, int ratelimited)
{
	struct look *l = arg;

	(void)packet;
	(void)length;
	(void)ratelimited;
	l->answered = true;
	l->rcode = rcode;
	l->sec = sec;
	snprintf(l->why, sizeof(l->why), "%s", why != NULL ? why : "it says no more");
	ev_break(l->loop, EVBREAK_ALL);
}

static void
on_late(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)w;
	(void)revents;
	ev_break(loop, EVBREAK_ALL);
}

static int
verdict(const struct look *l, struct err *err)
{
	if (l->answered && l->sec == SEC_SECURE)
		return 0;
	if (l->answered && l->sec == SEC_BOGUS)
		return err_set(err,
		    "no key in force has signed the root's keys (%s): a wrong clock, somebody in "
		    "between, or they have rolled while nobody looked: then get new ones "
		    "(dns-root-data) and remove followed_anchor",
		    l->why);
	if (l->answered)
		return err_set(err,
		    "the root's servers do not tell its keys (rcode %d); look at the way out, "
		    "engine.root_hints and engine.outgoing_addresses",
		    l->rcode);
	return err_set(err,
	    "the root's servers have not told its keys within %d s; look at the way out, "
	    "engine.root_hints and engine.outgoing_addresses",
	    LOOK_S);
}

static int
ask(struct ub_ctx *ctx, struct look *l, struct err *err)
{
	struct ev_timer late;
	int status = ub_resolve_event(ctx, ".", TYPE_DNSKEY, CLASS_IN, l, on_answer, NULL);

	if (status != 0)
		return err_set(err, "libunbound cannot ask (%s): %.200s", ub_strerror(status),
		    context_said());
	ev_timer_init(&late, on_late, LOOK_S, 0);
	ev_timer_start(l->loop, &late);
	if (!l->answered)
		ev_run(l->loop, 0);
	ev_timer_stop(l->loop, &late);
	return verdict(l, err);
}

int
anchor_probe(const struct resolver_conf *c, const char *autotrust, struct err *err)
{
	struct look l = {.loop = ev_default_loop(EVFLAG_NOENV)};
	struct ub_event_base *base = bridge_new(l.loop);
	struct ub_ctx *ctx;
	int done = -1;

	if (base == NULL)
		return err_set(err, "out of memory");
	ctx = context_tracking(c, autotrust, base, err);
	if (ctx != NULL) {
		done = ask(ctx, &l, err);
		ub_ctx_delete(ctx);
	}
	bridge_free(base);
	return done;
}
