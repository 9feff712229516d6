/*
 * The words of DNS questions in the configuration: names, types, classes, rcodes.
 */
#include <stdio.h>
#include <string.h>

#include "healthd/answer.h"
#include "healthd/settings_keys.h"
#include "lib/dns.h"

#define SAY(s, base, key, index, err, ...) \
	conf_wrong((s)->site.places, base, key, index, err, __VA_ARGS__)

/* "$random.zone" is tried with a label as long as the probe's. */
static int
check_name(const struct settings *s, const void *base, const char *key, int index,
    const char *text, struct err *err)
{
	static const char mark[] = "$random.";
	char whole[DNS_NAME_TEXT + 16];
	struct dns_name name;
	struct err why;

	if (strncmp(text, mark, sizeof(mark) - 1) == 0)
		snprintf(whole, sizeof(whole), "aaaaaaaaaaaa.%.*s", DNS_NAME_TEXT,
		    text + sizeof(mark) - 1);
	else
		snprintf(whole, sizeof(whole), "%.*s", DNS_NAME_TEXT, text);
	if (dns_name_parse(whole, &name, &why) < 0)
		return SAY(s, base, key, index, err,
		    "\"%s\" is not a domain name (%s); write one like "
		    "\"www.example.com\"",
		    text, why.text);
	return 0;
}

static int
check_type(const struct settings *s, const void *base, const char *key, const char *text,
    struct err *err)
{
	if (text != NULL && dns_type_parse(text) < 0)
		return SAY(s, base, key, -1, err,
		    "\"%s\" is not a type; write one like \"A\", \"TXT\" or "
		    "\"TYPE65280\"",
		    text);
	return 0;
}

static int
check_class(const struct settings *s, const void *base, const char *key, const char *text,
    struct err *err)
{
	if (text != NULL && dns_class_parse(text) < 0)
		return SAY(
		    s, base, key, -1, err, "\"%s\" is not a class; write \"IN\" or \"CH\"", text);
	return 0;
}

static int
check_rcodes(const struct settings *s, const struct check_conf *c, struct err *err)
{
	const char *at = c->expect_rcode;
	char word[DNS_WORD + 1];

	for (;;) {
		size_t n = strcspn(at, "|");

		snprintf(word, sizeof(word), "%.*s",
		    n < sizeof(word) ? (int)n : (int)sizeof(word) - 1, at);
		if (n >= sizeof(word) || dns_rcode_parse(word) < 0)
			return SAY(s, c, "expect_rcode", -1, err,
			    "\"%s\" is not an rcode; write one like "
			    "\"NOERROR\", or several as \"NOERROR|NXDOMAIN\"",
			    word);
		if (at[n] == '\0')
			return 0;
		at += n + 1;
	}
}

/* Asked of the very code that will judge the answers: what it refuses, no brain can start on. */
static int
check_expected(const struct settings *s, const void *base, const char *qtype, const char *rcodes,
    const char *data, struct err *err)
{
	uint16_t type = (uint16_t)dns_type_parse(qtype);
	struct expect e;
	struct err why;

	if (expect_init(&e, type, rcodes, NULL, false, &why) < 0)
		return SAY(s, base, "expect_rcode", -1, err, "%s", why.text);
	if (expect_init(&e, type, NULL, data, false, &why) < 0)
		return SAY(s, base, "expect_data", -1, err,
		    "%s; write the data of a %s record, or leave it out", why.text, qtype);
	return 0;
}

int
settings_check_worker_question(const struct settings *s, struct err *err)
{
	const void *base = &s->workers;

	if (check_name(s, base, "probe_qname", -1, s->workers.probe_qname, err) < 0 ||
	    check_type(s, base, "probe_qtype", s->workers.probe_qtype, err) < 0)
		return -1;
	return check_class(s, base, "probe_qclass", s->workers.probe_qclass, err);
}

int
settings_check_fleet_question(const struct settings *s, struct err *err)
{
	const void *base = &s->site.fleet.probe;

	if (check_name(s, base, "qname", -1, s->site.fleet.probe.qname, err) < 0 ||
	    check_type(s, base, "qtype", s->site.fleet.probe.qtype, err) < 0 ||
	    check_class(s, base, "qclass", s->site.fleet.probe.qclass, err) < 0)
		return -1;
	return check_expected(
	    s, base, s->site.fleet.probe.qtype, NULL, s->site.fleet.probe.expect_data, err);
}

int
settings_check_question(const struct settings *s, const struct check_conf *c, struct err *err)
{
	int i;

	if (check_type(s, c, "qtype", c->qtype, err) < 0)
		return -1;
	for (i = 0; i < c->n_qnames; i++) {
		if (check_name(s, c, "qnames", i, c->qnames[i], err) < 0)
			return -1;
	}
	if (c->kind != KIND_DNS)
		return 0;
	if (check_name(s, c, "qname", -1, c->qname, err) < 0 ||
	    check_class(s, c, "qclass", c->qclass, err) < 0 || check_rcodes(s, c, err) < 0)
		return -1;
	return check_expected(s, c, c->qtype, c->expect_rcode, c->expect_data, err);
}
