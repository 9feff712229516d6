/*
 * rrl: response rate limiting (Vixie, Schryver, 2012; as in BIND, NSD, Knot DNS). Pure.
 *
 * A flood with a forged source makes us send the same answers to one prefix, over and over. So the
 * responses of a kind to a prefix are counted: those of a second pass, of the others one in `slip`
 * goes as TC, which is no amplification and lets whoever is really there come back by TCP, and the
 * rest is dropped. Which ones is drawn, so that two floods cannot divide them between them.
 *
 * Answers are of a kind by name and type; denials and errors all together, since a flood may make
 * up names.
 */
#ifndef RESOLVER_RRL_H
#define RESOLVER_RRL_H

#include "resolver/limits.h"

enum rrl_class { RRL_ANSWER, RRL_NODATA, RRL_NXDOMAIN, RRL_ERROR, N_RRL_CLASSES };
enum rrl_verdict { RRL_SEND, RRL_SLIP, RRL_DROP };

struct rrl {
	struct meter meter;
	uint8_t secret[LIMITS_SECRET];
	int64_t per_s; /* above 0 */
	int64_t slip;  /* 0: all are dropped; 1: none */
	uint64_t dice; /* any number, of a secret */
};

/* A response by its rcode and number of answers. */
enum rrl_class rrl_class(unsigned rcode, unsigned answers);
/* One more response. `question` is a hash of its name and type. */
enum rrl_verdict rrl_judge(struct rrl *r, const struct limits_source *to, enum rrl_class class,
    uint64_t question, int64_t now_ns);

#endif
