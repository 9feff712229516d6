/*
 * ring: the bytes of the flight recorder's file: header and records. Pure. docs/recorder.md is the
 * format; recorder.c writes it, recorder_read.c reads it.
 */
#ifndef BGPCTL_RING_H
#define BGPCTL_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_HEADER_BYTES 4096 /* the records begin after it */
#define RING_COPY_BYTES 512    /* the header stands twice, at 0 and here, written in turn */
#define RING_RECORD_BYTES 40   /* a record's own header */
#define RING_DATA_MAX 65536    /* one record's data */
#define RING_MIN_BYTES (1 << 20)
#define RING_LOST 1 /* of the flags: records before this one were never written */

struct ring_header {
	uint64_t size;	    /* of the file */
	uint64_t salt; /* drawn when the file was made: data that looks like a record is none */
	uint64_t flush;	    /* counts writes of the header: the copy with the higher is in force */
	uint64_t head;	    /* offset in the ring where the next record goes */
	uint64_t sequence;  /* of the next record */
	char boot_id[16];   /* of the last writer */
};

struct ring_record {
	uint32_t length; /* of the data */
	uint16_t type;
	uint16_t flags; /* RING_LOST */
	uint64_t sequence;
	int64_t wall_us, mono_us;
	const uint8_t *data; /* in the scanned buffer */
};

uint32_t crc32c(uint32_t crc, const void *data, size_t length);

/* Header and data, padded to 8 bytes. */
size_t ring_record_size(size_t length);

void ring_header_encode(const struct ring_header *h, uint8_t out[static RING_COPY_BYTES]);
bool ring_header_decode(const uint8_t in[static RING_COPY_BYTES], struct ring_header *h);
/* The copy in force of the two at the beginning of a file; false when neither holds. */
bool ring_header_choose(const uint8_t in[static 2 * RING_COPY_BYTES], struct ring_header *h);

/* Writes ring_record_size(r->length) bytes; `r->data` is copied, and may stand in place already. */
void ring_record_encode(const struct ring_record *r, uint64_t salt, uint8_t *out);

enum ring_found { RING_RECORD, RING_DAMAGED, RING_NOTHING };

/* What stands at `at` (a multiple of 8) of `n` bytes? RING_DAMAGED: it begins like a record and is
 * none. */
enum ring_found ring_record_at(const uint8_t *ring, size_t n, size_t at, uint64_t salt,
    struct ring_record *out);

#endif
