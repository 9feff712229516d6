/*
 * probe_question: what a DNS probe asks, on the wire.
 *
 * Each question is rendered once, when the probe is made; asking only patches an id, and a label
 * where a fresh one is wanted, into it.
 */
#include <stdio.h>
#include <string.h>

#include "healthd/probe_base.h"
#include "lib/dns.h"
#include "lib/ensure.h"

#define RANDOM_LABEL 12

void
asked_patch(struct asked *q, uint64_t id, uint64_t label)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

	q->wire[2] = (uint8_t)(id >> 8);
	q->wire[3] = (uint8_t)id;
	if (!q->random)
		return;
	for (int i = 0; i < RANDOM_LABEL; i++, label >>= 5)
		q->wire[2 + DNS_HEADER + 1 + i] = (uint8_t)alphabet[label & 31];
}

/* "$random.zone" stands for a label of RANDOM_LABEL letters in front of the zone. */
static int
asked_render(struct asked *q, const char *qname, struct dns_query *query, struct err *err)
{
	static const char mark[] = "$random.";
	char text[DNS_NAME_TEXT];

	if (strncmp(qname, mark, sizeof(mark) - 1) == 0) {
		q->random = true;
		qname += sizeof(mark) - 1;
		if (strlen(qname) + RANDOM_LABEL + 2 > sizeof(text))
			return err_set(err, "a name of %zu characters", strlen(qname));
		snprintf(text, sizeof(text), "aaaaaaaaaaaa.%s", qname);
		qname = text;
	}
	if (dns_name_parse(qname, &query->qname, err) < 0)
		return -1;
	q->length = dns_query_build(query, q->wire + 2, DNS_QUERY_MAX);
	ENSURE(q->length > 0);
	q->wire[0] = (uint8_t)(q->length >> 8);
	q->wire[1] = (uint8_t)q->length;
	return 0;
}

int
asked_init(struct asked *asked, const struct dns_asking *asking, struct err *err)
{
	int qtype = dns_type_parse(asking->qtype), qclass = dns_class_parse(asking->qclass);
	struct dns_query query = {
	    .rd = asking->rd,
	    .ad = asking->expect.ad, /* "tell me", RFC 6840, 5.7 */
	    .edns = true,
	    .dnssec_ok = asking->dnssec_ok,
	    .nsid = asking->nsid,
	    .payload = DNS_UDP_PAYLOAD,
	};

	if (qtype < 0)
		return err_set(err, "\"%s\" is no type; write A, AAAA, TXT, ... or TYPE123",
		    asking->qtype);
	if (qclass < 0)
		return err_set(err, "\"%s\" is no class; write IN or CH", asking->qclass);
	query.qtype = (uint16_t)qtype;
	query.qclass = (uint16_t)qclass;
	for (int i = 0; i < asking->n_qnames; i++)
		if (asked_render(&asked[i], asking->qnames[i], &query, err) < 0)
			return err_wrap(err, "qname");
	return 0;
}

struct probe *
probe_dns(struct ev_loop *loop, const struct probe_timing *t, const struct dns_question *q,
    const struct addr *server, uint16_t port, enum dns_transport transport,
    const struct addr *source, probe_done *done, void *arg, struct err *err)
{
	struct dns_asking asking = {
	    .qnames = &q->qname,
	    .n_qnames = 1,
	    .qtype = q->qtype,
	    .qclass = q->qclass,
	    .rd = q->rd,
	    .dnssec_ok = q->dnssec_ok,
	    .nsid = q->nsid,
	    .keep_port = q->keep_port,
	};
	int qtype = dns_type_parse(q->qtype);

	if (qtype < 0)
		return (void)err_set(err, "\"%s\" is no type; write A, AAAA, TXT, ... or TYPE123",
			   q->qtype), NULL;
	if (expect_init(&asking.expect, (uint16_t)qtype, q->expect_rcode, q->expect_data,
		q->expect_ad, err) < 0)
		return NULL;
	return probe_dns_new(loop, t, &asking, server, port, transport, source, done, arg, err);
}
