/* fleetlook_fuzz: any reply through the frame into the view of a fleet. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bgpctl/birdline.h"
#include "bgpctl/fleetlook.h"

#define SIZE 20
#define N_RUNGS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct prefix prefixes[2], blocks[2];
static struct service service = {
    .name = "dns", .prefixes = prefixes, .n_prefixes = 2, .beacons = blocks, .n_beacons = 2};
static struct site site = {.services = &service,
    .n_services = 1,
    .n_rungs = N_RUNGS,
    .bird = {.asn = 64500},
    .fleet = {.size = SIZE, .id = 2}};
static struct fleet_node nodes[2][2][SIZE + 1];
static struct peer peers[2][SIZE + 1];

static void
begin(struct fleetlook *look, struct fleet_view views[2], enum family f)
{
	prefix_parse("192.0.2.0/24", &prefixes[0]);
	prefix_parse("2001:db8:53::/48", &prefixes[1]);
	prefix_parse("198.18.0.0/20", &blocks[0]);
	prefix_parse("fd00:53:b::/64", &blocks[1]);
	memset(nodes, 0, sizeof(nodes));
	for (int i = 0; i < 2; i++)
		views[i] = (struct fleet_view){
		    .peers = peers[i], .nodes = nodes[i][0], .next = nodes[i][1]};
	fleetlook_init(look, &site, 5, views);
	fleetlook_begin(look, f, (struct mono){1});
}

/* What the guard is promised of the peers. */
static void
check(const struct fleet_view *v)
{
	for (int i = 0; i < v->n_peers; i++) {
		const struct peer *p = &v->peers[i];

		if (p->id < 1 || p->id > SIZE || p->id == site.fleet.id ||
		    (i > 0 && p->id <= v->peers[i - 1].id) || p->rung < 0 || p->rung >= N_RUNGS ||
		    p->severity >= N_SEVERITIES || p->max_suspended > MAX_FLEET ||
		    v->nodes[p->id].conflict)
			abort();
	}
}

/* What whoever counts verdicts is promised: each place is about one other node, once, or nobody. */
static void
check_verdicts(const struct fleet_view *v)
{
	for (int id = 1; id <= SIZE; id++) {
		const struct fleet_node *n = &v->nodes[id];

		for (int i = 0; n->verdicts_known && i < MAX_WATCHED; i++) {
			if (n->watched[i] > SIZE || n->watched[i] == id ||
			    n->verdicts[i] > BEACON_FAILED ||
			    (n->watched[i] == 0 && n->verdicts[i] != BEACON_UNKNOWN))
				abort();
			for (int j = 0; j < i; j++)
				if (n->watched[i] != 0 && n->watched[i] == n->watched[j])
					abort();
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fleet_view views[2];
	struct fleetlook look;
	struct birdline l;
	size_t used;
	enum family f = size > 0 && data[0] == '6' ? FAMILY_V6 : FAMILY_V4;

	begin(&look, views, f);
	birdline_init(&l);
	for (size_t at = size > 0; at < size; at += used) {
		enum birdline_got got =
		    birdline_feed(&l, (const char *)data + at, size - at, &used);

		if (got == BIRDLINE_BROKEN)
			break;
		if (got == BIRDLINE_LAST)
			fleetlook_done(&look, l.code);
		else if (got != BIRDLINE_NOTHING)
			fleetlook_row(&look, l.code, l.text);
		if (got == BIRDLINE_LAST)
			fleetlook_begin(&look, f, (struct mono){2});
	}
	fleetlook_done(&look, 0);
	check(&views[f]);
	check_verdicts(&views[f]);
	return 0;
}
