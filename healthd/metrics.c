/*
 * libmicrohttpd without a thread: its epoll descriptor is one more watcher of our loop, and its
 * next timeout one timer. Everything is bounded: connections, memory of each, time without
 * progress. The body is rendered when a request is whole, in the loop, so it shows one consistent
 * moment.
 */
#include "healthd/metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"

#define MAX_CONNECTIONS 8
#define CONNECTION_BYTES ((size_t)8 << 10)
#define TIMEOUT_S 5
#define REST_S 0.2

struct metrics {
	struct ev_loop *loop;
	struct MHD_Daemon *daemon;
	struct ev_io io;
	struct ev_timer timer, rest;
	metrics_render *render;
	void *arg;
};

static enum MHD_Result
answer(struct MHD_Connection *to, unsigned code, struct MHD_Response *r, const char *type)
{
	enum MHD_Result rc;

	if (r == NULL)
		return MHD_NO;
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	if (code == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	rc = MHD_queue_response(to, code, r);
	MHD_destroy_response(r);
	return rc;
}

static enum MHD_Result
refuse(struct MHD_Connection *to, unsigned code, char *text)
{
	return answer(to, code,
	    MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_PERSISTENT),
	    "text/plain; charset=utf-8");
}

static enum MHD_Result
request(void *arg, struct MHD_Connection *from, const char *path, const char *method,
    const char *version, const char *upload, size_t *upload_size, void **state)
{
	static char no_method[] = "only GET and HEAD\n",
		    no_page[] = "try /metrics, /status.json or /\n";
	static int seen;
	struct metrics *m = arg;
	const char *type = "text/plain; charset=utf-8";
	char *body;

	(void)version;
	(void)upload;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return refuse(from, MHD_HTTP_METHOD_NOT_ALLOWED, no_method);
	if (*state == NULL) { /* only the headers so far */
		*state = &seen;
		return MHD_YES;
	}
	if (*upload_size != 0) { /* a body that nobody asked for */
		*upload_size = 0;
		return MHD_YES;
	}
	body = m->render(m->arg, path, &type);
	if (body == NULL)
		return refuse(from, MHD_HTTP_NOT_FOUND, no_page);
	return answer(from, MHD_HTTP_OK,
	    MHD_create_response_from_buffer(strlen(body), body, MHD_RESPMEM_MUST_FREE), type);
}

static unsigned
connections(struct metrics *m)
{
	const union MHD_DaemonInfo *info =
	    MHD_get_daemon_info(m->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

	return info != NULL ? info->num_connections : 0;
}

static void
metrics_run(struct metrics *m)
{
	MHD_UNSIGNED_LONG_LONG ms;
	unsigned before;

	/* At its limit the library takes the listening socket out of the epoll set, and puts it
	 * back only in the run after the one that closed a connection. */
	do {
		before = connections(m);
		MHD_run(m->daemon);
	} while (connections(m) < before);
	ev_timer_stop(m->loop, &m->timer);
	if (MHD_get_timeout(m->daemon, &ms) == MHD_YES) {
		/* Rounded up, for a timer that fires early would make us spin. */
		ev_timer_set(&m->timer, ms == 0 ? 0. : (double)(ms + 1) / 1e3, 0.);
		ev_timer_start(m->loop, &m->timer);
	}
}

/* Who knocks stays at the door when no descriptor is left for him (the library gives up on accept()
 * and, without a connection whose end it could wait for, leaves the socket in its set). */
static void
metrics_io(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct metrics *m = io->data;
	struct pollfd still = {.fd = io->fd, .events = POLLIN};

	(void)revents;
	metrics_run(m);
	if (connections(m) > 0 || poll(&still, 1, 0) != 1)
		return;
	ev_io_stop(loop, io);
	ev_timer_set(&m->rest, REST_S, 0.);
	ev_timer_start(loop, &m->rest);
}

static void
metrics_rested(struct ev_loop *loop, struct ev_timer *timer, int revents)
{
	struct metrics *m = timer->data;

	(void)revents;
	ev_io_start(loop, &m->io);
}

static void
metrics_timeout(struct ev_loop *loop, struct ev_timer *timer, int revents)
{
	(void)loop;
	(void)revents;
	metrics_run(timer->data);
}

static int
metrics_listen(struct metrics *m, const struct addr *a, uint16_t port)
{
	struct sockaddr_storage at;
	unsigned flags = MHD_USE_EPOLL | (a->family == FAMILY_V6 ? MHD_USE_IPv6 : 0);

	addr_sockaddr(a, port, &at);
	errno = 0;
	m->daemon = MHD_start_daemon(flags, port, NULL, NULL, request, m,
	    MHD_OPTION_SOCK_ADDR, (const struct sockaddr *)&at,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S, MHD_OPTION_END);
	return m->daemon != NULL ? 0 : -1;
}

struct metrics *
metrics_new(struct ev_loop *loop, const char *address, uint16_t port, metrics_render *render,
    void *arg, struct err *err)
{
	const union MHD_DaemonInfo *info;
	struct metrics *m;
	struct addr a;

	if (!addr_parse(address, &a)) {
		err_set(err, "metrics.address: %s is not an address", address);
		return NULL;
	}
	m = calloc(1, sizeof(*m));
	if (m == NULL) {
		err_set(err, "out of memory");
		return NULL;
	}
	m->loop = loop;
	m->render = render;
	m->arg = arg;
	if (metrics_listen(m, &a, port) < 0) {
		err_errno(err, "metrics: cannot listen on %s port %u; set metrics.port, or "
		    "metrics.address = \"\" for none", address, port);
		free(m);
		return NULL;
	}
	info = MHD_get_daemon_info(m->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL || info->epoll_fd < 0) {
		err_set(err, "metrics: libmicrohttpd gives no epoll descriptor");
		MHD_stop_daemon(m->daemon);
		free(m);
		return NULL;
	}
	ev_io_init(&m->io, metrics_io, info->epoll_fd, EV_READ);
	m->io.data = m;
	ev_io_start(loop, &m->io);
	ev_timer_init(&m->timer, metrics_timeout, 0., 0.);
	m->timer.data = m;
	ev_timer_init(&m->rest, metrics_rested, 0., 0.);
	m->rest.data = m;
	return m;
}

void
metrics_free(struct metrics *m)
{
	if (m == NULL)
		return;
	ev_io_stop(m->loop, &m->io);
	ev_timer_stop(m->loop, &m->timer);
	ev_timer_stop(m->loop, &m->rest);
	MHD_stop_daemon(m->daemon);
	free(m);
}
