/*
 * What people are told when a word is not one of those known: the nearest one, or all of them.
 */
#include "lib/conf_word.h"

#include <string.h>

#include "lib/conf.h"

#define LONGEST 40

static int
min3(int a, int b, int c)
{
	int ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Edits (insert, delete, replace, swap of neighbours) from `a` to `b`; two rows behind suffice. */
static int
edits(const char *a, const char *b)
{
	int rows[3][LONGEST + 1], i, j, m = (int)strlen(a), n = (int)strlen(b);

	if (m > LONGEST || n > LONGEST)
		return LONGEST;
	for (j = 0; j <= n; j++)
		rows[0][j] = j;
	for (i = 1; i <= m; i++) {
		int *row = rows[i % 3], *up = rows[(i - 1) % 3], *upper = rows[(i + 1) % 3];

		row[0] = i;
		for (j = 1; j <= n; j++) {
			row[j] = min3(row[j - 1] + 1, up[j] + 1,
			    up[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    upper[j - 2] + 1 < row[j])
				row[j] = upper[j - 2] + 1;
		}
	}
	return rows[m % 3][n];
}

const char *
conf_nearest(const char *word, const char *const *names)
{
	int best = 3 + (int)strlen(word) / 4; /* so many edits and it is another word */
	const char *nearest = NULL;
	int i;

	for (i = 0; names[i] != NULL; i++) {
		int d = edits(word, names[i]);

		if (d < best && d < (int)strlen(names[i])) {
			best = d;
			nearest = names[i];
		}
	}
	return nearest;
}

bool
conf_is_name(const char *text, size_t max)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return n > 0 && n <= max && text[n] == '\0';
}

const char *
conf_words(struct arena *arena, const char *const *names)
{
	const char *text = "";
	int i;

	for (i = 0; names[i] != NULL; i++) {
		const char *joint = i == 0 ? "" : names[i + 1] == NULL ? " or " : ", ";

		text = arena_printf(arena, "%s%s\"%s\"", text, joint, names[i]);
	}
	return text;
}

const char *
conf_wanted(const struct conf_key *key)
{
	static const char *const wanted[] = {
	    [CONF_STR] = "a string, in double quotes",
	    [CONF_INT] = "a whole number, without quotes or a decimal point",
	    [CONF_BOOL] = "true or false, without quotes",
	    [CONF_MAYBE] = "true or false, without quotes",
	    [CONF_SHARE] = "a whole number, or a share such as \"25%\"",
	    [CONF_ENUM] = "one word, in double quotes",
	    [CONF_SET] = "an array of words: [ \"...\", \"...\" ]",
	    [CONF_ADDR] = "an address, in double quotes",
	    [CONF_STRS] = "an array of strings: [ \"...\", \"...\" ]",
	    [CONF_ADDRS] = "an array of addresses: [ \"192.0.2.53\", \"2001:db8::53\" ]",
	    [CONF_PREFIXES] = "an array of prefixes: [ \"192.0.2.0/24\", \"2001:db8::/48\" ]",
	    [CONF_GROUP] = "a group: { ... }",
	    [CONF_LIST] = "a list of groups: ( { ... }, { ... } )",
	    [CONF_SKIP] = "anything",
	};

	return wanted[key->type];
}

int
conf_percentage(const char *text)
{
	size_t n = strspn(text, "0123456789");
	int percent = 0;

	for (size_t i = 0; i < n && i < 4; i++)
		percent = percent * 10 + text[i] - '0';
	return n > 0 && percent <= 100 && strcmp(text + n, "%") == 0 ? percent : -1;
}
