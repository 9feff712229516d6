/*
 * anchor: which keys of a file are in force, what is refused, and what engines are given. The keys
 * are the root's of 2017 and 2024; the file's shape is what libunbound 1.17.1 writes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/file.h"
#include "resolver/anchor_file.h"

#define B17                                                                                        \
	"AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3+/4RgWOq7HrxRixHlFlExOLAJr5emLvN7SWX" \
	"gnLh4+B5xQlNVz8Og8kvArMtNROxVQuCaSnIDdD5LKyWbRd2n9WGe2R8PzgCmr3EgVLrjyBxWezF0jLHwVN8efS3rCj/" \
	"EWgvIWgb9tarpVUDK/b58Da+sqqls3eNbuv7pr+eoZG+SrDK6nWeL3c6H5Apxz7LjVc1uTIdsIXxuOLYA4/ilBmSVIzu" \
	"DWfdRUfhHdY6+cn8HFRm+2hM8AnXGXws9555KrUB5qihylGa8subX2Nn6UwNR1AkUTV74bU="
#define B24                                                                                        \
	"AwEAAa96jeuknZlaeSrvyAJj6ZHv28hhOKkx3rLGXVaC6rXTsDc449/cidltpkyGwCJNnOAlFNKF2jBosZBU5eeHspaQ" \
	"WOmOElZsjICMQMC3aeHbGiShvZsx4wMYSjH8e7Vrhbu6irwCzVBApESjbUdpWWmEnhathWu1jo+siFUiRAAxm9qyJNg/" \
	"wOZqqzL/dL/q8PkcRU5oUKEpUge71M3ej2/7CPqpdVwuMoTvoB+ZOT4YeGyxMvHmbrxlFzGOHOijtzN+u1TQNatX2XBu" \
	"zZNQ1K+s2CXkPIZo7s6JgZyvaBevYtxPvYLw4z9mR7K2vaF18UYH9Z9GNUUeayffKC73PYc="
#define DNSKEY17 ".\t172800\tIN\tDNSKEY\t257 3 8 " B17
#define DNSKEY24 ".\t172800\tIN\tDNSKEY\t257 3 8 " B24
#define HEAD                                                                                       \
	"; autotrust trust anchor file\n;;id: . 1\n;;last_queried: 1796025600 ;;Mon Nov 30 2026\n"         \
	";;last_success: 1796025600 ;;Mon Nov 30 2026\n;;next_probe_time: 1796070000 ;;Mon\n"              \
	";;query_failed: 0\n;;query_interval: 43200\n;;retry_time: 8640\n"
#define STATE(n, name)                                                                             \
	" ;{id = 1 (ksk), size = 2048b} ;;state=" #n " [ " name " ] ;;count=3 ;;lastchange=1790000000 "    \
	";;Mon\n"

static void
parsed(const char *text, struct anchors *out)
{
	struct err err;

	if (anchors_parse(text, out, &err) < 0)
		fail_msg("%s", err.text);
}

static void
keys_are_in_force_by_their_state(void **state)
{
	static const struct {
		const char *text, *force, *pending;
	} rows[] = {
	    {HEAD DNSKEY17 STATE(2, " VALID "), "20326", "none"},
	    {HEAD DNSKEY17 STATE(2, " VALID ") DNSKEY24 STATE(1, "ADDPEND"), "20326", "38696"},
	    {HEAD DNSKEY17 STATE(2, " VALID ") DNSKEY24 STATE(2, " VALID "), "20326 38696", "none"},
	    {HEAD DNSKEY17 STATE(3, "MISSING") DNSKEY24 STATE(2, " VALID "), "20326 38696", "none"},
	    {HEAD ". 172800 IN DNSKEY 385 3 8 " B17 STATE(4, "REVOKED")
		DNSKEY24 STATE(2, " VALID "), "38696", "none"},
	    {HEAD DNSKEY17 STATE(5, "REMOVED") DNSKEY24 STATE(2, " VALID "), "38696", "none"},
	    {HEAD, "none", "none"},
	    {"", "none", "none"},
	    /* What dns-root-data installs, and hand-written ones. */
	    {". IN DNSKEY 257 3 8 " B17 " ; keytag 20326\n. IN DNSKEY 257 3 8 " B24 "\n",
		"20326 38696", "none"},
	    {"; mine\n\n  \n. dnskey 257 3 8 " B24, "38696", "none"},
	    {". 60 DNSKEY 257 3 8 AwEAAa96 jeuknZla\n", "33385", "none"},
	};
	struct anchors all;
	char tags[ANCHOR_TAGS];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		parsed(rows[i].text, &all);
		assert_string_equal(anchors_tags(&all, ANCHOR_FORCE_BITS, tags), rows[i].force);
		assert_string_equal(
		    anchors_tags(&all, ANCHOR_BIT(ANCHOR_PENDING), tags), rows[i].pending);
		assert_int_equal(all.tracked, rows[i].text[0] == ';' && rows[i].text[2] == 'a');
	}
	parsed(rows[1].text, &all);
	assert_int_equal(all.success_s, 1796025600);
	assert_int_equal(all.keys[1].since_s, 1790000000);
}

static void
what_is_doubtful_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text, *line, *word;
	} rows[] = {
	    {"garbage\n", "line 1", "no record of the root"},
	    {HEAD "test. IN DNSKEY 257 3 8 " B17 STATE(2, "VALID"), "line 9", "no record of the root"},
	    {". IN DS 20326 8 2 E06D\n", "line 1", "no DNSKEY"},
	    {". 1x IN DNSKEY 257 3 8 " B17, "line 1", "TTL"},
	    {". IN DNSKEY 256 3 8 " B17, "line 1", "no key that could be"},
	    {". IN DNSKEY 257 4 8 " B17, "line 1", "no key that could be"},
	    {". IN DNSKEY 257 3 256 " B17, "line 1", "no key that could be"},
	    {". IN DNSKEY 257 3 8 \n", "line 1", "base64"},
	    {". IN DNSKEY 257 3 8 !!!!\n", "line 1", "base64"},
	    {". IN DNSKEY 257 3 8 AwEAAa9\n", "line 1", "base64"},
	    {". IN DNSKEY 385 3 8 " B17, "line 1", "revocation"},
	    {HEAD DNSKEY17 "\n", "line 9", "state"},
	    {HEAD DNSKEY17 STATE(0, "START"), "line 9", "state"},
	    {HEAD DNSKEY17 STATE(6, "NEW"), "line 9", "state"},
	    {HEAD DNSKEY17 " ;;state=2 [ VALID ]\n", "line 9", "state"},
	    {HEAD DNSKEY17 "\n;;state=2 ;;lastchange=1\n", "line 9", "state"},
	    {HEAD DNSKEY17 STATE(4, "REVOKED"), "line 9", "revocation"},
	    {HEAD ". IN DNSKEY 385 3 8 " B17 STATE(2, "VALID"), "line 9", "revocation"},
	    {HEAD DNSKEY17 STATE(2, "VALID") DNSKEY17 STATE(1, "ADDPEND"), "line 10", "twice"},
	    {"; autotrust trust anchor file\n;;REVOKED\n", "line 2", "revoked"},
	    {";;id: test. 1\n", "line 1", "another zone"},
	    {";;id: . 3\n", "line 1", "another zone"},
	    {";;id: . 12\n", "line 1", "another zone"},
	    {";;last_success: soon\n", "line 1", "no number"},
	};
	struct anchors all;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (anchors_parse(rows[i].text, &all, &err) == 0)
			fail_msg("taken: %s", rows[i].text);
		if (strstr(err.text, rows[i].word) == NULL ||
		    strncmp(err.text, rows[i].line, strlen(rows[i].line)) != 0)
			fail_msg("%s: %s", err.text, rows[i].text);
	}
}

static void
more_keys_than_fit_are_refused(void **state)
{
	char text[ANCHOR_KEYS * 64 + 64], *at = text;
	struct anchors all;
	struct err err;

	(void)state;
	for (int i = 0; i < ANCHOR_KEYS; i++)
		at += sprintf(at, ". IN DNSKEY 257 3 13 AAAAAA%c=\n", "AEIMQUYcgkosw048"[i]);
	parsed(text, &all);
	assert_int_equal(anchors_in_force(&all), ANCHOR_KEYS);
	strcpy(at, ". IN DNSKEY 257 3 13 BBBBBBBB\n");
	assert_int_equal(anchors_parse(text, &all, &err), -1);
	/* And a key that is too long. */
	at = text + sprintf(text, ". IN DNSKEY 257 3 13 ");
	memset(at, 'A', sizeof(text) - 64);
	at[sizeof(text) - 64] = '\0';
	if (sizeof(text) - 64 > ANCHOR_RDATA * 4 / 3)
		assert_int_equal(anchors_parse(text, &all, &err), -1);
}

static void
what_engines_are_given_is_what_is_in_force(void **state)
{
	static const char text[] = HEAD DNSKEY17 STATE(3, "MISSING") DNSKEY24 STATE(2, " VALID ")
	    ". IN DNSKEY 257 3 13 BBBBBBBB" STATE(1, "ADDPEND");
	char out[8192];
	struct anchors all, again;
	size_t length;

	(void)state;
	parsed(text, &all);
	length = anchors_render(&all, "/usr/share/dns/root.key", out, sizeof(out));
	assert_int_equal(length, strlen(out));
	assert_null(strstr(out, "BBBBBBBB"));
	parsed(out, &again);
	assert_int_equal(again.n, 2);
	assert_true(anchors_same(&all, &again) && anchors_same(&again, &all));
	assert_true(anchors_rendered(out));
	assert_true(anchors_grew_from(out, "/usr/share/dns/root.key"));
	assert_false(anchors_grew_from(out, "/usr/share/dns/root"));
	assert_false(anchors_grew_from(out, "/usr/share/dns/root.key2"));
	assert_false(anchors_rendered(text));
	assert_int_equal(anchors_render(&all, "/k", out, length / 2), 0);
	again.n = 1;
	assert_false(anchors_same(&all, &again) || anchors_same(&again, &all));
	parsed(HEAD DNSKEY24 STATE(1, "ADDPEND"), &all);
	assert_int_equal(anchors_render(&all, "/k", out, sizeof(out)), 0);
	assert_false(anchors_same(&all, &again));
}

static void
engines_read_it_where_it_is_sound_and_of_the_same_origin(void **state)
{
	char dir[] = "/tmp/anypop-anchor-XXXXXX", path[64], out[8192];
	struct resolver_conf c = {.engine = {.trust_anchor = "/a/key", .followed_anchor = path}};
	struct anchors all;
	struct err err;
	size_t n;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/root.key", dir);
	assert_int_equal(anchor_file_read(&c, &all, &err), ANCHOR_FILE_NONE);
	parsed(HEAD DNSKEY17 STATE(2, " VALID "), &all);
	n = anchors_render(&all, "/a/key", out, sizeof(out));
	assert_int_equal(file_replace_fast(path, out, n, 0600, &err), 0);
	assert_int_equal(anchor_file_read(&c, &all, &err), ANCHOR_FILE_KEYS);
	assert_int_equal(anchors_in_force(&all), 1);
	c.engine.trust_anchor = "/another/key";
	assert_int_equal(anchor_file_read(&c, &all, &err), ANCHOR_FILE_OTHER);
	c.engine.trust_anchor = "";
	assert_int_equal(anchor_file_read(&c, &all, &err), ANCHOR_FILE_NONE);
	c.engine.trust_anchor = "/a/key";
	c.engine.followed_anchor = "";
	assert_int_equal(anchor_file_read(&c, &all, &err), ANCHOR_FILE_NONE);
	c.engine.followed_anchor = path;
	for (int i = 0; i < 3; i++) { /* cut within its key, its first line; libunbound's own */
		static const char own[] = HEAD DNSKEY17 STATE(2, " VALID ");
		size_t size = i == 0 ? n - 40 : i == 1 ? 20 : sizeof(own) - 1;

		assert_int_equal(
		    file_replace_fast(path, i < 2 ? out : own, size, 0600, &err), 0);
		assert_int_equal(anchor_file_read(&c, &all, &err), -1);
		assert_non_null(strstr(err.text, path));
	}
	unlink(path);
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys_are_in_force_by_their_state),
	    cmocka_unit_test(what_is_doubtful_is_refused_with_its_line),
	    cmocka_unit_test(more_keys_than_fit_are_refused),
	    cmocka_unit_test(what_engines_are_given_is_what_is_in_force),
	    cmocka_unit_test(engines_read_it_where_it_is_sound_and_of_the_same_origin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
