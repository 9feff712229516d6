/*
 * Any octets as a stream of messages, in pieces whose sizes the input chooses: nothing is read
 * beyond what came, and the messages are the same however it was cut. And as a file of hints.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ensure.h"
#include "resolver/forward_wire.h"
#include "resolver/hints.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t buffer[FORWARD_STREAM_ROOM];

/* A sum over all messages until the first that is none; `piece` 0: sizes by the input itself. */
static uint64_t
cut(const uint8_t *data, size_t size, size_t piece)
{
	enum forward_frame frame = FRAME_PARTIAL;
	size_t used = 0, at = 0, length, n;
	const uint8_t *message;
	uint64_t sum = 1;

	while (at < size && frame == FRAME_PARTIAL) {
		n = piece != 0 ? piece : 1u + data[at] % 64;
		n = n < size - at ? n : size - at;
		n = n < sizeof(buffer) - used ? n : sizeof(buffer) - used;
		ENSURE(n > 0); /* a buffer of that size never fills with a part of a message */
		memcpy(buffer + used, data + at, n);
		used += n;
		at += n;
		while ((frame = forward_frame(buffer, used, &message, &length)) == FRAME_WHOLE) {
			ENSURE(message >= buffer && message + length <= buffer + used);
			ENSURE(length >= DNS_HEADER);
			for (n = 0; n < length; n++)
				sum = sum * 31 + message[n];
			used = forward_frame_drop(buffer, used, length);
		}
	}
	return sum;
}

static void
hints(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct addr out[HINTS_MAX];
	int n;

	ENSURE(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	n = hints_parse(text, out);
	ENSURE(n >= 0 && n <= HINTS_MAX);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t sum = cut(data, size, sizeof(buffer));

	ENSURE(cut(data, size, 0) == sum);
	ENSURE(cut(data, size, 1) == sum);
	hints(data, size);
	return 0;
}
