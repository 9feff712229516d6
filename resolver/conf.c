/*
 * resolver.conf from file to struct and back. Read by key table (conf_keys.c), derived here,
 * checked (conf_check.c); all of it lives in the arena that the caller gave.
 */
#include "resolver/conf.h"

#include <stdlib.h>
#include <string.h>

#include "lib/ensure.h"
#include "resolver/conf_keys.h"

#define DNS_PORT 53
#define REDIS_PORT 6379

static void
derive_allow(struct resolver_conf *c, struct arena *arena)
{
	static const char *const loopback[] = {"127.0.0.0/8", "::1/128"};
	struct prefix *allow;

	if (c->n_allow > 0)
		return;
	allow = arena_get(arena, 2 * sizeof(*allow));
	ENSURE(prefix_parse(loopback[0], &allow[0]) && prefix_parse(loopback[1], &allow[1]));
	c->allow = allow;
	c->n_allow = 2;
}

static int
derive_and_check(struct resolver_conf *c, struct arena *arena, struct err *err)
{
	if (resolver_conf_check(c, err) < 0)
		return -1;
	derive_allow(c, arena);
	c->ttl = (struct ttl_policy){
	    .min_s = (uint32_t)c->ttls.min_s,
	    .max_s = (uint32_t)c->ttls.max_s,
	    .neg_min_s = (uint32_t)c->ttls.neg_min_s,
	    .neg_max_s = (uint32_t)c->ttls.neg_max_s,
	    .failure_s = (uint32_t)c->ttls.failure_s,
	};
	return 0;
}

int
resolver_conf_read(
    const char *path, struct resolver_conf *out, struct arena *arena, struct err *err)
{
	memset(out, 0, sizeof(*out));
	if (conf_read_placed(path, resolver_conf_keys, out, arena, &out->places, err) < 0)
		return -1;
	return derive_and_check(out, arena, err);
}

int
resolver_conf_read_text(const char *text, const char *path, struct resolver_conf *out,
    struct arena *arena, struct err *err)
{
	memset(out, 0, sizeof(*out));
	if (conf_read_text_placed(text, path, resolver_conf_keys, out, arena, &out->places, err) <
	    0)
		return -1;
	return derive_and_check(out, arena, err);
}

void
resolver_conf_render(FILE *to, const struct resolver_conf *c)
{
	conf_render(to, resolver_conf_keys, c);
}

void
resolver_conf_reference(FILE *to)
{
	conf_reference(to, resolver_conf_keys);
}

static bool
server_parse(const char *text, unsigned long number, struct addr *addr, uint16_t *port)
{
	size_t n = strcspn(text, "@");
	char host[ADDR_TEXT], *end;

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

bool
resolver_conf_server(const char *text, struct addr *addr, uint16_t *port)
{
	return server_parse(text, DNS_PORT, addr, port);
}

bool
resolver_conf_redis_server(const char *text, struct addr *addr, uint16_t *port)
{
	return server_parse(text, REDIS_PORT, addr, port);
}

bool
resolver_conf_backup(const struct backup_conf *b, struct addr *addr, uint16_t *port)
{
	if (!resolver_conf_server(b->address, addr, port))
		return false;
	if (b->transport == BACKUP_DOT && strchr(b->address, '@') == NULL)
		*port = 853;
	return true;
}
