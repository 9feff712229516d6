/*
 * board: what the keeper tells its workers, in shared memory (sealed, see sealed.h): which of them
 * read their sockets. Each worker's sockets are held by all; those of one that is not ready are
 * read by a neighbour, so that nobody who was queued there waits for its successor.
 *
 * The keeper is the only writer; readers get a descriptor reopened read-only. Never waits.
 */
#ifndef LIB_BOARD_H
#define LIB_BOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

#define BOARD_MAGIC 0x62706e61u /* "anpb" */
#define BOARD_VERSION 1

struct board {
	uint32_t magic, version, size, zero;
	_Alignas(64) _Atomic uint64_t ready; /* bit i: worker i is there and reads its sockets */
};

/* A fresh one; *fd is the writer's descriptor (owned by the caller). NULL on error. */
struct board *board_make(int *fd, struct err *err);
/* Maps an existing one: `writable` for the keeper. Size, magic and version are checked. */
struct board *board_map(int fd, bool writable, struct err *err);
void board_unmap(struct board *b); /* NULL is fine */

/*
 * Whose sockets worker `own` reads besides its own, of `n` workers: those that follow it and are
 * not ready, up to the next that is (the numbers taken as a ring), as bits. Of a board on which
 * `own` itself is not ready, none. So each unready worker has one neighbour who reads for it.
 */
uint64_t board_wards(uint64_t ready, unsigned own, unsigned n);

#endif
