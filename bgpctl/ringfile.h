/*
 * ringfile: the flight recorder's file, for its one writer. Every call may wait for the disk.
 */
#ifndef BGPCTL_RINGFILE_H
#define BGPCTL_RINGFILE_H

#include <stddef.h>
#include <stdint.h>

#include "bgpctl/ring.h"
#include "lib/err.h"

struct ringfile {
	int fd;		  /* -1: not open */
	const char *path; /* borrowed */
	struct ring_header header;
};

/* Locked, and as recorder_open() says. */
int ringfile_open(struct ringfile *f, const char *path, int64_t size, struct err *err);
/* Gives records, laid out as in the file but with their headers still struct ring_record, their
 * numbers and places, and writes them in as few pieces as it takes. 0 or an errno; the header in
 * memory moves on only when all is written. */
int ringfile_write(struct ringfile *f, uint8_t *records, size_t length);
void ringfile_close(struct ringfile *f);

#endif
