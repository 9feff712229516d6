/*
 * birdline: see the header for the grammar. The caller owns the struct; `text` points into it.
 */
#include "bgpctl/birdline.h"

#include <string.h>

void
birdline_init(struct birdline *l)
{
	*l = (struct birdline){.code = -1, .reply_code = -1};
}

static enum birdline_got
broken(struct birdline *l, const char *why)
{
	l->why = why;
	l->text = "";
	l->code = -1;
	return BIRDLINE_BROKEN;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int
parse_code(const char *s)
{
	int code = 0;

	for (int i = 0; i < 4; i++) {
		if (!is_digit(s[i]))
			return -1;
		code = code * 10 + (s[i] - '0');
	}
	return code;
}

static enum birdline_got
coded_line(struct birdline *l)
{
	int code = parse_code(l->bytes);
	char separator = code < 0 ? '\0' : l->bytes[4];

	if (separator != ' ' && separator != '-')
		return broken(l, "a line without a reply code");
	l->code = code;
	l->text = l->bytes + 5;
	if (separator == '-') {
		l->reply_code = code;
		return BIRDLINE_MORE;
	}
	l->reply_code = -1;
	return BIRDLINE_LAST;
}

static enum birdline_got
classify(struct birdline *l)
{
	size_t kept = l->length < BIRDLINE_TEXT ? l->length : BIRDLINE_TEXT - 1;

	l->bytes[kept] = '\0';
	l->cut = l->length > kept;
	if (memchr(l->bytes, '\0', kept))
		return broken(l, "a NUL byte in a line");
	if (l->bytes[0] == '+') {
		l->code = -1;
		l->text = l->bytes + 1;
		return BIRDLINE_ASYNC;
	}
	if (l->bytes[0] != ' ')
		return coded_line(l);
	if (l->reply_code < 0)
		return broken(l, "a continuation line outside a reply");
	l->code = l->reply_code;
	l->text = l->bytes + 1;
	return BIRDLINE_MORE;
}

enum birdline_got
birdline_feed(struct birdline *l, const char *data, size_t n, size_t *used)
{
	const char *end;
	size_t take, room;

	*used = 0;
	if (l->why)
		return BIRDLINE_BROKEN;
	if (l->complete) {
		l->complete = false;
		l->length = 0;
	}
	end = n ? memchr(data, '\n', n) : NULL;
	take = end ? (size_t)(end - data) : n;
	*used = end ? take + 1 : n;
	if (take > BIRDLINE_LIMIT - l->length)
		return broken(l, "a line without an end");
	if (l->length < BIRDLINE_TEXT - 1) {
		room = BIRDLINE_TEXT - 1 - l->length;
		if (take)
			memcpy(l->bytes + l->length, data, take < room ? take : room);
	}
	l->length += (uint32_t)take;
	if (!end)
		return BIRDLINE_NOTHING;
	l->complete = true;
	return classify(l);
}
