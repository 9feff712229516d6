/*
 * Combinations that a key table cannot check, section by section. Each returns -1 with one
 * sentence; the first found wins.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/dns.h"
#include "resolver/conf_keys.h"

#define SAY(c, base, key, index, err, ...)                                                         \
	conf_wrong((c)->places, base, key, index, err, __VA_ARGS__)

static bool
listens_on(const struct resolver_conf *c, const struct addr *a)
{
	int i;

	for (i = 0; i < c->n_listen; i++) {
		if (addr_equal(&c->listen[i], a))
			return true;
	}
	return false;
}

/* In NSID and CHAOS answers: printable, and short enough for one string with room for the number.
 */
static int
check_word(const struct resolver_conf *c, const char *key, const char *text, struct err *err)
{
	size_t i, length = strlen(text);

	for (i = 0; i < length && text[i] > ' ' && text[i] < 0x7f; i++)
		continue;
	if (length == 0 || i < length || length > 64)
		return SAY(c, c, key, -1, err,
		    "\"%s\" cannot be told to clients; write 1 to 64 printable "
		    "characters without spaces",
		    text);
	return 0;
}

static int
check_identity(const struct resolver_conf *c, struct err *err)
{
	const char *at;

	if (check_word(c, "pop", c->pop, err) < 0 || check_word(c, "node", c->node, err) < 0 ||
	    check_word(c, "identity", c->identity, err) < 0)
		return -1;
	for (at = strchr(c->identity, '%'); at != NULL; at = strchr(at + 1, '%')) {
		if (at[1] == '\0' || strchr("pni", at[1]) == NULL)
			return SAY(c, c, "identity", -1, err,
			    "\"%s\" has a %% that means nothing; write "
			    "%%p for the pop, %%n for the node, %%i for the worker's number",
			    c->identity);
	}
	return 0;
}

static int
check_version(const struct resolver_conf *c, struct err *err)
{
	const char *text = c->version, *at;

	for (at = text; *at >= ' ' && *at < 0x7f; at++)
		if (*at == '%' && *++at != 'v')
			return SAY(c, c, "version", -1, err,
			    "\"%s\" has a %% that means nothing; write %%v for the release", text);
	if (*at != '\0' || at - text > 64)
		return SAY(c, c, "version", -1, err,
		    "\"%s\" cannot be told to clients; write at most 64 printable characters, or "
		    "\"\" to tell them nothing",
		    text);
	return 0;
}

static int
check_listen(const struct resolver_conf *c, struct err *err)
{
	char text[ADDR_TEXT];
	struct addr a;
	int i, j;

	if (c->run_dir[0] != '/' || strlen(c->run_dir) > 64)
		return SAY(c, c, "run_dir", -1, err,
		    "\"%s\" cannot hold the engines' sockets; write an "
		    "absolute path of at most 64 characters",
		    c->run_dir);
	for (i = 0; i < c->n_listen; i++) {
		for (j = 0; j < i; j++) {
			if (addr_equal(&c->listen[i], &c->listen[j]))
				return SAY(c, c, "listen", i, err,
				    "%s is there twice; take one out",
				    addr_render(&c->listen[i], text));
		}
	}
	if (!addr_parse(c->probe_address, &a))
		return SAY(c, c, "probe_address", -1, err,
		    "\"%s\" is not an address; write the workers' "
		    "private one, such as \"127.0.0.1\"",
		    c->probe_address);
	if (listens_on(c, &a) && c->port >= c->probe_port && c->port < c->probe_port + 64)
		return SAY(c, c, "probe_address", -1, err,
		    "%s is a service address, and port = %lld is "
		    "among the probe ports; move probe_port",
		    c->probe_address, (long long)c->port);
	if (c->probe_port > 65535 - 63)
		return SAY(c, c, "probe_port", -1, err,
		    "%lld leaves no room for 64 workers; write at "
		    "most %d",
		    (long long)c->probe_port, 65535 - 63);
	return 0;
}

static int
check_health(const struct resolver_conf *c, struct err *err)
{
	struct dns_name name;
	struct err why;
	char text[ADDR_TEXT];

	if (dns_name_parse(c->health_name, &name, &why) < 0)
		return SAY(c, c, "health_name", -1, err,
		    "\"%s\" is not a name: %s; write one such as "
		    "\"health.anypop.\"",
		    c->health_name, why.text);
	if (name.length == 1)
		return SAY(c, c, "health_name", -1, err,
		    "the root cannot be answered locally; write a "
		    "name of your own");
	if (c->health_address.family != FAMILY_V6)
		return SAY(c, c, "health_address", -1, err,
		    "%s is not an IPv6 address; it is what AAAA "
		    "of %s answers",
		    addr_render(&c->health_address, text), c->health_name);
	return 0;
}

static int
check_times(const struct resolver_conf *c, struct err *err)
{
	if (c->worker.deadline_ms <= c->engine.deadline_ms)
		return SAY(c, &c->worker, "deadline_ms", -1, err,
		    "%lld is not above engine.deadline_ms = "
		    "%lld; a worker that gives up first never learns why",
		    (long long)c->worker.deadline_ms, (long long)c->engine.deadline_ms);
	if (c->ttls.min_s > c->ttls.max_s)
		return SAY(c, &c->ttls, "max_s", -1, err, "%lld is under min_s = %lld; raise it",
		    (long long)c->ttls.max_s, (long long)c->ttls.min_s);
	if (c->ttls.neg_min_s > c->ttls.neg_max_s)
		return SAY(c, &c->ttls, "neg_max_s", -1, err,
		    "%lld is under neg_min_s = %lld; raise it", (long long)c->ttls.neg_max_s,
		    (long long)c->ttls.neg_min_s);
	return 0;
}

/* An engine reads its files once, before it gives up its rights. */
static int
check_file(const struct resolver_conf *c, const char *key, const char *path, struct err *err)
{
	int fd;

	if (path[0] == '\0')
		return 0;
	if (path[0] != '/' || strpbrk(path, "\"\\*?[") != NULL)
		return SAY(c, &c->engine, key, -1, err,
		    "\"%s\" is no plain absolute path; start it with "
		    "a /, without quotes or patterns",
		    path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return SAY(c, &c->engine, key, -1, err,
		    "%s cannot be read: %s; install dns-root-data, or "
		    "correct the path",
		    path, strerror(errno));
	close(fd);
	return 0;
}

/* It need not be there. */
static int
check_followed(const struct resolver_conf *c, struct err *err)
{
	const char *path = c->engine.followed_anchor;
	size_t length = strlen(path);

	if (length > 0 && (path[0] != '/' || path[length - 1] == '/' || length > 200))
		return SAY(c, &c->engine, "followed_anchor", -1, err,
		    "\"%s\" is no file's place; write an absolute path of at most 200 characters, "
		    "in a directory of who runs `resolver anchor`",
		    path);
	if (length > 0 && strcmp(path, c->engine.trust_anchor) == 0)
		return SAY(c, &c->engine, "followed_anchor", -1, err,
		    "it is engine.trust_anchor itself, which is only where following begins; write "
		    "another path");
	return 0;
}

static int
check_outgoing(const struct resolver_conf *c, struct err *err)
{
	struct addr a;
	int i;

	for (i = 0; i < c->engine.n_outgoing_addresses; i++) {
		const char *text = c->engine.outgoing_addresses[i];

		if (!addr_parse(text, &a))
			return SAY(c, &c->engine, "outgoing_addresses", i, err,
			    "\"%s\" is not an address; "
			    "write one of this host's own",
			    text);
		if (listens_on(c, &a))
			return SAY(c, &c->engine, "outgoing_addresses", i, err,
			    "%s is a service address, "
			    "so answers would land at another PoP; write one of this host's own",
			    text);
	}
	return 0;
}

static int
check_forwarders(const struct resolver_conf *c, struct err *err)
{
	struct addr a;
	uint16_t port;
	int i;

	if (c->engine.mode == ENGINE_FORWARD && c->engine.n_forwarders == 0)
		return SAY(c, &c->engine, "forwarders", -1, err,
		    "is missing in mode \"forward\"; write "
		    "the resolvers to ask, or mode = \"root\"");
	for (i = 0; i < c->engine.n_forwarders; i++) {
		const char *text = c->engine.forwarders[i];

		if (!resolver_conf_server(text, &a, &port))
			return SAY(c, &c->engine, "forwarders", i, err,
			    "\"%s\" is neither an address nor "
			    "address@port",
			    text);
		if (port == c->port && listens_on(c, &a))
			return SAY(c, &c->engine, "forwarders", i, err,
			    "%s is our own service; questions "
			    "would go round in circles, so write another resolver",
			    text);
	}
	return 0;
}

static int
check_special(const struct resolver_conf *c, struct err *err)
{
	struct dns_name name;
	struct err why;
	int i;

	for (i = 0; i < c->engine.n_special; i++) {
		const char *text = c->engine.special[i];

		if (dns_name_parse(text, &name, &why) < 0 || strpbrk(text, "\"\\ ") != NULL)
			return SAY(c, &c->engine, "special", i, err,
			    "\"%s\" is not a zone's name; write "
			    "one such as \"test.\"",
			    text);
	}
	return 0;
}

/* A prefix that is granted less than a client would make the client's limit void. */
static int
check_limits(const struct resolver_conf *c, struct err *err)
{
	const struct {
		const char *key, *of_client;
		int64_t prefix, client;
	} pairs[] = {
	    {"prefix_queries_per_s", "queries_per_s", c->limits.prefix_queries_per_s,
		c->limits.queries_per_s},
	    {"prefix_misses_per_s", "misses_per_s", c->limits.prefix_misses_per_s,
		c->limits.misses_per_s},
	    {"prefix_tcp_clients", "tcp_clients", c->limits.prefix_tcp_clients,
		c->limits.tcp_clients},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		if (pairs[i].prefix != 0 && pairs[i].prefix < pairs[i].client)
			return SAY(c, &c->limits, pairs[i].key, -1, err,
			    "%lld is under %s = %lld, which is one client's; raise it, or write 0",
			    (long long)pairs[i].prefix, pairs[i].of_client,
			    (long long)pairs[i].client);
	}
	if (c->limits.prefix_v6_bits > c->limits.client_v6_bits)
		return SAY(c, &c->limits, "prefix_v6_bits", -1, err,
		    "%lld is above client_v6_bits = %lld; a prefix holds clients, so lower it",
		    (long long)c->limits.prefix_v6_bits, (long long)c->limits.client_v6_bits);
	return 0;
}

/* It is read by whoever uses it: only they may have the right to. */
static int
check_cookies(const struct resolver_conf *c, struct err *err)
{
	const char *path = c->cookies.secret_file;

	if (c->cookies.require && !c->cookies.answer)
		return SAY(c, &c->cookies, "require", -1, err,
		    "cookies that are not answered cannot be required; write answer = true");
	if (path[0] != '\0' && path[0] != '/')
		return SAY(c, &c->cookies, "secret_file", -1, err,
		    "\"%s\" is no absolute path; start it with a /", path);
	return 0;
}

static int
check_snapshot(const struct resolver_conf *c, struct err *err)
{
	const char *path = c->snapshot.file;
	size_t length = strlen(path);

	if (length == 0 || (path[0] == '/' && path[length - 1] != '/' && length <= 200))
		return 0;
	return SAY(c, &c->snapshot, "file", -1, err,
	    "\"%s\" is no file's place; write an absolute path of at most 200 characters, in a "
	    "directory of root's",
	    path);
}

/* Can we ask in that family at all? */
static bool
has_source(const struct resolver_conf *c, enum family family)
{
	struct addr a;
	int i;

	for (i = 0; i < c->engine.n_outgoing_addresses; i++) {
		if (addr_parse(c->engine.outgoing_addresses[i], &a) && a.family == family)
			return true;
	}
	return c->engine.n_outgoing_addresses == 0;
}

static int
check_backup_address(const struct resolver_conf *c, const struct backup_conf *b, struct err *err)
{
	const struct backup_conf *other;
	struct addr a, a2;
	uint16_t port, port2;

	if (!resolver_conf_backup(b, &a, &port) || strlen(b->address) > 47)
		return SAY(c, b, "address", -1, err,
		    "\"%s\" is neither an address nor address@port", b->address);
	if (port == c->port && listens_on(c, &a))
		return SAY(c, b, "address", -1, err,
		    "%s is our own service; write another resolver", b->address);
	if (!has_source(c, a.family))
		return SAY(c, b, "address", -1, err,
		    "%s cannot be asked: engine.outgoing_addresses has none of its family; add one",
		    b->address);
	for (other = c->backup; other < b; other++) {
		if (resolver_conf_backup(other, &a2, &port2) && addr_equal(&a, &a2) &&
		    port == port2 && other->transport == b->transport)
			return SAY(c, b, "address", -1, err, "%s is there twice; take one out",
			    b->address);
	}
	return 0;
}

static int
check_backup_tls(const struct resolver_conf *c, const struct backup_conf *b, struct err *err)
{
	struct dns_name name;
	struct addr a;
	struct err why;
	int fd;

	if (b->tls_name[0] == '\0' || addr_parse(b->tls_name, &a) ||
	    dns_name_parse(b->tls_name, &name, &why) < 0)
		return SAY(c, b, "tls_name", -1, err,
		    "\"%s\" is no name that a certificate could be checked for; write the "
		    "server's, such as \"dns.example.net\"",
		    b->tls_name);
	fd = b->ca_file[0] == '/' ? open(b->ca_file, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return SAY(c, b, "ca_file", -1, err,
		    "%s cannot be read: %s; install ca-certificates, or correct the path",
		    b->ca_file, b->ca_file[0] == '/' ? strerror(errno) : "no absolute path");
	close(fd);
	return 0;
}

static int
check_backup(const struct resolver_conf *c, struct err *err)
{
	int i;

	for (i = 0; i < c->n_backup; i++) {
		if (check_backup_address(c, &c->backup[i], err) < 0)
			return -1;
		if (c->backup[i].transport == BACKUP_DOT &&
		    check_backup_tls(c, &c->backup[i], err) < 0)
			return -1;
	}
	if (c->n_backup > 0 && c->backup_after_ms >= c->engine.deadline_ms)
		return SAY(c, c, "backup_after_ms", -1, err,
		    "%lld is not under engine.deadline_ms = %lld; a backup would have no time left",
		    (long long)c->backup_after_ms, (long long)c->engine.deadline_ms);
	return 0;
}

int
resolver_conf_check(const struct resolver_conf *c, struct err *err)
{
	if (check_identity(c, err) < 0 || check_version(c, err) < 0 ||
	    check_listen(c, err) < 0 || check_health(c, err) < 0 ||
	    check_times(c, err) < 0 || check_forwarders(c, err) < 0 || check_outgoing(c, err) < 0 ||
	    check_special(c, err) < 0 || check_limits(c, err) < 0 || check_cookies(c, err) < 0 ||
	    check_snapshot(c, err) < 0 ||
	    resolver_conf_check_redis(c, err) < 0 || check_backup(c, err) < 0)
		return -1;
	if (c->engine.mode == ENGINE_ROOT &&
	    check_file(c, "root_hints", c->engine.root_hints, err) < 0)
		return -1;
	if (check_file(c, "trust_anchor", c->engine.trust_anchor, err) < 0)
		return -1;
	return check_followed(c, err);
}
