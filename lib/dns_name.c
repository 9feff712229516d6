/*
 * dns_name: names in text and on the wire.
 */
#include <stdio.h>
#include <string.h>

#include "lib/dns.h"

static uint8_t
fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* One octet of a label at *p, escapes resolved; -1 when the escape is none. */
static int
octet_parse(const char **p)
{
	const unsigned char *s = (const unsigned char *)*p;
	int value;

	if (s[0] != '\\') {
		*p += 1;
		return s[0];
	}
	if (s[1] == '\0')
		return -1;
	if (s[1] < '0' || s[1] > '9') {
		*p += 2;
		return s[1];
	}
	if (s[2] < '0' || s[2] > '9' || s[3] < '0' || s[3] > '9')
		return -1;
	value = (s[1] - '0') * 100 + (s[2] - '0') * 10 + (s[3] - '0');
	*p += 4;
	return value <= 255 ? value : -1;
}

int
dns_name_parse(const char *text, struct dns_name *out, struct err *err)
{
	const char *p = text;
	size_t label = 0, at = 1; /* where the label's length stands, where the next octet goes */
	int c;

	if (*text == '\0')
		return err_set(err, "an empty name; the root is \".\"");
	if (strcmp(text, ".") == 0) {
		out->wire[0] = 0;
		out->length = 1;
		return 0;
	}
	while (*p != '\0') {
		if (*p == '.') {
			if (at == label + 1)
				return err_set(err, "\"%s\" has an empty label", text);
			out->wire[label] = (uint8_t)(at - label - 1);
			label = at++;
			p++;
			continue;
		}
		c = octet_parse(&p);
		if (c < 0)
			return err_set(err, "\"%s\" has a bad escape; write \\. or \\DDD", text);
		if (at - label > DNS_LABEL_MAX)
			return err_set(err, "\"%s\" has a label over 63 octets", text);
		if (at >= DNS_NAME_MAX - 1)
			return err_set(err, "\"%s\" is over 255 octets", text);
		out->wire[at++] = (uint8_t)c;
	}
	if (at > label + 1) { /* no last dot: end the label that is open */
		out->wire[label] = (uint8_t)(at - label - 1);
		label = at;
	}
	out->wire[label] = 0;
	out->length = (uint8_t)(label + 1);
	return 0;
}

const char *
dns_name_render(const struct dns_name *name, char buf[static DNS_NAME_TEXT])
{
	size_t at = 0, end, w = 0;
	uint8_t c;

	while (at < name->length && name->wire[at] != 0) {
		end = at + 1 + name->wire[at];
		for (at++; at < end && at < name->length; at++) {
			c = name->wire[at];
			if (c <= ' ' || c > '~') {
				w += (size_t)snprintf(buf + w, DNS_NAME_TEXT - w, "\\%03u", c);
				continue;
			}
			if (strchr(".\\\"();@$", c) != NULL)
				buf[w++] = '\\';
			buf[w++] = (char)c;
		}
		buf[w++] = '.';
	}
	if (w == 0)
		buf[w++] = '.';
	buf[w] = '\0';
	return buf;
}

bool
dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
	if (a->length != b->length)
		return false;
	for (size_t i = 0; i < a->length; i++)
		if (fold(a->wire[i]) != fold(b->wire[i]))
			return false;
	return true;
}

bool
dns_name_read(const uint8_t *wire, size_t length, size_t *at, struct dns_name *out)
{
	size_t p = *at, bound = *at, end = length, w = 0, target;
	bool jumped = false;
	uint8_t c;

	while (p < end) {
		c = wire[p];
		if (c >= 0xc0) {
			if (p + 1 >= end)
				return false;
			target = (size_t)(c & 0x3f) << 8 | wire[p + 1];
			/* The header is no name, and its numbers change as answers go on. */
			if (target >= bound || target < DNS_HEADER)
				return false;
			if (!jumped)
				*at = p + 2;
			jumped = true;
			/* A name that is pointed to has ended before the pointing one begins. */
			end = bound;
			p = bound = target;
			continue;
		}
		if (c > DNS_LABEL_MAX || p + 1 + c > end || w + 1 + c > DNS_NAME_MAX)
			return false;
		memcpy(out->wire + w, wire + p, (size_t)c + 1);
		w += (size_t)c + 1;
		p += (size_t)c + 1;
		if (c == 0) {
			if (!jumped)
				*at = p;
			out->length = (uint8_t)w;
			return true;
		}
	}
	return false;
}

/* The length of an uncompressed question's name at `at`, 0 if it is none. */
static size_t
plain_length(const uint8_t *wire, size_t length, size_t at)
{
	size_t p = at;

	while (p < length && wire[p] != 0) {
		if (wire[p] > DNS_LABEL_MAX)
			return 0;
		p += (size_t)wire[p] + 1;
	}
	return p < length && p - at < DNS_NAME_MAX ? p - at + 1 : 0;
}

bool
dns_question_equal(const uint8_t *q, size_t q_length, const uint8_t *a, size_t a_length)
{
	size_t n;

	if (q_length < DNS_HEADER || a_length < DNS_HEADER)
		return false;
	if (q[4] != 0 || q[5] != 1 || a[4] != 0 || a[5] != 1)
		return false;
	n = plain_length(q, q_length, DNS_HEADER);
	if (n == 0 || DNS_HEADER + n + 4 > q_length || DNS_HEADER + n + 4 > a_length)
		return false;
	/* Lengths are at most 63 and no letters, so the whole name may be folded as octets. */
	for (size_t i = DNS_HEADER; i < DNS_HEADER + n; i++)
		if (fold(q[i]) != fold(a[i]))
			return false;
	return memcmp(q + DNS_HEADER + n, a + DNS_HEADER + n, 4) == 0;
}
