/*
 * birdline_fuzz: any bytes, cut by the first one, through frame and dialogue. Beyond not crashing:
 * the frame must not depend on the pieces, and never keep more than its bound.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bgpctl/birdtalk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t
run(const char *data, size_t n, size_t piece)
{
	struct birdline l;
	uint64_t sum = 0;
	size_t used;

	birdline_init(&l);
	for (size_t at = 0; at < n; at += piece) {
		size_t have = n - at < piece ? n - at : piece;

		for (const char *s = data + at; have > 0; s += used, have -= used) {
			enum birdline_got got = birdline_feed(&l, s, have, &used);

			if (got == BIRDLINE_BROKEN)
				return sum * 31 + 1;
			if (got == BIRDLINE_NOTHING)
				continue;
			if (strlen(l.text) >= BIRDLINE_TEXT || used == 0)
				abort();
			sum = sum * 31 + (uint64_t)got * 7 + (uint64_t)l.code + strlen(l.text);
		}
	}
	return sum;
}

static void
talk(const char *data, size_t n)
{
	static struct birdtalk t;
	struct mono now = {1000000};
	enum birdtalk_got got;
	const char *bytes;
	size_t used;

	birdtalk_open(&t, 1000, now);
	birdtalk_ask(&t, 1, "show status", now);
	birdtalk_ask(&t, 2, "show protocols", now);
	do {
		birdtalk_written(&t, birdtalk_output(&t, &bytes));
		got = birdtalk_feed(&t, data, n, &used, now);
		data += used;
		n -= used;
	} while (got != TALK_NOTHING && got != TALK_FAILED);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;

	if (size < 1)
		return 0;
	if (run(text, size - 1, data[0] + 1u) != run(text, size - 1, size))
		abort();
	talk(text, size - 1);
	return 0;
}
