/*
 * snapshot: the file's form, and its clocks.
 */
#include "resolver/snapshot.h"

#include <string.h>

/* Inlined, so that this file imports nothing. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#define MAGIC 0x31706e7361706f61u /* with the version, 1 */
/* Read in another order of octets it is another number, and no such number is ours. */
#define LAYOUT ((uint32_t)(sizeof(struct packed) << 16 | sizeof(struct snapshot_head)))
#define CLOCK_MOST_S ((int64_t)1 << 40) /* so that differences and sums are numbers */

_Static_assert(sizeof(struct snapshot_head) == 88, "a layout that outlives releases");
_Static_assert(sizeof(struct snapshot_head) % 8 == 0, "records begin at a multiple of 8");

static uint64_t
check_of(const struct snapshot_head *h)
{
	return XXH3_64bits_withSeed(h, offsetof(struct snapshot_head, check), h->seed);
}

void
snapshot_head_seal(struct snapshot_head *h)
{
	h->magic = MAGIC;
	h->layout = LAYOUT;
	h->zero = 0;
	h->check = check_of(h);
}

int
snapshot_head_check(const struct snapshot_head *h, uint64_t bytes, struct err *err)
{
	if (h->magic != MAGIC || h->layout != LAYOUT)
		return err_set(err, "it is no snapshot of this release on this kind of machine");
	if (h->check != check_of(h))
		return err_set(err, "its head is damaged");
	if (h->bytes != bytes)
		return err_set(err, "it has %llu octets and should have %llu",
		    (unsigned long long)bytes, (unsigned long long)h->bytes);
	if (h->at.wall_s < 0 || h->at.wall_s > CLOCK_MOST_S || h->at.boot_s < 0 ||
	    h->at.boot_s > CLOCK_MOST_S)
		return err_set(err, "its clocks cannot be");
	return 0;
}

static bool
same_boot(const struct snapshot_clock *a, const struct snapshot_clock *b)
{
	return memcmp(a->boot_id, b->boot_id, sizeof(a->boot_id)) == 0;
}

int64_t
snapshot_age_s(const struct snapshot_clock *then, const struct snapshot_clock *now)
{
	return same_boot(then, now) ? now->boot_s - then->boot_s : now->wall_s - then->wall_s;
}

int
snapshot_shift(const struct snapshot_clock *then, const struct snapshot_clock *now,
    int64_t *shift_s, struct err *err)
{
	int64_t age_s = snapshot_age_s(then, now);

	if (age_s < 0)
		return err_set(err,
		    "it was written %lld s after what the clock says now; set the clock before "
		    "healthd starts",
		    (long long)-age_s);
	*shift_s = now->boot_s - then->boot_s - age_s;
	return 0;
}

bool
snapshot_wants(const struct entry *e, int64_t now_s)
{
	return (e->flags & ENTRY_FAILURE) == 0 && e->ttl_s > 0 && e->stored_s <= now_s &&
	       now_s - e->stored_s - (int64_t)e->ttl_s <= ENTRY_STALE_MAX_S;
}

static void
digest_add(uint64_t *digest, const struct packed *p)
{
	*digest = XXH3_64bits_withSeed(&p->check, sizeof(p->check), *digest);
}

size_t
snapshot_put(const struct entry *e, uint64_t seed, uint64_t *digest, void *out)
{
	struct packed *p = out;

	if (!packed_make(e, seed, p))
		return 0;
	memcpy(p + 1, e + 1, packed_size(p) - sizeof(*p));
	digest_add(digest, p);
	return packed_size(p);
}

size_t
snapshot_take(const void *from, size_t n, uint64_t seed, uint64_t *digest, void *out)
{
	struct entry *e = out;
	struct packed head;
	size_t size;

	if (n < sizeof(head))
		return 0;
	memcpy(&head, from, sizeof(head));
	size = packed_size(&head);
	if (size > PACKED_ROOM || size > n)
		return 0;
	memcpy(e + 1, (const uint8_t *)from + sizeof(head), size - sizeof(head));
	if (!packed_whole(&head, e + 1, seed) || !packed_open(&head, e) ||
	    !entry_valid(e, e->size, NULL))
		return 0;
	digest_add(digest, &head);
	return size;
}
