/*
 * bond: the messages between keeper and brain, over one SOCK_SEQPACKET pair. Fixed structs of one
 * version: both sides are the same release (the keeper checks HELLO and starts the brain anew when
 * it is not).
 */
#ifndef HEALTHD_BOND_H
#define HEALTHD_BOND_H

#include <stdbool.h>
#include <stdint.h>

#include "healthd/supervise.h"
#include "lib/mono.h"

#define BOND_VERSION 4
#define BOND_FD 3 /* the brain finds its end here */

enum bond_type {
	/* brain to keeper */
	BOND_HELLO = 1, /* version; asks for ROSTER */
	BOND_LEASE,	/* I am well; ready = bits of slots whose worker serves by my last probes;
			   text = one line for `systemctl status` ("" = as before) */
	BOND_START,	/* slot */
	BOND_STOP,	/* slot, signal */
	BOND_UPGRADE,	/* re-exec yourself and replace me (the same as SIGHUP) */
	BOND_DRAINED,	/* shutdown: silent is proven or its time is up; stop the workers now */
	/* keeper to brain */
	BOND_ROSTER,	/* one per slot that runs: slot, pid, at_us = started at; ready != 0: it was
			   ready by the last brain's word. Ends with slot -1, and status = how
			   many engines to keep running, in the slots from ENGINE_SLOT on;
			   ready != 0: and one in PROBATION_SLOT */
	BOND_STARTED,	/* slot, pid, at_us */
	BOND_FAILED,	/* slot, status = errno: could not start; EEXIST: pid runs there */
	BOND_EXITED,	/* slot, pid, status */
	BOND_SHUTDOWN,	/* SIGTERM: drain, go silent, say DRAINED */
	BOND_YIELD,	/* save your state and exit 0 now; a successor adopts */
	BOND_NOTE,	/* text: something to log and show (the configuration is broken: ...) */
	BOND_SNAPSHOT,	/* after the roster where the shared cache is written to a file, and at each
			   end of such a writing: snapshots; status = how often, in seconds, 0: only
			   when all ends */
};

/* What became of the snapshots of the shared cache, since there has been a keeper. */
struct snapshots {
	uint64_t written, failed;
	struct mono written_at; /* the last one; never: none yet */
	int64_t entries, bytes; /* of that one; -1: not known */
};

struct bond_message {
	uint32_t type;
	int32_t slot;
	int32_t pid;
	int32_t status; /* wait status, errno, or signal */
	uint64_t ready; /* BOND_LEASE */
	int64_t at_us;
	struct snapshots snapshots; /* BOND_SNAPSHOT */
	uint32_t version;
	char text[256];
};

/*
 * 1 sent or received, 0 would block, -1 the other end is gone or the message is not one of ours
 * (size, version, type, slot, text without an end): close then. Never blocks. bond_send() fills in
 * `version`. A received slot is -1 or a valid index below MAX_SLOTS.
 */
int bond_send(int fd, const struct bond_message *m);
int bond_receive(int fd, struct bond_message *m);

#endif
