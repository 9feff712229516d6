/*
 * frame: lines out of a byte stream, in a buffer that the caller owns. Pure.
 *
 * Ask frame_room() where to read to, say how much came with frame_filled(), then take lines with
 * frame_next() until it says that there is none. Lines are NUL-terminated in place and valid until
 * the next frame_room(). Both ends of the control socket use it.
 */
#ifndef BGPCTL_FRAME_H
#define BGPCTL_FRAME_H

#include <stdbool.h>
#include <stddef.h>

struct frame {
	char *data;    /* the caller's */
	size_t size;   /* longest line with its LF */
	size_t begin;  /* of what has not been handed out */
	size_t end;    /* of what was read */
	size_t looked; /* no LF before this */
};

enum frame_result {
	FRAME_LINE,
	FRAME_MORE, /* no whole line: read on */
	FRAME_FULL, /* the buffer is full and holds no whole line */
};

struct frame frame_init(char *data, size_t size);
/* Free space, at least 1 byte unless FRAME_FULL; moves what is left to the front. */
char *frame_room(struct frame *f, size_t *room);
void frame_filled(struct frame *f, size_t n);
/* `*length` excludes the LF (and a CR before it). A line may hold NUL bytes. */
enum frame_result frame_next(struct frame *f, char **line, size_t *length);
/* The caller made the buffer larger: where it is now, and its size (not smaller). */
void frame_grown(struct frame *f, char *data, size_t size);
/* Is there an unfinished line? */
bool frame_holds_part(const struct frame *f);

#endif
