#include "resolver/rrl.h"

#include "lib/dns.h"

enum { V6 = 0x100, NS_A_SECOND = 1000000000 };

enum rrl_class
rrl_class(unsigned rcode, unsigned answers)
{
	if (rcode == DNS_NXDOMAIN)
		return RRL_NXDOMAIN;
	if (rcode != DNS_NOERROR)
		return RRL_ERROR;
	return answers > 0 ? RRL_ANSWER : RRL_NODATA;
}

/* SplitMix64 (Steele, Lea, Flood, 2014). */
static uint64_t
draw(uint64_t *dice)
{
	uint64_t z = *dice += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

enum rrl_verdict
rrl_judge(struct rrl *r, const struct limits_source *to, enum rrl_class class, uint64_t question,
    int64_t now_ns)
{
	bool by_question = class == RRL_ANSWER || class == RRL_NODATA;
	uint64_t kind = (uint64_t) class | (to->v6 ? V6 : 0) | (by_question ? question << 16 : 0);

	if (meter_pour(&r->meter, limits_hash(r->secret, to->prefix, kind), now_ns,
		NS_A_SECOND / r->per_s, NS_A_SECOND) >= 0)
		return RRL_SEND;
	if (r->slip == 0)
		return RRL_DROP;
	return draw(&r->dice) % (uint64_t)r->slip == 0 ? RRL_SLIP : RRL_DROP;
}
