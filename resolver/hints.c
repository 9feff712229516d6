#include "resolver/hints.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define BLANK " \t\r"

/* The next word of a line: its length, 0 at the line's end or a comment. */
static size_t
word(const char **at)
{
	*at += strspn(*at, BLANK);
	return strcspn(*at, BLANK "\n;");
}

/* The word behind A or AAAA, as an address of that kind. */
static bool
address(const char *at, size_t n, enum family family, struct addr *out)
{
	char text[ADDR_TEXT];

	if (n == 0 || n >= sizeof(text))
		return false;
	memcpy(text, at, n);
	text[n] = '\0';
	return addr_parse(text, out) && out->family == family;
}

static bool
line_read(const char *at, struct addr *out)
{
	/* The owner's name may be "a", too. */
	size_t n = strcspn(at, BLANK "\n;");
	enum family family;

	at += n;
	for (n = word(&at); n > 0; n = word(&at)) {
		bool v4 = n == 1 && strncasecmp(at, "A", 1) == 0;
		bool v6 = n == 4 && strncasecmp(at, "AAAA", 4) == 0;

		at += n;
		if (!v4 && !v6)
			continue;
		family = v4 ? FAMILY_V4 : FAMILY_V6;
		n = word(&at);
		if (address(at, n, family, out))
			return true;
		at += n;
	}
	return false;
}

int
hints_parse(const char *text, struct addr out[static HINTS_MAX])
{
	int n = 0;

	while (*text != '\0' && n < HINTS_MAX) {
		n += line_read(text, &out[n]);
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return n;
}

int
hints_builtin(struct addr out[static HINTS_MAX])
{
	static const char text[] = "a.root-servers.net. A 198.41.0.4\n"
				   "f.root-servers.net. A 192.5.5.241\n"
				   "k.root-servers.net. A 193.0.14.129\n"
				   "l.root-servers.net. A 199.7.83.42\n"
				   "a.root-servers.net. AAAA 2001:503:ba3e::2:30\n"
				   "f.root-servers.net. AAAA 2001:500:2f::f\n"
				   "k.root-servers.net. AAAA 2001:7fd::1\n"
				   "l.root-servers.net. AAAA 2001:500:9f::42\n";

	return hints_parse(text, out);
}
