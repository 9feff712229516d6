/*
 * door: the two locks of each rung of one lane, and the order in which they move. Pure.
 *
 * A rung's route reaches BIRD's table only when its protocol is enabled and its gate (an
 * address-less link) is up. door_step() compares what is wanted with what was observed and says
 * what to do next; it is called with every observation and at every deadline, so a lost command, a
 * restarted BIRD or a foreign `configure` is one more difference to settle, not a case of its own.
 * Design, section 4.
 */
#ifndef BGPCTL_DOOR_H
#define BGPCTL_DOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "bgpctl/site.h"
#include "lib/mono.h"

enum lock { LOCK_UNKNOWN, LOCK_ABSENT, LOCK_CLOSED, LOCK_OPEN };

/* What one session sends for one prefix. */
enum sent { SENT_UNKNOWN, /* session down, or no answer */ SENT_NOTHING, SENT_OURS, SENT_FOREIGN };

struct sending {
	enum sent sent;
	int8_t rung;	 /* SENT_OURS */
	bool attributes; /* the filter makes of it what the rung says */
	char protocol[32]; /* SENT_FOREIGN: from which protocol; SENT_OURS: ours */
};

struct door_view { /* observation; stale parts are UNKNOWN */
	bool bird_answers;
	struct mono bird_at;	       /* when the last whole observation by the socket began */
	enum lock protocol[MAX_RUNGS]; /* [0] unused */
	enum lock gate[MAX_RUNGS];
	uint32_t in_table[MAX_RUNGS];  /* bit per prefix: its route stands in BIRD's table */
	int n_prefixes, n_sessions;
	uint32_t aside; /* sessions for beacons alone: they lack nothing by sending none of ours */
	struct sending sending[MAX_PREFIXES][MAX_SESSIONS]; /* only sessions of this family */
};

enum door_alarm { /* bits */
	ALARM_BIRD_SILENT = 1,	 /* no answer over the socket */
	ALARM_PROTOCOL_MISSING = 2, /* include file not in force */
	ALARM_GATE_FAILED = 4,
	ALARM_ONE_LOCK = 8,	 /* closed by one lock only */
	ALARM_UNPROVEN = 16,	 /* ordered, and not seen at any session in time */
	ALARM_COVERED = 32,	 /* silent, yet exported from somebody else's protocol */
	ALARM_ATTRIBUTES = 64,	 /* exported without the rung's attributes */
	ALARM_PARTIAL = 128,	 /* proven at some sessions, not at all that are up */
	ALARM_NO_SESSION = 256,
	ALARM_HAND = 512,	 /* a protocol was disabled by hand */
};
#define N_DOOR_ALARMS 10
/* Of 1 << n, 0 <= n < N_DOOR_ALARMS: "bird_silent", ... */
const char *door_alarm_name(int n);

struct door {
	int8_t order;	 /* wanted rung */
	int8_t proven;	 /* rung proven for this order, -1 none */
	bool made;	 /* the wanted rung's route stands (or waiting for that is over) */
	struct mono ordered_at, proven_at, next_try;
	uint16_t tries;
	bool commanded[MAX_RUNGS]; /* protocols that we enabled and whose rung was proven since */
	int8_t hand;	 /* rung whose protocol somebody disabled, -1 none */
	uint32_t alarms;
	char covered_by[32]; /* the foreign protocol whose route some session sends, "" none */
	uint32_t corrections; /* protocols closed again that somebody else had enabled */
	/* private */
	bool settled;	      /* nothing to do and proven, at the last step */
	uint8_t looks;	      /* since something moved: the next one comes later */
	uint32_t asked;	      /* actions given out and not seen done, a bit each */
	struct mono asked_at; /* when the last of them was, for the first time */
	struct mono unproven_since, hand_since, look_at;
};

enum door_do { DOOR_ENABLE = 1, DOOR_DISABLE, DOOR_GATE_UP, DOOR_GATE_DOWN, DOOR_GATE_MAKE };
struct door_action {
	enum door_do what;
	int8_t rung;
};
struct door_out {
	struct door state;
	int n;
	struct door_action actions[4 * MAX_RUNGS];
	struct mono look; /* observe again at this time at the latest */
};

struct door_conf {
	int n_rungs;
	int64_t make_ms;    /* a fall waits at most so long for the lower rung's route to stand */
	int64_t prove_ms;   /* unproven so long: alarm */
	int64_t retry_min_ms, retry_max_ms, poll_ms;
};

/*
 * What the order of moves promises:
 * - silent: every lock of every rung is closed at once, and whatever BIRD does, no gate is left
 * open;
 * - from rung to rung the target is opened first. A better rung is closed when the target's route
 *   stands in the table (or make_ms have passed), a worse one when the target is proven;
 * - proven == order >= drain: at least one session sends all prefixes from the order's own
 * protocol, its gate is up, and that was seen by an observation begun after the order;
 * - proven == silent: no session sends any of our rungs and every rung is shut by at least one lock
 *   (by one alone is ALARM_ONE_LOCK). Somebody else's route for the prefix is ALARM_COVERED, and
 *   leaves the proof of our own part as it is;
 * - the proof is level-triggered: it is lost when BIRD stops answering or the export ends;
 * - a proven rung's protocol found disabled for HAND_SETTLE_MS is an operator's hand: not enabled
 *   again until somebody enables it, or the rung is ordered anew.
 */
#define HAND_SETTLE_MS 200

struct door door_init(struct mono now);
/* The rung that locks and exports show, for adoption: -1 when it cannot be told. */
int door_shown(const struct door_view *view, int n_rungs);
/* What the gates alone say: the rung of the only one that is open, silent when none is, -1 when it
 * cannot be told. */
int door_gate_shown(const struct door_view *view, int n_rungs);
/* A new order; the one in force already changes nothing. */
struct door door_order(struct door d, int rung, struct mono now);
struct door_out door_step(const struct door_conf *conf, struct door d,
    const struct door_view *view, struct mono now);

/* Did anything change that an operator would want to see? */
bool door_differs(const struct door *a, const struct door *b);
bool door_view_differs(const struct door_view *a, const struct door_view *b);

#endif
