/*
 * answer: is this datagram the answer to that question, and is it the right one? Pure.
 */
#ifndef HEALTHD_ANSWER_H
#define HEALTHD_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define ANSWER_NSID 64

/* What the right answer looks like. */
struct expect {
	uint64_t rcodes; /* bits 1 << rcode */
	uint16_t qtype;
	bool ad;
	char data[256]; /* in the form that dns_rdata_render() gives; "": any */
};

/* `rcodes` "NOERROR|NXDOMAIN" (NULL or "": NOERROR), `data` as text (NULL or "": any). Addresses
 * and names in `data` may be written in any of their forms, a single TXT string unquoted. */
int expect_init(struct expect *e, uint16_t qtype, const char *rcodes, const char *data, bool ad,
    struct err *err);
/* Any rcode but SERVFAIL and REFUSED: somebody who works is there. */
struct expect expect_sane(uint16_t qtype);

enum answer_sort {
	ANSWER_FOREIGN,	  /* to another question (a late one), or no answer at all: go on waiting */
	ANSWER_TRUNCATED, /* TC, as good as it goes: by TCP there is more */
	ANSWER_RIGHT,
	ANSWER_WRONG,
};

struct answer {
	enum answer_sort sort;
	char why[64];		/* of WRONG */
	char nsid[ANSWER_NSID]; /* as text where it is text, else in hex; "" when none came */
};

/* `query` is the query as sent. TRUNCATED is only given when all that can be seen is right. */
struct answer answer_judge(const struct expect *e, const uint8_t *query, size_t query_length,
    const uint8_t *wire, size_t length);

#endif
