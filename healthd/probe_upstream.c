/*
 * probe_upstream: is there an Internet to resolve from? Asks a root, a TLD server or a forwarder
 * one canary after the other, directly, never through our own resolver: what it sees is shared by
 * every site, and a site must not blame itself for it.
 */
#include "healthd/probe_base.h"
#include "lib/dns.h"

struct probe *
probe_upstream(struct ev_loop *loop, const struct probe_timing *t, const char *const *qnames,
    int n_qnames, const char *qtype, bool rd, const struct addr *server, uint16_t port,
    const struct addr *source, probe_done *done, void *arg, struct err *err)
{
	int type = dns_type_parse(qtype);
	struct dns_asking asking = {
	    .qnames = qnames,
	    .n_qnames = n_qnames,
	    .qtype = qtype,
	    .qclass = "IN",
	    .rd = rd,
	    .nsid = true,
	    .expect = expect_sane((uint16_t)(type < 0 ? 0 : type)),
	    .tcp_on_tc = true,
	    .keep_port = false, /* a guessed answer must guess the port too */
	};

	return probe_dns_new(loop, t, &asking, server, port, TRANSPORT_UDP, source, done, arg, err);
}
