/*
 * birdline: lines of BIRD's control socket, framed by reply codes. Pure.
 *
 * A line is "NNNN-text" (more follows), "NNNN text" (the reply's last), " text" (as the line
 * before, same code) or "+text" (asynchronous, belongs to no reply). Bytes come in any pieces: a
 * read() is never taken for a line, nor a line for a reply. BIRD itself cuts lines at 512 bytes;
 * longer ones are kept to BIRDLINE_TEXT and marked, and a peer that sends no line end at all is
 * broken.
 */
#ifndef BGPCTL_BIRDLINE_H
#define BGPCTL_BIRDLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIRDLINE_TEXT 1024  /* bytes kept of a line, its NUL included */
#define BIRDLINE_LIMIT 65536 /* a line this long is no line of BIRD's */

enum birdline_got {
	BIRDLINE_NOTHING, /* all bytes used, no line complete */
	BIRDLINE_MORE,	  /* a line within a reply */
	BIRDLINE_LAST,	  /* the last line of a reply */
	BIRDLINE_ASYNC,
	BIRDLINE_BROKEN, /* not BIRD's language; stays so, see `why` */
};

struct birdline {
	int code;	 /* of the line last returned; -1 for an asynchronous one */
	bool cut;	 /* `text` is only the beginning */
	const char *why; /* BROKEN: a static sentence; else NULL */
	const char
	    *text; /* without code and separator, NUL-terminated; valid until the next feed */
	/* private */
	int reply_code; /* of the reply in progress, what " text" repeats; -1 between replies */
	bool complete;
	uint32_t length; /* bytes of the present line seen so far */
	char bytes[BIRDLINE_TEXT];
};

void birdline_init(struct birdline *l);

/* Takes bytes up to the end of one line. `*used` says how many; call again with the rest. */
enum birdline_got birdline_feed(struct birdline *l, const char *data, size_t n, size_t *used);

#endif
