/*
 * cookie: the examples of RFC 9018, appendix A; the time a cookie is good for; whose it is; files
 * of secrets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "resolver/cookie.h"

#define S1 "e5e973e5a6b2a43f48e7dc849e37bfcf"
#define S2 "445536bcd2513298075a5d379663c962"
#define S2_BEFORE "dd3bdf9344b678b185a6f5cb60fca715"

static struct cookie_secrets
secrets(const char *text)
{
	struct cookie_secrets s;
	struct err err;

	if (cookie_secrets_parse(text, &s, &err) == -1)
		fail_msg("%s", err.text);
	return s;
}

static struct addr
address(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, &a));
	return a;
}

static void
unhex(const char *text, uint8_t *out)
{
	for (unsigned i = 0, octet; text[2 * i] != '\0'; i++) {
		assert_int_equal(sscanf(text + 2 * i, "%2x", &octet), 1);
		out[i] = (uint8_t)octet;
	}
}

static void
cookies_are_those_of_rfc_9018(void **state)
{
	static const struct {
		const char *secret, *client, *before, *after;
		uint32_t before_s, after_s; /* asked with `before`, answered with `after` */
		enum cookie_verdict verdict;
	} rows[] = {
	    /* A.1: there is none yet */
	    {S1, "198.51.100.100", NULL, "2464c4abcf10c957010000005cf79f111f8130c3eee29480", 0,
		1559731985, COOKIE_BAD},
	    /* A.2: 40 minutes later */
	    {S1, "198.51.100.100", "2464c4abcf10c957010000005cf79f111f8130c3eee29480",
		"2464c4abcf10c957010000005cf7a871d4a564a1442aca77", 1559734385, 1559734385,
		COOKIE_RENEW},
	    /* A.3: reserved octets take part as they are */
	    {S1, "203.0.113.203", "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
		"fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e", 1559728000, 1559734700,
		COOKIE_GOOD},
	    /* A.4: made with the secret of before */
	    {S2 "\n" S2_BEFORE, "2001:db8:220:1:59de:d0f4:8769:82b8",
		"22681ab97d52c298010000005cf7c57926556bd0934c72f8",
		"22681ab97d52c298010000005cf7c609a6bb79d16625507a", 1559741961, 1559741961,
		COOKIE_RENEW},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cookie_secrets s = secrets(rows[i].secret);
		struct addr client = address(rows[i].client);
		uint8_t cookie[COOKIE_FULL], wanted[COOKIE_FULL];

		unhex(rows[i].after, wanted);
		memcpy(cookie, wanted, COOKIE_CLIENT);
		if (rows[i].before != NULL) {
			unhex(rows[i].before, cookie);
			if (cookie_judge(&s, cookie, &client, rows[i].before_s) != rows[i].verdict)
				fail_msg("A.%zu is not believed", i + 1);
		}
		cookie_make(&s, cookie, &client, rows[i].after_s);
		if (memcmp(cookie, wanted, COOKIE_FULL) != 0)
			fail_msg("A.%zu is made otherwise", i + 1);
		assert_int_equal(cookie_judge(&s, cookie, &client, rows[i].after_s), COOKIE_GOOD);
	}
}

static void
a_cookie_is_good_for_an_hour(void **state)
{
	static const struct {
		int64_t age_s;
		enum cookie_verdict verdict;
	} rows[] = {{-301, COOKIE_BAD}, {-300, COOKIE_GOOD}, {0, COOKIE_GOOD}, {1800, COOKIE_GOOD},
	    {1801, COOKIE_RENEW}, {3600, COOKIE_RENEW}, {3601, COOKIE_BAD}, {86400, COOKIE_BAD},
	    {INT64_C(1) << 31, COOKIE_BAD}};
	static const uint32_t times[] = {1559731985, 0, 100, UINT32_MAX - 100, UINT32_MAX};
	struct cookie_secrets s = secrets(S1);
	struct addr client = address("192.0.2.1");
	uint8_t cookie[COOKIE_FULL] = "clientco";

	(void)state;
	for (size_t t = 0; t < sizeof(times) / sizeof(times[0]); t++) {
		cookie_make(&s, cookie, &client, times[t]);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			if (cookie_judge(&s, cookie, &client, times[t] + (uint32_t)rows[i].age_s) !=
			    rows[i].verdict)
				fail_msg(
				    "made at %u, %lld s old", times[t], (long long)rows[i].age_s);
	}
}

static void
every_octet_counts(void **state)
{
	struct cookie_secrets s = secrets(S1), others = secrets(S2);
	struct addr client = address("192.0.2.1"), other = address("192.0.2.2"),
		    v6 = address("c000:201::");
	uint8_t cookie[COOKIE_FULL] = "clientco";

	(void)state;
	cookie_make(&s, cookie, &client, 1000000);
	assert_int_equal(cookie_judge(&s, cookie, &other, 1000000), COOKIE_BAD);
	assert_int_equal(cookie_judge(&s, cookie, &v6, 1000000), COOKIE_BAD);
	assert_int_equal(cookie_judge(&others, cookie, &client, 1000000), COOKIE_BAD);
	for (int i = 0; i < COOKIE_FULL; i++) {
		for (int bit = 0; bit < 8; bit++) {
			cookie[i] ^= (uint8_t)(1 << bit);
			if (cookie_judge(&s, cookie, &client, 1000000) != COOKIE_BAD)
				fail_msg("octet %d, bit %d", i, bit);
			cookie[i] ^= (uint8_t)(1 << bit);
		}
	}
	assert_int_equal(cookie_judge(&s, cookie, &client, 1000000), COOKIE_GOOD);
}

/* RFC 9018, 5: a new secret is first taken, then used; the old one is taken for a while. */
static void
a_secret_is_rolled_over_without_a_bad_cookie(void **state)
{
	static const char *const stages[] = {S1, S1 "\n" S2, S2 "\n" S1, S2};
	struct addr client = address("192.0.2.1");
	uint8_t cookie[COOKIE_FULL] = "clientco";

	(void)state;
	for (int here = 0; here < 4; here++) {
		for (int there = here - 1; there <= here + 1; there++) {
			struct cookie_secrets s = secrets(stages[here]), t;

			if (there < 0 || there > 3)
				continue;
			t = secrets(stages[there]);
			cookie_make(&s, cookie, &client, 1000000);
			if (cookie_judge(&t, cookie, &client, 1000000) == COOKIE_BAD)
				fail_msg("of stage %d at stage %d", here, there);
		}
	}
}

static void
lengths_are_those_of_rfc_7873(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 300; n++)
		assert_int_equal(cookie_length_ok(n), n == 8 || (n >= 16 && n <= 40));
}

static void
files_of_secrets_are_read_or_refused(void **state)
{
	static const struct {
		const char *text;
		int n;
		const char *why; /* of n == -1 */
	} rows[] = {
	    {S1, 1, NULL},
	    {S1 "\n", 1, NULL},
	    {"# ours\n\n  " S1 "  # since May\r\n\t" S2 "\t\n\n", 2, NULL},
	    {"E5E973E5A6B2A43F48E7DC849E37BFCF\n", 1, NULL},
	    {"", -1, "no secret"},
	    {"# " S1 "\n", -1, "no secret"},
	    {"e5e973\n", -1, "line 1"},
	    {"\n" S1 "0\n", -1, "line 2"},
	    {S1 " " S2 "\n", -1, "line 1"},
	    {"g5e973e5a6b2a43f48e7dc849e37bfcf\n", -1, "line 1"},
	    {S1 "\n" S2 "\n" S1 "\n", -1, "line 3 is one secret too many"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cookie_secrets s;
		struct err err;
		int done = cookie_secrets_parse(rows[i].text, &s, &err);

		if ((rows[i].n == -1) != (done == -1) || (done == 0 && s.n != rows[i].n))
			fail_msg("row %zu", i);
		if (done == -1 && strstr(err.text, rows[i].why) == NULL)
			fail_msg("\"%s\"", err.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cookies_are_those_of_rfc_9018),
	    cmocka_unit_test(a_cookie_is_good_for_an_hour),
	    cmocka_unit_test(every_octet_counts),
	    cmocka_unit_test(a_secret_is_rolled_over_without_a_bad_cookie),
	    cmocka_unit_test(lengths_are_those_of_rfc_7873),
	    cmocka_unit_test(files_of_secrets_are_read_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
