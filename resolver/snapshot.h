/*
 * snapshot: the shared cache in a file, for the host's next boot (decision 0045). How it lies in
 * the file, and what becomes of it by the clocks: pure. Writing and reading it: snapshot_file.h.
 *
 *     head | record | record | ...
 *
 * A record is a packed entry (packed.h) with its body, its checksum seeded by the file's own
 * random seed; the head counts them, and has a digest of all their checksums in order. So any
 * octet that is not as it was written is found out, and so is a record that is missing, there
 * twice or elsewhere. None of that is proof against somebody who means to deceive: that only root
 * can write the file is. All of it is checked as if anybody had.
 *
 * Nothing in it depends on a shard's layout, size or number. Times are of CLOCK_BOOTTIME, which
 * begins anew at each boot: the head has both clocks at the end of the writing.
 */
#ifndef RESOLVER_SNAPSHOT_H
#define RESOLVER_SNAPSHOT_H

#include "lib/err.h"
#include "resolver/packed.h"

#define SNAPSHOT_BOOT_ID 16

struct snapshot_clock {
	uint8_t boot_id[SNAPSHOT_BOOT_ID]; /* of this boot */
	int64_t wall_s, boot_s;		   /* CLOCK_REALTIME, CLOCK_BOOTTIME */
};

struct snapshot_head {
	uint64_t magic;	 /* with the version of all this */
	uint32_t layout; /* of a record, and of numbers: another machine's is another */
	uint32_t zero;
	uint64_t seed;
	struct snapshot_clock at;
	uint64_t entries, bytes; /* of the whole file */
	uint64_t digest;
	uint64_t check; /* of all above */
};

/* Completes it: magic, layout, check. */
void snapshot_head_seal(struct snapshot_head *h);
/* Is it the head of a file of so many octets? 0, or -1 with what it is instead. */
int snapshot_head_check(const struct snapshot_head *h, uint64_t bytes, struct err *err);

/* What is added to a time of the file's to have one of this boot's. A boot is known by its id, and
 * within it both times are comparable; over a reboot the wall clocks tell how long it took. -1 with
 * why they cannot: it is earlier now than it was then. */
int snapshot_shift(const struct snapshot_clock *then, const struct snapshot_clock *now,
    int64_t *shift_s, struct err *err);
/* How old the snapshot is, by the same rules; below 0: unknown. */
int64_t snapshot_age_s(const struct snapshot_clock *then, const struct snapshot_clock *now);

/* Is it worth a place: no failure, and not too long past its time to be told? */
bool snapshot_wants(const struct entry *e, int64_t now_s);

/* Writes a sound entry's record to `out` (PACKED_ROOM octets, aligned to 8) and goes on with the
 * digest, which begins as the seed. Its size; 0: it cannot be packed. */
size_t snapshot_put(const struct entry *e, uint64_t seed, uint64_t *digest, void *out);
/* The record at the begin of `n` octets, which are PACKED_ROOM or all that there are: a sound entry
 * in `out` (ENTRY_ROOM octets, aligned to 8). The record's size; 0: it is damaged. */
size_t snapshot_take(const void *from, size_t n, uint64_t seed, uint64_t *digest, void *out);

#endif
