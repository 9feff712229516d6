/* libunbound's events on libev: in the order in which libevent would call them. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <sys/time.h>
#include <unistd.h>

#include "resolver/engine_bridge.h"

struct waiting {
	struct ub_event *io, *timer;
	int read, late;
};

static void
on_read(int fd, short bits, void *arg)
{
	struct waiting *w = arg;
	char octet;

	assert_int_equal(bits, UB_EV_READ);
	assert_int_equal(read(fd, &octet, 1), 1);
	w->read++;
	w->timer->vmt->del_timer(w->timer);
}

static void
on_late(int fd, short bits, void *arg)
{
	struct waiting *w = arg;

	(void)fd;
	(void)bits;
	w->late++;
}

static struct ub_event_base *
base_of(struct ev_loop *loop)
{
	struct ub_event_base *base = bridge_new(loop);

	assert_non_null(base);
	return base;
}

/* Both are due in one turn of the loop: the answer has come, and its time is over. */
static struct waiting
turn_with(bool answered)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	struct ub_event_base *base = base_of(loop);
	struct timeval soon = {.tv_usec = 1};
	struct waiting w = {0};
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	w.io = base->vmt->new_event(base, ends[0], UB_EV_READ | UB_EV_PERSIST, on_read, &w);
	w.timer = base->vmt->new_event(base, -1, UB_EV_TIMEOUT, on_late, &w);
	assert_int_equal(w.io->vmt->add(w.io, NULL), 0);
	assert_int_equal(w.timer->vmt->add_timer(w.timer, base, on_late, &w, &soon), 0);
	if (answered)
		assert_int_equal(write(ends[1], "x", 1), 1);
	while (w.read + w.late == 0)
		ev_run(loop, EVRUN_ONCE);
	w.io->vmt->free(w.io);
	w.timer->vmt->free(w.timer);
	bridge_free(base);
	close(ends[0]);
	close(ends[1]);
	ev_loop_destroy(loop);
	return w;
}

static void
what_has_come_is_read_before_it_is_late(void **state)
{
	struct waiting w;

	(void)state;
	for (int i = 0; i < 100; i++) {
		w = turn_with(true);
		assert_int_equal(w.read, 1);
		assert_int_equal(w.late, 0);
	}
}

static void
what_does_not_come_is_late(void **state)
{
	struct waiting w = turn_with(false);

	(void)state;
	assert_int_equal(w.read, 0);
	assert_int_equal(w.late, 1);
}

/* What the rest shares: a loop with its base, two pipes, and what was called. */
enum act { ACT_NONE, ACT_READ, ACT_DEL, ACT_FREE, ACT_ADD, ACT_FREE_OTHER };
struct rig {
	struct ev_loop *loop;
	struct ub_event_base *base;
	int ends[2][2];
	struct ub_event *event, *other;
	enum act act;	/* what the callback does */
	int calls;
	short bits;	/* of the last call */
	int fd;		/* of the last call */
	double at;	/* when that was */
	const void *owner;
};

static void
rig_open(struct rig *r)
{
	*r = (struct rig){.loop = ev_loop_new(EVFLAG_AUTO)};
	r->base = base_of(r->loop);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pipe(r->ends[i]), 0);
}

static void
event_drop(struct ub_event **e)
{
	if (*e != NULL)
		(*e)->vmt->free(*e);
	*e = NULL;
}

static void
rig_close(struct rig *r)
{
	event_drop(&r->event);
	event_drop(&r->other);
	bridge_free(r->base);
	for (int i = 0; i < 4; i++)
		close(r->ends[i / 2][i % 2]);
	ev_loop_destroy(r->loop);
}

static void
on_event(int fd, short bits, void *arg)
{
	struct rig *r = arg;
	char octet;

	r->calls++;
	r->bits = bits;
	r->fd = fd;
	r->at = ev_now(r->loop);
	r->owner = bridge_owner();
	switch (r->act) {
	case ACT_NONE:
		break;
	case ACT_READ:
		if (bits & UB_EV_READ)
			assert_int_equal(read(fd, &octet, 1), 1);
		break;
	case ACT_DEL:
		r->event->vmt->del(r->event);
		break;
	case ACT_FREE:
		event_drop(&r->event);
		break;
	case ACT_ADD:
		r->event->vmt->add(r->event, NULL);
		break;
	case ACT_FREE_OTHER:
		event_drop(&r->other);
		break;
	}
}

static struct ub_event *
event_on(struct rig *r, int fd, int bits)
{
	struct ub_event *e = r->base->vmt->new_event(r->base, fd, (short)bits, on_event, r);

	assert_non_null(e);
	return e;
}

static void
add(struct ub_event *e, long us)
{
	struct timeval tv = {.tv_sec = us / 1000000, .tv_usec = us % 1000000};

	assert_int_equal(e->vmt->add(e, us < 0 ? NULL : &tv), 0);
}

static void
arrives(const struct rig *r, int which)
{
	assert_int_equal(write(r->ends[which][1], "x", 1), 1);
}

/* Turns until it was called so often. */
static void
turn_to(struct rig *r, int calls)
{
	while (r->calls < calls)
		ev_run(r->loop, EVRUN_ONCE);
}

/* Whatever is due is called: a few turns that do not wait. */
static void
turn_idly(struct rig *r)
{
	for (int i = 0; i < 5; i++)
		ev_run(r->loop, EVRUN_NOWAIT);
}

static void
one_that_does_not_persist_is_off_before_its_call(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r);
	r.event = event_on(&r, r.ends[0][0], UB_EV_READ);
	add(r.event, -1);
	arrives(&r, 0); /* and is never read */
	turn_to(&r, 1);
	turn_idly(&r);
	assert_int_equal(r.calls, 1);
	/* So what it adds itself stays. */
	r.act = ACT_ADD;
	add(r.event, -1);
	turn_to(&r, 4);
	/* Its timeout takes it off as well, and what has come takes off its timeout. */
	r.act = ACT_READ;
	turn_to(&r, 5);
	add(r.event, 1);
	turn_to(&r, 6);
	assert_int_equal(r.bits, UB_EV_TIMEOUT);
	arrives(&r, 0);
	turn_idly(&r);
	assert_int_equal(r.calls, 6);
	add(r.event, 1000);
	turn_to(&r, 7);
	assert_int_equal(r.bits, UB_EV_READ);
	r.other = event_on(&r, -1, UB_EV_TIMEOUT);
	add(r.other, 3000); /* when this is over, the other timeout would be */
	turn_to(&r, 8);
	turn_idly(&r);
	assert_int_equal(r.calls, 8);
	rig_close(&r);
}

static void
one_that_persists_goes_on_and_its_timeout_begins_anew_each_time(void **state)
{
	const long timeout_us = 60000;
	struct rig r, half;
	double read_at;

	(void)state;
	rig_open(&r);
	half = r;
	r.act = ACT_READ;
	r.event = event_on(&r, r.ends[0][0], UB_EV_READ | UB_EV_PERSIST);
	add(r.event, timeout_us);
	turn_to(&r, 1);
	turn_to(&r, 2);
	assert_int_equal(r.bits, UB_EV_TIMEOUT);
	/* Half of the time is over when something comes. */
	r.other = event_on(&half, -1, UB_EV_TIMEOUT);
	add(r.other, timeout_us / 2);
	turn_to(&half, 1);
	arrives(&r, 0);
	while (r.bits != UB_EV_READ)
		ev_run(r.loop, EVRUN_ONCE);
	read_at = r.at;
	turn_to(&r, r.calls + 1);
	assert_int_equal(r.bits, UB_EV_TIMEOUT);
	assert_true(r.at - read_at > (double)timeout_us / 1e6 * 0.9);
	rig_close(&r);
}

static void
its_own_call_may_delete_or_free_it(void **state)
{
	static const int kinds[] = {UB_EV_READ, UB_EV_READ | UB_EV_PERSIST, UB_EV_TIMEOUT,
	    UB_EV_TIMEOUT | UB_EV_PERSIST};
	struct rig r;

	(void)state;
	for (int i = 0; i < 8; i++) {
		bool timer = kinds[i / 2] & UB_EV_TIMEOUT;

		rig_open(&r);
		r.act = i % 2 ? ACT_FREE : ACT_DEL;
		r.event = event_on(&r, timer ? -1 : r.ends[0][0], kinds[i / 2]);
		add(r.event, timer ? 0 : 1000000);
		arrives(&r, 0);
		turn_to(&r, 1);
		turn_idly(&r);
		assert_int_equal(r.calls, 1);
		assert_int_equal(r.bits, timer ? UB_EV_TIMEOUT : UB_EV_READ);
		assert_int_equal(bridge_owner() == NULL, 1);
		rig_close(&r);
	}
}

static void
one_that_is_freed_while_it_is_due_is_not_called(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r);
	r.act = ACT_FREE_OTHER;
	r.event = event_on(&r, r.ends[0][0], UB_EV_READ);
	r.other = event_on(&r, -1, UB_EV_TIMEOUT);
	add(r.event, -1);
	add(r.other, 0);
	arrives(&r, 0);
	turn_to(&r, 1); /* what has come is first */
	turn_idly(&r);
	assert_int_equal(r.calls, 1);
	assert_int_equal(r.bits, UB_EV_READ);
	rig_close(&r);
}

static void
bits_and_descriptor_are_what_they_were_set_to_when_it_is_added(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r);
	r.event = event_on(&r, -1, UB_EV_PERSIST);
	add(r.event, -1);
	turn_idly(&r);
	assert_int_equal(r.calls, 0);
	/* To be written to: the pipe's other end has room. */
	r.event->vmt->add_bits(r.event, UB_EV_WRITE);
	r.event->vmt->set_fd(r.event, r.ends[0][1]);
	r.act = ACT_DEL;
	add(r.event, -1);
	turn_to(&r, 1);
	assert_int_equal(r.bits, UB_EV_WRITE);
	assert_int_equal(r.fd, r.ends[0][1]);
	/* To be read, of another one. */
	r.event->vmt->del_bits(r.event, UB_EV_WRITE);
	r.event->vmt->add_bits(r.event, UB_EV_READ);
	r.event->vmt->set_fd(r.event, r.ends[1][0]);
	add(r.event, -1);
	arrives(&r, 0);
	turn_idly(&r);
	assert_int_equal(r.calls, 1);
	arrives(&r, 1);
	turn_to(&r, 2);
	assert_int_equal(r.bits, UB_EV_READ);
	assert_int_equal(r.fd, r.ends[1][0]);
	/* It persists no more. */
	r.event->vmt->del_bits(r.event, UB_EV_PERSIST);
	r.act = ACT_NONE;
	add(r.event, -1);
	turn_to(&r, 3);
	turn_idly(&r);
	assert_int_equal(r.calls, 3);
	rig_close(&r);
}

static void
a_timer_is_its_last_one_or_none(void **state)
{
	struct timeval soon = {.tv_usec = 1}, late = {.tv_sec = 3600};
	struct rig r, second;

	(void)state;
	rig_open(&r);
	second = r;
	r.event = event_on(&r, -1, UB_EV_TIMEOUT);
	assert_int_equal(r.event->vmt->add_timer(r.event, r.base, on_event, &r, &late), 0);
	assert_int_equal(r.event->vmt->add_timer(r.event, r.base, on_event, &second, &soon), 0);
	turn_to(&second, 1);
	assert_int_equal(second.bits, UB_EV_TIMEOUT);
	turn_idly(&r);
	assert_int_equal(r.calls + second.calls, 1);
	assert_int_equal(r.event->vmt->add_timer(r.event, r.base, on_event, &r, &soon), 0);
	assert_int_equal(r.event->vmt->del_timer(r.event), 0);
	r.other = event_on(&r, -1, UB_EV_TIMEOUT);
	add(r.other, 2000);
	turn_to(&r, 1); /* this is the other one */
	turn_idly(&r);
	assert_int_equal(r.calls, 1);
	rig_close(&r);
}

static void
a_call_is_the_work_of_whoever_began_its_event(void **state)
{
	int first, then;
	struct rig r;

	(void)state;
	rig_open(&r);
	r.act = ACT_READ;
	r.event = event_on(&r, r.ends[0][0], UB_EV_READ | UB_EV_PERSIST);
	bridge_own(&first);
	add(r.event, -1);
	bridge_own(&then);
	bridge_own(NULL);
	for (int i = 1; i <= 2; i++) {
		arrives(&r, 0);
		turn_to(&r, i);
		assert_ptr_equal(r.owner, &first);
		assert_null(bridge_owner());
	}
	/* Begun anew it is the next one's. */
	bridge_own(&then);
	add(r.event, -1);
	bridge_own(NULL);
	arrives(&r, 0);
	turn_to(&r, 3);
	assert_ptr_equal(r.owner, &then);
	rig_close(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_has_come_is_read_before_it_is_late),
	    cmocka_unit_test(what_does_not_come_is_late),
	    cmocka_unit_test(one_that_does_not_persist_is_off_before_its_call),
	    cmocka_unit_test(one_that_persists_goes_on_and_its_timeout_begins_anew_each_time),
	    cmocka_unit_test(its_own_call_may_delete_or_free_it),
	    cmocka_unit_test(one_that_is_freed_while_it_is_due_is_not_called),
	    cmocka_unit_test(bits_and_descriptor_are_what_they_were_set_to_when_it_is_added),
	    cmocka_unit_test(a_timer_is_its_last_one_or_none),
	    cmocka_unit_test(a_call_is_the_work_of_whoever_began_its_event),
	};

	/* What is not called is waited for: not for ever. */
	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
