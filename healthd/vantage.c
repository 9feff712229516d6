#include "healthd/vantage.h"

#include <stddef.h>

static enum beacon_verdict
word_of(enum verdict v)
{
	switch (v) {
	case VERDICT_OK:
		return BEACON_WELL;
	case VERDICT_FAIL:
		return BEACON_FAILED;
	default:
		return BEACON_UNKNOWN;
	}
}

struct vantage
vantage_step(struct vantage v, enum verdict now_is, int64_t hold_ms, struct mono now)
{
	enum beacon_verdict to = word_of(now_is);
	bool held = mono_is_set(v.changed) && mono_diff_ms(now, v.changed) < hold_ms;

	if (to == v.told || (held && to != BEACON_UNKNOWN))
		return v;
	return (struct vantage){.told = to, .changed = now};
}

static void
add_vote(struct vantage_votes *votes, const struct fleet_node *n, int id)
{
	for (int i = 0; i < MAX_WATCHED; i++) {
		if (n->watched[i] != id)
			continue;
		votes->watching++;
		votes->well += n->verdicts[i] == BEACON_WELL;
		votes->failed += n->verdicts[i] == BEACON_FAILED;
	}
}

struct vantage_votes
vantage_count(const struct fleet_view *v, int size, int id)
{
	struct vantage_votes votes = {0};

	for (int from = 1; from <= size; from++) {
		const struct fleet_node *n = &v->nodes[from];

		if (n->known && !n->conflict && n->peer.rung >= 0 && n->verdicts_known)
			add_vote(&votes, n, id);
	}
	return votes;
}

enum vantage_sense
vantage_majority(const struct vantage_votes *v, int min)
{
	int known = v->well + v->failed;

	if (known < min)
		return VANTAGE_NONE;
	if (2 * v->failed > known)
		return VANTAGE_FAILED;
	return 2 * v->well > known ? VANTAGE_WELL : VANTAGE_NONE;
}

bool
vantage_watched_as(const struct site *site, const uint16_t ids[static MAX_WATCHED])
{
	for (int i = 0; i < MAX_WATCHED; i++)
		if (ids[i] != (i < site->fleet.n_watch ? site->fleet.watch[i].id : 0))
			return false;
	return true;
}

const char *
beacon_verdict_name(enum beacon_verdict v)
{
	static const char *const names[] = {"unknown", "well", "failed"};

	return (size_t)v < sizeof(names) / sizeof(names[0]) ? names[v] : "?";
}
