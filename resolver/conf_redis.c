/*
 * What the group redis of resolver.conf may not say.
 */
#include <string.h>

#include "resolver/conf_keys.h"
#include "resolver/l3_value.h"

#define SAY(c, key, index, err, ...)                                                               \
	conf_wrong((c)->places, &(c)->redis, key, index, err, __VA_ARGS__)

static int
check_servers(const struct resolver_conf *c, struct err *err)
{
	struct addr a, b;
	uint16_t port, other;
	int i, j;

	for (i = 0; i < c->redis.n_servers; i++) {
		const char *text = c->redis.servers[i];

		if (!resolver_conf_redis_server(text, &a, &port))
			return SAY(c, "servers", i, err,
			    "\"%s\" is neither an address nor address@port", text);
		for (j = 0; j < i; j++) {
			if (resolver_conf_redis_server(c->redis.servers[j], &b, &other) &&
			    port == other && addr_equal(&a, &b))
				return SAY(c, "servers", i, err,
				    "%s is there twice; take one out", text);
		}
	}
	return 0;
}

/* It is read by the engine alone, before that gives up its rights. */
static int
check_file(const struct resolver_conf *c, const char *key, const char *path, struct err *err)
{
	if (path[0] != '\0' && path[0] != '/')
		return SAY(
		    c, key, -1, err, "\"%s\" is no absolute path; start it with a /", path);
	return 0;
}

int
resolver_conf_check_redis(const struct resolver_conf *c, struct err *err)
{
	size_t length = strlen(c->redis.view);

	if (check_servers(c, err) < 0 ||
	    check_file(c, "password_file", c->redis.password_file, err) < 0 ||
	    check_file(c, "secret_file", c->redis.secret_file, err) < 0)
		return -1;
	if (!conf_is_name(c->redis.view, L3_VIEW_MAX))
		return SAY(c, "view", -1, err,
		    "\"%.*s\" is no view's name; write 1 to %d of a-z, 0-9 and _",
		    length > 40 ? 40 : (int)length, c->redis.view, L3_VIEW_MAX);
	if (c->redis.cluster && c->redis.database != 0)
		return SAY(c, "database", -1, err,
		    "%lld is of no Cluster, which has only 0; take it out, or write cluster = false",
		    (long long)c->redis.database);
	if (c->redis.race_ms >= c->engine.deadline_ms)
		return SAY(c, "race_ms", -1, err,
		    "%lld is not under engine.deadline_ms = %lld; a question would end before its "
		    "recursion begins",
		    (long long)c->redis.race_ms, (long long)c->engine.deadline_ms);
	if (c->redis.user[0] != '\0' && c->redis.password_file[0] == '\0')
		return SAY(c, "user", -1, err,
		    "\"%s\" has no password; name its file in password_file", c->redis.user);
	return 0;
}
