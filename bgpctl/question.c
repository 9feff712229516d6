/*
 * question: see the header. Each try has a socket of its own, connected, so that only the one who
 * was asked can answer, and a refusal is noticed at once.
 */
#include "bgpctl/question.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/ensure.h"
#include "lib/mono.h"

#define TRIES 3
#define TRY_MS 1000
#define ANSWER_MAX 4096

static size_t
build(const char *qname, uint8_t *wire, size_t room)
{
	struct dns_query q = {.qtype = DNS_TYPE_A, .qclass = DNS_CLASS_IN, .rd = true};
	struct err err;

	if (*qname == '\0') {
		q.qtype = DNS_TYPE_TXT;
		q.qclass = DNS_CLASS_CH;
		qname = "id.server";
	}
	if (dns_name_parse(qname, &q.qname, &err) < 0)
		return 0;
	ENSURE(getrandom(&q.id, sizeof(q.id), 0) == sizeof(q.id));
	return dns_query_build(&q, wire, room);
}

bool
question_good(const char *qname, struct err *err)
{
	struct dns_name name;

	return *qname == '\0' || dns_name_parse(qname, &name, err) == 0;
}

/* 1: it is the answer, and good; 0: none of ours; -1: it is the answer, and none that helps. */
static int
judge(const uint8_t *query, size_t n_query, const uint8_t *wire, size_t n, struct err *err)
{
	char rcode[DNS_WORD];
	struct dns_message m;

	if (dns_message_parse(wire, n, &m) != DNS_SOUND || !m.qr || memcmp(wire, query, 2) != 0 ||
	    !dns_question_equal(query, n_query, wire, n))
		return 0;
	if (m.rcode != DNS_NOERROR)
		return err_set(err, "it answers %s", dns_rcode_render(m.rcode, rcode));
	if (m.ancount == 0)
		return err_set(err, "it answers without a record");
	return 1;
}

static int
await(int fd, const uint8_t *query, size_t n_query, struct err *err)
{
	struct mono until = mono_add_ms(mono_now(), TRY_MS);
	uint8_t wire[ANSWER_MAX];

	for (;;) {
		int64_t left = mono_diff_ms(until, mono_now());
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;
		int rc;

		if (left <= 0 || (rc = poll(&p, 1, (int)left)) == 0)
			return err_set(err, "it does not answer");
		if (rc < 0 && errno == EINTR)
			return err_set(err, "interrupted");
		n = recv(fd, wire, sizeof(wire), MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return err_set(err, "%s", strerror(errno));
		rc = n > 0 ? judge(query, n_query, wire, (size_t)n, err) : 0;
		if (rc != 0)
			return rc;
	}
}

static int
try_once(const struct addr *to, uint16_t port, const char *qname, struct err *err)
{
	uint8_t query[DNS_QUERY_MAX];
	struct sockaddr_storage ss;
	unsigned size = addr_sockaddr(to, port, &ss);
	size_t n = build(qname, query, sizeof(query));
	int fd, rc;

	if (n == 0)
		return err_set(err, "%s is no name", qname);
	fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, "%s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&ss, size) < 0 || send(fd, query, n, 0) != (ssize_t)n)
		rc = err_set(err, "%s", strerror(errno));
	else
		rc = await(fd, query, n, err);
	close(fd);
	return rc;
}

int64_t
question_ask(const struct addr *to, uint16_t port, const char *qname, struct err *err)
{
	for (int i = 0; i < TRIES; i++) {
		struct mono began = mono_now();

		if (try_once(to, port, qname, err) > 0)
			return mono_diff_us(mono_now(), began);
	}
	return -1;
}
