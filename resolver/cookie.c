#include "resolver/cookie.h"

#include <sodium/crypto_shorthash_siphash24.h>
#include <string.h>

enum { VERSION = 1, AT_TIME = COOKIE_CLIENT + 4, AT_HASH = COOKIE_CLIENT + 8, HASH = 8 };

_Static_assert(crypto_shorthash_siphash24_BYTES == HASH, "a server cookie ends with the hash");
_Static_assert(crypto_shorthash_siphash24_KEYBYTES == COOKIE_SECRET, "a secret is its key");

bool
cookie_length_ok(unsigned length)
{
	return length == COOKIE_CLIENT ||
	       (length >= COOKIE_CLIENT + 8 && length <= COOKIE_CLIENT + 32);
}

static void
hash_make(const uint8_t secret[static COOKIE_SECRET], const uint8_t cookie[static AT_HASH],
    const struct addr *client, uint8_t out[static HASH])
{
	size_t n = client->family == FAMILY_V4 ? 4 : 16;
	uint8_t in[AT_HASH + 16];

	memcpy(in, cookie, AT_HASH);
	memcpy(in + AT_HASH, client->bytes, n);
	crypto_shorthash_siphash24(out, in, AT_HASH + n, secret);
}

static uint32_t
time_of(const uint8_t *cookie)
{
	const uint8_t *t = cookie + AT_TIME;

	return (uint32_t)t[0] << 24 | (uint32_t)t[1] << 16 | (uint32_t)t[2] << 8 | t[3];
}

/* In a time that does not depend on where they differ. */
static bool
hash_equal(const uint8_t *a, const uint8_t *b)
{
	uint64_t x, y;

	memcpy(&x, a, HASH);
	memcpy(&y, b, HASH);
	return (x ^ y) == 0;
}

enum cookie_verdict
cookie_judge(const struct cookie_secrets *s, const uint8_t cookie[static COOKIE_FULL],
    const struct addr *client, uint32_t now_s)
{
	/* Serial number arithmetic (RFC 1982): wall-clock time in 32 bits wraps in 2106. */
	int32_t age_s = (int32_t)(now_s - time_of(cookie));
	uint8_t hash[HASH];
	int i;

	if (cookie[COOKIE_CLIENT] != VERSION || age_s > COOKIE_OLD_S || age_s < -COOKIE_AHEAD_S)
		return COOKIE_BAD;
	for (i = 0; i < s->n; i++) {
		hash_make(s->secret[i], cookie, client, hash);
		if (hash_equal(hash, cookie + AT_HASH))
			break;
	}
	if (i == s->n)
		return COOKIE_BAD;
	return i > 0 || age_s > COOKIE_RENEW_S ? COOKIE_RENEW : COOKIE_GOOD;
}

void
cookie_make(const struct cookie_secrets *s, uint8_t cookie[static COOKIE_FULL],
    const struct addr *client, uint32_t now_s)
{
	cookie[COOKIE_CLIENT] = VERSION;
	memset(cookie + COOKIE_CLIENT + 1, 0, 3);
	for (int i = 0; i < 4; i++)
		cookie[AT_TIME + i] = (uint8_t)(now_s >> (24 - 8 * i));
	hash_make(s->secret[0], cookie, client, cookie + AT_HASH);
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
secret_parse(const char *text, size_t length, uint8_t out[static COOKIE_SECRET])
{
	int high, low;

	if (length != 2 * COOKIE_SECRET)
		return false;
	for (size_t i = 0; i < COOKIE_SECRET; i++) {
		high = digit(text[2 * i]);
		low = digit(text[2 * i + 1]);
		if (high == -1 || low == -1)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

int
cookie_secrets_parse(const char *text, struct cookie_secrets *out, struct err *err)
{
	int line = 1;

	out->n = 0;
	for (const char *at = text; *at != '\0'; line++) {
		size_t whole = strcspn(at, "\n"), from = strspn(at, " \t\r"),
		       length = strcspn(at + from, "# \t\r\n"),
		       rest = from + length + strspn(at + from + length, " \t\r");

		if (length > 0 && out->n == COOKIE_SECRETS)
			return err_set(err,
			    "line %d is one secret too many; keep the current and the previous "
			    "one",
			    line);
		if (length > 0 && (!secret_parse(at + from, length, out->secret[out->n++]) ||
				      (rest < whole && at[rest] != '#')))
			return err_set(err,
			    "line %d is no secret of 32 hexadecimal digits; make one with "
			    "\"openssl rand -hex 16\"",
			    line);
		at += whole + (at[whole] == '\n');
	}
	if (out->n == 0)
		return err_set(
		    err, "there is no secret in it; make one with \"openssl rand -hex 16\"");
	return 0;
}
