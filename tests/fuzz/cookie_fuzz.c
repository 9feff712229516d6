/*
 * cookie_fuzz: any octets as a cookie of any address at any time: none is believed but what the
 * same secret makes; and any text as a file of secrets: what is taken can be used, what is not is
 * explained.
 */
#include <stdlib.h>
#include <string.h>

#include "resolver/cookie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(int cond)
{
	if (!cond)
		abort();
}

static void
file(const uint8_t *data, size_t size)
{
	struct addr client = {.family = FAMILY_V4, .bytes = {192, 0, 2, 1}};
	uint8_t cookie[COOKIE_FULL] = "clientco";
	struct cookie_secrets s;
	struct err err = {""};
	char *text = malloc(size + 1);

	must(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	if (cookie_secrets_parse(text, &s, &err) == 0) {
		must(s.n >= 1 && s.n <= COOKIE_SECRETS);
		cookie_make(&s, cookie, &client, 7);
		must(cookie_judge(&s, cookie, &client, 7) == COOKIE_GOOD);
	} else {
		must(err.text[0] != '\0');
	}
	free(text);
}

/* 24 octets of cookie, 4 of time, 16 of address, 1 of family. */
static void
cookie(const uint8_t *data)
{
	static const struct cookie_secrets s = {1, {"sixteen octets.."}};
	uint8_t made[COOKIE_FULL];
	struct addr client = {0};
	uint32_t now_s;

	memcpy(&now_s, data + COOKIE_FULL, sizeof(now_s));
	client.family = data[44] & 1 ? FAMILY_V6 : FAMILY_V4;
	memcpy(client.bytes, data + COOKIE_FULL + 4, client.family == FAMILY_V6 ? 16 : 4);
	memcpy(made, data, COOKIE_FULL);
	cookie_make(&s, made, &client, now_s);
	must(memcmp(made, data, COOKIE_CLIENT) == 0);
	must(cookie_judge(&s, made, &client, now_s) == COOKIE_GOOD);
	must(cookie_judge(&s, made, &client, now_s + COOKIE_OLD_S) == COOKIE_RENEW);
	must(cookie_judge(&s, made, &client, now_s + COOKIE_OLD_S + 1) == COOKIE_BAD);
	if (cookie_judge(&s, data, &client, now_s) == COOKIE_BAD)
		must(memcmp(made, data, COOKIE_FULL) != 0);
	made[data[0] % COOKIE_SERVER + COOKIE_CLIENT] ^= (uint8_t)(1 << (data[1] & 7));
	must(cookie_judge(&s, made, &client, now_s) == COOKIE_BAD);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	file(data, size);
	if (size >= COOKIE_FULL + 4 + 16 + 1)
		cookie(data);
	return 0;
}
