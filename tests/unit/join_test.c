/*
 * join and failing. join is also walked at random against a plain model: whatever is entered, left
 * and closed in whatever order, both agree on who waits where, who is oldest, and what is full.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "resolver/failing.h"
#include "resolver/join.h"

enum { QUESTIONS = 6, WAITERS = 12, BUCKETS = 4, NAMES = 10 };

struct fixture {
	struct join join;
	struct join_question questions[QUESTIONS];
	struct join_waiter waiters[WAITERS];
	uint32_t buckets[BUCKETS];
};

static void
fixture_init(struct fixture *f)
{
	memset(f, 0xa5, sizeof(*f));
	join_init(&f->join, f->questions, QUESTIONS, f->waiters, WAITERS, f->buckets, BUCKETS);
}

static struct mono
at(int64_t us)
{
	return (struct mono){us};
}

static struct key
key_of(int n)
{
	struct key k = {
	    .type = 1, .class = 1, .name_length = 3, .name = {1, (uint8_t)('a' + n), 0}};

	return k;
}

/* All keys share few hashes, so that buckets and equal hashes of unequal keys matter. */
static enum join_verdict
enter(struct join *j, int name, int64_t now, uint32_t *question, uint32_t *waiter)
{
	struct key k = key_of(name);

	return join_enter(j, &k, (uint64_t)name % 3, at(now), question, waiter);
}

static void
the_same_key_shares_and_another_does_not(void **state)
{
	static struct fixture f;
	uint32_t q[4], w[4];
	struct key k = key_of(0);

	(void)state;
	fixture_init(&f);
	assert_int_equal(enter(&f.join, 0, 1, &q[0], &w[0]), JOIN_NEW);
	assert_int_equal(enter(&f.join, 0, 2, &q[1], &w[1]), JOIN_SHARED);
	assert_int_equal(enter(&f.join, 3, 3, &q[2], &w[2]), JOIN_NEW);
	k.flags = KEY_DO;
	assert_int_equal(join_enter(&f.join, &k, 0, at(4), &q[3], &w[3]), JOIN_NEW);
	assert_int_equal(q[0], q[1]);
	assert_true(q[0] != q[2] && q[0] != q[3] && q[2] != q[3]);
	assert_int_equal(join_first(&f.join, q[0]), w[0]);
	join_leave(&f.join, w[0]);
	assert_int_equal(join_first(&f.join, q[0]), w[1]);
	join_leave(&f.join, w[1]);
	assert_int_equal(join_first(&f.join, q[0]), JOIN_NONE);
	assert_int_equal(join_open(&f.join, &k, 0, at(5), &q[1]), JOIN_SHARED);
	assert_int_equal(q[1], q[3]);
	/* It is open still, and takes the next one. */
	assert_int_equal(enter(&f.join, 0, 5, &q[1], &w[1]), JOIN_SHARED);
	join_leave(&f.join, w[1]);
	join_close(&f.join, q[0]);
	assert_int_equal(enter(&f.join, 0, 6, &q[1], &w[1]), JOIN_NEW);
}

static void
a_late_answer_finds_nothing(void **state)
{
	static struct fixture f;
	uint32_t q, w, id, other;

	(void)state;
	fixture_init(&f);
	enter(&f.join, 0, 1, &q, &w);
	id = join_id(&f.join, q);
	assert_int_not_equal(id, 0);
	assert_int_equal(join_find(&f.join, id), q);
	join_leave(&f.join, w);
	join_close(&f.join, q);
	assert_int_equal(join_find(&f.join, id), JOIN_NONE);
	/* The place is taken again, by another question. */
	enter(&f.join, 1, 2, &other, &w);
	assert_int_equal(other, q);
	assert_int_equal(join_find(&f.join, id), JOIN_NONE);
	assert_int_equal(join_find(&f.join, 0), JOIN_NONE);
	assert_int_equal(join_find(&f.join, UINT32_MAX), JOIN_NONE);
	/* Generations come round without ever giving an id of 0. */
	for (int i = 0; i < 5000; i++) {
		join_leave(&f.join, w);
		join_close(&f.join, q);
		assert_int_equal(enter(&f.join, 1, 3, &q, &w), JOIN_NEW);
		assert_true(join_id(&f.join, q) >> 20 != 0);
	}
}

static void
the_oldest_come_due_once_each(void **state)
{
	static struct fixture f;
	uint32_t q[3], w[3];

	(void)state;
	fixture_init(&f);
	for (int i = 0; i < 3; i++)
		enter(&f.join, i, 10 * (i + 1), &q[i], &w[i]);
	assert_int_equal(join_due(&f.join, at(9)), JOIN_NONE);
	assert_int_equal(join_due(&f.join, at(20)), w[0]);
	assert_int_equal(join_due(&f.join, at(20)), w[1]);
	assert_int_equal(join_due(&f.join, at(20)), JOIN_NONE);
	assert_int_equal(join_overdue(&f.join, at(9)), JOIN_NONE);
	assert_int_equal(join_overdue(&f.join, at(20)), q[0]);
	join_leave(&f.join, w[0]);
	join_close(&f.join, q[0]);
	assert_int_equal(join_overdue(&f.join, at(20)), q[1]);
	join_leave(&f.join, w[2]); /* before it was looked after */
	assert_int_equal(join_due(&f.join, at(100)), JOIN_NONE);
}

/* The model: who waits for which name, in the order of coming. */
struct model {
	struct {
		bool used, due;
		int name;
		int64_t since;
	} waiters[WAITERS];
	bool open[NAMES];
	int64_t opened[NAMES];
	uint32_t question[NAMES];
};

static void
agree(const struct fixture *f, const struct model *m)
{
	const struct join *j = &f->join;
	uint32_t n_open = 0, n_waiting = 0, oldest_question = JOIN_NONE;
	int64_t oldest = INT64_MAX;

	for (int name = 0; name < NAMES; name++) {
		uint32_t first = JOIN_NONE;
		int64_t came = INT64_MAX;

		if (!m->open[name])
			continue;
		n_open++;
		if (m->opened[name] < oldest) {
			oldest = m->opened[name];
			oldest_question = m->question[name];
		}
		for (uint32_t w = 0; w < WAITERS; w++)
			if (m->waiters[w].used && m->waiters[w].name == name &&
			    m->waiters[w].since < came) {
				came = m->waiters[w].since;
				first = w;
			}
		assert_int_equal(join_first(j, m->question[name]), first);
		assert_int_equal(join_find(j, join_id(j, m->question[name])), m->question[name]);
	}
	for (int w = 0; w < WAITERS; w++)
		n_waiting += m->waiters[w].used;
	assert_int_equal(j->n_open, n_open);
	assert_int_equal(j->n_waiting, n_waiting);
	assert_int_equal(join_overdue(j, at(INT64_MAX)), oldest_question);
}

static void
step_enter(struct fixture *f, struct model *m, int name, int64_t now)
{
	uint32_t q, w;
	enum join_verdict v = enter(&f->join, name, now, &q, &w);
	bool no_waiter = f->join.n_waiting == WAITERS, no_question = f->join.n_open == QUESTIONS;

	if (v == JOIN_FULL) {
		assert_true(no_waiter || (no_question && !m->open[name]));
		return;
	}
	assert_int_equal(v == JOIN_SHARED, m->open[name]);
	assert_false(m->waiters[w].used);
	if (v == JOIN_NEW) {
		m->open[name] = true;
		m->opened[name] = now;
		m->question[name] = q;
	}
	assert_int_equal(m->question[name], q);
	m->waiters[w].used = true;
	m->waiters[w].due = false;
	m->waiters[w].name = name;
	m->waiters[w].since = now;
}

/* A question that nobody waits at. */
static void
step_open(struct fixture *f, struct model *m, int name, int64_t now)
{
	struct key k = key_of(name);
	uint32_t q;

	switch (join_open(&f->join, &k, (uint64_t)name % 3, at(now), &q)) {
	case JOIN_FULL:
		assert_true(f->join.n_open == QUESTIONS && !m->open[name]);
		return;
	case JOIN_SHARED:
		assert_true(m->open[name]);
		break;
	default:
		assert_false(m->open[name]);
		m->open[name] = true;
		m->opened[name] = now;
		m->question[name] = q;
	}
	assert_int_equal(m->question[name], q);
}

static void
step_due(struct fixture *f, struct model *m)
{
	uint32_t w = join_due(&f->join, at(INT64_MAX)), oldest = JOIN_NONE;
	int64_t came = INT64_MAX;

	for (uint32_t i = 0; i < WAITERS; i++)
		if (m->waiters[i].used && !m->waiters[i].due && m->waiters[i].since < came) {
			came = m->waiters[i].since;
			oldest = i;
		}
	assert_int_equal(w, oldest);
	if (w != JOIN_NONE)
		m->waiters[w].due = true;
}

static void
step_close(struct fixture *f, struct model *m, int name)
{
	uint32_t w;

	if (!m->open[name])
		return;
	while ((w = join_first(&f->join, m->question[name])) != JOIN_NONE) {
		m->waiters[w].used = false;
		join_leave(&f->join, w);
	}
	join_close(&f->join, m->question[name]);
	m->open[name] = false;
}

static void
it_agrees_with_a_plain_model(void **state)
{
	static struct fixture f;
	static struct model m;
	uint64_t random = 88172645463325252u;

	(void)state;
	fixture_init(&f);
	for (int64_t now = 1; now < 200000; now++) {
		int name, waiter;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		name = (int)(random >> 8) & 0xf;
		waiter = (int)(random >> 16) & 0xf;
		switch (random & 7) {
		case 0:
		case 1:
		case 2:
			step_enter(&f, &m, name % NAMES, now);
			break;
		case 3:
			step_open(&f, &m, name % NAMES, now);
			break;
		case 4:
			step_due(&f, &m);
			break;
		case 5:
		case 6:
			if (waiter < WAITERS && m.waiters[waiter].used) {
				join_leave(&f.join, (uint32_t)waiter);
				m.waiters[waiter].used = false;
			}
			break;
		default:
			step_close(&f, &m, name % NAMES);
		}
		agree(&f, &m);
	}
}

static void
a_failure_is_known_until_its_time(void **state)
{
	static struct failing f;
	struct failure one = {.hash = 5, .until = at(100), .cause = CAUSE_UPSTREAM, .ede = 22};
	struct failure same_slot = {.hash = 5 + FAILING_SLOTS, .until = at(200), .ede = -1};

	(void)state;
	assert_null(failing_find(&f, 0, at(1)));
	failing_put(&f, &one);
	assert_int_equal(failing_find(&f, 5, at(99))->ede, 22);
	assert_null(failing_find(&f, 5, at(100)));
	assert_null(failing_find(&f, 5 + FAILING_SLOTS, at(1)));
	failing_put(&f, &same_slot);
	assert_null(failing_find(&f, 5, at(1)));
	failing_drop(&f, 5);
	assert_non_null(failing_find(&f, 5 + FAILING_SLOTS, at(1)));
	failing_drop(&f, 5 + FAILING_SLOTS);
	assert_null(failing_find(&f, 5 + FAILING_SLOTS, at(1)));
}

/* One zone's failures stand while others succeed; an outage's are forgotten with the first success.
 */
static void
the_end_of_an_outage_forgets_its_failures(void **state)
{
	static struct failing f;
	struct failure one = {.hash = 1, .until = at(100), .ede = 22};

	(void)state;
	failing_put(&f, &one);
	failing_drop(&f, 1000);
	assert_non_null(failing_find(&f, 1, at(1)));
	for (uint64_t i = 2; i < 1 + FAILING_OUTAGE; i++) {
		one.hash = i;
		failing_put(&f, &one);
	}
	failing_drop(&f, 1000);
	assert_non_null(failing_find(&f, 1, at(1)));
	for (uint64_t i = 2; i < 2 + FAILING_OUTAGE; i++) {
		one.hash = i;
		failing_put(&f, &one);
	}
	assert_non_null(failing_find(&f, 1, at(1)));
	failing_drop(&f, 1000);
	for (uint64_t i = 1; i < 2 + FAILING_OUTAGE; i++)
		assert_null(failing_find(&f, i, at(1)));
	failing_put(&f, &one);
	assert_non_null(failing_find(&f, one.hash, at(1)));
	failing_clear(&f);
	assert_null(failing_find(&f, one.hash, at(1)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_same_key_shares_and_another_does_not),
	    cmocka_unit_test(a_late_answer_finds_nothing),
	    cmocka_unit_test(the_oldest_come_due_once_each),
	    cmocka_unit_test(it_agrees_with_a_plain_model),
	    cmocka_unit_test(a_failure_is_known_until_its_time),
	    cmocka_unit_test(the_end_of_an_outage_forgets_its_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
