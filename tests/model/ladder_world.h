/*
 * ladder_world: the small world in which every state of the ladder is visited.
 *
 * Time goes in ticks of a second. A `struct world` is one state: what the ladder remembers, what is
 * true around it, and what the watcher (ladder_promises.h) remembers of the past; all of it in
 * bytes, times as ages that stop counting where no constant reaches, so that equal states are equal
 * bytes. The ladder itself runs on its own struct, made from a world and taken back into it: the
 * object files that ship, judge() and ladder_step() together.
 */
#ifndef TESTS_MODEL_LADDER_WORLD_H
#define TESTS_MODEL_LADDER_WORLD_H

#include <math.h>
#include <string.h>

#include "healthd/ladder.h"

enum { MAX_MODEL_CHECKS = 4, NONE = 255, GRAIN = 25 /* of the flap estimate */ };

/* A verdict that a check of this world may take: bits 1 << VERDICT_*. */
#define CAN(v) (1u << VERDICT_##v)

struct spec {
	enum check_class class;
	bool vital, evidence, overload;
	bool mute; /* its failures are silence */
	bool confirms; /* of others' word */
	uint16_t weight;
	unsigned can;
};

/* One small configuration, and what may happen in it. */
struct setup {
	const char *name;
	struct ladder_conf conf;
	int n;
	struct spec checks[MAX_MODEL_CHECKS];
	int n_limits;
	struct limit limits[5]; /* each may be put and dropped */
	bool slow_proof;	/* BIRD may lag, fail and lose the proof; else it proves at once */
	bool preflight, shutdown, restarts;
	bool fleet; /* others are in view or not, enough or not, tell overload or not */
	bool starves; /* workers may be too slow to answer */
	uint8_t most; /* ages beyond this many ticks are one */
};

/* What the watcher knows of the past, from inputs and outputs alone. */
struct watch {
	uint16_t budget;   /* the routers' record, in GRAINs */
	uint8_t started;   /* a full round has been in since the start */
	uint8_t adopting;  /* a predecessor's rung stands, its self round is awaited */
	uint8_t adopt_age;
	uint8_t announced; /* since the start */
	uint8_t moved_age; /* since the last change */
	uint8_t
	    good_age; /* since when everything but time has allowed a climb; NONE: it does not */
	uint8_t low_age;   /* since when at proven drain with silent called for; NONE */
	uint8_t calm_age;  /* since shared checks became well; NONE: they are not */
	uint8_t hold;	   /* ticks to wait between climbs, as relapses and healing make it */
	uint8_t heal_age;
	uint8_t climbed, climb_age; /* since the last fall by health */
	uint8_t fall_age;
	uint8_t emergency_age, emergency_wait;
	uint8_t pressed_age; /* since when overload alone calls for a lower rung; NONE */
	uint8_t help;  /* it climbed by relief, and its score has not borne that for long enough */
	uint8_t trial; /* 1: fell for overload alone, 2: and then climbed uncalled */
};

struct world {
	uint16_t penalty; /* GRAINs */
	struct watch watch;
	/* the ladder's own */
	uint8_t phase, rung, proven, first, climbed;
	uint8_t phase_age, rung_age, better_age, low_age, fall_age, climb_age, healed_age;
	uint8_t emergency_age, hold, latch, emergency_wait;
	uint8_t pressed_age, pressed, helping, borne;
	uint8_t next; /* ticks until it wants to be called; NONE: not by time */
	/* the truth around it */
	uint8_t verdict[MAX_MODEL_CHECKS];
	uint8_t last[MAX_MODEL_CHECKS]; /* last known verdict; NONE: never seen */
	uint8_t since[MAX_MODEL_CHECKS]; /* of a shared check: bit per failing check, after whose
					    beginning a success was sent */
	uint8_t proof;	   /* BIRD shows the present order */
	uint8_t limits;	   /* bit per limit that stands */
	uint8_t preflight; /* workers are missing */
	uint8_t shutdown;  /* 1: draining, 2: silent */
	uint8_t fresh, few; /* the fleet is in view; too few of it announce without overload */
	uint8_t strained;  /* rung on which another tells overload */
	uint8_t starved;   /* workers live and are too slow to answer */
};

enum event_kind {
	EV_TICK,
	EV_VERDICT, /* check a becomes b; a shared success was sent just now */
	EV_LATE_OK, /* shared check a becomes ok by a probe sent before any failure that stands */
	EV_AGAIN,   /* shared check a has one more success, sent just now */
	EV_PROOF,
	EV_UNPROOF,
	EV_LIMIT, /* limit a is put or dropped */
	EV_PREFLIGHT,
	EV_SHUTDOWN,
	EV_FRESH, EV_FEW,
	EV_STRAIN, /* another tells overload on rung a */
	EV_STARVE, /* workers become too slow to answer, or quick again */
	EV_ADOPT,   /* a new brain; the rung stands and the lease is fresh */
	EV_RESTART, /* a new brain; nothing may be taken over */
	N_EVENTS,
};

struct happening {
	uint8_t kind, a, b;
};

static const struct mono model_now = {1000000000};

static struct mono
ago(uint8_t age)
{
	return age == NONE ? MONO_NEVER : mono_add_ms(model_now, -1000 * (int64_t)age);
}

static uint8_t
age_of(struct mono t, uint8_t most)
{
	int64_t age = mono_diff_us(model_now, t) / 1000000;

	if (!mono_is_set(t))
		return NONE;
	return (uint8_t)(age > most ? most : age);
}

static uint8_t
older(uint8_t age, uint8_t most)
{
	return age == NONE || age >= most ? age : (uint8_t)(age + 1);
}

static uint16_t
decay(const struct flap_conf *conf, uint16_t grains)
{
	double left = grains * GRAIN * exp2(-1000.0 / (double)conf->half_life_ms);

	return (uint16_t)(left < 1 ? 0 : ceil(left / GRAIN)); /* up: never allowed too early */
}

static struct ladder
ladder_of(const struct world *w)
{
	return (struct ladder){
	    .phase = (enum ladder_phase)w->phase,
	    .rung = (int8_t)w->rung,
	    .proven = w->proven ? (int8_t)w->rung : -1,
	    .first = w->first,
	    .climbed = w->climbed,
	    .phase_since = ago(w->phase_age),
	    .rung_since = ago(w->rung_age),
	    .better_since = ago(w->better_age),
	    .low_since = ago(w->low_age),
	    .pressed_since = ago(w->pressed_age),
	    .pressed = w->pressed,
	    .helping = w->helping,
	    .borne = w->borne,
	    .last_fall = ago(w->fall_age),
	    .last_climb = ago(w->climb_age),
	    .healed_at = ago(w->healed_age),
	    .hold_ms = w->hold * 1000,
	    .latch_until = w->latch == NONE ? MONO_FOREVER
		: w->latch		    ? mono_add_ms(model_now, w->latch * 1000)
					    : MONO_NEVER,
	    .emergency_at = ago(w->emergency_age),
	    .emergency_wait_ms = w->emergency_wait * 1000,
	    .flap = {.penalty = w->penalty * GRAIN, .at = model_now},
	};
}

/* What the ladder will never look at again is made the same in all worlds. */
static void
take_ladder(const struct setup *u, struct world *w, const struct ladder *s)
{
	uint8_t most = u->most;

	w->phase = (uint8_t)s->phase;
	w->rung = (uint8_t)s->rung;
	w->proven = s->proven == s->rung;
	w->first = s->first;
	w->climbed = s->climbed;
	w->phase_age = s->phase == LADDER_ADOPT ? age_of(s->phase_since, most) : 0;
	w->rung_age = age_of(s->rung_since, most);
	w->better_age = age_of(s->better_since, most);
	w->low_age = age_of(s->low_since, most);
	w->pressed_age = u->fleet ? age_of(s->pressed_since, most) : NONE;
	w->pressed = u->fleet && s->pressed;
	w->helping = u->fleet && s->helping;
	w->borne = u->fleet && s->borne;
	w->fall_age = s->first || u->restarts ? age_of(s->last_fall, most) : NONE;
	w->climb_age = s->climbed ? age_of(s->last_climb, most) : NONE;
	w->hold = (uint8_t)(s->hold_ms / 1000);
	w->healed_age = s->hold_ms > u->conf.hold_ms ? age_of(s->healed_at, most) : NONE;
	w->latch = s->latch_until.us == INT64_MAX ? NONE
	    : mono_before(model_now, s->latch_until)
	    ? (uint8_t)(mono_diff_us(s->latch_until, model_now) / 1000000)
	    : 0;
	w->emergency_age =
	    u->conf.alone || u->fleet ? age_of(s->emergency_at, most) : NONE;
	w->emergency_wait = (uint8_t)(s->emergency_wait_ms / 1000);
	w->penalty = (uint16_t)lround(flap_estimate(&u->conf.flap, s->flap, model_now) / GRAIN);
}

/* Letting a second pass makes everything that the ladder remembers a second older. */
static void
age_ladder(const struct setup *u, struct world *w)
{
	uint8_t *ages[] = {&w->rung_age, &w->better_age, &w->low_age, &w->fall_age, &w->climb_age,
	    &w->healed_age, &w->emergency_age, &w->pressed_age};

	for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++)
		*ages[i] = older(*ages[i], u->most);
	if (w->phase == LADDER_ADOPT)
		w->phase_age = older(w->phase_age, u->most);
	if (w->latch != NONE && w->latch > 0)
		w->latch--;
	w->penalty = decay(&u->conf.flap, w->penalty);
}

static bool
stands(const struct setup *u, const struct world *w, int i)
{
	return u->checks[i].class != CLASS_SHARED && w->verdict[i] == VERDICT_FAIL;
}

/* Times that say what `since` says: the more shared checks have had a success after a failure
 * began, the earlier it began; a success came just after the latest failure that it followed. */
static int64_t
began(const struct setup *u, const struct world *w, int failing)
{
	int followed = 0;

	for (int i = 0; i < u->n; i++)
		followed += u->checks[i].class == CLASS_SHARED && w->since[i] >> failing & 1;
	return 1000 * (MAX_MODEL_CHECKS + 1 - followed);
}

static int64_t
succeeded(const struct setup *u, const struct world *w, int shared)
{
	int64_t sent = 1;

	for (int k = 0; k < u->n; k++)
		if (w->since[shared] >> k & 1 && began(u, w, k) >= sent)
			sent = began(u, w, k) + 1;
	return sent;
}

static int
facts_of(const struct setup *u, const struct world *w, struct fact *facts)
{
	for (int i = 0; i < u->n; i++) {
		const struct spec *c = &u->checks[i];
		bool seen = w->last[i] != NONE;

		facts[i] = (struct fact){
		    .class = c->class,
		    .vital = c->vital,
		    .evidence = c->evidence,
		    .overload = c->overload,
		    .confirms = c->confirms,
		    .mute = c->mute && w->verdict[i] == VERDICT_FAIL,
		    .weight = seen && w->last[i] == VERDICT_IDLE ? 0 : c->weight,
		    .verdict = (enum verdict)w->verdict[i],
		    .value = w->last[i] == VERDICT_FAIL ? 0 : 100,
		    .judged = seen,
		};
		if (stands(u, w, i))
			facts[i].onset = (struct mono){began(u, w, i)};
		if (c->class == CLASS_SHARED && seen)
			facts[i].last_ok_sent = (struct mono){succeeded(u, w, i)};
	}
	return u->n;
}

static int
limits_of(const struct setup *u, const struct world *w, struct limit *limits)
{
	int n = 0;

	for (int i = 0; i < u->n_limits; i++)
		if (w->limits >> i & 1)
			limits[n++] = u->limits[i];
	return n;
}

#endif
