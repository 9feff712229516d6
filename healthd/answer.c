#include "healthd/answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/addr.h"
#include "lib/dns.h"

#define N_RCODES 64 /* as many as a mask has bits; none above 23 is assigned to an answer */
#define RDATA_TEXT 1200

static int
rcodes_parse(const char *text, uint64_t *mask, struct err *err)
{
	char word[DNS_WORD];
	size_t n;
	int rcode;

	*mask = 0;
	for (const char *p = text;; p += n + 1) {
		n = strcspn(p, "|");
		snprintf(word, sizeof(word), "%.*s", (int)n, p);
		rcode = n < sizeof(word) ? dns_rcode_parse(word) : -1;
		if (rcode < 0 || rcode >= N_RCODES)
			return err_set(err, "\"%.*s\" is no rcode; write NOERROR, NXDOMAIN, ..., "
			    "or several with | between them", (int)n, p);
		*mask |= UINT64_C(1) << rcode;
		if (p[n] == '\0')
			return 0;
	}
}

/* The form that a record of the type has when it is rendered. */
static int
data_init(struct expect *e, const char *data, struct err *err)
{
	char text[DNS_NAME_TEXT];
	struct dns_name name;
	struct addr a;

	snprintf(text, sizeof(text), "%s", data);
	switch (e->qtype) {
	case DNS_TYPE_A:
	case DNS_TYPE_AAAA:
		if (!addr_parse(data, &a) ||
		    a.family != (e->qtype == DNS_TYPE_A ? FAMILY_V4 : FAMILY_V6))
			return err_set(err, "\"%s\" is no address of the type asked for", data);
		addr_render(&a, text);
		break;
	case DNS_TYPE_NS:
	case DNS_TYPE_CNAME:
	case DNS_TYPE_PTR:
	case DNS_TYPE_DNAME:
		if (dns_name_parse(data, &name, err) < 0)
			return -1;
		dns_name_render(&name, text);
		break;
	default:
		break;
	}
	if (strlen(data) >= sizeof(e->data) || strlen(text) >= sizeof(e->data))
		return err_set(err, "expected data over %zu characters", sizeof(e->data) - 1);
	memcpy(e->data, text, strlen(text) + 1);
	return 0;
}

int
expect_init(struct expect *e, uint16_t qtype, const char *rcodes, const char *data, bool ad,
    struct err *err)
{
	*e = (struct expect){.qtype = qtype, .ad = ad};
	if (rcodes == NULL || *rcodes == '\0')
		rcodes = "NOERROR";
	if (rcodes_parse(rcodes, &e->rcodes, err) < 0)
		return -1;
	return data != NULL && *data != '\0' ? data_init(e, data, err) : 0;
}

struct expect
expect_sane(uint16_t qtype)
{
	uint64_t bad = UINT64_C(1) << DNS_SERVFAIL | UINT64_C(1) << DNS_REFUSED;

	return (struct expect){.qtype = qtype, .rcodes = ~bad};
}

static void
nsid_render(const uint8_t *wire, struct dns_part nsid, char out[static ANSWER_NSID])
{
	size_t n = nsid.length < ANSWER_NSID - 1 ? nsid.length : ANSWER_NSID - 1;
	bool text = true;

	for (size_t i = 0; i < nsid.length; i++)
		text = text && wire[nsid.at + i] > ' ' && wire[nsid.at + i] <= '~';
	out[0] = '\0';
	if (text) {
		memcpy(out, wire + nsid.at, n);
		out[n] = '\0';
		return;
	}
	for (size_t i = 0; i < nsid.length && 2 * i + 2 < ANSWER_NSID; i++)
		snprintf(out + 2 * i, 3, "%02x", wire[nsid.at + i]);
}

static struct answer __attribute__((format(printf, 2, 3)))
wrong(struct answer a, const char *fmt, ...)
{
	va_list ap;

	a.sort = ANSWER_WRONG;
	va_start(ap, fmt);
	vsnprintf(a.why, sizeof(a.why), fmt, ap);
	va_end(ap);
	return a;
}

static struct answer
wrong_rcode(struct answer a, const struct dns_message *m)
{
	char word[DNS_WORD];

	dns_rcode_render(m->rcode, word);
	if (m->ede)
		return wrong(a, "%s, extended error %u", word, m->ede_code);
	return wrong(a, "%s", word);
}

static bool
data_equal(const struct expect *e, const char *text)
{
	size_t n = strlen(text);

	if (e->qtype != DNS_TYPE_TXT)
		return strcasecmp(text, e->data) == 0;
	if (strcmp(text, e->data) == 0)
		return true;
	return n >= 2 && strlen(e->data) == n - 2 && memcmp(text + 1, e->data, n - 2) == 0;
}

/* One record of the type must carry the data; aliases on the way don't matter. */
static struct answer
data_judge(struct answer a, const struct expect *e, const struct dns_message *m,
    const uint8_t *wire, size_t length)
{
	char text[RDATA_TEXT], first[40] = "", type[DNS_WORD];
	size_t at = m->answers;
	struct dns_record r;

	for (int i = 0; i < m->ancount && dns_record_read(wire, length, &at, &r); i++) {
		if (r.type != e->qtype ||
		    !dns_rdata_render(wire, length, &r, text, sizeof(text)))
			continue;
		if (data_equal(e, text))
			return a;
		if (first[0] == '\0')
			snprintf(first, sizeof(first), "%.39s", text);
	}
	if (first[0] == '\0')
		return wrong(a, "no %s in the answer", dns_type_render(e->qtype, type));
	return wrong(a, "answer %s != %s", first, e->data);
}

static bool
is_ours(const struct dns_message *m, const uint8_t *query, size_t query_length,
    const uint8_t *wire, size_t length)
{
	/* Who can't or won't read the question may leave it out. */
	if (m->qdcount == 0 && m->rcode != DNS_NOERROR)
		return true;
	return dns_question_equal(query, query_length, wire, length);
}

struct answer
answer_judge(const struct expect *e, const uint8_t *query, size_t query_length,
    const uint8_t *wire, size_t length)
{
	struct answer a = {.sort = ANSWER_FOREIGN};
	struct dns_message m;
	enum dns_fault fault;

	if (length < DNS_HEADER || query_length < DNS_HEADER || memcmp(wire, query, 2) != 0 ||
	    (wire[2] & 0x80) == 0)
		return a;
	fault = dns_message_parse(wire, length, &m);
	if (fault != DNS_SOUND)
		return wrong(a, "malformed answer: %s", dns_fault_name(fault));
	if (!is_ours(&m, query, query_length, wire, length))
		return a;
	nsid_render(wire, m.nsid, a.nsid);
	if (m.opcode != 0)
		return wrong(a, "answer with opcode %u", m.opcode);
	if (m.rcode >= N_RCODES || (e->rcodes >> m.rcode & 1) == 0)
		return wrong_rcode(a, &m);
	if (e->ad && !m.ad)
		return wrong(a, "AD missing");
	a.sort = m.tc ? ANSWER_TRUNCATED : ANSWER_RIGHT;
	return e->data[0] != '\0' && !m.tc ? data_judge(a, e, &m, wire, length) : a;
}
