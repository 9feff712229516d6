/*
 * The forward client by TLS, against a real peer: whatever TLS waits for, the loop waits for that
 * too, and for nothing that is there already. The peer's OpenSSL has memory on either side; what of
 * it crosses the socket, and when, is the test's to say. That the client's socket is full is played
 * by a layer between it and the client's OpenSSL: of a kernel nobody gets it just so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "resolver/forward_impl.h"

#define NAME "dns.backup.test"
#define PATIENCE_MS 60000 /* for what the kernel does at some time */
#define SPINS 2000	  /* turns without anybody else's doing that are no progress any more */

struct rig {
	struct ev_loop *loop;
	struct resolver_conf conf;
	struct forward *forward;
	struct forward_server *server;
	int listener, fd; /* the peer's */
	SSL_CTX *ctx;
	SSL *tls; /* owns the two next */
	BIO *from, *to;
	uint8_t heard[1 << 20];
	size_t n_heard;
	int asked, told, answered; /* questions; how many were ended; with an answer */
	BIO_METHOD *layer;
	bool full; /* the client's socket takes nothing */
};

/* A key, and a certificate that it signs itself, for NAME. */
static X509 *
certificate(EVP_PKEY *key)
{
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);
	X509_EXTENSION *san =
	    X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:" NAME);

	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_set_version(x, 2);
	X509_gmtime_adj(X509_getm_notBefore(x), -86400);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)NAME, -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509_add_ext(x, san, -1);
	X509_EXTENSION_free(san);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	return x;
}

static void
peer_make(struct rig *r, char ca_file[static 32])
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = certificate(key);
	int fd;
	FILE *f;

	strcpy(ca_file, "/tmp/forward_tls_XXXXXX");
	fd = mkstemp(ca_file);
	assert_true(fd >= 0);
	f = fdopen(fd, "w");
	assert_true(PEM_write_X509(f, x));
	fclose(f);
	r->ctx = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_min_proto_version(r->ctx, TLS1_3_VERSION);
	SSL_CTX_set_num_tickets(r->ctx, 0);
	SSL_CTX_set_max_send_fragment(r->ctx, 512);
	assert_int_equal(SSL_CTX_use_certificate(r->ctx, x), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(r->ctx, key), 1);
	X509_free(x);
	EVP_PKEY_free(key);
	r->tls = SSL_new(r->ctx);
	r->from = BIO_new(BIO_s_mem());
	r->to = BIO_new(BIO_s_mem());
	SSL_set_bio(r->tls, r->from, r->to);
	SSL_set_accept_state(r->tls);
}

static uint16_t
listen_somewhere(struct rig *r)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);

	r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(r->listener >= 0);
	assert_int_equal(bind(r->listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(r->listener, 4), 0);
	assert_int_equal(getsockname(r->listener, (struct sockaddr *)&a, &size), 0);
	return ntohs(a.sin_port);
}

static int
setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	char ca_file[32];
	struct addr loopback;
	struct err err;
	uint16_t port;

	assert_non_null(r);
	*state = r;
	peer_make(r, ca_file);
	port = listen_somewhere(r);
	r->fd = -1;
	r->loop = ev_loop_new(EVFLAG_NOENV);
	r->forward = forward_new(r->loop, &r->conf, STREAM_MANY);
	assert_true(addr_parse("127.0.0.1", &loopback));
	r->server =
	    forward_server_new(r->forward, &loopback, port, BACKUP_DOT, NAME, ca_file, &err);
	unlink(ca_file);
	assert_non_null(r->server);
	return 0;
}

static int
teardown(void **state)
{
	struct rig *r = *state;

	forward_server_free(r->server);
	forward_free(r->forward);
	ev_loop_destroy(r->loop);
	SSL_free(r->tls);
	SSL_CTX_free(r->ctx);
	BIO_meth_free(r->layer);
	if (r->fd >= 0)
		close(r->fd);
	close(r->listener);
	free(r);
	return 0;
}

static struct stream *
stream_of(struct rig *r)
{
	return &r->server->streams[0];
}

static void
done(void *arg, const struct forward_told *told)
{
	struct rig *r = arg;

	r->told++;
	r->answered += told->end == FORWARD_TOLD;
}

/* One with a name as long as there is. */
static void
ask(struct rig *r)
{
	struct key k = {.type = 1, .class = 1, .name_length = 4 * 63 + 1};
	uint8_t question[DNS_QUERY_MAX];
	size_t n;

	for (int i = 0; i < 4; i++) {
		k.name[i * 63] = 62;
		memset(k.name + i * 63 + 1, 'a' + i, 62);
	}
	n = forward_question(&k, 0, false, question);
	assert_non_null(forward_ask(r->server, question, n, PATIENCE_MS, done, r));
	r->asked++;
}

/* Is something ready of what the client waits for? */
static bool
client_is_woken(struct rig *r)
{
	struct stream *s = stream_of(r);
	struct pollfd p = {.fd = s->fd};

	if (s->io.events & EV_READ)
		p.events |= POLLIN;
	if ((s->io.events & EV_WRITE) && !r->full)
		p.events |= POLLOUT;
	return s->fd >= 0 && poll(&p, 1, 0) > 0;
}

/* The client does all that it can do by itself, and then the loop sleeps. */
static void
client_turns(struct rig *r)
{
	int turns = 0;

	do {
		ev_run(r->loop, EVRUN_NOWAIT);
		if (++turns == SPINS)
			fail_msg("it is woken again and again, for nothing");
	} while (client_is_woken(r));
}

/* Reads at most so many octets that the client sent; how many there were. */
static size_t
peer_takes(struct rig *r, size_t most)
{
	uint8_t buffer[4096];
	size_t n = 0;
	ssize_t got;

	while (n < most) {
		got = recv(r->fd, buffer, most - n < sizeof(buffer) ? most - n : sizeof(buffer),
		    MSG_DONTWAIT);
		if (got <= 0)
			break;
		assert_int_equal(BIO_write(r->from, buffer, (int)got), got);
		n += (size_t)got;
	}
	return n;
}

/* Sends at most so many octets that the peer has for the client. */
static void
peer_gives(struct rig *r, int most)
{
	uint8_t buffer[4096];
	int n;

	while (most > 0) {
		n = BIO_read(r->to, buffer,
		    most < (int)sizeof(buffer) ? most : (int)sizeof(buffer));
		if (n <= 0)
			break;
		assert_int_equal(send(r->fd, buffer, (size_t)n, MSG_NOSIGNAL), n);
		most -= n;
	}
}

/* Reads what has crossed, and answers each question as it came; false: there was none. */
static bool
peer_thinks(struct rig *r)
{
	const uint8_t *message;
	bool answered = false;
	size_t length;
	int n;

	do {
		n = SSL_read(r->tls, r->heard + r->n_heard, (int)(sizeof(r->heard) - r->n_heard));
		if (n > 0)
			r->n_heard += (size_t)n;
	} while (n > 0);
	while (forward_frame(r->heard, r->n_heard, &message, &length) == FRAME_WHOLE) {
		r->heard[FORWARD_FRAME + 2] |= 0x80; /* QR */
		assert_true(SSL_write(r->tls, r->heard, (int)(FORWARD_FRAME + length)) > 0);
		r->n_heard = forward_frame_drop(r->heard, r->n_heard, length);
		answered = true;
	}
	return answered;
}

static void
wait_for(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
}

static void
peer_accepts(struct rig *r)
{
	client_turns(r);
	wait_for(r->listener);
	r->fd = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(r->fd >= 0);
}

/* What the peer gave has come. */
static void
client_hears(struct rig *r)
{
	wait_for(stream_of(r)->fd);
	client_turns(r);
}

/* Until all that was asked is told. */
static void
both_go_on(struct rig *r)
{
	while (r->told < r->asked) {
		struct pollfd p[2] = {{.fd = r->fd, .events = POLLIN}};

		client_turns(r);
		peer_takes(r, SIZE_MAX);
		peer_thinks(r);
		peer_gives(r, INT32_MAX);
		client_turns(r);
		p[1] = (struct pollfd){.fd = stream_of(r)->fd, .events = POLLIN};
		if (r->told < r->asked)
			assert_true(poll(p, 2, PATIENCE_MS) > 0);
	}
	assert_int_equal(r->answered, r->asked);
}

static void
questions_are_answered(void **state)
{
	struct rig *r = *state;

	ask(r);
	peer_accepts(r);
	for (int i = 0; i < 20; i++)
		ask(r);
	both_go_on(r);
	assert_int_equal(stream_of(r)->state, STREAM_OPEN);
}

static int
layer_write(BIO *b, const char *octets, int n)
{
	const struct rig *r = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	if (!r->full)
		return BIO_write(BIO_next(b), octets, n);
	BIO_set_retry_write(b);
	errno = EAGAIN;
	return -1;
}

static long
layer_ctrl(BIO *b, int command, long number, void *pointer)
{
	return BIO_ctrl(BIO_next(b), command, number, pointer);
}

/* Between the client's OpenSSL and its socket, from now on. */
static void
layer_put(struct rig *r)
{
	SSL *tls = stream_of(r)->tls;
	BIO *b, *socket = SSL_get_wbio(tls);

	r->layer = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_FILTER, "full");
	BIO_meth_set_write(r->layer, layer_write);
	BIO_meth_set_ctrl(r->layer, layer_ctrl);
	b = BIO_new(r->layer);
	BIO_set_data(b, r);
	BIO_set_init(b, 1);
	BIO_up_ref(socket);
	BIO_push(b, socket);
	SSL_set0_wbio(tls, b);
}

/* Its last part waits for room in the socket. */
static void
what_the_handshake_waited_for_is_over_with_it(void **state)
{
	struct rig *r = *state;

	ask(r);
	peer_accepts(r);
	layer_put(r);
	r->full = true;
	wait_for(r->fd);
	peer_takes(r, SIZE_MAX);
	peer_thinks(r);
	peer_gives(r, INT32_MAX);
	client_hears(r);
	assert_int_equal(stream_of(r)->state, STREAM_SHAKING);
	assert_true(stream_of(r)->tls_wants_write);
	r->full = false;
	client_turns(r);
	assert_int_equal(stream_of(r)->state, STREAM_OPEN);
	assert_int_equal(stream_of(r)->io.events & (EV_READ | EV_WRITE), EV_READ);
	both_go_on(r);
}

/*
 * The peer asks for new keys, as it may at any time, and the answer to that leaves before the next
 * question. Where the socket is full just then, reading, too, can only go on when it has room.
 */
static void
reading_that_must_write_waits_for_room(void **state)
{
	struct rig *r = *state;

	ask(r);
	peer_accepts(r);
	both_go_on(r);
	layer_put(r);
	ask(r);
	client_turns(r);
	r->full = true;
	assert_int_equal(SSL_key_update(r->tls, SSL_KEY_UPDATE_REQUESTED), 1);
	assert_int_equal(SSL_do_handshake(r->tls), 1);
	peer_gives(r, INT32_MAX);
	client_hears(r);
	ask(r);
	client_turns(r);
	/* The second one's answer is there, and no use until there is room. */
	wait_for(r->fd);
	peer_takes(r, SIZE_MAX);
	assert_true(peer_thinks(r));
	peer_gives(r, INT32_MAX);
	client_hears(r);
	assert_int_equal(r->told, 1);
	assert_true(stream_of(r)->tls_wants_write);
	assert_int_equal(stream_of(r)->io.events & (EV_READ | EV_WRITE), EV_WRITE);
	r->full = false;
	client_turns(r);
	assert_int_equal(r->told, 2);
	both_go_on(r);
	assert_int_equal(stream_of(r)->io.events & (EV_READ | EV_WRITE), EV_READ);
	assert_int_equal(r->told, 3);
}

/*
 * A message of the handshake that comes in two records, the second of them late: nothing can be
 * written before it has come.
 */
static void
writing_that_must_read_waits_for_octets(void **state)
{
	struct rig *r = *state;
	uint8_t much[2000] = {1};

	ask(r);
	peer_accepts(r);
	both_go_on(r);
	assert_int_equal(SSL_SESSION_set1_ticket_appdata(
			     SSL_get_session(r->tls), much, sizeof(much)), 1);
	assert_int_equal(SSL_new_session_ticket(r->tls), 1);
	SSL_do_handshake(r->tls);
	assert_true(BIO_pending(r->to) > 1000);
	peer_gives(r, 700);
	client_hears(r);
	ask(r);
	client_turns(r);
	assert_true(stream_of(r)->write_wants_read);
	assert_int_equal(stream_of(r)->io.events & EV_WRITE, 0);
	both_go_on(r);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(questions_are_answered),
	    TEST(what_the_handshake_waited_for_is_over_with_it),
	    TEST(reading_that_must_write_waits_for_room),
	    TEST(writing_that_must_read_waits_for_octets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
