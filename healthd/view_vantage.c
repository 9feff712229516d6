/*
 * view_vantage: who says what of whom, as people and programs are shown it. docs/control.md is the
 * contract.
 */
#include "healthd/view.h"

#include <stdio.h>

#include "healthd/jsontext.h"

json_t *
view_watched(const struct brain *b, int lane, struct mono now)
{
	const struct site *site = &b->settings.site;
	json_t *all = json_array();
	char text[ADDR_TEXT];

	for (int p = 0; b->fleet.neighbours != NULL && p < site->fleet.n_watch; p++) {
		const struct neighbour *n = vantages_of(b, lane, p);
		const struct addr *a = watched_address(&site->fleet.watch[p], lane_family(lane));
		json_t *o = json_pack("{sisssb}", "id", (int)site->fleet.watch[p].id, "verdict",
		    beacon_verdict_name(n->told.told), "in_view", (int)n->in_view);

		json_object_set_new(
		    o, "address", a != NULL ? json_string(addr_render(a, text)) : json_null());
		json_object_set_new(o, "since_s", view_since(n->told.changed, now));
		json_object_set_new(
		    o, "window", a != NULL ? json_string(verdict_name(n->window.verdict))
					   : json_null());
		json_object_set_new(o, "why", jsontext(n->window.why));
		json_object_set_new(o, "rtt_us",
		    mono_is_set(n->last.at) && n->last.rtt_us >= 0 ? json_integer(n->last.rtt_us)
								   : json_null());
		json_array_append_new(all, o);
	}
	return all;
}

json_t *
view_hearsay(const struct brain *b, int lane, struct mono now)
{
	const struct hearsay *h = &b->fleet.hearsay[lane];

	return json_pack("{sssisisisiso}", "majority", vantage_sense_name(h->sense), "watching",
	    h->votes.watching, "well", h->votes.well, "failed", h->votes.failed, "min_vantages",
	    (int)b->settings.site.fleet.min_vantages, "since_s", view_since(h->since, now));
}

static void
put_labels(FILE *f, const struct brain *b, int lane)
{
	fprintf(f, "{service=\"%s\",family=\"%s\"",
	    b->settings.site.services[lane_service(lane)].name, family_name(lane_family(lane)));
}

static void
put_votes(FILE *f, const struct brain *b, int lane)
{
	const struct vantage_votes *v = &b->fleet.hearsay[lane].votes;
	const struct {
		const char *name;
		int n;
	} votes[] = {{"well", v->well}, {"failed", v->failed},
	    {"unknown", v->watching - v->well - v->failed}};

	for (size_t i = 0; i < sizeof(votes) / sizeof(votes[0]); i++) {
		fputs("anypop_fleet_vantages", f);
		put_labels(f, b, lane);
		fprintf(f, ",verdict=\"%s\"} %d\n", votes[i].name, votes[i].n);
	}
}

static void
put_watched(FILE *f, const struct brain *b, int lane)
{
	const struct site *site = &b->settings.site;

	for (int p = 0; b->fleet.neighbours != NULL && p < site->fleet.n_watch; p++) {
		fputs("anypop_fleet_watched", f);
		put_labels(f, b, lane);
		fprintf(f, ",node=\"%lld\"} %d\n", (long long)site->fleet.watch[p].id,
		    (int)vantages_of(b, lane, p)->told.told);
	}
}

void
metrics_vantages(FILE *f, const struct brain *b)
{
	uint32_t lanes = lanes_with_beacons(&b->settings.site, 3);

	metrics_head(f, "fleet_majority", "gauge",
	    "What most of those who watch us say: 0 none, 1 well, 2 failed.");
	for (int l = 0; l < MAX_LANES; l++)
		if (lanes >> l & 1) {
			fputs("anypop_fleet_majority", f);
			put_labels(f, b, l);
			fprintf(f, "} %d\n", (int)b->fleet.hearsay[l].sense);
		}
	metrics_head(f, "fleet_vantages", "gauge", "Nodes that watch us, by what they say.");
	for (int l = 0; l < MAX_LANES; l++)
		if (lanes >> l & 1)
			put_votes(f, b, l);
	metrics_head(f, "fleet_watched", "gauge",
	    "What we say of a watched node: 0 not known, 1 well, 2 failed.");
	for (int l = 0; l < MAX_LANES; l++)
		if (lanes >> l & 1)
			put_watched(f, b, l);
}
