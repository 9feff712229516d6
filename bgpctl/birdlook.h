/*
 * birdlook: one observation of BIRD as a run of questions. Pure.
 *
 * A round asks `show status`, with `attributes` also whether the configuration is to be undone,
 * `show protocols`, the details of sessions not known yet, BFD, and for every prefix of the lanes
 * looked at which of our routes stand in the table and what each session that is up sends: `show
 * route P exported S`, and where that changed (or `attributes` is wanted)
 * `show route P export S all`, which shows what the filter makes of it. The answers fill the views;
 * gates are not BIRD's and are left alone.
 */
#ifndef BGPCTL_BIRDLOOK_H
#define BGPCTL_BIRDLOOK_H

#include "bgpctl/birdrows.h"
#include "bgpctl/door.h"
#include "bgpctl/driver.h"
#include "bgpctl/site.h"

enum look_step {
	LOOK_STATUS, LOOK_UNDO, LOOK_PROTOCOLS, LOOK_DETAILS, LOOK_BFD, LOOK_TABLE, LOOK_SENT,
	LOOK_EXPORT, LOOK_END,
};

struct look_session {
	struct session_view view;
	bool known;		  /* the details below are of this session since `since` */
	bool external;
	char neighbor[BIRD_NEIGHBOR];
	char since[32];
};

struct birdlook {
	const struct site *site;  /* borrowed */
	struct door_view *views;  /* one per lane of the site; borrowed, filled */
	struct bird_status status;
	bool undo; /* what `configure timeout` brought in goes back unless it is confirmed */
	struct look_session sessions[MAX_SESSIONS]; /* as the site lists them */
	/* of the round */
	struct mono began;
	uint32_t lanes, tables; /* bits */
	bool attributes;
	enum look_step step;
	int lane, prefix, session; /* where it stands */
	/* private: what the present answer has told so far */
	char reconfigured[32];
	struct bird_routes routes;
	struct bird_details details;
};

/* `views` has room for n_services * N_FAMILIES; their shape (n_prefixes, n_sessions) is set here.
 */
void birdlook_init(struct birdlook *l, const struct site *site, struct door_view *views);
/* Forgets what BIRD said: it went away. */
void birdlook_lost(struct birdlook *l);
/* `tables`: those of `lanes` whose routes in BIRD's table matter too, since a door is on the move;
 * of the others `in_table` stays as it was. `attributes`: all tables and filters are looked at. */
void birdlook_begin(struct birdlook *l, uint32_t lanes, uint32_t tables, bool attributes,
    struct mono now);

#define LOOK_COMMAND 256
/* The question the round stands at; false when it is over. */
bool birdlook_command(const struct birdlook *l, char out[static LOOK_COMMAND]);
void birdlook_row(struct birdlook *l, int code, const char *text);
/* The answer is complete: moves on to the next question. */
void birdlook_done(struct birdlook *l, int code, const char *text);

/* The site's session behind index `i` of a lane's sendings, -1 none. */
int birdlook_session(const struct site *site, int lane, int i);
/* Is what the filter makes of our route for this rung what the configuration says? Also used by
 * doctor. `external`: eBGP. */
bool birdlook_dressed(const struct site *site, int rung, bool external,
    const struct bird_route *route);

#endif
