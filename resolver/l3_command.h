/*
 * l3_command: a command as Redis reads it (RESP: an array of bulk strings). Pure; hiredis reads the
 * answers.
 */
#ifndef RESOLVER_L3_COMMAND_H
#define RESOLVER_L3_COMMAND_H

#include <stddef.h>

struct l3_word {
	const void *octets;
	size_t length;
};
#define L3_WORD(text) ((struct l3_word){(text), strlen(text)})

/* Its length, or 0 when `room` is too small. */
size_t l3_command_render(const struct l3_word *words, size_t n, char *out, size_t room);

#endif
