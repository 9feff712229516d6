#include "resolver/l3_slot.h"

#include <string.h>

static uint16_t
crc16(const char *octets, size_t length)
{
	/* Of each half of an octet, by the polynomial 0x1021. */
	static const uint16_t halves[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6,
	    0x70e7, 0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
	uint16_t crc = 0;
	size_t i;

	for (i = 0; i < length; i++) {
		uint8_t octet = (uint8_t)octets[i];

		crc = (uint16_t)(crc << 4) ^ halves[crc >> 12 ^ octet >> 4];
		crc = (uint16_t)(crc << 4) ^ halves[crc >> 12 ^ (octet & 15)];
	}
	return crc;
}

uint16_t
l3_slot(const char *key, size_t length)
{
	const char *open = memchr(key, '{', length), *close = NULL;

	if (open != NULL)
		close = memchr(open + 1, '}', length - (size_t)(open + 1 - key));
	if (close != NULL && close > open + 1)
		return crc16(open + 1, (size_t)(close - open - 1)) % L3_SLOTS;
	return crc16(key, length) % L3_SLOTS;
}

/* Digits up to `end`, all of them. */
static bool
number(const char *at, const char *end, unsigned most, uint16_t *out)
{
	unsigned n = 0;

	if (at == end || end - at > 5)
		return false;
	for (; at < end; at++) {
		if (*at < '0' || *at > '9')
			return false;
		n = 10 * n + (unsigned)(*at - '0');
	}
	*out = (uint16_t)n;
	return n <= most;
}

bool
l3_redirect_parse(const char *text, size_t length, struct l3_redirect *out)
{
	const char *end = text + length, *at, *space, *colon;
	char host[ADDR_TEXT];

	if (length > 6 && memcmp(text, "MOVED ", 6) == 0)
		at = text + 6;
	else if (length > 4 && memcmp(text, "ASK ", 4) == 0)
		at = text + 4;
	else
		return false;
	out->ask = text[0] == 'A';
	space = memchr(at, ' ', (size_t)(end - at));
	if (space == NULL || !number(at, space, L3_SLOTS - 1, &out->slot))
		return false;
	/* An IPv6 address has colons of its own: the last one counts. */
	at = space + 1;
	colon = end;
	while (colon > at && colon[-1] != ':')
		colon--;
	if (colon == at || !number(colon, end, UINT16_MAX, &out->port) || out->port == 0)
		return false;
	length = (size_t)(colon - 1 - at);
	if (length == 0 || length >= sizeof(host) || memchr(at, '\0', length) != NULL)
		return false;
	memcpy(host, at, length);
	host[length] = '\0';
	return addr_parse(host, &out->addr);
}
