#include "healthd/judge.h"

#include "lib/ensure.h"

/*
 * Facts and judgements are values made anew for each decision; nothing is kept here. What an
 * unknown target weighed last is kept by its window, so that one cut off from observation neither
 * helps nor hurts the score, and only stops a climb.
 */

/* How many targets are on which side, by one way of looking at them. */
struct count {
	int live, ok, fail;
};

/* The verdict a target had when it was last known; IDLE and UNKNOWN (never known) are left out. */
static enum verdict
solid_of(const struct window *w)
{
	if (w->verdict != VERDICT_UNKNOWN)
		return w->verdict;
	return w->judged ? w->solid : VERDICT_UNKNOWN;
}

static struct count
count_now(const struct window *w, int n)
{
	struct count c = {0};

	for (int i = 0; i < n; i++) {
		c.live += w[i].verdict != VERDICT_IDLE;
		c.ok += w[i].verdict == VERDICT_OK;
		c.fail += w[i].verdict == VERDICT_FAIL;
	}
	return c;
}

static struct count
count_solid(const struct window *w, int n)
{
	struct count c = {0};

	for (int i = 0; i < n; i++) {
		c.ok += solid_of(&w[i]) == VERDICT_OK;
		c.fail += solid_of(&w[i]) == VERDICT_FAIL;
	}
	c.live = c.ok + c.fail;
	return c;
}

/* How many targets must be well. */
static int
clip(uint16_t k, int live)
{
	return k == 0 || k > live ? live : k;
}

static enum verdict
verdict_of(struct count c, uint16_t k)
{
	int need = clip(k, c.live);

	if (c.live == 0)
		return VERDICT_IDLE;
	if (c.ok >= need)
		return VERDICT_OK;
	return c.fail > c.live - need ? VERDICT_FAIL : VERDICT_UNKNOWN;
}

/* The k-th highest of n numbers, 1 <= k <= n; and the sum of the k highest by `sum`. */
static int64_t
kth_highest(int64_t *x, int n, int k, int64_t *sum)
{
	*sum = 0;
	for (int i = 0; i < k; i++) {
		int64_t swap = x[i];
		int top = i;

		for (int j = i + 1; j < n; j++)
			top = x[j] > x[top] ? j : top;
		x[i] = x[top];
		x[top] = swap;
		*sum += x[i];
	}
	return x[k - 1];
}

static int8_t
value_of(const struct window *w, int n, enum verdict side, int best)
{
	int64_t values[MAX_TARGETS], sum;
	int m = 0;

	for (int i = 0; i < n; i++) {
		if (solid_of(&w[i]) == side)
			values[m++] = w[i].value;
	}
	if (side == VERDICT_FAIL || best > m)
		best = m;
	if (best == 0)
		return 0;
	kth_highest(values, m, best, &sum);
	return (int8_t)(sum / best);
}

static struct mono
ok_since(const struct window *w, int n, int k)
{
	int64_t sent[MAX_TARGETS], sum;
	int m = 0;

	for (int i = 0; i < n; i++) {
		if (w[i].verdict != VERDICT_IDLE)
			sent[m++] = w[i].last_ok_sent.us;
	}
	return m == 0 ? MONO_NEVER : (struct mono){kth_highest(sent, m, k, &sum)};
}

static struct mono
failed_since(const struct window *w, int n)
{
	struct mono onset = MONO_NEVER;

	for (int i = 0; i < n; i++) {
		if (w[i].verdict == VERDICT_FAIL)
			onset = mono_max(onset, w[i].broke);
	}
	return onset;
}

static bool
all_halting(const struct window *w, int n)
{
	for (int i = 0; i < n; i++) {
		if (w[i].verdict == VERDICT_FAIL && !w[i].halting)
			return false;
	}
	return true;
}

static bool
all_mute(const struct window *w, int n)
{
	for (int i = 0; i < n; i++) {
		if (w[i].verdict == VERDICT_FAIL && !w[i].mute)
			return false;
	}
	return true;
}

struct fact
tally(const struct tally_conf *conf, const struct window *w, int n)
{
	struct count now = count_now(w, n), solid = count_solid(w, n);
	enum verdict side = verdict_of(solid, conf->k);
	struct fact f = {
	    .class = conf->class,
	    .vital = conf->vital,
	    .evidence = conf->evidence,
	    .overload = conf->overload,
	    .confirms = conf->confirms,
	    .weight = conf->weight,
	    .verdict = verdict_of(now, conf->k),
	    .value = 100,
	    .judged = true,
	};

	ENSURE(n >= 0 && n <= MAX_TARGETS);
	for (int i = 0; i < n; i++)
		f.judged = f.judged && w[i].judged;
	if (conf->vital && f.verdict == VERDICT_IDLE)
		f.verdict = VERDICT_UNKNOWN;
	if (side != VERDICT_IDLE)
		f.value = value_of(w, n, side, clip(conf->k, solid.live));
	else if (f.judged)
		f.weight = 0;
	if (f.verdict == VERDICT_FAIL) {
		f.onset = mono_max(failed_since(w, n), conf->evidence_since);
		f.mute = all_mute(w, n);
		f.halting = f.mute && all_halting(w, n);
	}
	f.last_ok_sent = ok_since(w, n, clip(conf->k, now.live));
	return f;
}

bool
fact_differs(const struct fact *a, const struct fact *b)
{
	return a->verdict != b->verdict || a->value != b->value || a->judged != b->judged ||
	       a->mute != b->mute || a->halting != b->halting || a->onset.us != b->onset.us ||
	       (a->class == CLASS_SHARED && a->last_ok_sent.us != b->last_ok_sent.us);
}

void
facts_absorb(struct fact *facts, int n, bool starved)
{
	for (int i = 0; i < n; i++) {
		struct fact *f = &facts[i];

		bool loses = f->halting && f->class == CLASS_SELF;

		if (f->mute && f->class != CLASS_SHARED && f->verdict == VERDICT_FAIL &&
		    (starved || loses))
			f->overload = true;
	}
}

/* Is it in the mean? That others find us well says nothing of what we find wrong ourselves. */
static bool
counts(const struct fact *f)
{
	return f->class == CLASS_TOLD ? f->verdict == VERDICT_FAIL : f->verdict != VERDICT_IDLE;
}

/* What a fact takes away from the score; idle ones and those that weigh nothing take nothing. */
static int
cost(const struct fact *f)
{
	return counts(f) ? f->weight * (100 - f->value) : 0;
}

/* A weighted mean in the making. */
struct mean {
	int64_t sum, weights;
};

static void
mean_add(struct mean *m, const struct fact *f)
{
	m->sum += (int64_t)f->weight * f->value;
	m->weights += f->weight;
}

static int
mean_of(const struct mean *m)
{
	return m->weights ? (int)(m->sum / m->weights) : 100;
}

static void
judge_mean(struct judgement *j, const struct fact *facts, int n, uint64_t mask)
{
	struct mean all = {0}, own = {0}, calm = {0}, calm_own = {0};
	struct fact easy;

	j->empty = true;
	for (int i = 0; i < n; i++) {
		if (!(mask >> i & 1) || !counts(&facts[i]))
			continue;
		easy = facts[i];
		easy.value = easy.overload ? 100 : easy.value;
		mean_add(&all, &facts[i]);
		mean_add(&calm, &easy);
		if (facts[i].class == CLASS_TOLD)
			continue;
		mean_add(&own, &facts[i]);
		j->empty = false;
		mean_add(&calm_own, &easy);
	}
	j->mean = mean_of(&all);
	j->hearsay = mean_of(&own) - j->mean;
	j->calm = mean_of(&calm);
	j->calm_hearsay = mean_of(&calm_own) - j->calm;
}

static void
judge_self(struct judgement *j, const struct fact *facts, int n, uint64_t mask)
{
	bool any_ok = false, all_ok = true, vital_ok = true;

	for (int i = 0; i < n; i++) {
		const struct fact *f = &facts[i];

		if (!(mask >> i & 1) || f->class != CLASS_SELF)
			continue;
		any_ok = any_ok || f->verdict == VERDICT_OK;
		all_ok = all_ok && (f->verdict == VERDICT_OK || f->verdict == VERDICT_IDLE);
		vital_ok = vital_ok && (!f->vital || f->verdict == VERDICT_OK);
	}
	j->self_ok = any_ok && all_ok;
	j->self_pass = any_ok && vital_ok;
}

static void
judge_shared(struct judgement *j, const struct fact *facts, int n, uint64_t mask)
{
	bool any_ok = false;

	for (int i = 0; i < n; i++) {
		if (!(mask >> i & 1) || facts[i].class != CLASS_SHARED)
			continue;
		any_ok = any_ok || facts[i].verdict == VERDICT_OK;
		if (facts[i].verdict == VERDICT_FAIL || facts[i].verdict == VERDICT_UNKNOWN)
			j->shared_bad = true;
		if (facts[i].verdict == VERDICT_FAIL && j->shared < 0)
			j->shared = (int8_t)i;
	}
	j->shared_well = any_ok && !j->shared_bad;
}

/* Whether every shared check that has something to judge is well by a probe sent after `onset`. */
static bool
shared_well_after(const struct fact *facts, int n, uint64_t mask, struct mono onset)
{
	bool any = false;

	for (int i = 0; i < n; i++) {
		const struct fact *f = &facts[i];

		if (!(mask >> i & 1) || f->class != CLASS_SHARED || f->verdict == VERDICT_IDLE)
			continue;
		if (f->verdict != VERDICT_OK || !mono_before(onset, f->last_ok_sent))
			return false;
		any = true;
	}
	return any;
}

static bool
here(const struct fact *facts, int n, uint64_t mask, const struct fact *f)
{
	return f->class != CLASS_SHARED && f->class != CLASS_TOLD && f->evidence &&
	       f->verdict == VERDICT_FAIL && mono_is_set(f->onset) &&
	       shared_well_after(facts, n, mask, f->onset);
}

static int8_t
decisive(const struct fact *facts, int n, uint64_t mask)
{
	int most = 0;
	int8_t found = -1;

	for (int i = 0; i < n; i++) {
		const struct fact *f = &facts[i];

		if (!(mask >> i & 1))
			continue;
		if (f->vital && f->verdict == VERDICT_FAIL)
			return (int8_t)i;
		if (cost(f) > most || (found < 0 && f->verdict == VERDICT_FAIL)) {
			most = cost(f);
			found = (int8_t)i;
		}
	}
	return found;
}

struct judgement
judge(const struct fact *facts, int n, uint64_t mask)
{
	struct judgement j = {.round = true, .shared = -1};
	bool fails = false, malfunction = false;

	ENSURE(n >= 0 && n <= MAX_CHECKS);
	judge_mean(&j, facts, n, mask);
	judge_self(&j, facts, n, mask);
	judge_shared(&j, facts, n, mask);
	j.unknown = j.empty;
	for (int i = 0; i < n; i++) {
		const struct fact *f = &facts[i];

		if (!(mask >> i & 1))
			continue;
		/* Others' word proves nothing, and that they are silent holds nothing up. */
		if (f->class == CLASS_TOLD) {
			j.denied = j.denied || (f->confirms && f->verdict == VERDICT_OK);
			continue;
		}
		j.round = j.round && f->judged;
		j.unknown = j.unknown || f->verdict == VERDICT_UNKNOWN;
		j.proven = j.proven || here(facts, n, mask, f);
		if (f->verdict != VERDICT_FAIL)
			continue;
		fails = true;
		malfunction = malfunction || !f->overload;
		j.vital_failed = j.vital_failed || (f->vital && !f->overload);
		j.absorbed = j.absorbed || (f->vital && f->overload);
	}
	j.absorbed = j.absorbed && !j.vital_failed;
	j.overload = fails && !malfunction;
	j.score = j.vital_failed || j.absorbed ? 0 : j.mean;
	j.hearsay = j.vital_failed || j.absorbed ? 0 : j.hearsay;
	j.calm = j.vital_failed ? 0 : j.calm;
	j.calm_hearsay = j.vital_failed ? 0 : j.calm_hearsay;
	j.because = decisive(facts, n, mask);
	return j;
}

bool
judgement_is_overload(const struct judgement *j)
{
	return (j->overload || j->absorbed) && j->score < j->calm;
}

struct judgement
judge_seen(const struct fact *given, int n, uint64_t mask, uint64_t seen, bool starved)
{
	struct fact facts[MAX_CHECKS] = {0};
	struct judgement j;
	bool any_self = false;

	ENSURE(n >= 0 && n <= MAX_CHECKS);
	for (int i = 0; i < n; i++)
		facts[i] = given[i];
	facts_absorb(facts, n, starved);
	j = judge(facts, n, mask);
	j.starved = starved;
	for (int i = 0; i < n; i++) {
		bool self = facts[i].class == CLASS_SELF, own = seen >> i & 1;

		if (!(mask >> i & 1) || facts[i].class == CLASS_TOLD)
			continue;
		any_self |= self && own;
		j.round &= own;
		j.self_ok &= own || !self;
		j.self_pass &= own || !facts[i].vital;
	}
	j.self_pass &= any_self;
	return j;
}
