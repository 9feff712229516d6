/* resolver.conf: defaults, every mistake with its place and its mend, and the way back. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/event.h"
#include "resolver/conf.h"
#include "tests/unit/conf_rig.h"

static char base[2048];

static int
set_up(void **state)
{
	if (rig_begin(state) != 0)
		return -1;
	snprintf(base, sizeof(base),
	    "pop = \"ams\";\n"
	    "node = \"ams-1\";\n"
	    "listen = [ \"192.0.2.53\", \"2001:db8:53::53\" ];\n"
	    "allow = [ \"198.51.100.0/24\" ];\n"
	    "worker = { l1_mib = 8; };\n"
	    "engine = { mode = \"root\";\n"
	    "	root_hints = \"%s\";\n"
	    "	trust_anchor = \"%s\";\n"
	    "	outgoing_addresses = [ \"203.0.113.9\" ];\n"
	    "	special = [ \"test.\" ]; };\n"
	    "ttl = { max_s = 3600; };\n",
	    scratch, scratch);
	return 0;
}

static struct resolver_conf *
read_well(const char *text)
{
	struct resolver_conf *c = arena_get(arena, sizeof(*c));
	struct err err = {""};

	if (resolver_conf_read_text(text, "r.conf", c, arena, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

static char *
rendered(const struct resolver_conf *c)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	resolver_conf_render(to, c);
	fclose(to);
	return text;
}

static int
refused(const char *text, struct err *err)
{
	struct resolver_conf c;

	return resolver_conf_read_text(text, "r.conf", &c, arena, err);
}

static void
expect(const struct row *r)
{
	expect_mistake(base, r, "r.conf", refused);
}

static void
mistakes_in_tables_are_told(void **state)
{
	static const struct row rows[] = {
	    {"node = \"ams-1\";", "^noed = \"ams-1\";", "noed", "did you mean \"node\"?"},
	    {"pop = \"ams\";\n", "", "pop", "missing"},
	    {"\"root\"", "^\"rot\"", "engine.mode", "write \"root\" or \"forward\""},
	    {"l1_mib = 8", "^l1_mib = 0", "worker.l1_mib", "write 1 to"},
	    {"listen = [ \"192.0.2.53\"", "listen = [ ^\"192.0.2.530\"", "listen[0]", "address"},
	    {"\"198.51.100.0/24\"", "^\"198.51.100.1/24\"", "allow[0]", "prefix"},
	    {"max_s = 3600", "^failure_s = 301", "ttl.failure_s", "write 1 to 300"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(&rows[i]);
}

static void
mistakes_of_workers_are_told(void **state)
{
	static const struct row rows[] = {
	    {"pop = \"ams\"", "^pop = \"a ms\"", "pop", "without spaces"},
	    {"pop = \"ams\";", "pop = \"ams\"; ^identity = \"%p/%x\";", "identity", "%i for the worker"},
	    {"pop = \"ams\";", "pop = \"ams\"; ^identity = \"100%\";", "identity", "means nothing"},
	    {"pop = \"ams\";", "pop = \"ams\"; ^version = \"anypop %x\";", "version", "%v for the release"},
	    {"pop = \"ams\";", "pop = \"ams\"; ^version = \"100%\";", "version", "means nothing"},
	    {"pop = \"ams\";", "pop = \"ams\"; ^version = \"v\\t1\";", "version", "to tell them nothing"},
	    {"pop = \"ams\";", "pop = \"ams\"; ^run_dir = \"run\";", "run_dir", "absolute"},
	    {"pop = \"ams\";", "pop = \"ams\"; snapshot = { ^file = \"cache\"; };", "snapshot.file",
		"absolute"},
	    {"pop = \"ams\";", "pop = \"ams\"; snapshot = { ^file = \"/var/\"; };", "snapshot.file",
		"no file's place"},
	    {"\"2001:db8:53::53\"", "^\"192.0.2.53\"", "listen[1]", "there twice"},
	    {"pop = \"ams\";", "pop = \"ams\"; ^probe_address = \"here\";", "probe_address",
		"\"127.0.0.1\""},
	    {"pop = \"ams\";", "pop = \"ams\"; port = 5301; ^probe_address = \"192.0.2.53\";",
		"probe_address", "move probe_port"},
	    {"pop = \"ams\";", "pop = \"ams\"; ^probe_port = 65500;", "probe_port", "at most 65472"},
	    {"pop = \"ams\";", "pop = \"ams\"; ^health_name = \"a..b\";", "health_name", "not a name"},
	    {"pop = \"ams\";", "pop = \"ams\"; ^health_name = \".\";", "health_name", "of your own"},
	    {"pop = \"ams\";", "pop = \"ams\"; ^health_address = \"192.0.2.1\";", "health_address",
		"not an IPv6"},
	    {"l1_mib = 8;", "^deadline_ms = 4000;", "worker.deadline_ms",
		"is not above engine.deadline_ms = 4000"},
	    {"max_s = 3600;", "min_s = 20; ^max_s = 10;", "ttl.max_s", "under min_s = 20"},
	    {"max_s = 3600;", "neg_min_s = 20; ^neg_max_s = 10;", "ttl.neg_max_s", "raise it"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(&rows[i]);
}

static void
mistakes_of_limits_are_told(void **state)
{
	static const struct row rows[] = {
	    {"pop = \"ams\";", "pop = \"ams\"; limits = { ^queries_per_s = -1; };",
		"limits.queries_per_s", "write 0 to"},
	    {"pop = \"ams\";",
		"pop = \"ams\"; limits = { queries_per_s = 100; ^prefix_queries_per_s = 99; };",
		"limits.prefix_queries_per_s", "under queries_per_s = 100"},
	    {"pop = \"ams\";",
		"pop = \"ams\"; limits = { misses_per_s = 100; ^prefix_misses_per_s = 99; };",
		"limits.prefix_misses_per_s", "raise it"},
	    {"pop = \"ams\";", "pop = \"ams\"; limits = { ^prefix_tcp_clients = 255; };",
		"limits.prefix_tcp_clients", "under tcp_clients = 256"},
	    {"pop = \"ams\";",
		"pop = \"ams\"; limits = { client_v6_bits = 48; ^prefix_v6_bits = 49; };",
		"limits.prefix_v6_bits", "lower it"},
	    {"pop = \"ams\";", "pop = \"ams\"; limits = { exempt = [ ^\"192.0.2.1\" ]; };",
		"limits.exempt[0]", "prefix"},
	    {"pop = \"ams\";", "pop = \"ams\"; rrl = { ^slip = 101; };", "rrl.slip", "write 0 to 100"},
	    {"pop = \"ams\";", "pop = \"ams\"; cookies = { answer = false; ^require = true; };",
		"cookies.require", "write answer = true"},
	    {"pop = \"ams\";", "pop = \"ams\"; cookies = { ^secret_file = \"secret\"; };",
		"cookies.secret_file", "start it with a /"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(&rows[i]);
}

static void
mistakes_of_engines_are_told(void **state)
{
	const struct row rows[] = {
	    {"\"203.0.113.9\"", "\"203.0.113.9\", ^\"192.0.2.53\"", "engine.outgoing_addresses[1]",
		"answers would land at another PoP"},
	    {"\"203.0.113.9\"", "^\"2001:db8:53:0::53\"", "engine.outgoing_addresses[0]",
		"is a service address"},
	    {"\"203.0.113.9\"", "^\"eth0\"", "engine.outgoing_addresses[0]", "is not an address"},
	    {"engine = { mode = \"root\";\n	", "engine = { mode = \"forward\";\n	^",
		"engine.root_hints", "mode \"root\"; take it out"},
	    {arena_printf(arena, "mode = \"root\";\n\troot_hints = \"%s\";", scratch),
		"^mode = \"forward\";", "engine.forwarders", "or mode = \"root\""},
	    {arena_printf(arena, "mode = \"root\";\n\troot_hints = \"%s\";", scratch),
		"mode = \"forward\"; forwarders = [ \"192.0.2.9\", ^\"192.0.2.9@0\" ];",
		"engine.forwarders[1]", "neither an address nor address@port"},
	    {arena_printf(arena, "mode = \"root\";\n\troot_hints = \"%s\";", scratch),
		"mode = \"forward\"; forwarders = [ ^\"192.0.2.53\" ];", "engine.forwarders[0]",
		"round in circles"},
	    {arena_printf(arena, "root_hints = \"%s\"", scratch), "^root_hints = \"/nowhere/hints\"",
		"engine.root_hints", "install dns-root-data"},
	    {arena_printf(arena, "root_hints = \"%s\"", scratch), "^root_hints = \"hints\"",
		"engine.root_hints", "start it with a /"},
	    {arena_printf(arena, "root_hints = \"%s\"", scratch), "^root_hints = \"/a\\\"b\"",
		"engine.root_hints", "without quotes"},
	    {arena_printf(arena, "trust_anchor = \"%s\"", scratch), "^trust_anchor = \"/nowhere/key\"",
		"engine.trust_anchor", "No such file"},
	    {"special = [", "^followed_anchor = \"root.key\"; special = [", "engine.followed_anchor",
		"write an absolute path"},
	    {"special = [", "^followed_anchor = \"/var/lib/\"; special = [",
		"engine.followed_anchor", "no file's place"},
	    {"special = [",
		arena_printf(arena, "^followed_anchor = \"%s\"; special = [", scratch),
		"engine.followed_anchor", "write another path"},
	    {"\"test.\"", "\"test.\", ^\"a..\"", "engine.special[1]", "not a zone's name"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(&rows[i]);
}

#define REDIS(text) "pop = \"ams\"; redis = { " text " };"

static void
mistakes_of_the_regional_cache_are_told(void **state)
{
	static const struct row rows[] = {
	    {"pop = \"ams\";", REDIS("servers = [ ^\"redis.example\" ];"), "redis.servers[0]",
		"neither an address nor"},
	    {"pop = \"ams\";", REDIS("servers = [ \"192.0.2.1\", ^\"192.0.2.1@6379\" ];"),
		"redis.servers[1]", "there twice"},
	    {"pop = \"ams\";", REDIS("cluster = true; ^database = 1;"), "redis.database",
		"cluster = false"},
	    {"pop = \"ams\";", REDIS("^user = \"anypop\";"), "redis.user", "password_file"},
	    {"pop = \"ams\";", REDIS("^password_file = \"redis\";"), "redis.password_file",
		"start it with a /"},
	    {"pop = \"ams\";", REDIS("^secret_file = \"./redis\";"), "redis.secret_file",
		"start it with a /"},
	    {"pop = \"ams\";", REDIS("^view = \"a b\";"), "redis.view", "a-z, 0-9 and _"},
	    {"pop = \"ams\";", REDIS("^view = \"\";"), "redis.view", "1 to 32"},
	    {"pop = \"ams\";", REDIS("^race_ms = 1001;"), "redis.race_ms", "write 0 to 1000"},
	    {"engine = { mode", "redis = { ^race_ms = 600; }; engine = { deadline_ms = 500; mode",
		"redis.race_ms", "not under engine.deadline_ms = 500"},
	};
	struct resolver_conf *c = read_well(replaced(base, "pop = \"ams\";",
	    REDIS("servers = [ \"192.0.2.1\", \"192.0.2.1@7\" ];")));
	struct addr addr;
	uint16_t port;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(&rows[i]);
	assert_int_equal(c->redis.n_servers, 2);
	assert_false(c->redis.trust_ad);
	assert_true(resolver_conf_redis_server(c->redis.servers[0], &addr, &port) && port == 6379);
	assert_true(resolver_conf_redis_server(c->redis.servers[1], &addr, &port) && port == 7);
}

#define BACKUP(text) {"ttl = {", "backup = ( " text " ); ttl = {"

static void
mistakes_of_backups_are_told(void **state)
{
	static const struct row rows[] = {
	    BACKUP("{ ^address = \"here\"; }"), "backup[0].address", "neither an address"},
	    BACKUP("{ ^address = \"192.0.2.53\"; }"), "backup[0].address", "our own service"},
	    BACKUP("{ ^address = \"2001:db8::1\"; }"), "backup[0].address", "none of its family"},
	    BACKUP("{ address = \"192.0.2.1\"; }, { ^address = \"192.0.2.1@53\"; }"),
		"backup[1].address", "there twice"},
	    BACKUP("{ address = \"192.0.2.1\"; ^transport = \"tls\"; }"), "backup[0].transport",
		"\"dot\""},
	    BACKUP("{ address = \"192.0.2.1\"; ^tls_name = \"a.example\"; }"), "backup[0].tls_name",
		"transport \"dot\""},
	    BACKUP("{ address = \"192.0.2.1\"; ^trusted = true; }"), "backup[0].trusted",
		"transport \"dot\""},
	    BACKUP("{ address = \"192.0.2.1\"; transport = \"dot\"; ^tls_name = \"192.0.2.1\"; }"),
		"backup[0].tls_name", "could be checked"},
	    BACKUP("{ address = \"192.0.2.1\"; transport = \"dot\"; tls_name = \"a.example\"; "
		   "^ca_file = \"/nowhere\"; }"), "backup[0].ca_file", "install ca-certificates"},
	    {"ttl = {", "backup = ( { address = \"192.0.2.1\"; } ); ^backup_after_ms = 4000; ttl = {",
		"backup_after_ms", "no time left"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(&rows[i]);
}

static void
a_backup_has_its_port(void **state)
{
	static const struct {
		const char *address;
		int transport;
		uint16_t port;
	} rows[] = {
	    {"192.0.2.1", BACKUP_UDP, 53},
	    {"192.0.2.1", BACKUP_TCP, 53},
	    {"192.0.2.1", BACKUP_DOT, 853},
	    {"2001:db8::1@5353", BACKUP_DOT, 5353},
	    {"192.0.2.1@54", BACKUP_UDP, 54},
	};
	struct addr a;
	uint16_t port;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct backup_conf b = {.address = rows[i].address, .transport = rows[i].transport};

		assert_true(resolver_conf_backup(&b, &a, &port));
		assert_int_equal(port, rows[i].port);
	}
}

static void
defaults_are_there(void **state)
{
	struct resolver_conf *c =
	    read_well("pop = \"p\"; node = \"n\"; listen = [ \"192.0.2.53\" ];"
		      "engine = { root_hints = \"\"; trust_anchor = \"\"; };");
	struct addr a;

	(void)state;
	assert_string_equal(c->identity, "%p/%n/%i");
	assert_string_equal(c->run_dir, "/run/anypop");
	assert_int_equal(c->port, 53);
	assert_int_equal(c->engines, 1);
	assert_int_equal(c->engine.mode, ENGINE_ROOT);
	assert_string_equal(c->engine.followed_anchor, "/var/lib/anypop-anchor/root.key");
	assert_true(c->engine.seccomp);
	assert_true(c->worker.seccomp);
	assert_int_equal(c->log_level, EVENT_INFO);
	assert_int_equal(c->ttl.neg_min_s, 30);
	assert_int_equal(c->ttl.neg_max_s, 3600);
	assert_int_equal(c->ttl.failure_s, 5);
	assert_int_equal(c->n_allow, 2);
	assert_true(addr_parse("127.0.0.9", &a) && prefix_holds(&c->allow[0], &a));
	assert_true(addr_parse("::1", &a) && prefix_holds(&c->allow[1], &a));
}

static void
values_arrive(void **state)
{
	struct resolver_conf *c = read_well(base);

	(void)state;
	assert_int_equal(c->n_listen, 2);
	assert_int_equal(c->n_allow, 1);
	assert_int_equal(c->worker.l1_mib, 8);
	assert_int_equal(c->ttl.max_s, 3600);
	assert_string_equal(c->engine.special[0], "test.");
	assert_string_equal(c->engine.trust_anchor, scratch);
}

static void
what_is_printed_reads_to_the_same(void **state)
{
	char *forward =
	    replaced(base, arena_printf(arena, "mode = \"root\";\n\troot_hints = \"%s\";", scratch),
		"mode = \"forward\"; forwarders = [ \"192.0.2.9@5353\" ];");
	const char *texts[] = {base, forward};

	(void)state;
	for (int i = 0; i < 2; i++) {
		char *once = rendered(read_well(texts[i])), *twice = rendered(read_well(once));

		assert_string_equal(once, twice);
		assert_non_null(strstr(once, "failure_s = 5;"));
		free(once);
		free(twice);
	}
}

/* On a host that has no root data, too. */
static char *
example(void)
{
	FILE *from = fopen("etc/resolver.conf", "r");
	char *text = arena_get(arena, 1 << 16);

	assert_non_null(from);
	assert_true(fread(text, 1, (1 << 16) - 1, from) > 0);
	fclose(from);
	text = replaced(text, "/usr/share/dns/root.hints", scratch);
	return replaced(text, "/usr/share/dns/root.key", scratch);
}

static void
the_example_shows_every_key_and_the_defaults(void **state)
{
	struct resolver_conf *c = read_well(example()), *plain;
	char *reference = NULL, *line, *rest, *shown = rendered(c), *defaults;
	size_t size;
	FILE *to = open_memstream(&reference, &size);

	(void)state;
	resolver_conf_reference(to);
	fclose(to);
	for (line = strtok_r(reference, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		char *dot;

		line[strcspn(line, " \t")] = '\0';
		if (strlen(line) > 2 && strcmp(line + strlen(line) - 2, "[]") == 0)
			line[strlen(line) - 2] = '\0';
		dot = strrchr(line, '.');
		if (strstr(example(), arena_printf(arena, "%s = ", dot != NULL ? dot + 1 : line)) ==
		    NULL)
			fail_msg("%s is not in etc/resolver.conf", line);
	}
	plain = read_well(arena_printf(arena,
	    "pop = \"ams\"; node = \"ams-1\"; listen = [ \"192.0.2.53\","
	    "\"2001:db8:53::53\" ]; engine = { root_hints = \"%s\"; trust_anchor = \"%s\"; };",
	    scratch, scratch));
	/* Who copies the example is to have neither as root. */
	assert_string_equal(c->worker.user, "anypop-worker");
	assert_string_equal(c->engine.user, "anypop-engine");
	plain->worker.user = c->worker.user;
	plain->engine.user = c->engine.user;
	plain->allow = c->allow;
	plain->n_allow = c->n_allow;
	defaults = rendered(plain);
	assert_string_equal(shown, defaults);
	free(reference);
	free(shown);
	free(defaults);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(mistakes_in_tables_are_told),
	    cmocka_unit_test(mistakes_of_workers_are_told),
	    cmocka_unit_test(mistakes_of_limits_are_told),
	    cmocka_unit_test(mistakes_of_engines_are_told),
	    cmocka_unit_test(mistakes_of_the_regional_cache_are_told),
	    cmocka_unit_test(mistakes_of_backups_are_told),
	    cmocka_unit_test(a_backup_has_its_port),
	    cmocka_unit_test(defaults_are_there),
	    cmocka_unit_test(values_arrive),
	    cmocka_unit_test(what_is_printed_reads_to_the_same),
	    cmocka_unit_test(the_example_shows_every_key_and_the_defaults),
	};

	return cmocka_run_group_tests(tests, set_up, rig_end);
}
