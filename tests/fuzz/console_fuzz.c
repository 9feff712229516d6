/*
 * The control socket's framing: whatever the bytes and however they are cut into reads, the lines
 * are those that a plain search for LF finds, and nothing is touched outside the buffer. The first
 * byte is the buffer's size, the second the pieces'.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bgpctl/frame.h"
#include "lib/ensure.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next line by the plain way, which `line` must be; moves *at behind it. */
static void
compare(const uint8_t *data, size_t size, size_t *at, const char *line, size_t length)
{
	const uint8_t *lf = memchr(data + *at, '\n', size - *at);
	size_t want;

	ENSURE(lf != NULL);
	want = (size_t)(lf - (data + *at));
	if (want > 0 && lf[-1] == '\r')
		want--;
	ENSURE(length == want && memcmp(line, data + *at, want) == 0 && line[length] == '\0');
	*at = (size_t)(lf - data) + 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t room, length, done = 0, compared = 0, step;
	enum frame_result got;
	struct frame f;
	char *buf, *line;

	if (size < 2)
		return 0;
	f = frame_init(buf = malloc((size_t)data[0] + 1), (size_t)data[0] + 1);
	step = (size_t)data[1] + 1;
	ENSURE(buf != NULL);
	data += 2;
	size -= 2;
	for (;;) {
		while ((got = frame_next(&f, &line, &length)) == FRAME_LINE)
			compare(data, size, &compared, line, length);
		if (got == FRAME_FULL || done == size)
			break;
		line = frame_room(&f, &room);
		ENSURE(room > 0 && line >= buf && line + room <= buf + f.size);
		room = room < step ? room : step;
		room = room < size - done ? room : size - done;
		memcpy(line, data + done, room);
		frame_filled(&f, room);
		done += room;
	}
	if (got == FRAME_FULL)
		ENSURE(memchr(data + compared, '\n', done - compared) == NULL);
	free(buf);
	return 0;
}
