#include "resolver/l3_command.h"

#include <stdio.h>
#include <string.h>

#define HEAD 32 /* "$", any length, the line's end, and the end behind the octets */

size_t
l3_command_render(const struct l3_word *words, size_t n, char *out, size_t room)
{
	size_t at, i;

	if (room < HEAD)
		return 0;
	at = (size_t)snprintf(out, room, "*%zu\r\n", n);
	for (i = 0; i < n; i++) {
		if (words[i].length > room || room - at < words[i].length + HEAD)
			return 0;
		at += (size_t)snprintf(out + at, room - at, "$%zu\r\n", words[i].length);
		memcpy(out + at, words[i].octets, words[i].length);
		at += words[i].length;
		memcpy(out + at, "\r\n", 2);
		at += 2;
	}
	return at;
}
