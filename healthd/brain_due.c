/*
 * brain_due: when the state is worth saving again. Moves are saved at once; each second it is asked
 * whether anything else has changed that a successor would miss, and what is still true is said
 * again each SAY_AGAIN_MS: the saved lease must be far from the 60 s at which it is none any more.
 *
 * What changes with every sample and says nothing (times of the last answers, counts beyond what
 * decides, values of readings) is no change.
 */
#include "healthd/brain.h"

#define SAY_AGAIN_MS 10000

/* FNV-1a over numbers; not over structs, which have holes. */
static uint64_t
mix(uint64_t h, int64_t n)
{
	for (int i = 0; i < 64; i += 8)
		h = (h ^ (uint8_t)((uint64_t)n >> i)) * UINT64_C(1099511628211);
	return h;
}

static int
least(int n, int most)
{
	return n < most ? n : most;
}

static uint64_t
mix_ladder(uint64_t h, const struct ladder *s)
{
	const int64_t all[] = {s->phase, s->rung, s->proven, s->relapses, s->climbed, s->chosen,
	    s->rung_since.us, s->proven_since.us, s->last_fall.us, s->last_climb.us, s->hold_ms,
	    s->latch_until.us, s->emergency_at.us, s->emergency_wait_ms, s->flap.at.us};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		h = mix(h, all[i]);
	return h;
}

static uint64_t
mix_window(uint64_t h, const struct window_conf *conf, const struct window *w)
{
	int oks = conf->forgive > conf->rise ? conf->forgive : conf->rise;
	const int64_t all[] = {w->verdict, w->solid, w->judged, w->mute, w->halting,
	    least(w->fails, conf->fall), least(w->wrongs, conf->fall), least(w->oks, oks),
	    least(w->run, conf->fall), w->onset.us, w->broke.us};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		h = mix(h, all[i]);
	return h;
}

static uint64_t
mix_slots(uint64_t h, const struct slot *slots, int n)
{
	for (int s = 0; s < n; s++) {
		const struct worker *w = &slots[s].worker;

		h = mix(mix(mix(mix(h, w->starts), w->failed_starts), w->backoff_ms), w->slow);
	}
	return h;
}

static uint64_t
digest(const struct brain *b)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (int l = 0; l < MAX_LANES; l++)
		if (b->lanes[l].exists)
			h = mix_ladder(mix(h, b->lanes[l].born), &b->lanes[l].ladder);
	for (int n = 0; n < b->n_instances; n++) {
		const struct instance *i = &b->instances[n];

		for (int t = 0; t < i->n_targets; t++)
			h = mix_window(h, &i->window_conf, &i->targets[t].window);
	}
	h = mix_slots(h, b->slots, b->n_slots);
	h = mix_slots(h, b->engines, MAX_SLOTS - ENGINE_SLOT);
	h = mix(mix(h, (int64_t)b->counters.worker_exits), (int64_t)b->counters.worker_hangs);
	return mix(mix(h, (int64_t)b->counters.hooks), (int64_t)b->counters.hooks_failed);
}

void
state_second(struct brain *b)
{
	uint64_t now = digest(b);

	if (now == b->saved.digest && !b->state_failed &&
	    mono_diff_ms(mono_now(), b->saved.at) < SAY_AGAIN_MS)
		return;
	b->saved.digest = now;
	state_save(b);
}
