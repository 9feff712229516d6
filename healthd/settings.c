/*
 * healthd's configuration from file to struct and back. Read by key table (settings_keys.c), filled
 * (settings_fill.c), checked (site_derive(), settings_check.c); all of it lives in the arena that
 * the caller gave, so that a reload reads into a new one and drops the old as a whole.
 */
#include "healthd/settings.h"

#include <stdlib.h>
#include <string.h>

#include "healthd/settings_keys.h"

static int
settings_complete(const char *path, const struct conf_places *places, struct settings *out,
    struct arena *arena, struct err *err)
{
	out->site.places = places;
	if (site_derive(&out->site, path, arena, err) < 0)
		return -1;
	settings_fill(out, arena);
	return settings_check(out, err);
}

int
settings_read(const char *path, struct settings *out, struct arena *arena, struct err *err)
{
	const struct conf_places *places;

	memset(out, 0, sizeof(*out));
	if (conf_read_placed(path, settings_keys, out, arena, &places, err) < 0)
		return -1;
	return settings_complete(path, places, out, arena, err);
}

int
settings_read_text(const char *text, const char *path, struct settings *out, struct arena *arena,
    struct err *err)
{
	const struct conf_places *places;

	memset(out, 0, sizeof(*out));
	if (conf_read_text_placed(text, path, settings_keys, out, arena, &places, err) < 0)
		return -1;
	return settings_complete(path, places, out, arena, err);
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
	case KIND_VANTAGE:
		return CLASS_TOLD;
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

#define TOLD_STALE_MS 5000 /* what the brain tells itself each second */
#define SLOT_STALE_MS 3000 /* idle targets are said again each second only */

struct window_conf
check_conf_window(const struct check_conf *c)
{
	struct window_conf w = {
	    .rise = (uint16_t)c->rise,
	    .fall = (uint16_t)c->fall,
	    .forgive = (uint16_t)c->forgive,
	    .patience_ms = (uint32_t)c->patience_ms,
	    .stale_ms = (uint32_t)(3 * c->interval_ms + c->timeout_ms),
	};

	/* The roster has patience of its own; a window on top would only be late. */
	if (c->kind == KIND_WORKERS)
		w = (struct window_conf){
		    .rise = 1, .fall = 1, .forgive = 1, .stale_ms = TOLD_STALE_MS};
	if (c->kind == KIND_DNS && c->target == DNS_WORKERS && w.stale_ms < SLOT_STALE_MS)
		w.stale_ms = SLOT_STALE_MS;
	return w;
}

/* Can this check's failure prove that something is wrong here (design, section 3, rule b)? An error
 * rate can at times (brain_score.c). */
static bool
is_evidence(const struct check_conf *c)
{
	return c->kind == KIND_DNS || c->kind == KIND_EXEC || c->kind == KIND_WORKERS ||
	       c->kind == KIND_LINK;
}

struct tally_conf
check_conf_tally(const struct check_conf *c, int n_targets)
{
	return (struct tally_conf){
	    .k = (uint16_t)(c->k > 0 && c->k < n_targets ? c->k : n_targets),
	    .class = check_conf_class(c),
	    .vital = c->vital,
	    .evidence = is_evidence(c),
	    .overload = c->kind == KIND_RESOURCE,
	    .confirms = c->kind == KIND_VANTAGE && c->confirm,
	    .weight = (uint16_t)c->weight,
	};
}
