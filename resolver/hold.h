/*
 * hold: what of the resolver outlives its processes, under which names. healthd's keeper holds it
 * and knows no more than the names; this room says what is to be held, and makes it.
 *
 *     udp.W.L    UDP socket of worker W, at the configuration's listen address number L
 *     tcp.L      listening TCP socket of listen address L, shared by all workers
 *     listen.E   listening socket of engine E, at run_dir/engine-E.sock
 *     shard.E    engine E's shard of the cache (l2_make())
 *     hits.E     what workers tell engine E of hits in its shard (l2_hits_make()); both write it
 *     score.wW   worker W's scoreboard; score.eE: engine E's
 *     listen.probation, score.probation   the probation engine's, if there is to be one
 *     quarantine  its memory of what ended it (quarantine.h)
 *     secret     what cookies are made with where no file says it (secret.h)
 *     board      who reads whose sockets (lib/board.h), the holder's own
 *     reply      where `hold` sends what it made, a SEQPACKET socket
 *
 * The kernel numbers the UDP sockets that share an address by the order of their bind, and whoever
 * steers datagrams steers by that number. So those of one address are bound in the order W = 0, 1,
 * 2, ..., and none is let go as long as its address is configured, however few workers there are.
 */
#ifndef RESOLVER_HOLD_H
#define RESOLVER_HOLD_H

#include <stdbool.h>

#include "lib/err.h"

#define HOLD_SLOTS_MAX 64 /* as many as a board has bits */
#define HOLD_BOARD "board"
#define HOLD_REPLY "reply"
#define HOLD_QUARANTINE "quarantine"
#define HOLD_SECRET "secret"

/* Is it such a name? `*slot` receives W, under HOLD_SLOTS_MAX. */
bool hold_is_udp(const char *name, unsigned *slot);
bool hold_is_tcp(const char *name);

/*
 * Reads the configuration at `path` and completes what the environment hands over (lib/held.h) to
 * what so many workers and the configured engines need: what fits is kept, by what it is rather
 * than by its name; the rest is made, what is new of the service's addresses only where nobody else
 * is bound. New shards, where none was handed over, are filled from the snapshot, if there is to be
 * one. Sends the whole set to `reply`, one descriptor a packet (held_send()), then the note "done":
 * "engines=E probe=ADDRESS PORT snapshot=S", where S is how often (seconds) the holder has a
 * snapshot written (`resolver cache snapshot`), 0: only when all ends, -1: never; or else the note
 * "error" with one sentence. Without a `reply` nothing is made: what would be is printed. 0, or -1
 * with the sentence.
 */
int hold_run(const char *path, int slots, struct err *err);

#endif
