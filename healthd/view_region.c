/*
 * view_region: drains of regions as people and programs are shown them. docs/control.md is the
 * contract.
 */
#include "healthd/view.h"

#include <stdio.h>
#include <time.h>

#include "healthd/jsontext.h"

/* Only names' digests travel; ours, those that are configured, and the one that is asked for here
 * we know by name. */
static json_t *
region_text(const struct brain *b, const struct lane *lane, uint16_t region)
{
	const char *name = site_region(&b->settings.site, region);
	char text[16];

	if (name != NULL)
		return json_string(name);
	if (lane->ask.set && region == beacon_region(lane->ask.region))
		return json_string(lane->ask.region);
	snprintf(text, sizeof(text), "#%04x", region);
	return json_string(text);
}

static json_t *
view_ask(const struct lane *lane, struct mono now)
{
	const struct ask *a = &lane->ask;

	if (!a->set)
		return json_null();
	return json_pack("{sssososo}", "region", a->region, "left_s", view_left(a->until, now),
	    "who", jsontext(a->who), "reason", jsontext(a->reason));
}

json_t *
view_region_requests(const struct brain *b, const struct lane *lane)
{
	const struct fleet_view *v = fleetwatch_view(b->fleet.watch, lane->index);
	int64_t wall = (int64_t)time(NULL);
	json_t *all = json_array();

	for (int i = 0; i < v->n_peers; i++) {
		const struct peer *p = &v->peers[i];

		if (p->request_region != 0)
			json_array_append_new(all,
			    json_pack("{sisososb}", "id", (int)p->id, "region",
				region_text(b, lane, p->request_region), "left_s",
				view_seconds(beacon_expires_s(p->request_expiry, wall) * 1000000),
				"sound", (int)heed_sound(p->request_expiry, wall)));
	}
	return all;
}

json_t *
view_region_drain(const struct lane *lane, struct mono now)
{
	const struct heed_out *h = &lane->heeded;

	return json_pack("{sbsssssosososiso}", "on", (int)h->state.on, "word",
	    heed_word_name(h->word), "because", heed_word_means(h->word), "from",
	    h->state.from != 0 ? json_integer(h->state.from) : json_null(), "left_s",
	    h->state.on ? view_left(h->state.until, now) : json_null(), "takers",
	    h->takers >= 0 ? json_integer(h->takers) : json_null(), "absurd", h->absurd,
	    "asked_here", view_ask(lane, now));
}

/* --- /metrics --------------------------------------------------------------------------------- */

static const struct {
	const char *name, *help;
} METRICS[] = {
    {"region_drain", "1 while this node drains because its region is asked to."},
    {"region_asked_here", "1 while this node asks a region to drain."},
    {"region_requests", "Requests of others in view, for whatever region."},
    {"region_requests_absurd", "Of them: over, or further ahead than any that we write."},
};

static int
number_of(const struct lane *lane, size_t metric)
{
	const int numbers[] = {
	    lane->heed.on, lane->ask.set, lane->heeded.requests, lane->heeded.absurd};

	return numbers[metric];
}

void
metrics_region(FILE *f, const struct brain *b)
{
	uint32_t lanes = lanes_with_beacons(&b->settings.site, 3);

	for (size_t m = 0; m < sizeof(METRICS) / sizeof(METRICS[0]); m++) {
		metrics_head(f, METRICS[m].name, "gauge", METRICS[m].help);
		for (int l = 0; l < MAX_LANES; l++)
			if (lanes >> l & 1)
				fprintf(f, "anypop_%s{service=\"%s\",family=\"%s\"} %d\n",
				    METRICS[m].name,
				    b->settings.site.services[lane_service(l)].name,
				    family_name(lane_family(l)), number_of(&b->lanes[l], m));
	}
}
