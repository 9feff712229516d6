/*
 * birdtalk: the dialogue with BIRD over one connection. Pure: bytes and time in, bytes and replies
 * out.
 *
 * First BIRD greets, then commands go one by one: the next is sent when the reply to the one before
 * has ended, so a reply always belongs to the command that is out. A command unanswered at its
 * deadline ends the dialogue for good: its late answer may still come on this connection and would
 * be taken for the next one's. The owner closes the connection and calls birdtalk_open() for the
 * next; whatever was queued is gone and the reconcile loop asks again.
 */
#ifndef BGPCTL_BIRDTALK_H
#define BGPCTL_BIRDTALK_H

#include "bgpctl/birdline.h"
#include "lib/mono.h"

#define BIRDTALK_COMMAND 4096 /* BIRD's limit, newline included */
#define BIRDTALK_QUEUE 32
#define BIRDTALK_BYTES (2 * BIRDTALK_COMMAND)

enum birdtalk_phase { TALK_CLOSED, TALK_GREETING, TALK_READY, TALK_ASKING, TALK_BROKEN };

enum birdtalk_got {
	TALK_NOTHING, /* all bytes used */
	TALK_GREETED,
	TALK_ROW,  /* a line of the reply to `tag`: line.code, line.text */
	TALK_DONE, /* the reply to `tag` has ended with line.code, line.text */
	TALK_FAILED, /* the dialogue is over, see `why` */
};

enum reply_class { REPLY_OK, REPLY_ROW, REPLY_TABLE, REPLY_RUNTIME, REPLY_SYNTAX, REPLY_STRANGE };

struct birdtalk {
	enum birdtalk_phase phase;
	uint32_t tag;	 /* ROW, DONE: whose reply it is */
	const char *why; /* BROKEN: a static sentence */
	struct birdline line;
	struct mono deadline; /* of the greeting or the reply; never: nothing is awaited */
	int64_t timeout_ms;
	/* private: commands not yet answered, the first one perhaps partly sent */
	int n_queued;
	struct {
		uint32_t tag;
		uint16_t length;
	} queue[BIRDTALK_QUEUE];
	uint32_t sent, stored;
	char bytes[BIRDTALK_BYTES];
};

/* A connection has just been made. */
void birdtalk_open(struct birdtalk *t, int64_t timeout_ms, struct mono now);
void birdtalk_close(struct birdtalk *t);

/* Queues a command (no newline in it). False when it does not fit now, or the dialogue is over. */
bool birdtalk_ask(struct birdtalk *t, uint32_t tag, const char *command, struct mono now);

/* Bytes to write now, none while a reply is awaited and its command is out whole. */
size_t birdtalk_output(const struct birdtalk *t, const char **bytes);
void birdtalk_written(struct birdtalk *t, size_t n);

enum birdtalk_got birdtalk_feed(struct birdtalk *t, const char *data, size_t n, size_t *used,
    struct mono now);
/* TALK_FAILED when a deadline has passed; feed what has come first. */
enum birdtalk_got birdtalk_tick(struct birdtalk *t, struct mono now);

/* 0xxx, 1xxx, 2xxx, 8xxx, 9xxx. */
enum reply_class reply_class(int code);

#endif
