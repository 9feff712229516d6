/* Configuration by key table: values, defaults, errors with their places, and the way back. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/conf.h"
#include "lib/conf_scan.h"
#include "lib/file.h"
#include "tests/unit/conf_rig.h"

struct item {
	const char *name;
	int line;
	int64_t size;
	int colour;
};

struct config {
	int first; /* see CONF_NO_LINE */
	struct {
		const char *text;
		int64_t number;
	} group;
	const char *text, *other;
	int64_t number, automatic;
	bool flag;
	int maybe;
	int64_t share;
	int colour;
	uint32_t sides;
	struct addr address;
	const char **words;
	int n_words;
	struct addr *addresses;
	int n_addresses;
	struct prefix *prefixes;
	int n_prefixes;
	struct item *items;
	int n_items;
};

static const char *const colours[] = {"red", "green", "blue", NULL};
static const char *const sides[] = {"left", "right", "top", NULL};

static bool
is_blue(const void *in)
{
	return ((const struct item *)in)->colour == 3;
}

static const struct conf_key item_keys[] = {
    {.name = "name", .type = CONF_STR, .offset = offsetof(struct item, name), .required = true,
	.help = "which one"},
    {.name = "colour", .type = CONF_ENUM, .offset = offsetof(struct item, colour), .min = 1,
	.names = colours, .number = 2},
    {.name = "size", .type = CONF_INT, .offset = offsetof(struct item, size), .min = 1, .max = 10,
	.number = 5, .applies = is_blue, .only = "colour \"blue\""},
    {.name = NULL},
};

static const struct conf_key group_keys[] = {
    {.name = "text", .type = CONF_STR, .offset = 0, .text = "group's own"},
    {.name = "number", .type = CONF_INT, .offset = sizeof(char *), .max = UINT32_MAX},
    {.name = NULL},
};

#define AT(member) offsetof(struct config, member)
static const struct conf_key keys[] = {
    {.name = "group", .type = CONF_GROUP, .offset = AT(group), .line_offset = CONF_NO_LINE,
	.sub = group_keys, .help = "some keys"},
    {.name = "text", .type = CONF_STR, .offset = AT(text), .text = "none of it"},
    {.name = "other", .type = CONF_STR, .offset = AT(other)},
    {.name = "number", .type = CONF_INT, .offset = AT(number), .min = -5, .max = 99, .number = 7},
    {.name = "automatic", .type = CONF_INT, .offset = AT(automatic), .number = CONF_AUTO},
    {.name = "flag", .type = CONF_BOOL, .offset = AT(flag), .number = 1},
    {.name = "maybe", .type = CONF_MAYBE, .offset = AT(maybe), .number = -1},
    {.name = "share", .type = CONF_SHARE, .offset = AT(share), .max = 50,
	.number = CONF_PERCENT(34)},
    {.name = "colour", .type = CONF_ENUM, .offset = AT(colour), .names = colours},
    {.name = "sides", .type = CONF_SET, .offset = AT(sides), .names = sides, .min = 1,
	.number = 5},
    {.name = "address", .type = CONF_ADDR, .offset = AT(address), .text = "127.0.0.1"},
    {.name = "words", .type = CONF_STRS, .offset = AT(words), .count_offset = AT(n_words)},
    {.name = "addresses", .type = CONF_ADDRS, .offset = AT(addresses),
	.count_offset = AT(n_addresses)},
    {.name = "prefixes", .type = CONF_PREFIXES, .offset = AT(prefixes),
	.count_offset = AT(n_prefixes), .min = 1, .max = 2},
    {.name = "items", .type = CONF_LIST, .offset = AT(items), .count_offset = AT(n_items),
	.line_offset = offsetof(struct item, line), .sub = item_keys,
	.sub_size = sizeof(struct item), .max = 3},
    {.name = "foreign", .type = CONF_SKIP},
    {.name = NULL},
};

static struct config
read_well(const char *text)
{
	struct config c = {.n_words = 0};
	struct err err = {""};

	if (conf_read_text(text, "test.conf", keys, &c, arena, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

static void
an_open_table_reads_its_own_keys_and_skips_all_others(void **state)
{
	static const struct conf_key group[] = {
	    {.name = "number", .type = CONF_INT, .offset = 0, .max = 100, .number = 7},
	    {.name = NULL, .type = CONF_SKIP},
	};
	static const struct conf_key open_keys[] = {
	    {.name = "group", .type = CONF_GROUP, .line_offset = CONF_NO_LINE, .sub = group},
	    {.name = NULL},
	};
	int64_t number = 0;
	struct err err;

	(void)state;
	assert_int_equal(conf_read_text("group = { nummer = 5; x = { y = ( 1 ); }; number = 8; };",
			     "test.conf", open_keys, &number, arena, &err), 0);
	assert_int_equal(number, 8);
	assert_int_equal(conf_read_text("group = { number = 101; };", "test.conf", open_keys,
			     &number, arena, &err), -1);
	assert_int_equal(conf_read_text("nummer = 5;", "test.conf", open_keys, &number, arena,
			     &err), -1);
}

static void
absent_keys_get_their_defaults(void **state)
{
	struct config c = read_well("");
	struct addr loopback;

	(void)state;
	addr_parse("127.0.0.1", &loopback);
	assert_string_equal(c.group.text, "group's own");
	assert_string_equal(c.text, "none of it");
	assert_null(c.other);
	assert_int_equal(c.number, 7);
	assert_true(c.automatic == CONF_AUTO);
	assert_true(c.flag);
	assert_int_equal(c.maybe, -1);
	assert_int_equal(conf_percent(c.share), 34);
	assert_int_equal(c.colour, 0);
	assert_int_equal(c.sides, 5);
	assert_true(addr_equal(&c.address, &loopback));
	assert_int_equal(c.n_words + c.n_addresses + c.n_prefixes + c.n_items, 0);
}

static const char everything[] =
    "group = { text = \"a\\tb\\\"c\\\\\"; number = 4200000000L; };\n"
    "text = \"one\" \" two\"; other = \"\";\n"
    "number = -5; automatic = 0x1F; flag = false; maybe = false; share = 3; colour = \"blue\";\n"
    "sides = [ \"top\", \"left\", \"top\" ]; address = \"2001:db8::1\";\n"
    "words = [ \"x\", \"\", \"\\x07\" ];\n"
    "addresses = [ \"192.0.2.1\", \"::\" ]; prefixes = [ \"192.0.2.0/24\", \"::/0\" ];\n"
    "items = ( { name = \"a\"; },\n { name = \"b\"; colour = \"blue\"; size = 10; } );\n"
    "foreign = { anything = ( 1, 2.5 ); };\n";

static void
given_keys_are_read(void **state)
{
	struct config c = read_well(everything);
	char buf[PREFIX_TEXT];

	(void)state;
	assert_string_equal(c.group.text, "a\tb\"c\\");
	assert_true(c.group.number == 4200000000);
	assert_string_equal(c.text, "one two");
	assert_string_equal(c.other, "");
	assert_int_equal(c.number, -5);
	assert_int_equal(c.automatic, 31);
	assert_false(c.flag);
	assert_int_equal(c.maybe, 0);
	assert_true(c.share == 3);
	assert_int_equal(conf_percent(c.share), -1);
	assert_int_equal(c.colour, 2);
	assert_int_equal(c.sides, 5);
	assert_string_equal(addr_render(&c.address, buf), "2001:db8::1");
	assert_int_equal(c.n_words, 3);
	assert_string_equal(c.words[2], "\a");
	assert_int_equal(c.n_addresses, 2);
	assert_string_equal(addr_render(&c.addresses[1], buf), "::");
	assert_string_equal(prefix_render(&c.prefixes[0], buf), "192.0.2.0/24");
	assert_int_equal(c.n_items, 2);
	assert_int_equal(c.items[0].line, 7);
	assert_int_equal(c.items[1].line, 8);
	assert_int_equal(c.items[0].colour, 2);
	assert_int_equal(c.items[1].colour, 3);
	assert_int_equal(c.items[1].size, 10);
}

static char *
rendered(const struct config *c)
{
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	conf_render(to, keys, c);
	fclose(to);
	return text;
}

static void
what_is_rendered_reads_to_the_same(void **state)
{
	static const char *const rows[] = {"", everything,
	    "words = [ \"\\\"\\\\\\n\\x01 \xc3\xa9\" ];",
	    "text = \"#no /* comment\"; group : { number = 0x10; }",
	    "maybe = true; share = \"0%\";", "share = \"100%\";"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config c = read_well(rows[i]), again;
		char *first = rendered(&c), *second;

		again = read_well(first);
		second = rendered(&again);
		assert_string_equal(first, second);
		assert_string_equal(c.text, again.text);
		assert_true(c.group.number == again.group.number);
		assert_true(c.maybe == again.maybe && c.share == again.share);
		assert_int_equal(c.n_words, again.n_words);
		for (int w = 0; w < c.n_words; w++)
			assert_string_equal(c.words[w], again.words[w]);
		free(first);
		free(second);
	}
}

/* A text, and the whole message it must give. */
struct mistake {
	const char *text, *message;
};

static void
expect_messages(const struct mistake rows[], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct config c = {.n_words = 0};
		struct err err = {""};

		if (conf_read_text(rows[i].text, "test.conf", keys, &c, arena, &err) == 0)
			fail_msg("read without an error: %s", rows[i].text);
		assert_string_equal(err.text, rows[i].message);
	}
}

static void
unknown_keys_name_what_may_be_meant(void **state)
{
	static const struct mistake rows[] = {
	    {"numbr = 1;", "test.conf:1: numbr: is unknown; did you mean \"number\"?"},
	    {"\ngroup = { nubmer = 1; };",
		"test.conf:2: group.nubmer: is unknown; did you mean \"number\"?"},
	    {"items = ( { name = \"a\"; zzz = 1; } );",
		"test.conf:1: items.a.zzz: is unknown; the "
		"keys here are \"name\", \"colour\" or \"size\""},
	};

	(void)state;
	expect_messages(rows, sizeof(rows) / sizeof(rows[0]));
}

static void
values_that_cannot_be_name_place_and_mend(void **state)
{
	static const struct mistake rows[] = {
	    {"maybe = 1;", "test.conf:1: maybe: has the wrong type; write true or false, without "
			    "quotes"},
	    {"share = 51;", "test.conf:1: share: 51 is out of range; write 0 to 50"},
	    {"share = true;", "test.conf:1: share: has the wrong type; write a whole number, or a "
			      "share such as \"25%\""},
	    {"share = \"101%\";", "test.conf:1: share: \"101%\" is no share; write \"0%\" to "
				  "\"100%\", or a whole number without quotes"},
	    {"share = \"%\";", "test.conf:1: share: \"%\" is no share; write \"0%\" to "
			       "\"100%\", or a whole number without quotes"},
	    {"share = \"99999999999999999999%\";", "test.conf:1: share: \"99999999999999999999%\" "
						   "is no share; write \"0%\" to \"100%\", or a "
						   "whole number without quotes"},
	    {"text = 5;",
		"test.conf:1: text: has the wrong type; write a string, in double quotes"},
	    {"number = 5.0;",
		"test.conf:1: number: has the wrong type; write a whole number, without "
		"quotes or a decimal point"},
	    {"number = \"5\";", "test.conf:1: number: has the wrong type; write a whole number, "
				"without quotes or a decimal point"},
	    {"number = true;", "test.conf:1: number: has the wrong type; write a whole number, "
			       "without quotes or a decimal point"},
	    {"flag = 1;",
		"test.conf:1: flag: has the wrong type; write true or false, without quotes"},
	    {"number = 100;", "test.conf:1: number: 100 is out of range; write -5 to 99"},
	    {"number = -6;", "test.conf:1: number: -6 is out of range; write -5 to 99"},
	    {"group = { number = 4294967296L; };",
		"test.conf:1: group.number: 4294967296 is out of range; write 0 to 4294967295"},
	    {"\ngroup = { number = 4200000000; };",
		"test.conf:2: 4200000000 does not fit in 32 bits; write 4200000000L"},
	    {"automatic = 0xffffffff;",
		"test.conf:1: 0xffffffff does not fit in 32 bits; write 0xffffffffL"},
	    {"colour = \"pink\";", "test.conf:1: colour: \"pink\" is unknown; write \"red\", "
				   "\"green\" or \"blue\""},
	    {"address = \"localhost\";",
		"test.conf:1: address: \"localhost\" is not an address; write "
		"one like \"192.0.2.53\" or \"2001:db8::53\", without a name, scope or port"},
	};

	(void)state;
	expect_messages(rows, sizeof(rows) / sizeof(rows[0]));
}

static void
lists_that_cannot_be_name_place_and_mend(void **state)
{
	static const struct mistake rows[] = {
	    {"sides = [ \"left\",\n \"wrong\" ];",
		"test.conf:2: sides[1]: \"wrong\" is unknown; write "
		"\"left\", \"right\" or \"top\""},
	    {"sides = [ ];", "test.conf:1: sides: holds 0; write at least 1, or leave the key out"},
	    {"words = \"x\";", "test.conf:1: words: has the wrong type; write an array of strings: "
			       "[ \"...\", \"...\" ]"},
	    {"words = [ 1 ];",
		"test.conf:1: words[0]: has the wrong type; write an array of strings: "
		"[ \"...\", \"...\" ]"},
	    {"prefixes = [ \"192.0.2.1/24\" ];",
		"test.conf:1: prefixes[0]: \"192.0.2.1/24\" is not a "
		"prefix; write one like \"192.0.2.0/24\" or \"2001:db8::/48\", with no bits set "
		"after its length"},
	    {"prefixes = [ \"10.0.0.0/8\", \"::/0\", \"0.0.0.0/0\" ];",
		"test.conf:1: prefixes: holds 3; write at most 2"},
	    {"items = { };", "test.conf:1: items: has the wrong type; write a list of groups: "
			     "( { ... }, { ... } )"},
	    {"items = ( 1 );", "test.conf:1: items[0]: has the wrong type; write a list of groups: "
			       "( { ... }, { ... } )"},
	    {"items = (\n { colour = \"red\"; } );",
		"test.conf:2: items[0].name: is missing; write a "
		"string, in double quotes (which one)"},
	    {"items = ( { name = \"a\"; },\n { name = \"b\"; },\n { name = \"a\"; } );",
		"test.conf:3: items.a.name: \"a\" is there twice in items; give each its own name"},
	    {"items = ( { name = \"a\"; size = 1; } );",
		"test.conf:1: items.a.size: means something "
		"only with colour \"blue\"; take it out"},
	};

	(void)state;
	expect_messages(rows, sizeof(rows) / sizeof(rows[0]));
}

static void
what_is_no_configuration_names_place_and_mend(void **state)
{
	static const struct mistake rows[] = {
	    {"text = \"a\";\ntext = \"b\";",
		"test.conf:2: duplicate setting name; keep one of the two"},
	    {"text = \"a\"\nnumber = 5 5;", "test.conf:2: syntax error; look for a missing ; or "
					    "quote, also on the line before"},
	    {"words = [ \"a\", 5 ];",
		"test.conf:1: mismatched element type in array; write all elements alike"},
	};

	(void)state;
	expect_messages(rows, sizeof(rows) / sizeof(rows[0]));
}

/* Files: main.conf includes sub/a.conf by a path relative to itself, wherever we stand. */
static char dir[64];

static void
write_file(const char *name, const char *text)
{
	char path[128];
	struct err err;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(file_replace_fast(path, text, strlen(text), 0600, &err), 0);
}

static int
read_file(const char *name, struct config *c, const struct conf_places **places, struct err *err)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	*c = (struct config){.n_words = 0};
	return conf_read_placed(path, keys, c, arena, places, err);
}

static int
make_dir(void **state)
{
	char path[96];

	(void)state;
	arena = arena_new();
	strcpy(dir, "/tmp/anypop-conf-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/sub", dir);
	return mkdir(path, 0700);
}

static int
remove_dir(void **state)
{
	char command[128];

	(void)state;
	arena_free(arena);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static void
includes_are_relative_to_the_file_and_named_in_errors(void **state)
{
	const struct conf_places *places;
	struct err err = {""};
	struct config c;
	char want[256];

	(void)state;
	write_file("main.conf", "number = 1;\n@include \"sub/a.conf\"\nflag = false;\n");
	write_file("sub/a.conf", "\ntext = \"from a\";\n");
	if (read_file("main.conf", &c, &places, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(c.text, "from a");
	assert_false(c.flag);

	conf_wrong(places, &c, "text", -1, &err, "is odd");
	snprintf(want, sizeof(want), "%s/sub/a.conf:2: text: is odd", dir);
	assert_string_equal(err.text, want);
	conf_wrong(places, &c, "flag", -1, &err, "is odd");
	snprintf(want, sizeof(want), "%s/main.conf:3: flag: is odd", dir);
	assert_string_equal(err.text, want);

	write_file("sub/a.conf", "\nwrong = 5;\n");
	assert_int_equal(read_file("main.conf", &c, &places, &err), -1);
	snprintf(want, sizeof(want), "%s/sub/a.conf:2: wrong: is unknown", dir);
	assert_memory_equal(err.text, want, strlen(want));

	write_file("sub/a.conf", "\nautomatic = 99999999999;\n");
	assert_int_equal(read_file("main.conf", &c, &places, &err), -1);
	snprintf(want, sizeof(want), "%s/sub/a.conf:2: 99999999999 does not fit", dir);
	assert_memory_equal(err.text, want, strlen(want));

	write_file("sub/a.conf", "text = ;\n");
	assert_int_equal(read_file("main.conf", &c, &places, &err), -1);
	snprintf(want, sizeof(want), "%s/sub/a.conf:1: syntax error", dir);
	assert_memory_equal(err.text, want, strlen(want));
}

static void
files_that_cannot_be_read_say_why(void **state)
{
	const struct conf_places *places;
	struct err err = {""};
	struct config c;

	(void)state;
	assert_int_equal(read_file("none.conf", &c, &places, &err), -1);
	assert_non_null(strstr(err.text, "none.conf: No such file or directory"));
	write_file("main.conf", "@include \"none.conf\"\n");
	assert_int_equal(read_file("main.conf", &c, &places, &err), -1);
	assert_non_null(
	    strstr(err.text, "main.conf:1: @include: cannot open include file; files are "
			     "named relative to "));
}

static void
a_file_with_a_nul_is_refused(void **state)
{
	const struct conf_places *places;
	char path[128];
	struct err err;
	struct config c;

	(void)state;
	snprintf(path, sizeof(path), "%s/nul.conf", dir);
	assert_int_equal(file_replace_fast(path, "number = 1;\0bad", 15, 0600, &err), 0);
	assert_int_equal(read_file("nul.conf", &c, &places, &err), -1);
	assert_non_null(strstr(err.text, "NUL"));
}

static void
an_owner_can_place_what_it_finds(void **state)
{
	const struct conf_places *places;
	struct config c = {.n_words = 0};
	struct err err;

	(void)state;
	assert_int_equal(
	    conf_read_text_placed("items = (\n{ name = \"x\"; },\n{\nname = \"y\"; } );\n"
				  "words = [ \"a\",\n\"b\" ];",
		"t.conf", keys, &c, arena, &places, &err),
	    0);
	assert_true(conf_given(places, &c.items[1], "name"));
	assert_false(conf_given(places, &c.items[1], "colour"));
	conf_wrong(places, &c.items[1], "name", -1, &err, "a %d", 1);
	assert_string_equal(err.text, "t.conf:4: items.y.name: a 1");
	conf_wrong(
	    places, &c.items[1], "colour", -1, &err, "b"); /* absent: where its group stands */
	assert_string_equal(err.text, "t.conf:3: items.y.colour: b");
	conf_wrong(places, &c.items[0], NULL, -1, &err, "c");
	assert_string_equal(err.text, "t.conf:2: items.x: c");
	conf_wrong(places, &c, "words", 1, &err, "d");
	assert_string_equal(err.text, "t.conf:6: words[1]: d");
	conf_wrong(places, &c.group, "text", -1, &err, "e"); /* the whole group is absent */
	assert_string_equal(err.text, "t.conf: group.text: e");
	conf_wrong(places, &c, "flag", -1, &err, "f");
	assert_string_equal(err.text, "t.conf: flag: f");
	conf_wrong(conf_places_none("p", arena), &c, "flag", -1, &err, "g");
	assert_string_equal(err.text, "p: flag: g");
}

static void
the_nearest_name_is_found_and_a_far_one_is_not(void **state)
{
	static const char *const names[] = {"interval_ms", "timeout_ms", "k", "name", NULL};

	(void)state;
	assert_string_equal(conf_nearest("intervall_ms", names), "interval_ms");
	assert_string_equal(conf_nearest("timeout", names), "timeout_ms");
	assert_string_equal(conf_nearest("naem", names), "name");
	assert_null(conf_nearest("colour", names));
	assert_null(conf_nearest("z", names));
	assert_null(conf_nearest("", names));
}

static void
wide_numbers_are_found_where_numbers_stand(void **state)
{
	static const struct {
		const char *text;
		int line; /* 0: none */
	} rows[] = {
	    {"a = 2147483647;", 0},
	    {"a = 2147483648;", 1},
	    {"a = -2147483648;", 0},
	    {"a = -2147483649;", 1},
	    {"a = 0x7fffffff;", 0},
	    {"\n\na = 0x80000000;", 3},
	    {"a = 4200000000L;", 0},
	    {"a = 4200000000LL;", 0},
	    {"a = 4200000000.5;", 0},
	    {"a = 42000000000000000000000000000;", 1},
	    {"a = \"\\\"4200000000\";", 0},
	    {"# 4200000000\na = 1;", 0},
	    {"// 4200000000", 0},
	    {"/* 4200000000\n*/ a = 4200000000;", 2},
	    {"a4200000000 = 1;", 0},
	    {"a = [ 1, 4200000000 ];", 1},
	    {"a = \"x\n\"; b = 4200000000;", 2},
	    {"a = \"", 0},
	    {"/*", 0},
	    {"-", 0},
	    {"0x", 0},
	    {"a=0x100000000000000000;", 1},
	};
	struct conf_wide wide;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		wide.line = 0;
		assert_int_equal(conf_scan_wide(rows[i].text, &wide), rows[i].line > 0);
		assert_int_equal(wide.line, rows[i].line);
	}
}

static void
the_reference_lists_every_key(void **state)
{
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	(void)state;
	conf_reference(to, keys);
	fclose(to);
	assert_non_null(strstr(text, "number\tinteger -5..99\t7\t\n"));
	assert_non_null(strstr(text, "group.number\tinteger 0..4294967295\t0"));
	assert_non_null(strstr(text, "items[].name\tstring\trequired\twhich one\n"));
	assert_non_null(
	    strstr(text, "items[].colour\tone of \"red\" \"green\" \"blue\"\t\"green\""));
	assert_non_null(
	    strstr(text, "items[].size\tinteger 1..10\t5\t (only with colour \"blue\")"));
	assert_non_null(
	    strstr(text, "sides\tset of \"left\" \"right\" \"top\"\t[ \"left\", \"top\" ]"));
	free(text);
}

#define PLAIN(test) cmocka_unit_test_setup_teardown(test, rig_begin, rig_end)
#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    PLAIN(absent_keys_get_their_defaults),
	    PLAIN(an_open_table_reads_its_own_keys_and_skips_all_others),
	    PLAIN(given_keys_are_read),
	    PLAIN(what_is_rendered_reads_to_the_same),
	    PLAIN(unknown_keys_name_what_may_be_meant),
	    PLAIN(values_that_cannot_be_name_place_and_mend),
	    PLAIN(lists_that_cannot_be_name_place_and_mend),
	    PLAIN(what_is_no_configuration_names_place_and_mend),
	    IN_DIR(includes_are_relative_to_the_file_and_named_in_errors),
	    IN_DIR(files_that_cannot_be_read_say_why),
	    IN_DIR(a_file_with_a_nul_is_refused),
	    PLAIN(an_owner_can_place_what_it_finds),
	    PLAIN(the_nearest_name_is_found_and_a_far_one_is_not),
	    PLAIN(wide_numbers_are_found_where_numbers_stand),
	    PLAIN(the_reference_lists_every_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
