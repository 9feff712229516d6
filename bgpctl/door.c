/*
 * door: see the header for the promises and docs/design.md, section 4, for the reasons.
 *
 * Each step is computed from scratch: proof, hand, what is needed, alarms. The state only remembers
 * the order, what was given out (so that it is repeated with back-off and not with every look) and
 * since when things have been as they are. There is no "opening" or "closing" state that a lost
 * command could leave us in.
 */
#include "bgpctl/door.h"

#include <string.h>

#include "lib/ensure.h"

struct proof {
	bool fresh; /* the observation began after the order */
	bool alive; /* some session is up */
	int up, proven; /* of those that are to carry our prefixes */
	bool ours,
	    attributes; /* some session sends a rung of ours; all proven ones send it right */
	char foreign[32];
};

static const int16_t look_after_ms[] = {2, 5, 10, 20, 50, 100, 200, 500};
#define N_LOOKS ((int)(sizeof(look_after_ms) / sizeof(look_after_ms[0])))

const char *
door_alarm_name(int n)
{
	static const char *const names[N_DOOR_ALARMS] = {"bird_silent", "protocol_missing",
	    "gate_failed", "one_lock", "unproven", "covered", "attributes", "partial", "no_session",
	    "hand"};

	ENSURE(n >= 0 && n < N_DOOR_ALARMS);
	return names[n];
}

struct door
door_init(struct mono now)
{
	return (struct door){.order = -1, .proven = -1, .hand = -1, .unproven_since = now};
}

struct door
door_order(struct door d, int rung, struct mono now)
{
	ENSURE(rung >= 0 && rung < MAX_RUNGS);
	if (rung == d.order)
		return d;
	d.order = (int8_t)rung;
	d.proven = -1;
	d.made = d.settled = false;
	d.ordered_at = d.unproven_since = d.next_try = d.look_at = now;
	d.hand_since = MONO_NEVER;
	d.tries = d.looks = 0;
	d.asked = 0;
	if (d.hand == rung)
		d.hand = -1;
	return d;
}

static uint32_t
all_prefixes(const struct door_view *v)
{
	return (uint32_t)((1u << v->n_prefixes) - 1);
}

/* A rung that may have its route in BIRD's table, for all that is known. */
static bool
may_stand(const struct door_view *v, int rung)
{
	bool gate = v->gate[rung] == LOCK_OPEN || v->gate[rung] == LOCK_UNKNOWN;
	bool protocol = v->protocol[rung] == LOCK_OPEN || v->protocol[rung] == LOCK_UNKNOWN;

	return gate && protocol;
}

static void
look_at_session(const struct door_view *v, int session, int rung, struct proof *p)
{
	bool up = false, all = true, attributes = true, sends = false;

	for (int i = 0; i < v->n_prefixes; i++) {
		const struct sending *s = &v->sending[i][session];

		up = up || s->sent != SENT_UNKNOWN;
		sends = sends || (s->sent != SENT_UNKNOWN && s->sent != SENT_NOTHING);
		p->ours = p->ours || s->sent == SENT_OURS;
		all = all && s->sent == SENT_OURS && s->rung == rung;
		attributes = attributes && s->attributes;
		if (s->sent == SENT_FOREIGN)
			memcpy(p->foreign, s->protocol, sizeof(p->foreign));
	}
	p->alive = p->alive || up;
	up = up && (sends || !(v->aside >> session & 1));
	p->up += up;
	if (!up || !all)
		return;
	p->proven++;
	p->attributes = p->attributes && attributes;
}

static struct proof
look_at_proof(const struct door *d, const struct door_view *v)
{
	struct proof p = {.attributes = true};

	p.fresh = v->bird_answers && mono_before(d->ordered_at, v->bird_at);
	if (!v->bird_answers)
		return p;
	for (int i = 0; i < v->n_sessions; i++)
		look_at_session(v, i, d->order, &p);
	p.foreign[sizeof(p.foreign) - 1] = '\0';
	return p;
}

static bool
is_proven(const struct door_conf *conf, const struct door *d, const struct door_view *v,
    const struct proof *p)
{
	if (!p->fresh)
		return false;
	if (d->order != RUNG_SILENT)
		return p->proven > 0 && v->gate[d->order] == LOCK_OPEN;
	for (int k = RUNG_DRAIN; k < conf->n_rungs; k++)
		if (may_stand(v, k))
			return false;
	return !p->ours;
}

static void
note_proof(const struct door_conf *conf, struct door *d, const struct door_view *v,
    const struct proof *p, struct mono now)
{
	bool proven = is_proven(conf, d, v, p);

	memcpy(d->covered_by, p->foreign, sizeof(d->covered_by));
	if (proven && d->proven != d->order) {
		d->proven = d->order;
		d->proven_at = now;
	} else if (!proven && d->proven >= 0) {
		d->proven = -1;
		d->unproven_since = now;
	}
	if (proven && d->order != RUNG_SILENT)
		d->commanded[d->order] = true;
}

/* Disabled though proven before, and not by us: BIRD's restart and `configure` only ever enable. */
static void
note_hand(struct door *d, const struct door_view *v, const struct proof *p)
{
	int k = d->order;

	if (!v->bird_answers)
		return;
	if (d->hand >= 0 && v->protocol[d->hand] == LOCK_OPEN)
		d->hand = -1;
	if (k == RUNG_SILENT || !p->fresh || !d->commanded[k] || v->protocol[k] != LOCK_CLOSED) {
		d->hand_since = MONO_NEVER;
		return;
	}
	if (!mono_is_set(d->hand_since))
		d->hand_since = v->bird_at;
	if (mono_diff_ms(v->bird_at, d->hand_since) >= HAND_SETTLE_MS)
		d->hand = (int8_t)k;
}

static void
note_made(const struct door_conf *conf, struct door *d, const struct door_view *v,
    const struct proof *p, struct mono now)
{
	uint32_t all = all_prefixes(v);

	if (d->made)
		return;
	d->made = mono_diff_ms(now, d->ordered_at) >= conf->make_ms;
	if (p->fresh && d->order != RUNG_SILENT)
		d->made = d->made || (v->in_table[d->order] & all) == all;
}

/* May rung `k`, other than the ordered one, lose a route that stands? */
static bool
may_close(const struct door_conf *conf, const struct door *d, const struct door_view *v,
    const struct proof *p, int k, struct mono now)
{
	uint32_t all = all_prefixes(v);

	if (d->order == RUNG_SILENT)
		return true;
	if (k > d->order)
		return d->made;
	if (d->proven == d->order && p->proven == p->up)
		return true;
	/* Some session refuses the target, or none is up: the target stands with the better
	 * preference, so the worse rung's route goes nowhere anyhow. */
	return p->fresh && (v->in_table[d->order] & all) == all &&
	    mono_diff_ms(now, d->ordered_at) >= conf->prove_ms;
}

static uint32_t
bit(enum door_do what, int rung)
{
	return 1u << ((what - DOOR_ENABLE) * MAX_RUNGS + rung);
}

static uint32_t
opening(const struct door *d, const struct door_view *v, int k)
{
	uint32_t needed = 0;
	bool hand = d->hand == k || mono_is_set(d->hand_since);

	if (v->gate[k] != LOCK_OPEN)
		needed |= bit(DOOR_GATE_UP, k);
	if (v->bird_answers && v->protocol[k] == LOCK_CLOSED && !hand)
		needed |= bit(DOOR_ENABLE, k);
	return needed;
}

static uint32_t
closing(const struct door_view *v, int k)
{
	uint32_t needed = 0;

	if (v->gate[k] == LOCK_OPEN || v->gate[k] == LOCK_UNKNOWN)
		needed |= bit(DOOR_GATE_DOWN, k);
	if (v->bird_answers && v->protocol[k] == LOCK_OPEN)
		needed |= bit(DOOR_DISABLE, k);
	return needed;
}

static uint32_t
what_is_needed(const struct door_conf *conf, const struct door *d, const struct door_view *v,
    const struct proof *p, struct mono now)
{
	uint32_t needed = 0;

	for (int k = RUNG_DRAIN; k < conf->n_rungs; k++) {
		if (v->gate[k] == LOCK_ABSENT)
			needed |= bit(DOOR_GATE_MAKE, k);
		if (k == d->order)
			needed |= opening(d, v, k);
		else if (!may_stand(v, k) || may_close(conf, d, v, p, k, now))
			needed |= closing(v, k);
	}
	return needed;
}

static int64_t
back_off_ms(const struct door_conf *conf, int tries)
{
	int64_t ms = conf->retry_min_ms;

	for (int i = 1; i < tries && ms < conf->retry_max_ms; i++)
		ms *= 2;
	return ms < conf->retry_max_ms ? ms : conf->retry_max_ms;
}

/* Which of the needed actions go out now: new ones at once, others when their wait is over. */
static uint32_t
give_out(const struct door_conf *conf, struct door *d, uint32_t needed, struct mono now)
{
	uint32_t give;

	d->asked &= needed;
	if (needed == 0) {
		d->tries = 0;
		d->next_try = MONO_NEVER;
		return 0;
	}
	if (d->asked == 0)
		d->tries = 0; /* all that was asked has come true; this is another need */
	give = needed & ~d->asked;
	if (give != 0)
		d->asked_at = now;
	if (d->asked == 0 || !mono_before(now, d->next_try)) {
		give = d->asked == 0 ? give : needed;
		if (d->tries < UINT16_MAX)
			d->tries++;
		d->next_try = mono_add_ms(now, back_off_ms(conf, d->tries));
	}
	d->asked |= give;
	return give;
}

static void
put_actions(const struct door_conf *conf, struct door_out *out, uint32_t give)
{
	/* Make, then open; the gate is quicker than the socket when closing. */
	static const enum door_do sequence[] = {
		DOOR_GATE_MAKE, DOOR_GATE_UP, DOOR_ENABLE, DOOR_GATE_DOWN, DOOR_DISABLE};
	struct door *d = &out->state;

	for (size_t i = 0; i < sizeof(sequence) / sizeof(sequence[0]); i++) {
		for (int k = RUNG_DRAIN; k < conf->n_rungs; k++) {
			if (!(give & bit(sequence[i], k)))
				continue;
			if (sequence[i] == DOOR_DISABLE) {
				d->commanded[k] = false;
				d->corrections += d->settled;
			}
			out->actions[out->n++] = (struct door_action){sequence[i], (int8_t)k};
		}
	}
}

/* What was asked for and did not come true, though it had time to and was looked at after that: a
 * tardy observer, or something asked just now beside what waits for another try, is no fault. */
static uint32_t
failing(const struct door_conf *conf, const struct door *d, const struct door_view *v,
    uint32_t needed, struct mono now)
{
	uint32_t of_bird = 0;

	if (mono_diff_ms(now, d->asked_at) < conf->retry_min_ms)
		return 0;
	for (int k = RUNG_DRAIN; k < conf->n_rungs; k++)
		of_bird |= bit(DOOR_ENABLE, k) | bit(DOOR_DISABLE, k);
	return mono_before(d->asked_at, v->bird_at) ? needed : needed & ~of_bird;
}

static uint32_t
lock_alarms(const struct door_conf *conf, const struct door *d, const struct door_view *v,
    uint32_t needed, struct mono now)
{
	uint32_t alarms = 0, failed = failing(conf, d, v, needed, now);

	for (int k = RUNG_DRAIN; k < conf->n_rungs; k++) {
		uint32_t gate = bit(DOOR_GATE_MAKE, k) | bit(DOOR_GATE_UP, k) |
		    bit(DOOR_GATE_DOWN, k);
		uint32_t close = bit(DOOR_GATE_DOWN, k) | bit(DOOR_DISABLE, k);

		if (v->bird_answers && v->protocol[k] == LOCK_ABSENT)
			alarms |= ALARM_PROTOCOL_MISSING;
		if (failed & gate)
			alarms |= ALARM_GATE_FAILED;
		if ((failed & close) && !may_stand(v, k))
			alarms |= ALARM_ONE_LOCK;
	}
	return alarms;
}

static uint32_t
bird_alarms(const struct door *d, const struct door_view *v, const struct proof *p)
{
	if (!v->bird_answers)
		return ALARM_BIRD_SILENT;
	if (!p->alive)
		return ALARM_NO_SESSION;
	if (d->order == RUNG_SILENT)
		return p->foreign[0] ? ALARM_COVERED : 0;
	return (p->proven > 0 && p->proven < p->up ? ALARM_PARTIAL : 0) |
	    (p->proven > 0 && !p->attributes ? ALARM_ATTRIBUTES : 0);
}

static uint32_t
what_is_wrong(const struct door_conf *conf, const struct door *d, const struct door_view *v,
    const struct proof *p, uint32_t needed, struct mono now)
{
	uint32_t alarms = lock_alarms(conf, d, v, needed, now) | bird_alarms(d, v, p);

	if (d->proven != d->order && mono_diff_ms(now, d->unproven_since) >= conf->prove_ms)
		alarms |= ALARM_UNPROVEN;
	if (d->hand >= 0)
		alarms |= ALARM_HAND;
	return alarms;
}

/* Soon after something moved, ever later while nothing more comes of it, then with the poll. */
static struct mono
next_look(const struct door_conf *conf, struct door *d, bool acted, struct mono now)
{
	struct mono look;
	int64_t ms = conf->poll_ms;

	if (acted)
		d->looks = 0;
	if (acted || !mono_before(now, d->look_at)) {
		if (!d->settled && d->looks < N_LOOKS && look_after_ms[d->looks] < ms)
			ms = look_after_ms[d->looks++];
		d->look_at = mono_add_ms(now, ms);
	}
	look = d->look_at;
	if (!d->made && d->order != RUNG_SILENT)
		look = mono_min(look, mono_max(mono_add_ms(d->ordered_at, conf->make_ms), now));
	if (mono_is_set(d->next_try))
		look = mono_min(look, mono_max(d->next_try, now));
	return look;
}

/* Before the first order nothing is done; what can be seen is said. */
static struct door_out
only_look(const struct door_conf *conf, struct door d, const struct door_view *v, struct mono now)
{
	struct door_out out = {.state = d};
	struct proof p = look_at_proof(&d, v);

	memcpy(out.state.covered_by, p.foreign, sizeof(p.foreign));
	out.state.alarms = lock_alarms(conf, &d, v, 0, now);
	out.state.alarms |= v->bird_answers ? (p.alive ? 0 : ALARM_NO_SESSION) : ALARM_BIRD_SILENT;
	out.look = mono_add_ms(now, conf->poll_ms);
	return out;
}

struct door_out
door_step(const struct door_conf *conf, struct door d, const struct door_view *view,
    struct mono now)
{
	struct door_out out = {.state = d};
	struct proof p;
	uint32_t needed, give;

	ENSURE(conf->n_rungs >= 2 && conf->n_rungs <= MAX_RUNGS && d.order < conf->n_rungs);
	ENSURE(view->n_prefixes <= MAX_PREFIXES && view->n_sessions <= MAX_SESSIONS);
	if (d.order < 0)
		return only_look(conf, d, view, now);
	p = look_at_proof(&d, view);
	note_proof(conf, &out.state, view, &p, now);
	note_hand(&out.state, view, &p);
	note_made(conf, &out.state, view, &p, now);
	needed = what_is_needed(conf, &out.state, view, &p, now);
	give = give_out(conf, &out.state, needed, now);
	put_actions(conf, &out, give);
	out.state.settled = needed == 0 && out.state.proven == out.state.order;
	out.state.alarms = what_is_wrong(conf, &out.state, view, &p, needed, now);
	out.look = next_look(conf, &out.state, give != 0, now);
	return out;
}

/* Does what sessions send agree with `rung` being the one in force? */
static bool
sendings_agree(const struct door_view *v, int rung)
{
	for (int i = 0; i < v->n_prefixes; i++)
		for (int s = 0; s < v->n_sessions; s++)
			if (v->sending[i][s].sent == SENT_OURS && v->sending[i][s].rung != rung)
				return false;
	return true;
}

int
door_shown(const struct door_view *view, int n_rungs)
{
	int open = 0, shown = -1;

	for (int k = RUNG_DRAIN; k < n_rungs; k++) {
		bool known = view->gate[k] != LOCK_UNKNOWN;

		if (known && view->gate[k] != LOCK_OPEN)
			continue;
		if (!known || view->protocol[k] == LOCK_UNKNOWN)
			return -1;
		if (view->protocol[k] == LOCK_OPEN && sendings_agree(view, k)) {
			shown = k;
			open++;
		}
	}
	if (open == 0)
		return sendings_agree(view, RUNG_SILENT) ? RUNG_SILENT : -1;
	return open == 1 ? shown : -1;
}

int
door_gate_shown(const struct door_view *view, int n_rungs)
{
	int shown = RUNG_SILENT;

	for (int k = RUNG_DRAIN; k < n_rungs; k++) {
		if (view->gate[k] == LOCK_UNKNOWN ||
		    (view->gate[k] == LOCK_OPEN && shown != RUNG_SILENT))
			return -1;
		if (view->gate[k] == LOCK_OPEN)
			shown = k;
	}
	return shown;
}
