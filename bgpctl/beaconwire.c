/*
 * beaconwire: see the header. An announcing rung's beacon leads through that rung's gate, so that
 * the kernel drops it with the gate; all others are blackholes. What cannot be written because its
 * gate is down is not there, which is the truth, and is tried again with the next poll.
 */
#include "bgpctl/beaconwire.h"

#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/ensure.h"
#include "lib/event.h"

#define MAX_LISTED (MAX_LANES * N_BEACON_KINDS * 4)

struct beaconwire {
	const struct site *site;
	struct beaconkernel *kernel;
	uint16_t nonce;
	uint32_t lanes; /* that have beacons */
	int8_t rung[MAX_LANES];
	bool ours[MAX_LANES]; /* told by us; else what a predecessor left is let be */
	struct beacon_words words[MAX_LANES];
	char trouble[400]; /* said already */
	int n_want, n_have;
	struct kernel_beacon want[MAX_LANES * N_BEACON_KINDS], have[MAX_LISTED];
};

static uint32_t
families(const struct beaconwire *w)
{
	uint32_t bits = 0;

	for (int lane = 0; lane < MAX_LANES; lane++)
		if (w->lanes >> lane & 1)
			bits |= 1u << lane_family(lane);
	return bits;
}

static void
say_trouble(struct beaconwire *w, const struct err *err)
{
	if (strncmp(w->trouble, err->text, sizeof(w->trouble) - 1) == 0)
		return;
	snprintf(w->trouble, sizeof(w->trouble), "%s", err->text);
	event_say(EVENT_ALARM, "fleet", "%s; the fleet sees an old beacon of this node, or none",
	    err->text);
}

static bool
is_own(const struct beaconwire *w, int lane, const struct kernel_beacon *k, enum beacon_kind kind,
    struct beacon *out)
{
	return beacon_parse(lane_beacons(w->site, lane), &k->net, k->number,
		   (int)w->site->fleet.size, w->site->n_rungs, out) == BEACON_OK &&
	       out->id == w->site->fleet.id && out->kind == kind;
}

static void
adopt_lane(struct beaconwire *w, int lane, const struct kernel_beacon *have, int n)
{
	struct beacon_words *words = &w->words[lane];
	struct beacon b;

	for (int i = 0; i < n; i++)
		if (is_own(w, lane, &have[i], BEACON_RUNG, &b)) {
			w->nonce = b.nonce;
			w->rung[lane] = (int8_t)b.rung.rung;
			words->load = b.rung.load;
			words->flags = b.rung.flags;
		}
	/* An intent of another nonce than the rung's was told by nobody whom we follow. */
	for (int i = 0; i < n; i++)
		if (is_own(w, lane, &have[i], BEACON_INTENT, &b) && w->rung[lane] >= 0 &&
		    b.nonce == w->nonce) {
			words->severity = b.intent.severity;
			words->fault = b.intent.fault;
		}
}

/* What a predecessor told; the brain that follows it is the same node to the others. */
static void
adopt(struct beaconwire *w, const struct kernel_beacon *have, int n)
{
	for (int lane = 0; lane < MAX_LANES; lane++)
		if (w->lanes >> lane & 1)
			adopt_lane(w, lane, have, n);
}

struct beaconwire *
beaconwire_new(const struct site *site, struct err *err)
{
	struct beaconkernel *kernel = beaconkernel_open(err);
	struct beaconwire *w;
	struct err trouble;
	int n;

	if (!kernel)
		return NULL;
	w = calloc(1, sizeof(*w));
	ENSURE(w);
	w->site = site;
	w->kernel = kernel;
	w->lanes = lanes_with_beacons(site, 3);
	memset(w->rung, -1, sizeof(w->rung));
	for (int i = 0; i < MAX_LANES; i++)
		w->words[i].load = BEACON_LOAD_UNKNOWN;
	n = beaconkernel_list(kernel, families(w), w->have, MAX_LISTED, &trouble);
	adopt(w, w->have, n);
	while (w->nonce == 0) {
		ENSURE(getrandom(&w->nonce, sizeof(w->nonce), 0) == sizeof(w->nonce));
		w->nonce &= (1u << BEACON_NONCE_BITS) - 1;
	}
	return w;
}

uint16_t
beaconwire_nonce(const struct beaconwire *w)
{
	return w->nonce;
}

int
beaconwire_rung(const struct beaconwire *w, int lane)
{
	return w->rung[lane];
}

static void
wish(struct beaconwire *w, int lane, const struct beacon *b, int link)
{
	struct kernel_beacon *k = &w->want[w->n_want];

	if (!beacon_route(lane_beacons(w->site, lane), b->kind, b->id, &k->net))
		return;
	k->number = beacon_number(b);
	k->link = link;
	w->n_want++;
}

static void
wish_lane(struct beaconwire *w, int lane)
{
	const struct beacon_words *words = &w->words[lane];
	struct beacon b = {.id = (uint16_t)w->site->fleet.id, .nonce = w->nonce};
	int rung = w->rung[lane];
	char gate[LOCK_NAME];
	int link = 0;

	/* The intent before the rung's flag that speaks of it. */
	if (words->severity != SEVERITY_NONE) {
		b.kind = BEACON_INTENT;
		b.intent.severity = words->severity;
		b.intent.fault = words->fault;
		wish(w, lane, &b, 0);
	}
	if (words->request_region != 0) {
		b.kind = BEACON_REQUEST;
		b.request.region = words->request_region;
		b.request.expiry = words->request_expiry;
		wish(w, lane, &b, 0);
	}
	if (rung > RUNG_SILENT)
		link = (int)if_nametoindex(lane_gate(w->site, lane, rung, gate));
	b.kind = BEACON_RUNG;
	b.rung.rung = (uint8_t)rung;
	b.rung.load = words->load;
	b.rung.flags = words->flags;
	if (rung == RUNG_SILENT || link != 0)
		wish(w, lane, &b, link);
	if (w->site->fleet.n_watch > 0) {
		b.kind = BEACON_VERDICTS;
		memcpy(b.verdicts, words->verdicts, sizeof(b.verdicts));
		wish(w, lane, &b, 0);
	}
}

static bool
same(const struct kernel_beacon *a, const struct kernel_beacon *b)
{
	return a->number == b->number && a->link == b->link && prefix_equal(&a->net, &b->net);
}

static bool
is_among(const struct kernel_beacon *b, const struct kernel_beacon *list, int n)
{
	for (int i = 0; i < n; i++)
		if (same(b, &list[i]))
			return true;
	return false;
}

/* Is this route of a lane whose beacons are not ours to judge yet? */
static bool
is_left_alone(const struct beaconwire *w, const struct kernel_beacon *b)
{
	for (int lane = 0; lane < MAX_LANES; lane++)
		if (w->lanes >> lane & 1 && !w->ours[lane] &&
		    prefix_holds(lane_beacons(w->site, lane), &b->net.addr))
			return true;
	return false;
}

/* Is another number of it wanted? */
static bool
is_replaced(const struct beaconwire *w, const struct kernel_beacon *b)
{
	for (int i = 0; i < w->n_want; i++)
		if (prefix_equal(&b->net, &w->want[i].net))
			return true;
	return false;
}

/* Numbers that are replaced go before beacons that are gone: a flag before the intent that it
 * speaks of. */
static int
take_away(struct beaconwire *w, bool replaced, struct err *err)
{
	int failed = 0;

	for (int i = 0; i < w->n_have; i++)
		if (is_replaced(w, &w->have[i]) == replaced &&
		    !is_among(&w->have[i], w->want, w->n_want) && !is_left_alone(w, &w->have[i]) &&
		    beaconkernel_delete(w->kernel, &w->have[i], err) == -1)
			failed = -1;
	return failed;
}

/* Not `listed`: what is there is from the last time; adding what is there is no harm. */
static int
settle(struct beaconwire *w, bool listed, struct err *err)
{
	struct err later;
	int failed = listed ? 0 : -1;

	for (int i = 0; i < w->n_want; i++)
		if (!(listed && is_among(&w->want[i], w->have, w->n_have)) &&
		    beaconkernel_add(w->kernel, &w->want[i], failed ? &later : err) == -1)
			failed = -1;
	if (take_away(w, true, failed ? &later : err) < 0)
		failed = -1;
	if (take_away(w, false, failed ? &later : err) < 0)
		failed = -1;
	return failed;
}

void
beaconwire_sync(struct beaconwire *w)
{
	struct err err;
	int n;

	w->n_want = 0;
	for (int lane = 0; lane < MAX_LANES; lane++)
		if (w->lanes >> lane & 1 && w->ours[lane])
			wish_lane(w, lane);
	n = beaconkernel_list(w->kernel, families(w), w->have, MAX_LISTED, &err);
	w->n_have = n < 0 ? w->n_have : n;
	if (settle(w, n >= 0, &err) < 0)
		say_trouble(w, &err);
	else
		w->trouble[0] = '\0';
}

void
beaconwire_tell(struct beaconwire *w, int lane, int rung)
{
	if (!(w->lanes >> lane & 1) || rung < 0 || (w->ours[lane] && w->rung[lane] == rung))
		return;
	w->rung[lane] = (int8_t)rung;
	w->ours[lane] = true;
	beaconwire_sync(w);
}

struct beacon_words
beaconwire_words(const struct beaconwire *w, int lane)
{
	return w->words[lane];
}

void
beaconwire_say(struct beaconwire *w, int lane, const struct beacon_words *words)
{
	if (!(w->lanes >> lane & 1) || memcmp(&w->words[lane], words, sizeof(*words)) == 0)
		return;
	w->words[lane] = *words;
	if (w->ours[lane])
		beaconwire_sync(w);
}

void
beaconwire_free(struct beaconwire *w)
{
	if (!w)
		return;
	beaconkernel_close(w->kernel);
	free(w);
}
