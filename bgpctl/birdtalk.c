/*
 * birdtalk: see the header. The queue keeps the bytes of all waiting commands in one run; the first
 * command's are dropped when its reply has ended. Nothing here outlives its connection.
 */
#include "bgpctl/birdtalk.h"

#include <string.h>

void
birdtalk_open(struct birdtalk *t, int64_t timeout_ms, struct mono now)
{
	birdline_init(&t->line);
	t->phase = TALK_GREETING;
	t->tag = 0;
	t->why = NULL;
	t->timeout_ms = timeout_ms;
	t->deadline = mono_add_ms(now, timeout_ms);
	t->n_queued = 0;
	t->sent = t->stored = 0;
}

void
birdtalk_close(struct birdtalk *t)
{
	t->phase = TALK_CLOSED;
	t->deadline = MONO_NEVER;
	t->n_queued = 0;
	t->sent = t->stored = 0;
}

static enum birdtalk_got
failed(struct birdtalk *t, const char *why)
{
	t->phase = TALK_BROKEN;
	t->why = why;
	t->deadline = MONO_NEVER;
	return TALK_FAILED;
}

/* Puts the first waiting command out, if there is one. */
static void
put_out(struct birdtalk *t, struct mono now)
{
	if (t->phase != TALK_READY || t->n_queued == 0)
		return;
	t->phase = TALK_ASKING;
	t->deadline = mono_add_ms(now, t->timeout_ms);
}

bool
birdtalk_ask(struct birdtalk *t, uint32_t tag, const char *command, struct mono now)
{
	size_t n = strlen(command);

	if (t->phase == TALK_CLOSED || t->phase == TALK_BROKEN || strchr(command, '\n'))
		return false;
	if (n + 1 > BIRDTALK_COMMAND || n + 1 > BIRDTALK_BYTES - t->stored ||
	    t->n_queued == BIRDTALK_QUEUE)
		return false;
	memcpy(t->bytes + t->stored, command, n);
	t->bytes[t->stored + n] = '\n';
	t->stored += (uint32_t)n + 1;
	t->queue[t->n_queued].tag = tag;
	t->queue[t->n_queued].length = (uint16_t)(n + 1);
	t->n_queued++;
	put_out(t, now);
	return true;
}

size_t
birdtalk_output(const struct birdtalk *t, const char **bytes)
{
	if (t->phase != TALK_ASKING)
		return 0;
	*bytes = t->bytes + t->sent;
	return t->queue[0].length - t->sent;
}

void
birdtalk_written(struct birdtalk *t, size_t n)
{
	t->sent += (uint32_t)n;
}

static void
drop_first(struct birdtalk *t)
{
	uint32_t length = t->queue[0].length;

	memmove(t->bytes, t->bytes + length, t->stored - length);
	memmove(t->queue, t->queue + 1, sizeof(t->queue[0]) * (size_t)(t->n_queued - 1));
	t->stored -= length;
	t->sent = 0;
	t->n_queued--;
}

static enum birdtalk_got
greeted(struct birdtalk *t, bool last, struct mono now)
{
	if (!last || t->line.code != 1)
		return failed(t, "no greeting of BIRD's");
	t->phase = TALK_READY;
	t->deadline = MONO_NEVER;
	put_out(t, now);
	return TALK_GREETED;
}

static enum birdtalk_got
replied(struct birdtalk *t, bool last, struct mono now)
{
	if (t->phase != TALK_ASKING || t->sent < t->queue[0].length)
		return failed(t, "a reply nobody asked for");
	t->tag = t->queue[0].tag;
	if (!last)
		return TALK_ROW;
	drop_first(t);
	t->phase = TALK_READY;
	t->deadline = MONO_NEVER;
	put_out(t, now);
	return TALK_DONE;
}

enum birdtalk_got
birdtalk_feed(struct birdtalk *t, const char *data, size_t n, size_t *used, struct mono now)
{
	enum birdline_got got;
	size_t eaten;

	*used = 0;
	if (t->phase == TALK_BROKEN)
		return TALK_FAILED;
	if (t->phase == TALK_CLOSED)
		return TALK_NOTHING;
	do {
		got = birdline_feed(&t->line, data + *used, n - *used, &eaten);
		*used += eaten;
	} while (got == BIRDLINE_ASYNC);
	if (got == BIRDLINE_NOTHING)
		return TALK_NOTHING;
	if (got == BIRDLINE_BROKEN)
		return failed(t, t->line.why);
	if (t->phase == TALK_GREETING)
		return greeted(t, got == BIRDLINE_LAST, now);
	return replied(t, got == BIRDLINE_LAST, now);
}

enum birdtalk_got
birdtalk_tick(struct birdtalk *t, struct mono now)
{
	if (t->phase == TALK_BROKEN)
		return TALK_FAILED;
	if (!mono_is_set(t->deadline) || mono_before(now, t->deadline))
		return TALK_NOTHING;
	return failed(t, t->phase == TALK_GREETING ? "no greeting in time" : "no answer in time");
}

enum reply_class
reply_class(int code)
{
	switch (code < 0 ? -1 : code / 1000) {
	case 0:
		return REPLY_OK;
	case 1:
		return REPLY_ROW;
	case 2:
		return REPLY_TABLE;
	case 8:
		return REPLY_RUNTIME;
	case 9:
		return REPLY_SYNTAX;
	default:
		return REPLY_STRANGE;
	}
}
