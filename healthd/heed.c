/*
 * heed: see the header. What can go wrong with a request is bounded thus:
 *
 *  - it never leads below drain, and ends by its own minute, within two days;
 *  - whoever asks must be in view with a rung, under one nonce: the view drops all others;
 *  - too few takers end it at once, and it begins again only after they were enough for one settle;
 *  - where two regions are asked, neither is the other's taker, so at most one drains: whoever
 *    drains already goes on while its takers stand. Both at the same moment find no takers, return,
 *    and stay.
 */
#include "healthd/heed.h"

#include <string.h>

#include "bgpctl/site.h"
#include "lib/ensure.h"

#define REGION_WORDS (65536 / 64)

/* Two clocks that are read one after the other are never quite as far apart. */
#define JITTER_MS 2000

struct regions {
	uint64_t bits[REGION_WORDS];
};

const char *
heed_word_name(enum heed_word w)
{
	static const char *const names[] = {[HEED_NONE] = "none",
	    [HEED_ON] = "heeded",
	    [HEED_KEPT] = "kept",
	    [HEED_DEAF] = "not heeded here",
	    [HEED_BLIND] = "no view",
	    [HEED_FEW] = "too few takers",
	    [HEED_WAIT] = "waits"};

	_Static_assert(sizeof(names) / sizeof(names[0]) == N_HEED_WORDS, "every word has a name");
	return (unsigned)w < N_HEED_WORDS ? names[w] : "?";
}

const char *
heed_word_means(enum heed_word w)
{
	static const char *const means[] = {[HEED_NONE] = "nobody asks this region to drain",
	    [HEED_ON] = "this region is asked to drain, and others take its traffic",
	    [HEED_KEPT] = "the request is not heard just now; it is kept for one settle_ms",
	    [HEED_DEAF] = "this region is asked to drain; fleet.heed_requests is false here",
	    [HEED_BLIND] = "without a fresh view of the fleet no request is heeded",
	    [HEED_FEW] = "this region is asked to drain, and too few elsewhere could take over",
	    [HEED_WAIT] = "others can take the traffic again, for less than one settle_ms"};

	_Static_assert(sizeof(means) / sizeof(means[0]) == N_HEED_WORDS, "every word has one");
	return (unsigned)w < N_HEED_WORDS ? means[w] : "?";
}

bool
heed_sound(uint16_t expiry, int64_t wall_s)
{
	int64_t left = beacon_expires_s(expiry, wall_s);

	return left > 0 && left <= BEACON_REQUEST_MAX_S + BEACON_REQUEST_SLACK_S;
}

static void
add_region(struct regions *r, uint16_t region)
{
	r->bits[region / 64] |= UINT64_C(1) << region % 64;
}

static bool
has_region(const struct regions *r, uint16_t region)
{
	return r->bits[region / 64] >> region % 64 & 1;
}

static void
asked_regions(const struct heed_in *in, struct regions *r)
{
	memset(r, 0, sizeof(*r));
	if (in->own_region != 0)
		add_region(r, in->own_region);
	for (int i = 0; i < in->n_peers; i++) {
		const struct peer *p = &in->peers[i];

		if (p->request_region != 0 && heed_sound(p->request_expiry, in->wall_s))
			add_region(r, p->request_region);
	}
}

static bool
takes(const struct peer *p, uint16_t region)
{
	return p->region != region && p->rung > RUNG_DRAIN && p->severity < SEVERITY_LOW &&
	       !(p->flags & BEACON_WISHING);
}

int
heed_takers(const struct heed_in *in, uint16_t region, bool strict)
{
	struct regions asked;
	int n = 0;

	if (strict)
		asked_regions(in, &asked);
	for (int i = 0; i < in->n_peers; i++) {
		const struct peer *p = &in->peers[i];

		n += takes(p, region) &&
		     !(strict && p->region != 0 && has_region(&asked, p->region));
	}
	return n;
}

/* The request for our region that ends last. */
struct heard {
	uint16_t from, expiry;
	int64_t left_s; /* 0: there is none */
};

static void
hear(struct heard *h, const struct heed_in *in, int from, uint16_t expiry)
{
	int64_t left = beacon_expires_s(expiry, in->wall_s);

	if (heed_sound(expiry, in->wall_s) && left > h->left_s)
		*h = (struct heard){(uint16_t)from, expiry, left};
}

static struct heard
survey(const struct heed_conf *conf, const struct heed_in *in, struct heed_out *out, bool *deaf)
{
	struct heard h = {0};

	*deaf = false;
	if (in->own_region != 0 && in->own_region == conf->region)
		hear(&h, in, conf->id, in->own_expiry);
	for (int i = 0; i < in->n_peers; i++) {
		const struct peer *p = &in->peers[i];

		if (p->request_region == 0)
			continue;
		out->requests++;
		out->absurd += !heed_sound(p->request_expiry, in->wall_s);
		if (p->request_region != conf->region || conf->region == 0)
			continue;
		if (conf->others)
			hear(&h, in, p->id, p->request_expiry);
		else
			*deaf |= heed_sound(p->request_expiry, in->wall_s);
	}
	return h;
}

static bool
in_view(const struct heed_conf *conf, const struct heed_in *in, uint16_t id)
{
	if (id == conf->id)
		return true;
	for (int i = 0; i < in->n_peers; i++)
		if (in->peers[i].id == id)
			return true;
	return false;
}

static void
wake(struct heed_out *out, struct mono at)
{
	out->next = mono_min(out->next, at);
}

static void
end(struct heed_out *out, enum heed_word word)
{
	out->state = (struct heed){.barred = out->state.barred};
	out->word = word;
}

/* On, and nothing says so any more: until one settle is over. */
static void
keep(const struct heed_conf *conf, struct heed_out *out, struct mono since, enum heed_word after,
    struct mono now)
{
	struct heed *s = &out->state;
	struct mono ends;

	if (!mono_is_set(s->lost))
		s->lost = since;
	ends = mono_add_ms(s->lost, conf->settle_ms);
	if (mono_before(now, ends)) {
		out->word = HEED_KEPT;
		wake(out, ends);
		return;
	}
	s->barred = now;
	end(out, after);
}

/* Who asked is in view and does not ask any more: a second view must say so, since a request and
 * the rung beside it may arrive one after the other. */
static void
not_heard(
    const struct heed_conf *conf, const struct heed_in *in, struct heed_out *out, struct mono now)
{
	struct heed *s = &out->state;
	bool quiet = s->from != 0 && in_view(conf, in, s->from);

	if (quiet &&
	    (s->from == conf->id || (mono_is_set(s->lost) && mono_before(s->lost, in->view_at))))
		end(out, HEED_NONE);
	else
		keep(conf, out, in->view_at, HEED_NONE, now);
	if (quiet && out->state.on)
		out->word = HEED_ON;
}

static void
hold(struct heed_out *out, const struct heard *h, struct mono now)
{
	struct mono until = mono_add_ms(now, h->left_s * 1000);
	struct heed *s = &out->state;
	int64_t moved = mono_is_set(s->until) ? mono_diff_ms(until, s->until) : INT64_MAX;

	if (!s->on || s->from != h->from || moved > JITTER_MS || moved < -JITTER_MS)
		s->until = until;
	s->on = true;
	s->from = h->from;
	s->lost = MONO_NEVER;
	out->word = HEED_ON;
}

static void
weigh(const struct heed_conf *conf, struct heed_out *out, const struct heard *h, struct mono now)
{
	struct heed *s = &out->state;
	struct mono again =
	    mono_is_set(s->barred) ? mono_add_ms(s->barred, conf->settle_ms) : MONO_NEVER;

	if (out->takers < conf->needed) {
		s->barred = now;
		end(out, HEED_FEW);
	} else if (!s->on && mono_is_set(again) && mono_before(now, again)) {
		out->word = HEED_WAIT;
		wake(out, again);
	} else {
		hold(out, h, now);
	}
}

struct heed_out
heed_step(
    const struct heed_conf *conf, struct heed state, const struct heed_in *in, struct mono now)
{
	struct heed_out out = {
	    .state = state, .word = HEED_NONE, .takers = -1, .next = MONO_FOREVER};
	struct heard h;
	bool deaf;

	ENSURE(conf->needed > 0);
	if (state.on && mono_is_set(state.until) && !mono_before(now, state.until))
		end(&out, HEED_NONE);
	if (!in->fresh) {
		if (out.state.on)
			keep(conf, &out, now, HEED_BLIND, now);
		return out;
	}
	h = survey(conf, in, &out, &deaf);
	if (conf->region == 0)
		return out;
	out.takers = heed_takers(in, conf->region, !out.state.on && h.left_s > 0);
	if (h.left_s > 0)
		weigh(conf, &out, &h, now);
	else if (deaf)
		end(&out, HEED_DEAF);
	else if (out.state.on && out.takers < conf->needed) {
		out.state.barred = now;
		end(&out, HEED_FEW);
	} else if (out.state.on)
		not_heard(conf, in, &out, now);
	if (out.state.on && mono_is_set(out.state.until))
		wake(&out, out.state.until);
	return out;
}
