/*
 * A flight record holds all that its decisions rest on: replayed, each comes out as it was
 * recorded, byte for byte. And what is bent in it or in the settings is noticed, and what is
 * hostile is borne.
 */
#include "tests/unit/replay_rig.h"

#include "lib/file.h"

static char path[100];

static int
setup(void **state)
{
	int rc = rig_setup(state);

	snprintf(path, sizeof(path), "%s/record", rig_dir);
	rig_record(path, 900, 16);
	return rc;
}

static void
every_decision_comes_out_as_it_was_recorded(void **state)
{
	struct replay *r = replayed(path);

	(void)state;
	need_exact(r);
	assert_int_equal(r->count.passed, 0);
	assert_int_equal(r->n_gaps, 1); /* the second brain */
	assert_true(r->count.decisions > 100);
	assert_true(r->count.states > 200);
	assert_true(r->count.steps > 3000);
	replay_free(r);
}

static void
a_record_that_has_gone_around_is_taken_up_at_its_first_whole_state(void **state)
{
	char small[120];
	struct replay *r;

	(void)state;
	snprintf(small, sizeof(small), "%s/small", rig_dir);
	rig_record(small, 900, 1);
	r = replayed(small);
	need_exact(r);
	assert_true(r->count.passed > 0);
	assert_true(r->count.decisions > 10);
	replay_free(r);
	unlink(small);
}

/* --- what is bent is noticed ------------------------------------------------------------------ */

struct text_bend {
	const char *from, *to; /* of the same length */
	int times;
};

/* In every configuration, or where `from` is of a state or a decision, once. */
static bool
bend_text(struct record_seen *r, char *data, void *arg)
{
	struct text_bend *t = arg;
	char *at;

	if (r->type == RECORD_SAMPLE || r->type == RECORD_EVENT)
		return true;
	at = r->type == RECORD_BOOT || t->times == 0 ? strstr(data, t->from) : NULL;
	if (at == NULL)
		return true;
	t->times++;
	memcpy(at, t->to, strlen(t->to));
	return true;
}

static void
each_makes_a_difference(const struct text_bend bends[], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct text_bend t = bends[i];
		struct replay *r = rig_replay(path, bend_text, &t);

		if (t.times == 0)
			fail_msg("%s is nowhere in the record", t.from);
		if (r->count.differences == 0)
			fail_msg("%s instead of %s made no difference", t.to, t.from);
		assert_non_null(r->first.recorded != NULL ? r->first.recorded : r->first.decided);
		replay_free(r);
	}
}

static void
a_threshold_that_is_bent_makes_a_difference(void **state)
{
	static const struct text_bend bends[] = {
	    {"enter = 85;", "enter = 71;", 0},
	    {"hold_ms = 60000;", "hold_ms = 70000;", 0},
	    /* Of a check, not those of fleet.probe. */
	    {"rise = 2;\n\t\tfall = 3;\n\t\tforgive = 10;\n\t\tpatience",
		"rise = 9;\n\t\tfall = 3;\n\t\tforgive = 10;\n\t\tpatience", 0},
	    {"fall = 3;\n\t\tforgive = 10;\n\t\tpatience",
		"fall = 9;\n\t\tforgive = 10;\n\t\tpatience", 0},
	    {"weight = 120;", "weight = 900;", 0},
	    {"latch_ms = 60000;", "latch_ms = 10000;", 0},
	};

	(void)state;
	each_makes_a_difference(bends, sizeof(bends) / sizeof(bends[0]));
}

static void
a_word_that_is_bent_in_a_decision_makes_a_difference(void **state)
{
	static const struct text_bend bends[] = {
	    {"\"rule\":\"climb\"", "\"rule\":\"first\"", 0},
	    {"\"starved\":true", "\"starved\":null", 0},
	    {"\"because\":\"capped by operator alice", "\"because\":\"capped by operator bobby", 0},
	    {"\"held\":[{\"owner\":\"operator\"", "\"held\":[{\"owner\":\"shutdown\"", 0},
	};

	(void)state;
	each_makes_a_difference(bends, sizeof(bends) / sizeof(bends[0]));
}

struct entry_bend {
	enum sample_kind kind;
	int nth;  /* of those */
	int what; /* 0: away, 1: another value, 2: later, 3: of another one */
	bool done;
};

static bool
bend_entry(struct record_seen *r, char *data, void *arg)
{
	struct entry_bend *b = arg;
	struct record_sample s;

	if (r->type != RECORD_SAMPLE)
		return true;
	for (size_t at = 0; at + sizeof(s) <= r->length && !b->done; at += sizeof(s)) {
		memcpy(&s, data + at, sizeof(s));
		if (s.kind != b->kind || b->nth-- > 0)
			continue;
		b->done = true;
		s.outcome = s.outcome == OUTCOME_OK ? OUTCOME_WRONG : OUTCOME_OK;
		s.value = s.value > 0 ? 0 : b->kind == SAMPLE_STEP ? 1 : 100;
		s.at_us += b->what == 2 ? 1000 : 0;
		s.check = (uint16_t)(b->what == 3 ? !s.check : s.check);
		memcpy(data + at, &s, sizeof(s));
		if (b->what == 0) {
			memmove(data + at, data + at + sizeof(s), r->length - at - sizeof(s));
			r->length -= sizeof(s);
		}
	}
	return true;
}

/* A sample that counts for nothing is none to notice; most are noticed at the next whole state. */
static void
an_entry_that_is_bent_makes_a_difference(void **state)
{
	static const enum sample_kind kinds[] = {SAMPLE_PROBE, SAMPLE_TICK, SAMPLE_STEP};
	int bent = 0, noticed = 0;

	(void)state;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (int what = 0; what < 4; what++)
			for (int nth = 40; nth < 1200; nth += 600) {
				struct entry_bend b = {kinds[k], nth, what, false};
				struct replay *r = rig_replay(path, bend_entry, &b);

				assert_true(b.done);
				if (kinds[k] == SAMPLE_PROBE) {
					bent++;
					noticed += r->count.differences > 0;
				}
				replay_free(r);
			}
	assert_int_equal(noticed, bent);
}

static bool
drop_nth(struct record_seen *r, char *data, void *arg)
{
	int *nth = arg;

	(void)data;
	return !(r->type == RECORD_DECISION && (*nth)-- == 0);
}

static void
a_decision_that_is_missing_makes_a_difference(void **state)
{
	(void)state;
	for (int nth = 1; nth < 40; nth += 13) {
		int left = nth;
		struct replay *r = rig_replay(path, drop_nth, &left);

		assert_int_equal(r->count.differences, 1);
		assert_null(r->first.recorded);
		replay_free(r);
	}
}

/* --- what is lost, hostile, or of another release --------------------------------------------- */

static bool
lose_some(struct record_seen *r, char *data, void *arg)
{
	int *n = arg;

	(void)data;
	r->lost = ++*n == 500;
	return *n < 400 || *n >= 500;
}

static void
records_that_are_missing_end_what_is_known_and_no_more(void **state)
{
	int n = 0;
	struct replay *r = rig_replay(path, lose_some, &n);

	(void)state;
	need_exact(r);
	assert_int_equal(r->n_gaps, 2);
	assert_true(r->count.passed > 0);
	assert_true(r->count.decisions > 100);
	replay_free(r);
}

static bool
spoil(struct record_seen *r, char *data, void *arg)
{
	int *rate = arg;

	for (size_t i = 0; i < r->length; i++)
		if (rig_draw((uint32_t)*rate) == 0)
			data[i] = (char)(rig_draw(4) == 0 ? (int)rig_draw(256)
							  : data[i] ^ 1 << rig_draw(8));
	if (rig_draw(400) == 0)
		r->length = rig_draw((uint32_t)r->length + 1);
	data[r->length] = '\0';
	return rig_draw(1000) > 0;
}

static void
any_bytes_are_borne(void **state)
{
	(void)state;
	rig_random = 7;
	for (int rate = 300; rate < 1000000; rate *= 3)
		replay_free(rig_replay(path, spoil, &rate));
}

static bool
bend_version(struct record_seen *r, char *data, void *arg)
{
	const char *line = arg;

	if (r->type == RECORD_BOOT) {
		if (*line == '\0') /* an old one: no such line */
			memmove(data, data + strlen("record = 5;\n"), r->length - 11);
		else
			memcpy(data, line, strlen(line));
	}
	return true;
}

static void
another_release_s_record_is_refused_by_name(void **state)
{
	struct replay *r = rig_replay(path, bend_version, "record = 9;");

	(void)state;
	assert_int_equal(r->count.decisions, 0);
	assert_int_equal(r->first_wall_us, 0);
	assert_non_null(strstr(r->refused, "is newer"));
	replay_free(r);
	for (int i = 0; i < 2; i++) {
		r = rig_replay(path, bend_version, i == 0 ? "record = 4;" : "");
		assert_int_equal(r->count.decisions, 0);
		assert_non_null(strstr(r->refused, "rested on other things"));
		replay_free(r);
	}
}

/* --- kept records ------------------------------------------------------------------------------
 */

/* Each move of the record that is decided again, a line. */
static void
tell_moves(void *arg, const struct replay_entry *e)
{
	struct replay *r = ((void **)arg)[0];
	FILE *to = ((void **)arg)[1];
	const struct site *site = &r->settings.site;
	char name[LANE_NAME];

	if (e->kind == REPLAY_BIRTH)
		fprintf(to, "%s begins at %s\n", lane_name(site, e->lane, name),
		    site->rungs[r->track->lanes[e->lane].is.ladder.rung].name);
	if (e->kind == REPLAY_STEP && e->turn->out.moved)
		fprintf(to, "%s %s -> %s %s\n", lane_name(site, e->lane, name),
		    site->rungs[e->turn->before.rung].name,
		    site->rungs[e->turn->out.state.rung].name, ladder_rule_name(e->turn->out.rule));
}

/* tests/replay/NAME.record, of the lab's story of that name, with real BIRD; NAME.moves is what it
 * came to. */
static void
kept_records_come_out_as_they_did(void **state)
{
	static const char *const names[] = {"brain-and-keeper"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct replay_want want = {.to_us = INT64_MAX};
		struct replay *r = replay_new(&want);
		char file[100], *moves = NULL, *golden;
		size_t size;
		FILE *to = open_memstream(&moves, &size);
		void *both[2] = {r, to};
		struct err err;

		r->entry = tell_moves;
		r->arg = both;
		snprintf(file, sizeof(file), "tests/replay/%s.record", names[i]);
		if (replay_file(r, file, &err) < 0)
			fail_msg("%s", err.text);
		fclose(to);
		if (r->count.differences > 0)
			fail_msg("%s: %s\nrecorded: %s\ndecided:  %s", file, r->first.what,
			    r->first.recorded, r->first.decided);
		assert_int_equal(r->count.passed, 0);
		assert_true(r->count.decisions + r->count.wider > 40);
		snprintf(file, sizeof(file), "tests/replay/%s.moves", names[i]);
		golden = file_read(file, 1 << 20, NULL, &err);
		if (golden == NULL || strcmp(golden, moves) != 0)
			fail_msg("%s is not what it came to:\n%s", file, moves);
		free(golden);
		free(moves);
		replay_free(r);
	}
}

/* --- what if ---------------------------------------------------------------------------------- */

static struct whatif *
tried(struct replay **r, struct settings *other, struct arena *arena, const char *from,
    const char *to)
{
	struct replay_want want = {.to_us = INT64_MAX};
	char conf[200], text[4000], *at;
	struct whatif *w;
	struct err err;
	FILE *f;
	size_t n;

	snprintf(conf, sizeof(conf), "%s/conf", rig_dir);
	f = fopen(conf, "r");
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	at = from != NULL ? strstr(text, from) : NULL;
	assert_true(from == NULL || at != NULL);
	if (at != NULL) {
		memmove(at + strlen(to), at + strlen(from), strlen(at + strlen(from)) + 1);
		memcpy(at, to, strlen(to));
	}
	if (settings_read_text(text, "other", other, arena, &err) < 0)
		fail_msg("%s", err.text);
	/* As rig_recording() has it; it is no word of the file. */
	*r = replay_new(&want);
	w = whatif_new(*r, other);
	if (replay_file(*r, path, &err) < 0)
		fail_msg("%s", err.text);
	whatif_end(w);
	assert_false(w->failed);
	return w;
}

static void
the_same_settings_would_have_done_the_same(void **state)
{
	struct arena *arena = arena_new();
	struct settings other;
	struct replay *r;
	struct whatif *w = tried(&r, &other, arena, NULL, NULL);

	(void)state;
	need_exact(r);
	assert_int_equal(w->n_lanes, 2);
	assert_int_equal(w->n_notes, 0);
	for (int l = 0; l < 2; l++) {
		const struct whatif_lane *x = &w->lanes[l];
		size_t n[2] = {0};

		assert_true(x->sum[RECORDED].moves >= 8);
		assert_memory_equal(&x->sum[RECORDED], &x->sum[OTHER], sizeof(x->sum[0]));
		assert_true(x->ill_us > 0);
		assert_true(x->known_us > INT64_C(1700) * 1000000);
		for (size_t m = 0; m < x->n_moves; m++)
			n[x->moves[m].who]++;
		assert_int_equal(n[RECORDED], n[OTHER]);
	}
	whatif_free(w);
	replay_free(r);
	arena_free(arena);
}

static void
more_patience_withdraws_less_and_announces_longer_while_ill(void **state)
{
	struct arena *arena = arena_new();
	struct settings other;
	struct replay *r;
	struct whatif *w = tried(&r, &other, arena, "name = \"id\"; kind = \"dns\";",
	    "name = \"id\"; kind = \"dns\"; patience_ms = 60000; fall = 900; rise = 1;");
	uint64_t withdrawals[2] = {0};
	int64_t ill_us[2] = {0};

	(void)state;
	for (int l = 0; l < w->n_lanes; l++)
		for (int who = 0; who < 2; who++) {
			withdrawals[who] += w->lanes[l].sum[who].withdrawals;
			ill_us[who] += w->lanes[l].sum[who].ill_announced_us;
		}
	assert_true(withdrawals[OTHER] < withdrawals[RECORDED]);
	assert_true(ill_us[OTHER] > ill_us[RECORDED]);
	whatif_free(w);
	replay_free(r);
	arena_free(arena);
}

static void
the_picture_has_all_and_is_bounded(void **state)
{
	static const char *const parts[] = {"<svg ", "</svg>", "class=\"rec\"", "class=\"oth\"",
	    "prefers-color-scheme:dark", ">dns/v4<", ">dns/v6<", ">drain<", ">operator<"};
	struct arena *arena = arena_new();
	struct settings other;
	struct replay *r;
	struct whatif *w = tried(&r, &other, arena, "weight = 120;", "weight = 12;");
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	whatif_svg(f, w);
	fclose(f);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strstr(text, parts[i]) == NULL)
			fail_msg("%s is not in the picture", parts[i]);
	assert_true(size < 500000);
	free(text);
	whatif_free(w);
	replay_free(r);
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_decision_comes_out_as_it_was_recorded),
	    cmocka_unit_test(a_record_that_has_gone_around_is_taken_up_at_its_first_whole_state),
	    cmocka_unit_test(a_threshold_that_is_bent_makes_a_difference),
	    cmocka_unit_test(a_word_that_is_bent_in_a_decision_makes_a_difference),
	    cmocka_unit_test(an_entry_that_is_bent_makes_a_difference),
	    cmocka_unit_test(a_decision_that_is_missing_makes_a_difference),
	    cmocka_unit_test(records_that_are_missing_end_what_is_known_and_no_more),
	    cmocka_unit_test(any_bytes_are_borne),
	    cmocka_unit_test(another_release_s_record_is_refused_by_name),
	    cmocka_unit_test(kept_records_come_out_as_they_did),
	    cmocka_unit_test(the_same_settings_would_have_done_the_same),
	    cmocka_unit_test(more_patience_withdraws_less_and_announces_longer_while_ill),
	    cmocka_unit_test(the_picture_has_all_and_is_bounded),
	};

	return cmocka_run_group_tests(tests, setup, rig_teardown);
}
