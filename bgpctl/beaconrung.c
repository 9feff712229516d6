/*
 * beaconrung: which rung a beacon may say. Pure; see beaconwire.h.
 */
#include "bgpctl/beaconwire.h"

static int
least(int a, int b)
{
	return a < b ? a : b;
}

/* What this session sends of all the lane's prefixes; silent when it is down or lacks one. */
static int
rung_sent(const struct door_view *view, int session)
{
	int rung = view->n_prefixes > 0 ? MAX_RUNGS : RUNG_SILENT;

	for (int i = 0; i < view->n_prefixes; i++) {
		const struct sending *s = &view->sending[i][session];

		rung = least(rung, s->sent == SENT_OURS ? s->rung : RUNG_SILENT);
	}
	return rung;
}

int
beacon_rung_of(const struct door *door, int told, const struct door_view *view, uint32_t exits)
{
	int order = door->order;
	int out = RUNG_SILENT;

	if (order < 0)
		return -1;
	if (!view->bird_answers || !mono_before(door->ordered_at, view->bird_at))
		return told < 0 ? RUNG_SILENT : least(order, told);
	for (int i = 0; i < view->n_sessions; i++)
		if (exits >> i & 1 && rung_sent(view, i) > out)
			out = rung_sent(view, i);
	/* BIRD has not been looked at since the gate went: that look raises nothing. */
	if (out > RUNG_SILENT && view->gate[out] != LOCK_OPEN)
		out = told < 0 ? RUNG_SILENT : least(out, told);
	return least(order, out);
}
