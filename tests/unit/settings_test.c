/* healthd.conf: defaults, what follows from need, every mistake with its place, and the way back.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>

#include "healthd/settings.h"
#include "lib/event.h"
#include "lib/file.h"
#include "tests/unit/conf_rig.h"

static const char base[] =
    "mode = \"drive\";\n"
    "bird = {\n"
    "	asn = 64500;\n"
    "	sessions = ( { name = \"uplink4\"; families = [ \"v4\" ]; },\n"
    "		{ name = \"uplink6\"; families = [ \"v6\" ]; } );\n"
    "};\n"
    "rungs = ( { name = \"full\"; local_pref = 200; },\n"
    "	{ name = \"backup\"; local_pref = 150; prepend = 1; enter = 85; leave = 95; },\n"
    "	{ name = \"drain\"; local_pref = 50; prepend = 3; enter = 50; leave = 70; },\n"
    "	{ name = \"silent\"; enter = 20; leave = 40; } );\n"
    "services = ( { name = \"dns\";\n"
    "		prefixes = [ \"192.0.2.0/24\", \"2001:db8:53::/48\" ];\n"
    "		addresses = [ \"192.0.2.53\", \"2001:db8:53::53\" ]; },\n"
    "	{ name = \"other\"; prefixes = [ \"198.51.100.0/24\" ];\n"
    "		addresses = [ \"198.51.100.53\" ]; } );\n"
    "workers = { count = 2; command = [ \"/usr/sbin/unbound\", \"-d\" ]; };\n"
    "checks = ( { name = \"id\"; kind = \"dns\"; vital = true; interval_ms = 200; },\n"
    "	{ name = \"deep\"; kind = \"dns\"; recursion = true; qname = \"$random.example\"; },\n"
    "	{ name = \"up\"; kind = \"upstream\"; servers = [ \"203.0.113.1\" ]; },\n"
    "	{ name = \"memory\"; kind = \"resource\"; source = \"mem_available\"; crit = 4; },\n"
    "	{ name = \"cpu\"; kind = \"resource\"; source = \"psi_cpu\"; crit = 90; },\n"
    "	{ name = \"net\"; kind = \"link\"; addresses = true; interfaces = [ \"eth0\" ]; },\n"
    "	{ name = \"peers\"; kind = \"bgp\"; },\n"
    "	{ name = \"procs\"; kind = \"workers\"; },\n"
    "	{ name = \"mine\"; kind = \"exec\"; command = [ \"/bin/true\" ]; } );\n"
    "outgoing_addresses = [ \"203.0.113.10\" ];\n";

static int
read_text(const char *text, struct settings *s, struct err *err)
{
	assert_int_equal(file_replace_fast(scratch, text, strlen(text), 0600, err), 0);
	return settings_read(scratch, s, arena, err);
}

/* On the heap, so that a test may read several. */
static struct settings *
read_well(const char *text)
{
	struct settings *s = arena_get(arena, sizeof(*s));
	struct err err;

	if (read_text(text, s, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

static int
refused(const char *text, struct err *err)
{
	struct settings s;

	return read_text(text, &s, err);
}

static void
expect(const struct row *r)
{
	expect_mistake(base, r, scratch, refused);
}

static void
mistakes_in_tables_are_told(void **state)
{
	static const struct row rows[] = {
	    {"asn = 64500;", "^asm = 64500;", "bird.asm", "did you mean \"asn\"?"},
	    {"asn = 64500;", "^asn = \"64500\";", "bird.asn", "write a whole number"},
	    {"asn = 64500;", "^asn = 64500.0;", "bird.asn", "write a whole number"},
	    {"asn = 64500;", "^asn = 4294967296L;", "bird.asn", "write 0 to 4294967295"},
	    {"\"drive\"", "^\"drvie\"", "mode", "write \"drive\" or \"observe\""},
	    {"prepend = 3;", "^prepend = 11;", "rungs.drain.prepend", "write 0 to 10"},
	    {"interval_ms = 200", "^interval_ms = 9", "checks.id.interval_ms", "write 10 to"},
	    {"\"upstream\"", "^\"up\"", "checks.up.kind", "\"resource\""},
	    {"count = 2", "^count = 49", "workers.count", "write 0 to 48"},
	    {"count = 2;", "count = 2; ^spare = 2;", "workers.spare", "write 0 to 1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(&rows[i]);
}

static void
mistakes_in_rungs_and_sessions_are_told(void **state)
{
	static const struct row rows[] = {
	    {"enter = 85; leave = 95;", "enter = 85; ^leave = 84;", "rungs.backup.leave",
		"is under enter = 85"},
	    {"enter = 50; leave = 70;", "^enter = 85; leave = 90;", "rungs.drain.enter",
		"is not under the 85 of the better rung backup"},
	    {"enter = 50; leave = 70;", "enter = 50; ^leave = 95;", "rungs.drain.leave",
		"is not under the 95 of the better rung backup"},
	    {"local_pref = 200; }", "local_pref = 200; ^enter = 99; }", "rungs.full.enter",
		"leave it out"},
	    {"local_pref = 150;", "^local_pref = 201;", "rungs.backup.local_pref",
		"must not be preferred"},
	    {"prepend = 3;", "^prepend = 0;", "rungs.drain.prepend", "must not be preferred"},
	    {"{ name = \"silent\"; enter = 20; leave = 40; }",
		"{ ^name = \"quiet\"; enter = 20; leave = 40; }", "rungs.quiet.name",
		"end with it"},
	    {"name = \"backup\"", "^name = \"Back up\"", "rungs.Back up.name", "a-z, 0-9 and _"},
	    {"name = \"backup\"", "^name = \"a_very_long_name\"", "rungs.a_very_long_name.name",
		"1 to 12"},
	    {"enter = 20; leave = 40;", "enter = 20; leave = 40; ^prepend = 1;",
		"rungs.silent.prepend", "a rung that announces; take it out"},
	    {"prepend = 1;", "prepend = 1; communities = [ \"64500:1:2\", ^\"64500\" ];",
		"rungs.backup.communities[1]", "is not a community"},
	    {"prepend = 1;", "prepend = 1; communities = [ ^\"64500:70000\" ];",
		"rungs.backup.communities[0]", "is not a community"},
	    {"name = \"uplink6\"", "^name = \"uplink4\"", "bird.sessions.uplink4.name",
		"is there twice"},
	    {"name = \"uplink6\"", "^name = \"up-link\"", "bird.sessions.up-link.name",
		"`birdc show protocols` lists them"},
	    {"name = \"uplink6\"", "^name = \"6up\"", "bird.sessions.6up.name", "not a protocol's"},
	    {"asn = 64500;", "asn = 64500; ^socket = \"bird.ctl\";", "bird.socket", "not absolute"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(&rows[i]);
}

/* What is absent is placed where its group begins. */
static void
missing_keys_are_placed_at_their_group(void **state)
{
	static const struct row rows[] = {
	    {"	{ name = \"drain\"; local_pref = 50; prepend = 3; enter = 50; leave = 70; }",
		"	^{ name = \"drain\"; local_pref = 50; prepend = 3; enter = 50; }",
		"rungs.drain.leave", "is missing; write a score"},
	    {"bird = {\n	asn = 64500;", "^bird = {", "bird.asn", "or mode = \"observe\""},
	    {" command = [ \"/usr/sbin/unbound\", \"-d\" ]; };", "^ };", "workers.command",
		"or count = 0"},
	    {"{ name = \"mine\"; kind = \"exec\"; command = [ \"/bin/true\" ]; }",
		"^{ name = \"mine\"; kind = \"exec\"; }", "checks.mine.command", "is missing"},
	    {"servers = [ \"203.0.113.1\" ];", "^", "checks.up.servers", "is missing"},
	    {"source = \"psi_cpu\";", "^", "checks.cpu.source", "is missing"},
	    {"qname = \"$random.example\";", "^", "checks.deep.qname", "is missing"},
	    {"addresses = true; interfaces = [ \"eth0\" ];", "^", "checks.net", "looks at nothing"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(&rows[i]);
}

static void
a_drive_without_sessions_says_where_they_are_listed(void **state)
{
	struct settings s;
	struct err err;

	(void)state;
	assert_int_equal(
	    read_text("mode = \"drive\";\nbird = { asn = 1; };\nservices = ( { name = \"a\"; "
		      "prefixes = [ \"192.0.2.0/24\" ]; addresses = [ \"192.0.2.1\" ]; } );\n",
		&s, &err),
	    -1);
	assert_non_null(strstr(err.text, ":2: bird.sessions: "));
	assert_non_null(strstr(err.text, "`birdc show protocols` lists them"));
}

static void
mistakes_in_services_are_told(void **state)
{
	static const struct row rows[] = {
	    {"\"192.0.2.53\"", "^\"192.0.3.53\"", "services.dns.addresses[0]",
		"outside every prefix"},
	    {"\"2001:db8:53::53\"", "^\"192.0.2.53\"", "services.dns.addresses[1]",
		"there twice"},
	    {"\"192.0.2.0/24\", ", "\"192.0.2.0/24\", ^\"10.0.0.0/8\", ",
		"services.dns.prefixes[1]", "holds none of the service's addresses"},
	    {"\"2001:db8:53::53\" ]", "\"2001:db8:53::53\" ]; ^port = 0", "services.dns.port",
		"write 1 to 65535"},
	    {"\"192.0.2.0/24\", \"", "\"192.0.2.0/24\", ^\"192.0.2.0/24\", \"",
		"services.dns.prefixes[1]", "there twice"},
	    {"name = \"other\"", "^name = \"dns\"", "services.dns.name", "is there twice"},
	    {"name = \"other\"", "^name = \"eleven_long\"", "services.eleven_long.name", "1 to 10"},
	    {"name = \"other\"", "^name = \"Other\"", "services.Other.name", "a-z, 0-9 and _"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(&rows[i]);
}

static void
services_stay_apart(void **state)
{
	static const struct row rows[] = {
	    {"[ \"198.51.100.0/24\" ];\n		addresses = [ \"198.51.100.53\" ]",
		"[ ^\"192.0.2.0/24\" ]; addresses = [ \"192.0.2.54\" ]",
		"services.other.prefixes[0]", "overlaps 192.0.2.0/24 of service dns"},
	    {"[ \"198.51.100.0/24\" ];\n		addresses = [ \"198.51.100.53\" ]",
		"[ ^\"192.0.0.0/16\" ]; addresses = [ \"192.0.9.54\" ]",
		"services.other.prefixes[0]", "overlaps 192.0.2.0/24 of service dns"},
	    {"[ \"198.51.100.0/24\" ];\n		addresses = [ \"198.51.100.53\" ]",
		"[ \"192.0.2.0/24\" ]; addresses = [ ^\"192.0.2.53\" ]",
		"services.other.addresses[0]", "address of service dns too"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(&rows[i]);
}

static void
mistakes_in_workers_ladder_and_the_rest_are_told(void **state)
{
	static const struct row rows[] = {
	    {"\"/usr/sbin/unbound\"", "^\"unbound\"", "workers.command[0]", "not absolute"},
	    {"command = [ \"/usr/sbin/unbound\", \"-d\" ]; };",
		"resolver = \"/etc/r.conf\"; ^command = [ \"/usr/sbin/unbound\" ]; };",
		"workers.command", "beside `resolver`"},
	    {"command = [ \"/usr/sbin/unbound\", \"-d\" ]; };", "^resolver = \"r.conf\"; };",
		"workers.resolver", "not absolute"},
	    {"command = [ \"/usr/sbin/unbound\", \"-d\" ]; };",
		"resolver = \"/etc/r.conf\"; ^user = \"daemon\"; };", "workers.user",
		"worker.user"},
	    {"count = 2;", "count = 2; ^capacity = 1;", "workers.capacity", "those of a `command`"},
	    {"count = 2; command = [ \"/usr/sbin/unbound\", \"-d\" ]; };",
		"resolver = \"/etc/r.conf\"; ^capacity = 1; };", "workers.capacity",
		"healthd runs none here, so take it out"},
	    {"count = 2;", "count = 2; ^min_ready = 3;", "workers.min_ready", "above count = 2"},
	    {"count = 2;", "count = 2; ^probe_port = 65534;", "workers.probe_port",
		"write at most 65533"},
	    {"count = 2;", "count = 2; ^probe_timeout_ms = 101;", "workers.probe_timeout_ms",
		"above probe_interval_ms = 100"},
	    {"count = 2;", "count = 2; ^backoff_max_ms = 10;", "workers.backoff_max_ms",
		"under backoff_min_ms = 20"},
	    {"count = 2;", "count = 2; ^probe_address = \"lo\";", "workers.probe_address",
		"not an address"},
	    {"count = 2;", "count = 2; ^probe_address = \"192.0.2.53\";", "workers.probe_address",
		"is an anycast address (service dns)"},
	    {"count = 2;", "count = 2; ^probe_qname = \"a..b\";", "workers.probe_qname",
		"not a domain name"},
	    {"count = 2;", "count = 2; ^probe_qtype = \"WHAT\";", "workers.probe_qtype",
		"not a type"},
	    {"count = 2;", "count = 2; ^probe_qclass = \"WHAT\";", "workers.probe_qclass",
		"write \"IN\" or \"CH\""},
	    {"\"203.0.113.10\"", "\"203.0.113.10\", ^\"192.0.2.53\"", "outgoing_addresses[1]",
		"answers would land at another PoP"},
	    {"\"203.0.113.10\"", "^\"me\"", "outgoing_addresses[0]", "not an address"},
	    {"checks = (", "metrics = { ^address = \"*\"; }; checks = (", "metrics.address",
		"not an address"},
	    {"checks = (", "recorder = { ^path = \"ring\"; }; checks = (", "recorder.path",
		"not absolute"},
	    {"checks = (",
		"fleet = { probe = { qtype = \"A\"; ^expect_data = \"x\"; }; }; checks = (",
		"fleet.probe.expect_data", "no address of the type asked for"},
	    {"checks = (", "hook = { command = [ ^\"tell\" ]; }; checks = (", "hook.command[0]",
		"not absolute"},
	    {"checks = (", "ladder = { hold_ms = 500;\n^hold_cap_ms = 499; }; checks = (",
		"ladder.hold_cap_ms", "under hold_ms = 500"},
	    {"checks = (", "ladder = { ^emergency_max_ms = 999; }; checks = (",
		"ladder.emergency_max_ms", "under emergency_min_ms = 1000"},
	    {"checks = (", "ladder = { flap = { ^limit = 999; }; }; checks = (",
		"ladder.flap.limit", "no move would ever be allowed"},
	    {"checks = (", "ladder = { flap = { ^half_life_ms = 0; }; }; checks = (",
		"ladder.flap.half_life_ms", "write 1000 to"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(&rows[i]);
}

static void
mistakes_in_checks_are_told(void **state)
{
	static const struct row rows[] = {
	    {"interval_ms = 200;", "interval_ms = 200; ^timeout_ms = 201;", "checks.id.timeout_ms",
		"above interval_ms = 200"},
	    {"recursion = true;", "recursion = true; ^vital = true;", "checks.deep.vital",
		"a derived check cannot be vital"},
	    {"kind = \"upstream\";", "kind = \"upstream\"; ^vital = true;", "checks.up.vital",
		"a shared check cannot be vital"},
	    {"kind = \"bgp\";", "kind = \"bgp\"; ^vital = true;", "checks.peers.vital",
		"a derived check cannot be vital"},
	    {"kind = \"exec\";", "kind = \"exec\"; ^vital = true;", "checks.mine.vital",
		"a derived check cannot be vital"},
	    {"name = \"mine\"", "^name = \"My own\"", "checks.My own.name", "a-z, 0-9 and _"},
	    {"name = \"mine\"", "^name = \"id\"", "checks.id.name", "is there twice"},
	    {"interval_ms = 200;", "services = [ \"dns\", ^\"web\" ];", "checks.id.services[1]",
		"not one of the services"},
	    {"{ name = \"procs\"; kind = \"workers\"; }",
		"{ name = \"c\"; kind = \"cache\"; ^vital = true; }", "checks.c.vital",
		"cannot be vital"},
	    {"{ name = \"procs\"; kind = \"workers\";",
		"{ name = \"procs\"; kind = \"workers\"; ^min_answers = 1;",
		"checks.procs.min_answers", "error_rate"},
	    {"crit = 90;", "crit = 90; ^path = \"cpu\";", "checks.cpu.path", "not absolute"},
	    {"\"/bin/true\"", "^\"true\"", "checks.mine.command[0]", "not absolute"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(&rows[i]);
}

static void
mistakes_in_questions_and_targets_are_told(void **state)
{
	static const struct row rows[] = {
	    {"\"$random.example\"", "^\"a..b\"", "checks.deep.qname", "not a domain name"},
	    {"recursion = true;", "recursion = true; ^qtype = \"WHAT\";", "checks.deep.qtype",
		"not a type"},
	    {"recursion = true;", "recursion = true; ^qclass = \"WHAT\";", "checks.deep.qclass",
		"not a class"},
	    {"recursion = true;", "recursion = true; ^expect_rcode = \"NOERROR|OOPS\";",
		"checks.deep.expect_rcode", "\"OOPS\" is not an rcode"},
	    {"recursion = true;", "recursion = true; ^expect_rcode = \"NOERROR|\";",
		"checks.deep.expect_rcode", "is not an rcode"},
	    {"recursion = true;", "recursion = true; ^expect_rcode = \"RCODE64\";",
		"checks.deep.expect_rcode", "\"RCODE64\" is no rcode"},
	    {"recursion = true;", "recursion = true; ^expect_data = \"::1\";",
		"checks.deep.expect_data", "no address of the type asked for"},
	    {"recursion = true;", "recursion = true; qtype = \"CNAME\"; ^expect_data = \"a..b\";",
		"checks.deep.expect_data", "empty label"},
	    {"recursion = true;", "recursion = true; ^servers = [ \"192.0.2.1\" ];",
		"checks.deep.servers", "target \"servers\"; take it out"},
	    {"kind = \"bgp\";", "kind = \"bgp\"; ^qname = \"x\";", "checks.peers.qname",
		"kind \"dns\"; take it out"},
	    {"\"203.0.113.1\"", "^\"here\"", "checks.up.servers[0]", "neither an address"},
	    {"\"203.0.113.1\"", "^\"192.0.2.53\"", "checks.up.servers[0]", "our own service dns"},
	    {"kind = \"upstream\";", "kind = \"upstream\"; qnames = [ ^\"a..b\" ];",
		"checks.up.qnames[0]", "not a domain name"},
	    {"kind = \"upstream\";", "kind = \"upstream\"; ^k = 2;", "checks.up.k",
		"above the 1 targets"},
	    {"interval_ms = 200;", "^k = 2;", "checks.id.k", "above the 1 targets"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(&rows[i]);
}

static void
mistakes_in_thresholds_are_told(void **state)
{
	static const struct row rows[] = {
	    {"crit = 4;", "warn = 4; ^crit = 4;", "checks.memory.crit", "the lower of the two"},
	    {"crit = 90;", "warn = 90; ^crit = 60;", "checks.cpu.crit", "the higher of the two"},
	    {"crit = 90;", "^crit = 101;", "checks.cpu.crit", "in percent"},
	    {"{ name = \"procs\"; kind = \"workers\"; }",
		"{ name = \"e\"; kind = \"error_rate\"; ^crit = 5; }", "checks.e.crit",
		"the higher of the two"},
	    {"{ name = \"procs\"; kind = \"workers\"; }",
		"{ name = \"e\"; kind = \"error_rate\"; ^crit = 101; }", "checks.e.crit",
		"percent of the answers"},
	    {"{ name = \"procs\"; kind = \"workers\"; }",
		"{ name = \"c\"; kind = \"cache\"; ^crit = 30; }", "checks.c.crit",
		"the lower of the two"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(&rows[i]);
}

static void
a_check_that_counts_for_nothing_is_told(void **state)
{
	struct row r = {"interval_ms = 200;", "^services = [ \"other\" ]; families = [ \"v6\" ];",
	    "checks.id.services", "leaves nothing"};

	(void)state;
	expect(&r);
}

static void
a_bad_port_of_a_server_is_told(void **state)
{
	static const char *const bad[] = {"203.0.113.1@0", "203.0.113.1@65536", "203.0.113.1@",
	    "@53", "203.0.113.1@5x", "203.0.113.1:53"};
	struct addr a;
	uint16_t port;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(check_conf_server(bad[i], &a, &port));
	assert_true(check_conf_server("203.0.113.1@65535", &a, &port));
	assert_int_equal(port, 65535);
	assert_true(check_conf_server("2001:db8::1", &a, &port));
	assert_int_equal(port, 53);
}

static void
without_workers_their_checks_are_errors(void **state)
{
	const char *none = replaced(base,
	    "workers = { count = 2; command = [ \"/usr/sbin/unbound\", "
	    "\"-d\" ]; };\n",
	    "");
	struct settings s;
	struct err err;

	(void)state;
	assert_int_equal(read_text(none, &s, &err), -1);
	assert_non_null(strstr(err.text, "checks.procs.kind: "));
	assert_non_null(strstr(err.text, "let healthd run the workers"));
	none = replaced(none, "	{ name = \"procs\"; kind = \"workers\"; },\n", "");
	none = replaced(none, "interval_ms = 200;", "target = \"workers\";");
	assert_int_equal(read_text(none, &s, &err), -1);
	assert_non_null(strstr(err.text, "checks.id.target: "));
}

static void
every_lane_needs_a_self_check(void **state)
{
	const char *text = replaced(base, "interval_ms = 200;", "families = [ \"v4\" ];");
	struct settings s;
	struct err err;

	(void)state;
	text = replaced(text, "	{ name = \"net\"; kind = \"link\"; addresses = true; interfaces = "
			      "[ \"eth0\" ]; },\n", "");
	text = replaced(text, "	{ name = \"procs\"; kind = \"workers\"; },\n", "");
	assert_int_equal(read_text(text, &s, &err), -1);
	assert_non_null(strstr(err.text, "checks: has no self check for service dns in v6"));
}

static void
too_many_instances_are_told(void **state)
{
	const char *text = base;
	struct settings s;
	struct err err;

	(void)state;
	for (int i = 0; i < 19; i++) /* three lanes each */
		text = replaced(text, "checks = (",
		    arena_printf(arena,
			"checks = ( { name = \"id%d\"; "
			"kind = \"dns\"; },",
			i));
	assert_int_equal(read_text(text, &s, &err), -1);
	assert_non_null(strstr(err.text, "room for 64"));
}

static void
the_class_follows_from_need(void **state)
{
	static const struct {
		struct check_conf c;
		enum check_class class;
	} rows[] = {
	    {{.kind = KIND_DNS, .target = DNS_ANYCAST}, CLASS_SELF},
	    {{.kind = KIND_DNS, .target = DNS_WORKERS}, CLASS_SELF},
	    {{.kind = KIND_DNS, .target = DNS_SERVERS}, CLASS_DERIVED},
	    {{.kind = KIND_DNS, .target = DNS_ANYCAST, .recursion = true}, CLASS_DERIVED},
	    {{.kind = KIND_DNS, .target = DNS_WORKERS, .recursion = true}, CLASS_DERIVED},
	    {{.kind = KIND_DNS, .target = DNS_ANYCAST, .expect_ad = true}, CLASS_DERIVED},
	    {{.kind = KIND_UPSTREAM}, CLASS_SHARED},
	    {{.kind = KIND_UPSTREAM, .recursion = true}, CLASS_SHARED},
	    {{.kind = KIND_RESOURCE}, CLASS_DERIVED},
	    {{.kind = KIND_ERROR_RATE}, CLASS_DERIVED},
	    {{.kind = KIND_CACHE}, CLASS_DERIVED},
	    {{.kind = KIND_WORKERS}, CLASS_SELF},
	    {{.kind = KIND_LINK}, CLASS_SELF},
	    {{.kind = KIND_BGP}, CLASS_DERIVED},
	    {{.kind = KIND_EXEC}, CLASS_DERIVED},
	    {{.kind = KIND_EXEC, .exec_local = true}, CLASS_SELF},
	    {{.kind = KIND_VANTAGE}, CLASS_TOLD},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(check_conf_class(&rows[i].c), rows[i].class);
}

static const struct check_conf *
find(const struct settings *s, const char *name)
{
	for (int i = 0; i < s->n_checks; i++) {
		if (strcmp(s->checks[i].name, name) == 0)
			return &s->checks[i];
	}
	fail_msg("no check %s", name);
	return NULL;
}

static void
absent_values_follow_the_kind_of_check(void **state)
{
	struct settings *s = read_well(base);
	const struct check_conf *c = find(s, "id");

	(void)state;
	assert_string_equal(c->qname, "id.server");
	assert_string_equal(c->qtype, "TXT");
	assert_string_equal(c->qclass, "CH");
	assert_string_equal(c->expect_rcode, "NOERROR");
	assert_int_equal(c->interval_ms, 200);
	assert_int_equal(c->timeout_ms, 200);
	assert_int_equal(c->rise, 2);
	assert_int_equal(c->fall, 3);
	assert_int_equal(c->forgive, 10);
	assert_int_equal(c->patience_ms, 700);
	assert_int_equal(c->weight, 10);
	assert_int_equal(c->transports, TRANSPORT_UDP);
	assert_int_equal(c->families, 3);
	c = find(s, "deep");
	assert_string_equal(c->qtype, "A");
	assert_string_equal(c->qclass, "IN");
	assert_int_equal(c->interval_ms, 1000);
	assert_int_equal(c->timeout_ms, 1000);
	assert_int_equal(c->patience_ms, 0);
	c = find(s, "up");
	assert_string_equal(c->qtype, "NS");
	assert_int_equal(c->k, 1);
	assert_int_equal(find(s, "memory")->warn, 10);
	assert_int_equal(find(s, "net")->fall, 1);
	assert_int_equal(find(s, "net")->k, 1);
	assert_int_equal(s->workers.min_ready, 1);
	assert_string_equal(s->recorder.path, "/var/lib/anypop/recorder");
	assert_int_equal(s->log_level, EVENT_INFO);
}

static void
the_default_rungs_are_the_designs(void **state)
{
	const char *text = replaced(base, "rungs = ( { name = \"full\"; local_pref = 200; },\n"
	    "	{ name = \"backup\"; local_pref = 150; prepend = 1; enter = 85; leave = 95; },\n"
	    "	{ name = \"drain\"; local_pref = 50; prepend = 3; enter = 50; leave = 70; },\n"
	    "	{ name = \"silent\"; enter = 20; leave = 40; } );\n", "");
	struct settings *s = read_well(text);
	static const struct {
		const char *name;
		int enter, leave, local_pref, prepend;
		bool graceful;
	} rows[] = {{"silent", 20, 40, 0, 0, false}, {"drain", 50, 70, 50, 3, true},
	    {"backup", 85, 95, 150, 1, false}, {"full", 0, 0, 200, 0, false}};

	(void)state;
	assert_int_equal(s->site.n_rungs, 4);
	assert_int_equal(s->ladder.n_rungs, 4);
	for (int i = 0; i < 4; i++) {
		const struct rung *r = &s->site.rungs[i];

		assert_string_equal(r->name, rows[i].name);
		assert_int_equal(r->local_pref, rows[i].local_pref);
		assert_int_equal(r->prepend, rows[i].prepend);
		assert_int_equal(r->graceful_shutdown, rows[i].graceful);
		assert_int_equal(r->med, -1);
		assert_int_equal(s->ladder.enter[i], rows[i].enter);
		assert_int_equal(s->ladder.leave[i], rows[i].leave);
	}
}

static void
the_ladder_has_the_designs_defaults(void **state)
{
	const struct ladder_conf *l = &read_well(base)->ladder;

	(void)state;
	assert_int_equal(l->fall_hold_ms, 30000);
	assert_int_equal(l->latch_ms, 60000);
	assert_int_equal(l->hold_ms, 60000);
	assert_int_equal(l->hold_cap_ms, 960000);
	assert_int_equal(l->relapse_ms, 600000);
	assert_int_equal(l->heal_ms, 600000);
	assert_int_equal(l->adopt_ms, 300);
	assert_int_equal(l->preflight_warm_ms, 30000);
	assert_false(l->alone);
	assert_int_equal(l->vital_alone, ALONE_SILENT);
	assert_int_equal(l->proven_alone, ALONE_DRAIN);
	assert_int_equal(l->emergency_min_ms, 1000);
	assert_int_equal(l->emergency_max_ms, 60000);
	assert_int_equal(l->emergency_relapse_ms, 600000);
	assert_int_equal(l->flap.half_life_ms, 900000);
	assert_int_equal(l->flap.limit, 1500);
	assert_int_equal(l->flap.withdraw_cost, 1000);
	assert_int_equal(l->flap.change_cost, 500);
}

static void
without_checks_there_is_a_sensible_set(void **state)
{
	const char *cut = strstr(base, "checks = (");
	struct settings *s = read_well(arena_printf(arena, "%.*s", (int)(cut - base), base));
	int64_t all = 0, derived_dns = 0, resources = 0;

	(void)state;
	assert_true(find(s, "workers")->vital);
	assert_true(find(s, "id_udp")->vital);
	assert_true(find(s, "id_tcp")->vital);
	assert_int_equal(find(s, "id_tcp")->interval_ms, 1000);
	assert_true(find(s, "addresses")->vital);
	assert_int_equal(check_conf_class(find(s, "recursion")), CLASS_DERIVED);
	assert_int_equal(check_conf_class(find(s, "upstream")), CLASS_SHARED);
	for (int i = 0; i < s->n_checks; i++) {
		all += s->checks[i].weight;
		if (s->checks[i].kind == KIND_RESOURCE)
			resources += s->checks[i].weight;
		if (s->checks[i].recursion)
			derived_dns += s->checks[i].weight;
	}
	/* Recursion alone can call for silent, pressure alone cannot go below backup. */
	assert_true(100 * (all - derived_dns) / all < s->site.rungs[RUNG_SILENT].enter);
	assert_true(100 * (all - resources) / all >= s->site.rungs[RUNG_DRAIN].enter);
	assert_true(conf_given(s->site.places, s, "services"));
}

/* What the set comes to with these checks failing, of those that count. */
static int64_t
score_without(const struct settings *s, const char *a, const char *b, bool errors_idle)
{
	int64_t all = 0, well = 0;

	for (int i = 0; i < s->n_checks; i++) {
		const struct check_conf *c = &s->checks[i];

		if (errors_idle && c->kind == KIND_ERROR_RATE)
			continue;
		all += c->weight;
		if (strcmp(c->name, a) != 0 && strcmp(c->name, b) != 0)
			well += c->weight;
	}
	return 100 * well / all;
}

static void
our_own_resolver_is_also_judged_by_its_clients_answers(void **state)
{
	const char *cut = strstr(base, "checks = (");
	const char *text = arena_printf(arena, "%.*s", (int)(cut - base), base);
	struct settings *s = read_well(replaced(text,
	    "command = [ \"/usr/sbin/unbound\", \"-d\" ];", "resolver = \"/etc/r.conf\";"));
	const struct check_conf *c = find(s, "errors");

	(void)state;
	assert_int_equal(c->kind, KIND_ERROR_RATE);
	assert_int_equal(check_conf_class(c), CLASS_DERIVED);
	assert_int_equal(c->warn, 5);
	assert_int_equal(c->crit, 50);
	assert_int_equal(c->window_ms, 10000);
	assert_int_equal(c->min_answers, 50);
	/* By itself one rung; recursion failing while clients are well drains, failing with them,
	 * or where nobody asks, it calls for silent. */
	assert_in_range(score_without(s, "errors", "", false), s->site.rungs[RUNG_DRAIN].enter,
	    s->site.rungs[2].enter - 1);
	assert_in_range(score_without(s, "recursion", "", false),
	    s->site.rungs[RUNG_SILENT].enter, s->site.rungs[RUNG_DRAIN].enter - 1);
	assert_true(score_without(s, "recursion", "errors", false) <
		    s->site.rungs[RUNG_SILENT].enter);
	assert_true(score_without(s, "recursion", "", true) < s->site.rungs[RUNG_SILENT].enter);
	s = read_well(text);
	for (int i = 0; i < s->n_checks; i++)
		assert_int_not_equal(s->checks[i].kind, KIND_ERROR_RATE);
}

static void
many_workers_need_no_checks_written(void **state)
{
	struct settings *s;

	(void)state;
	for (int count = 30; count <= 48; count++) {
		s = read_well(arena_printf(arena,
		    "node = { name = \"n\"; };\nmode = \"observe\";\n"
		    "services = ( { name = \"dns\"; prefixes = [ \"192.0.2.0/24\" ];\n"
		    "	addresses = [ \"192.0.2.53\" ]; } );\n"
		    "workers = { count = %d; command = [ \"/bin/true\" ]; };\n", count));
		assert_true(find(s, "workers")->vital);
	}
}

static char *
rendered(const struct settings *s)
{
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	settings_render(to, s);
	fclose(to);
	return text;
}

static void
round_trips(const char *name, const struct settings *s)
{
	char *first = rendered(s), *second;

	second = rendered(read_well(first));
	if (strcmp(first, second) != 0)
		fail_msg("%s does not read to the same after it is printed", name);
	free(first);
	free(second);
}

static void
what_would_run_prints_and_reads_to_the_same(void **state)
{
	glob_t files;
	struct err err;

	(void)state;
	round_trips("base", read_well(base));
	round_trips("ours",
	    read_well("node = { name = \"a\"; }; mode = \"observe\";\n"
		      "services = ( { name = \"dns\"; prefixes = [ \"192.0.2.0/24\" ];\n"
		      "	addresses = [ \"192.0.2.53\" ]; } );\n"
		      "workers = { count = 2; resolver = \"/etc/r.conf\"; capacity = 77; };\n"));
	assert_int_equal(glob("etc/*.conf", 0, NULL, &files), 0);
	assert_int_equal(glob("tests/unit/data/settings-*.conf", GLOB_APPEND, NULL, &files), 0);
	assert_true(files.gl_pathc >= 3);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		struct settings *s = arena_get(arena, sizeof(*s));

		if (strcmp(files.gl_pathv[i], "etc/resolver.conf") == 0)
			continue; /* another room's */
		if (settings_read(files.gl_pathv[i], s, arena, &err) < 0)
			fail_msg("%s", err.text);
		round_trips(files.gl_pathv[i], s);
	}
	globfree(&files);
}

/* The kitchen sink gives every key that the reference lists a value other than its default, but for
 * those of our own workers (they stand in "ours"), and each comes back: nothing is read and then
 * lost. */
static void
every_key_is_in_the_kitchen_sink(void **state)
{
	char *text, *line, *rest, *sink;
	struct err err;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	(void)state;
	settings_reference(to);
	fclose(to);
	sink = file_read("tests/unit/data/settings-kitchen-sink.conf", 100000, NULL, &err);
	if (sink == NULL)
		fail_msg("%s", err.text);
	for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
		char word[80];
		const char *dot;

		line[strcspn(line, "\t")] = '\0';
		dot = strrchr(line, '.');
		snprintf(word, sizeof(word), "%s =", dot != NULL ? dot + 1 : line);
		if (strstr(word, "[]") != NULL)
			strcpy(strstr(word, "[]"), " =");
		if (strstr(sink, word) == NULL)
			fail_msg("the kitchen sink lacks \"%s\" (%s)", word, line);
	}
	free(text);
	free(sink);
}

static void
the_description_names_what_counts(void **state)
{
	struct settings *s = read_well(replaced(base, "checks = (",
	    "metrics = { address = \"0.0.0.0\"; };"
	    "checks = ("));
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	(void)state;
	settings_describe(to, s);
	fclose(to);
	assert_non_null(strstr(text, "dns/v6: 2001:db8:53::/48 for 2001:db8:53::53\n"));
	assert_null(strstr(text, "other/v6"));
	assert_non_null(strstr(text, "full, backup (under 85, left at 95), drain"));
	assert_non_null(strstr(text, "id               dns        self     vital"));
	assert_non_null(strstr(text, "up               upstream   shared   weight 10"));
	assert_non_null(strstr(text, "0.0.0.0 is not loopback"));
	free(text);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, rig_begin, rig_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(mistakes_in_tables_are_told),
	    TEST(mistakes_in_rungs_and_sessions_are_told),
	    TEST(missing_keys_are_placed_at_their_group),
	    TEST(a_drive_without_sessions_says_where_they_are_listed),
	    TEST(mistakes_in_services_are_told),
	    TEST(services_stay_apart),
	    TEST(mistakes_in_workers_ladder_and_the_rest_are_told),
	    TEST(mistakes_in_checks_are_told),
	    TEST(mistakes_in_questions_and_targets_are_told),
	    TEST(mistakes_in_thresholds_are_told),
	    TEST(a_check_that_counts_for_nothing_is_told),
	    TEST(a_bad_port_of_a_server_is_told),
	    TEST(without_workers_their_checks_are_errors),
	    TEST(every_lane_needs_a_self_check),
	    TEST(too_many_instances_are_told),
	    TEST(the_class_follows_from_need),
	    TEST(absent_values_follow_the_kind_of_check),
	    TEST(the_default_rungs_are_the_designs),
	    TEST(the_ladder_has_the_designs_defaults),
	    TEST(without_checks_there_is_a_sensible_set),
	    TEST(our_own_resolver_is_also_judged_by_its_clients_answers),
	    TEST(many_workers_need_no_checks_written),
	    TEST(what_would_run_prints_and_reads_to_the_same),
	    TEST(every_key_is_in_the_kitchen_sink),
	    TEST(the_description_names_what_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
