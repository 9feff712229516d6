/*
 * healthd's configuration from file to struct and back. Read by key table (settings_keys.c), filled
 * (settings_fill.c), checked (site_derive(), settings_check.c); all of it lives in the arena that
 * the caller gave, so that a reload reads into a new one and drops the old as a whole.
 */
#include "healthd/settings.h"

#include <stdlib.h>
#include <string.h>

#include "healthd/settings_keys.h"

int
settings_read(const char *path, struct settings *out, struct arena *arena, struct err *err)
{
	const struct conf_places *places;

	memset(out, 0, sizeof(*out));
	if (conf_read_placed(path, settings_keys, out, arena, &places, err) < 0)
		return -1;
	out->site.places = places;
	if (site_derive(&out->site, path, arena, err) < 0)
		return -1;
	settings_fill(out, arena);
	return settings_check(out, err);
}

void
settings_render(FILE *to, const struct settings *s)
{
	conf_render(to, settings_keys, s);
}

void
settings_reference(FILE *to)
{
	conf_reference(to, settings_keys);
}

enum check_class
check_conf_class(const struct check_conf *c)
{
	switch ((enum check_kind)c->kind) {
	case KIND_DNS:
		return c->target == DNS_SERVERS || c->recursion || c->expect_ad ? CLASS_DERIVED
										: CLASS_SELF;
	case KIND_UPSTREAM:
		return CLASS_SHARED;
	case KIND_WORKERS:
	case KIND_LINK:
		return CLASS_SELF;
	case KIND_EXEC:
		return c->exec_local ? CLASS_SELF : CLASS_DERIVED;
	case KIND_RESOURCE:
	case KIND_ERROR_RATE:
	case KIND_CACHE:
	case KIND_BGP: /* a session down says nothing about serving, and the route is gone with it
			*/
		return CLASS_DERIVED;
	}
	return CLASS_DERIVED;
}

bool
check_conf_counts(const struct settings *s, const struct check_conf *c, int lane)
{
	int i;

	if ((c->families & 1u << lane_family(lane)) == 0)
		return false;
	for (i = 0; i < c->n_services; i++) {
		if (strcmp(c->services[i], s->site.services[lane_service(lane)].name) == 0)
			return true;
	}
	return c->n_services == 0;
}

bool
check_conf_server(const char *text, struct addr *addr, uint16_t *port)
{
	size_t n = strcspn(text, "@");
	char host[ADDR_TEXT], *end;
	unsigned long number = 53;

	if (n >= sizeof(host))
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	if (text[n] == '@') {
		if (text[n + 1] < '0' || text[n + 1] > '9')
			return false;
		number = strtoul(text + n + 1, &end, 10);
		if (*end != '\0' || number < 1 || number > 65535)
			return false;
	}
	*port = (uint16_t)number;
	return addr_parse(host, addr);
}
