/*
 * birdrows: rows of BIRD 2's replies as structs. Pure.
 *
 * Each parser takes one line's code and text as birdline gives them, and says whether it was a row
 * of its kind; other lines (headers, what a later BIRD adds) are passed over. Text longer than a
 * field is cut. Formats as shown by BIRD 2.0.12; transcripts in tests/unit/data/bird/.
 */
#ifndef BGPCTL_BIRDROWS_H
#define BGPCTL_BIRDROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/addr.h"

#define BIRD_NAME 64
#define BIRD_INTERFACE 32
#define BIRD_NEIGHBOR (ADDR_TEXT + BIRD_INTERFACE) /* an address, `%` and its interface */

/* A row of `show protocols` (1002). */
struct bird_protocol {
	char name[BIRD_NAME], proto[16], table[BIRD_NAME], state[16], since[32], info[64];
};
bool birdrows_protocol(int code, const char *text, struct bird_protocol *out);

/* `show protocols all S`: its row, then its details (1002, 1006), gathered line by line. */
struct bird_details {
	struct bird_protocol row;
	char neighbor[BIRD_NEIGHBOR]; /* with `%INTERFACE` where the configuration names one */
	int64_t neighbor_as, local_as;
	bool external;	      /* "Session: external" */
	bool local_restarts;  /* "graceful restart on": our routes are kept while we restart */
	int hold_s;	      /* -1: no session */
	char table[N_FAMILIES][BIRD_NAME]; /* of the channel; "" without one */
	/* private */
	int8_t channel, capabilities;
	bool restart;
};
void birdrows_details_init(struct bird_details *d);
void birdrows_details(int code, const char *text, struct bird_details *d);

/* A row of `show bfd sessions` (1020). */
struct bird_bfd {
	char address[ADDR_TEXT], interface[BIRD_INTERFACE], state[16];
};
bool birdrows_bfd(int code, const char *text, struct bird_bfd *out);
/* Whether the row is of the BGP session with that neighbour. */
bool birdrows_bfd_with(const struct bird_bfd *row, const char *neighbor);

/* `show status` (1000, 1011), gathered line by line. */
#define BIRD_UNDO_SCHEDULED 22 /* in answer to `configure status` */

struct bird_status {
	char version[32], boot[32], reconfigured[32];
	bool reconfiguring;
};
void birdrows_status(int code, const char *text, struct bird_status *out);
/* Whether two such times mean the same instant: BIRD derives them from two clocks whenever it is
 * asked, so they waver by a millisecond. */
bool birdrows_same_time(const char *a, const char *b);

/* Routes of one `show route` (1007 ...; with `all` also 1008, 1012), in BIRD's order: best first.
 */
#define BIRD_ROUTES 12
#define BIRD_COMMUNITIES 24
#define BIRD_PATH 16
struct bird_route {
	char net[PREFIX_TEXT], table[BIRD_NAME], type[16], protocol[BIRD_NAME];
	bool best;
	int64_t preference;
	bool attributes; /* some attribute row was seen */
	bool cut;	 /* some of what follows did not fit, or BIRD cut a line */
	int n_path;
	uint32_t path[BIRD_PATH]; /* AS sequence; members of sets are flattened */
	int64_t med, local_pref;  /* -1: none */
	int n_communities, n_large;
	uint32_t communities[BIRD_COMMUNITIES][2], large[BIRD_COMMUNITIES][3];
};
struct bird_routes {
	int n;
	bool more; /* there were others after these */
	char table[BIRD_NAME], net[PREFIX_TEXT];
	struct bird_route routes[BIRD_ROUTES];
};
void birdrows_routes_init(struct bird_routes *r);
void birdrows_routes(int code, const char *text, struct bird_routes *r);

bool bird_route_has(const struct bird_route *r, uint32_t asn, uint32_t value);
bool bird_route_has_large(const struct bird_route *r, uint32_t asn, uint32_t a, uint32_t b);

#endif
