/*
 * dns: messages on the wire and names in text (RFC 1035, 6891, 4343, 3597). Pure.
 *
 * Nothing here keeps a pointer or allocates: a message is (wire, length) in the caller's buffer,
 * and what the parser finds are offsets into it. Every reader checks bounds itself; it may be
 * handed any bytes at all. Words follow RFC 9499.
 */
#ifndef LIB_DNS_H
#define LIB_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define DNS_HEADER 12
#define DNS_NAME_MAX 255   /* octets on the wire, the root's zero included */
#define DNS_LABEL_MAX 63
#define DNS_NAME_TEXT 1020 /* any name in text, every octet escaped */
#define DNS_WORD 16	   /* any type, class or rcode in text */
#define DNS_QUERY_MAX (DNS_HEADER + DNS_NAME_MAX + 4 + 15) /* with OPT and NSID */
#define DNS_UDP_PAYLOAD 1232 /* what passes without fragments (DNS flag day 2020) */

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
};

enum {
	DNS_TYPE_A = 1,
	DNS_TYPE_NS = 2,
	DNS_TYPE_CNAME = 5,
	DNS_TYPE_SOA = 6,
	DNS_TYPE_PTR = 12,
	DNS_TYPE_MX = 15,
	DNS_TYPE_TXT = 16,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_SRV = 33,
	DNS_TYPE_DNAME = 39,
	DNS_TYPE_OPT = 41,
	DNS_TYPE_ANY = 255,
};

enum { DNS_CLASS_IN = 1, DNS_CLASS_CH = 3 };
enum { DNS_OPTION_NSID = 3, DNS_OPTION_EDE = 15 };

/* An absolute name, uncompressed: length octets and labels, ending with the root's zero. */
struct dns_name {
	uint8_t length; /* 1..255 */
	uint8_t wire[DNS_NAME_MAX];
};

/* Text to name: labels and dots, "\." and "\DDD" escapes (RFC 1035, 5.1); always taken as absolute,
 * with or without the last dot. 0, or -1 with what is wrong with it. */
int dns_name_parse(const char *text, struct dns_name *out, struct err *err);
/* With the last dot; octets outside the printable and the special ones escaped. Returns buf. */
const char *dns_name_render(const struct dns_name *name, char buf[static DNS_NAME_TEXT]);
/* ASCII letters compare without case (RFC 4343). */
bool dns_name_equal(const struct dns_name *a, const struct dns_name *b);
/* Reads the possibly compressed name at *at and moves *at behind it; `wire` is a message. A pointer
 * must point before the labels that led to it, so every chain ends, and not into the header. False
 * when it isn't a name. */
bool dns_name_read(const uint8_t *wire, size_t length, size_t *at, struct dns_name *out);

/* "AAAA", "TYPE65280"; "IN", "CLASS42"; "NXDOMAIN", "RCODE77". Case does not matter. -1 if none. */
int dns_type_parse(const char *text);
int dns_class_parse(const char *text);
int dns_rcode_parse(const char *text);
const char *dns_type_render(uint16_t type, char buf[static DNS_WORD]);
const char *dns_class_render(uint16_t class, char buf[static DNS_WORD]);
const char *dns_rcode_render(uint16_t rcode, char buf[static DNS_WORD]);

struct dns_query {
	struct dns_name qname;
	uint16_t qtype, qclass, id;
	bool rd, ad, cd;
	bool edns; /* the next three need it */
	bool dnssec_ok, nsid;
	uint16_t payload;
};

/* Writes the query (at most DNS_QUERY_MAX octets); its length, or 0 when `room` is too small. */
size_t dns_query_build(const struct dns_query *q, uint8_t *out, size_t room);

/* What is wrong with a message. */
enum dns_fault {
	DNS_SOUND,
	DNS_FAULT_SHORT,    /* ends within the header or a record */
	DNS_FAULT_NAME,	    /* a label type, a length or a pointer that can't be */
	DNS_FAULT_RDATA,    /* an address or a name in it of the wrong size */
	DNS_FAULT_OPT,	    /* two of them, not at the root, or not in the additional section */
	DNS_FAULT_TRAILING, /* octets behind the last record */
};
const char *dns_fault_name(enum dns_fault f);

/* A part of the message by offset; length 0 when there is none. */
struct dns_part {
	uint16_t at, length;
};

struct dns_message {
	uint16_t id;
	uint8_t opcode;
	bool qr, aa, tc, rd, ra, ad, cd;
	uint16_t rcode; /* with the extended bits of OPT */
	uint16_t qdcount, ancount, nscount, arcount;
	uint16_t answers; /* offset of the first record behind the questions */
	bool edns;
	uint8_t edns_version;
	uint16_t payload;
	bool dnssec_ok;
	struct dns_part nsid;
	bool ede; /* the first extended error (RFC 8914) */
	uint16_t ede_code;
	struct dns_part ede_text;
};

/* Reads the whole message, every record of every section. With `tc` it may end within a record:
 * that one and what should follow are then not counted. On a fault only the members up to where it
 * struck are set. */
enum dns_fault dns_message_parse(const uint8_t *wire, size_t length, struct dns_message *out);

/* Does a sound message `a` carry the one question of the query `q`? Neither needs to be a NUL-ended
 * anything; letters compare without case. */
bool dns_question_equal(const uint8_t *q, size_t q_length, const uint8_t *a, size_t a_length);

struct dns_record {
	struct dns_name owner;
	uint16_t type, class;
	uint32_t ttl;
	struct dns_part rdata;
};

/* Reads the record at *at and moves *at behind it; false at the end or when there is none. */
bool dns_record_read(const uint8_t *wire, size_t length, size_t *at, struct dns_record *out);

/* The record's data in presentation form: addresses (RFC 5952), names with the last dot, TXT
 * quoted, MX, SRV and SOA by fields, all others as \# (RFC 3597). False when it is malformed for
 * its type or `room` is too small. */
bool dns_rdata_render(const uint8_t *wire, size_t length, const struct dns_record *r, char *out,
    size_t room);

#endif
