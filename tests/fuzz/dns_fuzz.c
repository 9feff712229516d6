/*
 * dns_fuzz: any octets as a message, as an answer to a question, and as a name in text. What is
 * sound must be sound in every part, and what is rendered must read to the same.
 */
#include <stdlib.h>
#include <string.h>

#include "healthd/answer.h"
#include "lib/dns.h"

#define TEXT_ROOM (5 * 65536)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(int cond)
{
	if (!cond)
		abort();
}

static void
name_goes_round(const struct dns_name *name)
{
	char text[DNS_NAME_TEXT];
	struct dns_name again;
	struct err err;

	must(name->length >= 1 && name->wire[name->length - 1] == 0);
	must(dns_name_parse(dns_name_render(name, text), &again, &err) == 0);
	must(again.length == name->length && memcmp(again.wire, name->wire, name->length) == 0);
}

/* Each record of a sound message reads again, renders, and the last one ends where the message
 * does. */
static void
records_are_sound(const uint8_t *data, size_t size, const struct dns_message *m)
{
	static char text[TEXT_ROOM];
	int n = m->ancount + m->nscount + m->arcount;
	size_t at = m->answers;
	struct dns_record r;

	for (int i = 0; i < n; i++) {
		must(dns_record_read(data, size, &at, &r));
		name_goes_round(&r.owner);
		must(dns_rdata_render(data, size, &r, text, sizeof(text)));
		must(strlen(text) < sizeof(text));
	}
	must(m->tc || at == size);
}

static void
as_message(const uint8_t *data, size_t size)
{
	struct dns_message m;
	enum dns_fault fault = dns_message_parse(data, size, &m);

	must(strcmp(dns_fault_name(fault), "?") != 0);
	if (fault != DNS_SOUND)
		return;
	records_are_sound(data, size, &m);
	must(m.nsid.at + (size_t)m.nsid.length <= size);
	must(m.ede_text.at + (size_t)m.ede_text.length <= size);
}

/* The question out of the message itself, as far as it has one. */
static void
as_answer(const uint8_t *data, size_t size)
{
	struct dns_query q = {
	    .qtype = DNS_TYPE_TXT, .qclass = DNS_CLASS_CH, .edns = true, .nsid = true};
	uint8_t query[DNS_QUERY_MAX];
	struct expect e;
	struct answer a;
	struct err err;
	size_t at = DNS_HEADER, n;

	if (size < DNS_HEADER || !dns_name_read(data, size, &at, &q.qname))
		return;
	if (size - at >= 4) {
		q.qtype = (uint16_t)(data[at] << 8 | data[at + 1]);
		q.qclass = (uint16_t)(data[at + 2] << 8 | data[at + 3]);
	}
	q.id = (uint16_t)(data[0] << 8 | data[1]);
	n = dns_query_build(&q, query, sizeof(query));
	must(n > 0);
	if (expect_init(&e, q.qtype, "NOERROR|NXDOMAIN", "x", false, &err) < 0)
		e = expect_sane(q.qtype);
	a = answer_judge(&e, query, n, data, size);
	must(memchr(a.why, 0, sizeof(a.why)) != NULL && memchr(a.nsid, 0, sizeof(a.nsid)) != NULL);
	must((a.sort == ANSWER_WRONG) == (a.why[0] != '\0'));
}

static void
as_text(const uint8_t *data, size_t size)
{
	struct dns_name name;
	struct err err;
	char *text = malloc(size + 1);

	must(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	if (dns_name_parse(text, &name, &err) == 0)
		name_goes_round(&name);
	dns_type_parse(text);
	dns_class_parse(text);
	dns_rcode_parse(text);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	as_message(data, size);
	as_answer(data, size);
	as_text(data, size);
	return 0;
}
