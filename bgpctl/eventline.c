#include "bgpctl/eventline.h"

#include <string.h>

static void
put(char *to, size_t size, size_t *used, char c)
{
	if (*used + 1 < size)
		to[(*used)++] = c;
}

bool
eventline_next(const char **at, char *key, size_t key_size, char *value, size_t value_size)
{
	const char *p = *at;
	size_t k = 0, v = 0;

	while (*p == ' ')
		p++;
	while (*p != '\0' && *p != '=' && *p != ' ')
		put(key, key_size, &k, *p++);
	if (*p != '=' || k == 0)
		return false;
	p++;
	if (*p == '"') {
		for (p++; *p != '\0' && *p != '"'; p++) {
			if (*p == '\\' && p[1] != '\0')
				p++;
			put(value, value_size, &v, *p);
		}
		if (*p == '"')
			p++;
	} else {
		while (*p != '\0' && *p != ' ')
			put(value, value_size, &v, *p++);
	}
	key[k] = value[v] = '\0';
	*at = p;
	return true;
}
