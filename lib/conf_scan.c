/*
 * A lexer of just so much of libconfig's language that numbers can be told from strings, comments
 * and names. It reads NUL-terminated text and keeps nothing.
 */
#include "lib/conf_scan.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_name(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	    c == '-' || c == '*';
}

/* Past the string or comment that starts at `at`; `at` itself where none does. */
static const char *
skip_quiet(const char *at, int *line)
{
	const char *start = at;

	if (*at == '"') {
		for (at++; *at != '\0' && *at != '"'; at++) {
			if (*at == '\\' && at[1] != '\0')
				at++;
			*line += *at == '\n';
		}
		return *at == '"' ? at + 1 : at;
	}
	if (*at == '#' || (at[0] == '/' && at[1] == '/'))
		return at + strcspn(at, "\n");
	if (at[0] != '/' || at[1] != '*')
		return start;
	for (at += 2; *at != '\0' && !(at[0] == '*' && at[1] == '/'); at++)
		*line += *at == '\n';
	return *at == '\0' ? at : at + 2;
}

static int
digit_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* Is the whole token an integer without L, and more than 32 bits with a sign can hold? */
static bool
is_wide(const char *token, size_t n)
{
	bool minus = token[0] == '-';
	size_t i = minus ? 1 : 0;
	int base = 10;
	uint64_t value = 0;

	if (!minus && n > 2 && token[0] == '0' && (token[1] == 'x' || token[1] == 'X')) {
		base = 16;
		i = 2;
	}
	for (; i < n; i++) {
		int d = digit_value(token[i]);

		if (d >= base)
			return false; /* a float, a name, or an L at the end */
		value = value * (unsigned)base + (unsigned)d;
		if (value > UINT32_MAX)
			value = UINT32_MAX; /* stays too wide */
	}
	return value > (minus ? (uint64_t)INT32_MAX + 1 : (uint64_t)INT32_MAX);
}

bool
conf_scan_wide(const char *text, struct conf_wide *out)
{
	int line = 1;

	while (*text != '\0') {
		const char *next = skip_quiet(text, &line);
		size_t n = 0;

		if (next != text) {
			text = next;
			continue;
		}
		while (is_name(text[n]) || text[n] == '.')
			n++;
		if (n == 0) {
			line += *text++ == '\n';
			continue;
		}
		if ((is_digit(text[0]) || text[0] == '-') && is_wide(text, n)) {
			size_t kept = n < sizeof(out->token) ? n : sizeof(out->token) - 1;

			memcpy(out->token, text, kept);
			out->token[kept] = '\0';
			out->line = line;
			return true;
		}
		text += n;
	}
	return false;
}
