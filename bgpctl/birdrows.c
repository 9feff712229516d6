/*
 * birdrows: see the header. Everything is split at blanks; nothing depends on column positions,
 * since BIRD pads columns but never cuts a long name.
 */
#include "bgpctl/birdrows.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The next word, copied and cut to `size`; false at the end of the line. */
static bool
word(const char **at, char *out, size_t size)
{
	const char *s = *at + strspn(*at, " \t");
	size_t n = strcspn(s, " \t");
	size_t kept = n < size ? n : size - 1;

	memcpy(out, s, kept);
	out[kept] = '\0';
	*at = s + n;
	return n > 0;
}

static void
rest(const char *at, char *out, size_t size)
{
	size_t n;

	at += strspn(at, " \t");
	n = strlen(at);
	while (n > 0 && isspace((unsigned char)at[n - 1]))
		n--;
	if (n >= size)
		n = size - 1;
	memcpy(out, at, n);
	out[n] = '\0';
}

/* The text after "key:" (leading blanks passed over), or NULL. */
static const char *
after(const char *text, const char *key)
{
	size_t n = strlen(key);

	text += strspn(text, " \t");
	if (strncmp(text, key, n) != 0)
		return NULL;
	text += n;
	return text + strspn(text, " \t");
}

static bool
is_date(const char *s)
{
	return strlen(s) == 10 && isdigit((unsigned char)s[0]) && s[4] == '-' && s[7] == '-';
}

bool
birdrows_protocol(int code, const char *text, struct bird_protocol *out)
{
	const char *at = text;
	char clock[20];

	memset(out, 0, sizeof(*out));
	if (code != 1002 || !word(&at, out->name, sizeof(out->name)) ||
	    !word(&at, out->proto, sizeof(out->proto)) ||
	    !word(&at, out->table, sizeof(out->table)) ||
	    !word(&at, out->state, sizeof(out->state)))
		return false;
	word(&at, out->since, sizeof(out->since));
	/* "iso long" time formats have a date and a time of day. */
	if (is_date(out->since)) {
		const char *next = at;

		if (word(&next, clock, sizeof(clock)) && isdigit((unsigned char)clock[0]) &&
		    strchr(clock, ':')) {
			out->since[10] = ' ';
			memcpy(out->since + 11, clock, strlen(clock) + 1);
			at = next;
		}
	}
	rest(at, out->info, sizeof(out->info));
	return true;
}

void
birdrows_details_init(struct bird_details *d)
{
	*d = (struct bird_details){.channel = -1, .hold_s = -1, .neighbor_as = -1, .local_as = -1};
}

/* A speaker that is only ready to help a neighbour restart announces "Graceful restart" alone; one
 * that wants its own routes kept over its restart adds the address families. */
static void
details_capability(struct bird_details *d, const char *text)
{
	if (after(text, "Local capabilities"))
		d->capabilities = 1;
	else if (after(text, "Neighbor capabilities"))
		d->capabilities = 2;
	else if (after(text, "Session:"))
		d->capabilities = 0;
	if (!after(text, "AF supported:"))
		d->restart =
		    after(text, "Graceful restart") || (d->restart && after(text, "Restart"));
	else if (d->restart && d->capabilities == 1)
		d->local_restarts = true;
}

void
birdrows_details(int code, const char *text, struct bird_details *d)
{
	const char *v;

	if (code == 1002) {
		birdrows_protocol(code, text, &d->row);
		return;
	}
	if (code != 1006)
		return;
	details_capability(d, text);
	if ((v = after(text, "Neighbor address:")))
		word(&v, d->neighbor, sizeof(d->neighbor));
	else if ((v = after(text, "Neighbor AS:")))
		d->neighbor_as = strtoll(v, NULL, 10);
	else if ((v = after(text, "Local AS:")))
		d->local_as = strtoll(v, NULL, 10);
	else if ((v = after(text, "Session:")))
		d->external = strncmp(v, "external", 8) == 0;
	else if ((v = after(text, "Hold timer:")) && (v = strchr(v, '/')))
		d->hold_s = (int)strtol(v + 1, NULL, 10);
	else if ((v = after(text, "Channel ")))
		d->channel = strcmp(v, "ipv4") == 0   ? FAMILY_V4
			     : strcmp(v, "ipv6") == 0 ? FAMILY_V6
						      : -1;
	else if ((v = after(text, "Table:")) && d->channel >= 0)
		word(&v, d->table[d->channel], sizeof(d->table[0]));
}

bool
birdrows_bfd(int code, const char *text, struct bird_bfd *out)
{
	const char *at = text;
	struct addr a;

	memset(out, 0, sizeof(*out));
	if (code != 1020 || !word(&at, out->address, sizeof(out->address)) ||
	    !word(&at, out->interface, sizeof(out->interface)) ||
	    !word(&at, out->state, sizeof(out->state)))
		return false;
	return addr_parse(out->address, &a);
}

bool
birdrows_bfd_with(const struct bird_bfd *row, const char *neighbor)
{
	size_t n = strcspn(neighbor, "%");

	if (n != strlen(row->address) || memcmp(neighbor, row->address, n) != 0)
		return false;
	/* A session over several hops has no interface in its row. */
	return neighbor[n] == '\0' || strcmp(row->interface, "---") == 0 ||
	       strcmp(neighbor + n + 1, row->interface) == 0;
}

void
birdrows_status(int code, const char *text, struct bird_status *out)
{
	const char *v;

	if (code == 1000 && (v = after(text, "BIRD ")))
		rest(v, out->version, sizeof(out->version));
	else if (code != 1011)
		return;
	else if ((v = after(text, "Last reboot on ")))
		rest(v, out->boot, sizeof(out->boot));
	else if ((v = after(text, "Last reconfiguration on ")))
		rest(v, out->reconfigured, sizeof(out->reconfigured));
	else if (after(text, "Reconfiguration in progress"))
		out->reconfiguring = true;
}

/* "YYYY-MM-DD HH:MM:SS.mmm" as milliseconds of its day, -1: it has another shape. */
static int32_t
day_ms(const char *text)
{
	static const char shape[] = "dddd-dd-dd dd:dd:dd.ddd";
	static const int32_t worth[] = {
	    36000000, 3600000, 0, 600000, 60000, 0, 10000, 1000, 0, 100, 10, 1};
	int32_t sum = 0;

	for (int i = 0; i < (int)sizeof(shape); i++) {
		bool digit = text[i] >= '0' && text[i] <= '9';

		if (shape[i] == 'd' ? !digit : text[i] != shape[i])
			return -1;
		if (i >= 11 && digit)
			sum += (text[i] - '0') * worth[i - 11];
	}
	return sum;
}

bool
birdrows_same_time(const char *a, const char *b)
{
	int32_t x = day_ms(a), y = day_ms(b);

	if (x < 0 || y < 0 || strncmp(a, b, 10) != 0)
		return strcmp(a, b) == 0;
	return x - y <= 2 && y - x <= 2;
}
