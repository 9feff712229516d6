/*
 * dns_text: types, classes, rcodes and record data in presentation form.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/addr.h"
#include "lib/dns.h"

struct word {
	uint16_t value;
	const char *name;
};

/* IANA, "Domain Name System (DNS) Parameters". */
static const struct word types[] = {
    {1, "A"}, {2, "NS"}, {5, "CNAME"}, {6, "SOA"}, {12, "PTR"}, {13, "HINFO"}, {15, "MX"},
    {16, "TXT"}, {28, "AAAA"}, {29, "LOC"}, {33, "SRV"}, {35, "NAPTR"}, {37, "CERT"},
    {39, "DNAME"}, {41, "OPT"}, {43, "DS"}, {44, "SSHFP"}, {46, "RRSIG"}, {47, "NSEC"},
    {48, "DNSKEY"}, {50, "NSEC3"}, {51, "NSEC3PARAM"}, {52, "TLSA"}, {59, "CDS"},
    {60, "CDNSKEY"}, {62, "CSYNC"}, {63, "ZONEMD"}, {64, "SVCB"}, {65, "HTTPS"}, {99, "SPF"},
    {250, "TSIG"}, {251, "IXFR"}, {252, "AXFR"}, {255, "ANY"}, {256, "URI"}, {257, "CAA"},
    {0, NULL},
};
static const struct word classes[] = {
    {1, "IN"}, {3, "CH"}, {4, "HS"}, {254, "NONE"}, {255, "ANY"}, {0, NULL},
};
static const struct word rcodes[] = {
    {0, "NOERROR"}, {1, "FORMERR"}, {2, "SERVFAIL"}, {3, "NXDOMAIN"}, {4, "NOTIMP"},
    {5, "REFUSED"}, {6, "YXDOMAIN"}, {7, "YXRRSET"}, {8, "NXRRSET"}, {9, "NOTAUTH"},
    {10, "NOTZONE"}, {11, "DSOTYPENI"}, {16, "BADVERS"}, {17, "BADKEY"}, {18, "BADTIME"},
    {22, "BADTRUNC"}, {23, "BADCOOKIE"}, {0, NULL},
};

/* A name of the table, or `generic` with a number of at most `max`. */
static int
word_parse(const struct word *words, const char *generic, int max, const char *text)
{
	size_t n = strlen(generic);
	char *end;
	long v;

	for (const struct word *w = words; w->name != NULL; w++)
		if (strcasecmp(w->name, text) == 0)
			return w->value;
	if (strncasecmp(text, generic, n) != 0 || text[n] < '0' || text[n] > '9')
		return -1;
	v = strtol(text + n, &end, 10);
	return *end == '\0' && v <= max ? (int)v : -1;
}

static const char *
word_render(const struct word *words, const char *generic, uint16_t value, char *buf)
{
	for (const struct word *w = words; w->name != NULL; w++)
		if (w->value == value) {
			snprintf(buf, DNS_WORD, "%s", w->name);
			return buf;
		}
	snprintf(buf, DNS_WORD, "%s%u", generic, value);
	return buf;
}

int
dns_type_parse(const char *text)
{
	return word_parse(types, "TYPE", UINT16_MAX, text);
}

int
dns_class_parse(const char *text)
{
	return word_parse(classes, "CLASS", UINT16_MAX, text);
}

int
dns_rcode_parse(const char *text)
{
	return word_parse(rcodes, "RCODE", 4095, text);
}

const char *
dns_type_render(uint16_t type, char buf[static DNS_WORD])
{
	return word_render(types, "TYPE", type, buf);
}

const char *
dns_class_render(uint16_t class, char buf[static DNS_WORD])
{
	return word_render(classes, "CLASS", class, buf);
}

const char *
dns_rcode_render(uint16_t rcode, char buf[static DNS_WORD])
{
	return word_render(rcodes, "RCODE", rcode, buf);
}

/* Text that grows in the caller's buffer; `full` once something did not fit. */
struct text {
	char *at, *end;
	bool full;
};

static void __attribute__((format(printf, 2, 3)))
text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->at, (size_t)(t->end - t->at), fmt, ap);
	va_end(ap);
	if (n < 0 || n >= t->end - t->at)
		t->full = true;
	else
		t->at += n;
}

/* The name at *at, which has to end within the rdata's `end`. */
static bool
name_add(struct text *t, const uint8_t *wire, size_t end, size_t *at)
{
	char buf[DNS_NAME_TEXT];
	struct dns_name name;

	if (!dns_name_read(wire, end, at, &name))
		return false;
	text_add(t, "%s", dns_name_render(&name, buf));
	return true;
}

static unsigned
number(const uint8_t *p, int octets)
{
	unsigned v = 0;

	while (octets-- > 0)
		v = v << 8 | *p++;
	return v;
}

/* `heads` 16-bit numbers, `names` names, `tails` 32-bit numbers, and nothing else. */
static bool
fields_add(struct text *t, const uint8_t *wire, struct dns_part rdata, int heads, int names,
    int tails)
{
	size_t at = rdata.at, end = at + rdata.length;

	if (rdata.length < 2 * heads)
		return false;
	for (; heads > 0; heads--, at += 2)
		text_add(t, "%u ", number(wire + at, 2));
	for (int i = 0; i < names; i++) {
		text_add(t, "%s", i > 0 ? " " : "");
		if (!name_add(t, wire, end, &at))
			return false;
	}
	if (at + 4 * (size_t)tails != end)
		return false;
	for (; tails > 0; tails--, at += 4)
		text_add(t, " %u", number(wire + at, 4));
	return true;
}

static bool
strings_add(struct text *t, const uint8_t *wire, struct dns_part rdata)
{
	size_t at = rdata.at, end = at + rdata.length, stop;

	if (rdata.length == 0)
		return false;
	while (at < end) {
		stop = at + 1 + wire[at];
		if (stop > end)
			return false;
		text_add(t, "%s\"", at > rdata.at ? " " : "");
		for (at++; at < stop; at++)
			if (wire[at] < ' ' || wire[at] > '~')
				text_add(t, "\\%03u", wire[at]);
			else
				text_add(t, wire[at] == '"' || wire[at] == '\\' ? "\\%c" : "%c",
				    wire[at]);
		text_add(t, "\"");
	}
	return true;
}

static bool
address_add(struct text *t, const uint8_t *wire, struct dns_part rdata, enum family f)
{
	struct addr a = {.family = f};
	char buf[ADDR_TEXT];

	if (rdata.length != (f == FAMILY_V4 ? 4 : 16))
		return false;
	memcpy(a.bytes, wire + rdata.at, rdata.length);
	text_add(t, "%s", addr_render(&a, buf));
	return true;
}

/* RFC 3597, section 5. */
static bool
generic_add(struct text *t, const uint8_t *wire, struct dns_part rdata)
{
	text_add(t, "\\# %u%s", rdata.length, rdata.length > 0 ? " " : "");
	for (size_t i = 0; i < rdata.length && !t->full; i++)
		text_add(t, "%02x", wire[rdata.at + i]);
	return true;
}

static bool
rdata_add(struct text *t, const uint8_t *wire, const struct dns_record *r)
{
	bool in = r->class == DNS_CLASS_IN;

	switch (r->type) {
	case DNS_TYPE_A:
		return in ? address_add(t, wire, r->rdata, FAMILY_V4)
			  : generic_add(t, wire, r->rdata);
	case DNS_TYPE_AAAA:
		return in ? address_add(t, wire, r->rdata, FAMILY_V6)
			  : generic_add(t, wire, r->rdata);
	case DNS_TYPE_NS:
	case DNS_TYPE_CNAME:
	case DNS_TYPE_PTR:
	case DNS_TYPE_DNAME:
		return fields_add(t, wire, r->rdata, 0, 1, 0);
	case DNS_TYPE_MX:
		return fields_add(t, wire, r->rdata, 1, 1, 0);
	case DNS_TYPE_SRV:
		return fields_add(t, wire, r->rdata, 3, 1, 0);
	case DNS_TYPE_SOA:
		return fields_add(t, wire, r->rdata, 0, 2, 5);
	case DNS_TYPE_TXT:
		return strings_add(t, wire, r->rdata);
	default:
		return generic_add(t, wire, r->rdata);
	}
}

bool
dns_rdata_render(const uint8_t *wire, size_t length, const struct dns_record *r, char *out,
    size_t room)
{
	struct text t = {.at = out, .end = out + room};

	if (room == 0 || (size_t)r->rdata.at + r->rdata.length > length)
		return false;
	*out = '\0';
	return rdata_add(&t, wire, r) && !t.full;
}
