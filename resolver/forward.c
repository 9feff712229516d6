/*
 * Exchanges by UDP, and the pool of all exchanges.
 *
 * An exchange is in one list: of its connection's, of its server's by UDP, or of the free ones. It
 * is owned by the pool; who asked keeps a pointer until it is called back or forgets it.
 */
#include "resolver/forward_impl.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/ensure.h"
#include "lib/event.h"

#define RESEND_MS 500
#define GUESSES_MOST 8	   /* datagrams that are not the answer, then it goes by TCP */
#define READS_A_TURN 16

uint16_t
forward_random(void)
{
	uint16_t number;

	ENSURE(getrandom(&number, sizeof(number), 0) == sizeof(number));
	return number;
}

void
exchange_link(struct exchange *x, struct exchange **list)
{
	x->self = list;
	x->next = *list;
	if (x->next != NULL)
		x->next->self = &x->next;
	*list = x;
}

void
exchange_unlink(struct exchange *x)
{
	*x->self = x->next;
	if (x->next != NULL)
		x->next->self = x->self;
}

/* The one door of what is known of a server's way with letters. */
static void
casing_note(struct forward_server *s, enum casing_event event)
{
	enum casing_way was = casing_way(&s->casing);
	char buf[ADDR_TEXT];

	s->casing = casing_step(s->casing, event);
	if (casing_way(&s->casing) == was)
		return;
	event_say(EVENT_NOTICE, "upstream_case", "%s port %u does not keep the case of names; %s",
	    addr_render(&s->address, buf), s->port,
	    casing_way(&s->casing) == CASING_STREAM
		? "it is asked by TCP from now on"
		: "nor does it answer by TCP, so it is asked in lower case from now on");
}

static void
udp_close(struct exchange *x)
{
	if (x->io.fd < 0)
		return;
	ev_io_stop(x->forward->loop, &x->io);
	close(x->io.fd);
	x->io.fd = -1;
}

void
forward_forget(struct exchange *x)
{
	struct forward *f = x->forward;

	ev_timer_stop(f->loop, &x->timer);
	if (x->stream != NULL) {
		stream_leave(x);
	} else {
		udp_close(x);
		exchange_unlink(x);
	}
	x->server = NULL;
	x->next = f->free;
	f->free = x;
}

void
exchange_end(struct exchange *x, const struct forward_told *told)
{
	struct forward_told t = *told;
	forward_done *done = x->done;
	void *arg = x->arg;

	t.us = mono_diff_us(mono_now(), x->asked);
	if (x->recased)
		casing_note(x->server,
		    t.end == FORWARD_TOLD ? CASING_STREAM_TOLD : CASING_STREAM_FAILED);
	forward_forget(x);
	done(arg, &t);
}

void
exchange_broken(struct exchange *x)
{
	exchange_end(x, &(struct forward_told){.end = FORWARD_BROKEN});
}

/* One of our addresses of that family, if any is to be used. */
static int
bind_source(const struct forward *f, int fd, enum family family)
{
	int n = f->conf->engine.n_outgoing_addresses, from = n > 0 ? forward_random() % n : 0;
	struct sockaddr_storage source;
	struct addr a;
	socklen_t size;

	for (int i = 0; i < n; i++) {
		if (!addr_parse(f->conf->engine.outgoing_addresses[(from + i) % n], &a) ||
		    a.family != family)
			continue;
		size = addr_sockaddr(&a, 0, &source);
		return bind(fd, (struct sockaddr *)&source, size);
	}
	errno = EADDRNOTAVAIL;
	return n == 0 ? 0 : -1;
}

int
forward_socket(struct forward_server *s, int type)
{
	struct sockaddr_storage to;
	socklen_t size = addr_sockaddr(&s->address, s->port, &to);
	int fd = socket(to.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && bind_source(s->forward, fd, s->address.family) == 0 &&
	    (connect(fd, (struct sockaddr *)&to, size) == 0 || errno == EINPROGRESS))
		return fd;
	snprintf(s->why, sizeof(s->why), "%s", strerrordesc_np(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* By TCP from here on. */
static void
to_stream(struct exchange *x)
{
	forward_case_drop(x->question, x->length, x->question);
	udp_close(x);
	exchange_unlink(x);
	if (stream_take(x))
		return;
	exchange_link(x, &x->server->datagrams);
	exchange_broken(x);
}

/* Has this answer, in f->datagram, the case of the question? It is in lower case then. */
static bool
case_is_kept(struct exchange *x)
{
	uint8_t *answer = x->forward->datagram;

	if (x->capitals < 0)
		return true;
	if (!forward_case_kept(x->question, x->length, answer)) {
		x->recased = true;
		casing_note(x->server, CASING_FOLDED);
		return false;
	}
	if (x->capitals > 0)
		casing_note(x->server, CASING_KEPT);
	forward_case_drop(x->question, x->length, answer);
	return true;
}

/* False: this exchange is over, or has no socket any more. */
static bool
udp_read_one(struct exchange *x)
{
	struct forward *f = x->forward;
	ssize_t n = recv(x->io.fd, f->datagram, sizeof(f->datagram), 0);
	struct forward_told told = {
	    .end = FORWARD_TOLD, .message = f->datagram, .length = n > 0 ? (size_t)n : 0};

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < 0) { /* a port that nobody listens on, a network that is gone */
		snprintf(x->server->why, FORWARD_WHY, "%s", strerrordesc_np(errno));
		exchange_broken(x);
		return false;
	}
	told.read = forward_read(x->question, x->length, f->datagram, told.length);
	if (told.read.kind == FORWARD_FOREIGN && ++x->foreign < GUESSES_MOST)
		return true;
	if (told.read.kind == FORWARD_FOREIGN || !case_is_kept(x) ||
	    told.read.kind == FORWARD_TRUNCATED)
		to_stream(x);
	else
		exchange_end(x, &told);
	return false;
}

static void
on_udp(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct exchange *x = io->data;

	(void)loop;
	(void)revents;
	for (int i = 0; i < READS_A_TURN && udp_read_one(x); i++)
		continue;
}

/* The next look: when to send again, or the end. */
static void
timer_set(struct exchange *x)
{
	int64_t left_us = mono_diff_us(x->until, mono_now());

	if (x->stream == NULL && left_us > RESEND_MS * 1500)
		left_us = RESEND_MS * 1000;
	x->timer.repeat = left_us > 1000 ? (double)left_us / 1e6 : 1e-3;
	ev_timer_again(x->forward->loop, &x->timer);
}

static void
on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct exchange *x = w->data;
	struct stream *stream = x->stream;
	struct mono asked = x->asked;

	(void)loop;
	(void)revents;
	if (mono_before(mono_now(), x->until)) {
		/* What cannot be sent again may still be answered. */
		if (stream == NULL && send(x->io.fd, x->question, x->length, 0) < 0)
			x->timer.repeat = 0;
		timer_set(x);
		return;
	}
	exchange_end(x, &(struct forward_told){.end = FORWARD_SILENT});
	if (stream != NULL)
		stream_doubt(stream, asked);
}

static bool
udp_begin(struct exchange *x)
{
	int fd = forward_socket(x->server, SOCK_DGRAM);
	uint8_t bits[FORWARD_CASE];

	if (fd < 0)
		return false;
	forward_id_set(x->question, forward_random());
	if (casing_way(&x->server->casing) == CASING_MIXED) {
		ENSURE(getrandom(bits, sizeof(bits), 0) == sizeof(bits));
		x->capitals = forward_case_mix(x->question, x->length, bits);
	}
	if (send(fd, x->question, x->length, 0) < 0 && errno != EAGAIN && errno != ENOBUFS) {
		snprintf(x->server->why, FORWARD_WHY, "%s", strerrordesc_np(errno));
		close(fd);
		return false;
	}
	ev_io_set(&x->io, fd, EV_READ);
	ev_io_start(x->forward->loop, &x->io);
	exchange_link(x, &x->server->datagrams);
	return true;
}

struct exchange *
forward_ask(struct forward_server *s, const uint8_t *question, size_t length, int64_t within_ms,
    forward_done *done, void *arg)
{
	struct forward *f = s->forward;
	struct exchange *x = f->free;

	if (x == NULL || length < DNS_HEADER || length > DNS_QUERY_MAX)
		return NULL;
	f->free = x->next;
	x->server = s;
	x->stream = NULL;
	x->asked = mono_now();
	x->until = mono_add_ms(x->asked, within_ms);
	x->done = done;
	x->arg = arg;
	x->foreign = 0;
	x->again = false;
	x->capitals = -1;
	x->recased = s->transport == BACKUP_UDP && casing_way(&s->casing) == CASING_STREAM;
	x->length = (uint16_t)length;
	memcpy(x->question, question, length);
	if (s->transport == BACKUP_UDP && !x->recased ? udp_begin(x) : stream_take(x)) {
		timer_set(x);
		return x;
	}
	if (x->recased)
		casing_note(s, CASING_STREAM_FAILED);
	x->server = NULL;
	x->next = f->free;
	f->free = x;
	return NULL;
}

struct forward_server *
forward_server_new(struct forward *f, const struct addr *address, uint16_t port,
    enum backup_transport transport, const char *tls_name, const char *ca_file, struct err *err)
{
	struct forward_server *s = calloc(1, sizeof(*s));

	ENSURE(s != NULL);
	s->forward = f;
	s->address = *address;
	s->port = port;
	s->transport = transport;
	s->tls_name = tls_name;
	streams_init(s);
	if (tls_name == NULL)
		return s;
	s->tls = forward_tls_new(ca_file, err);
	if (s->tls != NULL)
		return s;
	free(s);
	return NULL;
}

void
forward_server_plain(struct forward_server *s)
{
	s->casing.off = true;
}

void
forward_server_free(struct forward_server *s)
{
	if (s == NULL)
		return;
	while (s->datagrams != NULL)
		forward_forget(s->datagrams);
	streams_close(s);
	SSL_CTX_free(s->tls);
	free(s);
}

const char *
forward_server_why(const struct forward_server *s)
{
	return s->why;
}

struct forward *
forward_new(struct ev_loop *loop, const struct resolver_conf *conf, int64_t exchanges)
{
	struct forward *f = calloc(1, sizeof(*f));

	ENSURE(f != NULL);
	f->loop = loop;
	f->conf = conf;
	f->pool = calloc((size_t)exchanges, sizeof(*f->pool));
	ENSURE(f->pool != NULL);
	for (int64_t i = exchanges - 1; i >= 0; i--) {
		struct exchange *x = &f->pool[i];

		x->forward = f;
		ev_io_init(&x->io, on_udp, -1, EV_READ);
		ev_init(&x->timer, on_timer);
		x->io.data = x->timer.data = x;
		x->next = f->free;
		f->free = x;
	}
	return f;
}

bool
forward_full(const struct forward *f)
{
	return f->free == NULL;
}

void
forward_free(struct forward *f)
{
	if (f == NULL)
		return;
	free(f->pool);
	free(f);
}
