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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_has_come_is_read_before_it_is_late),
	    cmocka_unit_test(what_does_not_come_is_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
