/*
 * A brain that lives through virtual days of faults and leaves a flight record, and ways to bend
 * such a record. The clock is the test's own.
 */
#ifndef TESTS_REPLAY_RIG_H
#define TESTS_REPLAY_RIG_H

#include "tests/unit/brain_rig.h"

#include <fcntl.h>
#include <sched.h>

#include "bgpctl/ring.h"
#include "healthd/replay.h"
#include "healthd/whatif.h"

static struct mono rig_now = {INT64_C(1000000000)};

struct mono
mono_now(void)
{
	return rig_now;
}

/* libconfig loses the buffer of a string that never ends; a few bytes per broken configuration. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:libconfig";
}

static uint64_t rig_random = 1;
static uint64_t rig_seed = 1; /* of what happens in rig_record() */

static inline uint32_t
rig_draw(uint32_t below)
{
	rig_random = rig_random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(rig_random >> 33) % below;
}

/* How each check instance does, and until when. */
struct rig_fault {
	enum outcome outcome; /* OK: none */
	int64_t until_us;
};
static struct rig_fault rig_faults[MAX_CHECKS];
static uint32_t rig_unseen; /* so many seconds without a view of the fleet */

/* Until the recorder's thread has found or made the file: a new one has both headers then. */
static inline void
rig_opened(const struct brain *b)
{
	uint8_t copies[2 * RING_COPY_BYTES];
	struct ring_header h = {0};
	bool there = false;

	while (!there) {
		int fd = open(b->settings.recorder.path, O_RDONLY | O_CLOEXEC);

		there = fd >= 0 && pread(fd, copies, sizeof(copies), 0) == sizeof(copies) &&
			ring_header_choose(copies, &h) && h.flush >= 2 &&
			h.size == (uint64_t)b->settings.recorder.size_mib << 20;
		if (fd >= 0)
			close(fd);
		sched_yield();
	}
}

static inline struct brain *
rig_recording(const char *path, const struct brain *before, int64_t size)
{
	static char checks[500];
	struct brain *b;
	char conf[400];

	/* In a fleet a failure of recursion alone is to call for silent. */
	snprintf(checks, sizeof(checks),
	    ", { name = \"rec\"; kind = \"dns\"; recursion = true; qname = \".\"; "
	    "weight = %d; }, { name = \"far\"; kind = \"dns\"; target = \"servers\"; "
	    "qname = \"example.org\"; servers = [\"127.0.0.1@9\", \"127.0.0.1@10\"]; "
	    "weight = 30; k = 1; }, "
	    "{ name = \"disk\"; kind = \"resource\"; source = \"disk\"; path = \"/\"; "
	    "weight = 40; }%s",
	    rig_fleet ? 900 : 120,
	    rig_fleet ? ", { name = \"others\"; kind = \"vantage\"; weight = 900; confirm = true; }"
		      : "");
	rig_checks = checks;
	b = rig_brain();
	snprintf(conf, sizeof(conf), "%s", path);
	b->settings.recorder.path = arena_strdup(b->arena, conf);
	b->settings.recorder.size_mib = size;
	b->look_until = MONO_NEVER; /* BIRD is not there: do not wait for it */
	b->warm_since.us = 1;
	b->slots[0].worker.state = b->slots[1].worker.state = WORKER_READY;
	for (int l = 0; before != NULL && l < MAX_LANES; l++) {
		b->lanes[l].has_saved = before->lanes[l].exists;
		b->lanes[l].saved = before->lanes[l].ladder;
		b->lease_fresh = true;
	}
	record_open(b);
	assert_non_null(b->recorder);
	rig_opened(b);
	return b;
}

/* Until the recorder's thread has written what there is; the ring's header counts. */
static inline void
rig_written(struct brain *b)
{
	uint8_t copies[2 * RING_COPY_BYTES];
	struct ring_header h = {0};
	uint64_t before = 0;
	struct err err;
	int fd = open(b->settings.recorder.path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	for (bool first = true; first || h.flush == before; first = false) {
		assert_int_equal(pread(fd, copies, sizeof(copies), 0), sizeof(copies));
		if (!ring_header_choose(copies, &h))
			continue; /* it is being written */
		before = first ? h.flush : before;
		recorder_flush(b->recorder, &err);
		sched_yield();
	}
	close(fd);
	assert_int_equal(recorder_dropped(b->recorder), 0);
}

static inline void
rig_new_faults(struct brain *b)
{
	static const enum outcome ways[] = {
	    OUTCOME_SILENT, OUTCOME_WRONG, OUTCOME_GONE, OUTCOME_UNKNOWN, OUTCOME_IDLE};
	static const int64_t lengths_ms[] = {100, 400, 2000, 8000, 30000};

	if (rig_draw(rig_fleet ? 200 : 40) == 0)
		rig_faults[rig_draw((uint32_t)b->n_instances)] = (struct rig_fault){
		    ways[rig_draw(5)], rig_now.us + 1000 * lengths_ms[rig_draw(5)]};
	if (rig_draw(rig_fleet ? 400 : 120) == 0) {
		struct limit l = {.set = true,
		    .owner = OWNER_OPERATOR,
		    .sort = rig_draw(2) ? LIMIT_CAP : LIMIT_PIN,
		    .rung = (int8_t)rig_draw(4),
		    .until = mono_add_ms(rig_now, 1000 * (1 + rig_draw(60))),
		    .who = "alice",
		    .reason = "a reason"};

		limits_put(b->lanes[rig_draw(2)].limits, MAX_LIMITS, &l);
	}
	b->roster.slow = rig_draw(rig_fleet ? 400 : 90) < (b->roster.slow > 0 ? 80 : 1);
	b->slots[0].worker.state = rig_draw(60) == 0 ? WORKER_STARTING : WORKER_READY;
}

static inline void
rig_break(const struct brain *b, const char *check, enum outcome how, int64_t ms)
{
	for (int i = 0; i < b->n_instances; i++)
		if (strcmp(b->instances[i].conf->name, check) == 0)
			rig_faults[i] = (struct rig_fault){how, rig_now.us + 1000 * ms};
}

/* What the four others tell for a while, and what happens here meanwhile: most are well and we are
 * not, most see the fault that we see, few announce, or anything. */
static inline void
rig_new_mood(struct brain *b, struct fleet_view *v)
{
	static const int ids[] = {1, 3, 4, 5};
	int mood = (int)rig_draw(4);

	v->n_peers = mood == 3 ? (int)rig_draw(5) : 4;
	for (int i = 0; i < v->n_peers; i++) {
		struct peer *p = &v->peers[i];

		*p = (struct peer){.id = (uint16_t)ids[i],
		    .rung = (int8_t)(1 + rig_draw(3)),
		    .load = (uint8_t)rig_draw(BEACON_LOAD_UNKNOWN + 1),
		    .flags = rig_draw(4) == 0 ? BEACON_ABSORBING : 0,
		    .max_suspended = MAX_FLEET,
		    .region = beacon_region("eu")};
		if (mood == 1) {
			p->severity = SEVERITY_SHARED;
			p->fault = beacon_fault_of("up");
		} else if (mood == 2) {
			p->rung = (int8_t)(rig_draw(5) == 0);
		} else if (mood == 3) {
			p->rung = (int8_t)rig_draw(4);
			p->severity = (uint8_t)rig_draw(N_SEVERITIES);
		}
	}
	if (mood == 0)
		rig_break(b, "rec", OUTCOME_WRONG, 200000);
	if (mood == 1)
		rig_break(b, "up", OUTCOME_WRONG, 20000);
	b->lanes[0].fleet_session_lost = rig_draw(3) == 0;
}

/* The view comes most of the time. */
static inline void
rig_new_view(struct brain *b)
{
	struct fleet_view *v = (struct fleet_view *)(uintptr_t)fleetwatch_view(b->fleet.watch, 0);

	if (rig_draw(120) == 0)
		rig_new_mood(b, v);
	v->conflict = rig_draw(100) == 0;
	if (rig_draw(60) == 0)
		rig_unseen = rig_draw(8);
	if (rig_unseen > 0)
		rig_unseen--;
	else
		v->at = rig_now;
}

/* A lane without beacons believes what it is told: any word. */
static inline void
rig_new_word(struct lane *lane)
{
	static const char *const because[] = {NULL, "too few others announce", "most \"see\" it"};

	if (rig_draw(8) == 0)
		lane->fleet = (struct ladder_fleet){
		    .standing = (enum fleet_standing)rig_draw(FLEET_FRESH + 1),
		    .vital = rig_draw(2),
		    .granted = rig_draw(2),
		    .back = rig_draw(2),
		    .emergency = rig_draw(2),
		    .keep = rig_draw(2),
		    .strained = (int8_t)rig_draw(4),
		    .because = because[rig_draw(3)]};
}

static inline void
rig_feed(struct brain *b, struct instance *i, int target)
{
	struct rig_fault *f = &rig_faults[i - b->instances];
	struct sample s = {.outcome = OUTCOME_OK, .value = 100, .rtt_us = 200, .at = rig_now};

	if (f->until_us < rig_now.us)
		f->outcome = OUTCOME_OK;
	s.outcome = f->outcome;
	/* Mostly others have no majority; a fault is one of either sort. */
	if (i->conf->kind == KIND_VANTAGE)
		s.outcome = f->outcome == OUTCOME_OK	 ? OUTCOME_IDLE
			    : f->outcome == OUTCOME_IDLE ? OUTCOME_OK
							 : f->outcome;
	/* Where values jump, a wish to be silent never settles. */
	s.value = s.outcome == OUTCOME_OK ? 100 : rig_fleet ? 0 : (int8_t)rig_draw(30);
	s.sent = mono_add_us(rig_now, -(int64_t)rig_draw(90000));
	checks_on_probe(&i->targets[target], &s);
}

/* Goes on to `to`; a lane that wants to be asked before is. */
static inline void
rig_go(struct brain *b, struct mono to)
{
	for (;;) {
		struct mono next = to;

		for (int l = 0; l < MAX_LANES; l++)
			if (b->lanes[l].exists && mono_before(rig_now, b->lanes[l].out.next))
				next = mono_min(next, b->lanes[l].out.next);
		rig_now = next;
		if (next.us == to.us)
			return;
		for (int l = 0; l < MAX_LANES; l++)
			b->lanes[l].dirty |=
			    b->lanes[l].exists && b->lanes[l].out.next.us == next.us;
		lanes_decide(b);
	}
}

/* Lives for so many virtual seconds. */
static inline void
rig_live(struct brain *b, int seconds)
{
	for (int n = 0; n < seconds * 10; n++) {
		rig_go(b, mono_add_us(rig_now, 100000 + rig_draw(500)));
		for (int i = 0; i < b->n_instances; i++)
			for (int t = 0; t < b->instances[i].n_targets; t++)
				if (b->instances[i].conf->interval_ms <= 100 || n % 10 == t)
					rig_feed(b, &b->instances[i], t);
		if (n % 10 == 9) {
			rig_new_faults(b);
			if (rig_fleet) {
				rig_new_view(b);
				rig_new_word(&b->lanes[1]);
			}
			checks_second(b);
			lanes_touch(b, lanes_all(b));
			record_second(b);
		}
		lanes_decide(b);
		if (n % 10 == 9)
			rig_written(b);
	}
}

static inline void
rig_end(struct brain *b)
{
	recorder_close(b->recorder);
	b->recorder = NULL;
	rig_drop(b);
}

/* A record of two brains, the second taking over from the first, in PATH. */
static inline void
rig_record(const char *path, int seconds, int64_t size)
{
	struct brain *b, *next;

	rig_random = rig_seed;
	memset(rig_faults, 0, sizeof(rig_faults));
	b = rig_recording(path, NULL, size);
	rig_live(b, seconds);
	recorder_close(b->recorder);
	b->recorder = NULL;
	next = rig_recording(path, b, size);
	rig_drop(b);
	rig_live(next, seconds);
	rig_end(next);
}

/* --- replaying ------------------------------------------------------------------------------- */

static inline struct replay *
replayed(const char *file)
{
	struct replay_want want = {.to_us = INT64_MAX};
	struct replay *r = replay_new(&want);
	struct err err;

	assert_non_null(r);
	if (replay_file(r, file, &err) < 0)
		fail_msg("%s", err.text);
	return r;
}

static inline void
need_exact(const struct replay *r)
{
	if (r->count.differences > 0)
		fail_msg("%s %s\nrecorded: %s\ndecided:  %s", r->first.lane, r->first.what,
		    r->first.recorded, r->first.decided);
	assert_int_equal(r->count.wider, 0);
	assert_int_equal(r->count.damaged, 0);
}

/* --- bending ---------------------------------------------------------------------------------- */

/* Changes a record, its data (room for twice RING_DATA_MAX) and length, or drops it (false). */
typedef bool rig_bend(struct record_seen *r, char *data, void *arg);

struct rig_way {
	struct replay *to;
	rig_bend *bend;
	void *arg;
	char *data;
};

static inline int
rig_bend_one(void *arg, const struct record_seen *r)
{
	struct rig_way *c = arg;
	struct record_seen copy = *r;

	memcpy(c->data, r->data, r->length + 1);
	copy.data = c->data;
	if (c->bend != NULL && !c->bend(&copy, c->data, c->arg))
		return 0;
	return replay_record(c->to, &copy);
}

/* What comes of the record when each of its records is bent on the way. */
static inline struct replay *
rig_replay(const char *path, rig_bend *bend, void *arg)
{
	struct rig_way c = {.bend = bend, .arg = arg};
	struct replay_want want = {.to_us = INT64_MAX};
	struct err err;

	c.to = replay_new(&want);
	c.data = malloc(2 * RING_DATA_MAX);
	assert_non_null(c.to);
	assert_non_null(c.data);
	if (recorder_walk(path, rig_bend_one, &c, NULL, &err) < 0)
		fail_msg("%s", err.text);
	free(c.data);
	return c.to;
}

#endif
