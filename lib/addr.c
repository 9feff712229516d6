#include "lib/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *
family_name(enum family f)
{
	return f == FAMILY_V4 ? "v4" : "v6";
}

bool
addr_parse(const char *text, struct addr *out)
{
	*out = (struct addr){.family = FAMILY_V4};
	if (inet_pton(AF_INET, text, out->bytes) == 1)
		return true;
	out->family = FAMILY_V6;
	return inet_pton(AF_INET6, text, out->bytes) == 1;
}

static int
family_bits(enum family f)
{
	return f == FAMILY_V4 ? 32 : 128;
}

/* Do the first `bits` bits agree? */
static bool
bits_equal(const uint8_t *a, const uint8_t *b, int bits)
{
	int whole = bits / 8, rest = bits % 8;
	uint8_t mask = (uint8_t)(0xff00 >> rest);

	if (memcmp(a, b, (size_t)whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) & mask) == 0;
}

bool
prefix_parse(const char *text, struct prefix *out)
{
	static const uint8_t zero[16];
	char host[ADDR_TEXT], *end;
	const char *slash = strchr(text, '/');
	uint8_t rest[16];
	unsigned long length;

	if (slash == NULL || slash == text || (size_t)(slash - text) >= sizeof(host))
		return false;
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = '\0';
	if (!addr_parse(host, &out->addr) || slash[1] < '0' || slash[1] > '9')
		return false;
	length = strtoul(slash + 1, &end, 10);
	if (*end != '\0' || length > (unsigned long)family_bits(out->addr.family))
		return false;
	out->length = (uint8_t)length;
	memcpy(rest, out->addr.bytes, sizeof(rest));
	memset(rest, 0, length / 8);
	if (length % 8 != 0)
		rest[length / 8] &= (uint8_t)(0xff >> (length % 8));
	return memcmp(rest, zero, sizeof(rest)) == 0;
}

const char *
addr_render(const struct addr *a, char buf[static ADDR_TEXT])
{
	inet_ntop(a->family == FAMILY_V4 ? AF_INET : AF_INET6, a->bytes, buf, ADDR_TEXT);
	return buf;
}

const char *
prefix_render(const struct prefix *p, char buf[static PREFIX_TEXT])
{
	size_t len;

	addr_render(&p->addr, buf);
	len = strlen(buf);
	snprintf(buf + len, PREFIX_TEXT - len, "/%u", p->length);
	return buf;
}

unsigned
addr_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (a->family == FAMILY_V4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, a->bytes, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	memcpy(&v6->sin6_addr, a->bytes, 16);
	return sizeof(*v6);
}

bool
addr_from_sockaddr(const struct sockaddr_storage *from, struct addr *out)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;

	memset(out, 0, sizeof(*out));
	if (from->ss_family == AF_INET) {
		out->family = FAMILY_V4;
		memcpy(out->bytes, &v4->sin_addr, 4);
		return true;
	}
	out->family = FAMILY_V6;
	memcpy(out->bytes, &v6->sin6_addr, 16);
	return from->ss_family == AF_INET6;
}

bool
addr_equal(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool
prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return a->length == b->length && addr_equal(&a->addr, &b->addr);
}

bool
prefix_holds(const struct prefix *p, const struct addr *a)
{
	return p->addr.family == a->family && bits_equal(p->addr.bytes, a->bytes, p->length);
}

bool
prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	int bits = a->length < b->length ? a->length : b->length;

	return a->addr.family == b->addr.family && bits_equal(a->addr.bytes, b->addr.bytes, bits);
}
