/* The metrics port: what it serves, what it refuses, and that it neither spins nor grows. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "healthd/metrics.h"

static struct ev_loop *loop;
static struct metrics *metrics;
static uint16_t port;

static char *
render(void *arg, const char *path, const char **type)
{
	(void)arg;
	if (strcmp(path, "/metrics") == 0) {
		*type = "text/plain; version=0.0.4";
		return strdup("anypop_up 1\n");
	}
	if (strcmp(path, "/big") == 0) {
		char *text = malloc(300001);

		memset(text, 'm', 300000);
		text[300000] = '\0';
		return text;
	}
	return NULL;
}

/* A port that was free a moment ago. */
static uint16_t
free_port(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &length), 0);
	close(fd);
	return ntohs(sin.sin_port);
}

static int
setup(void **state)
{
	struct err err;

	(void)state;
	loop = ev_loop_new(0);
	metrics = NULL;
	for (int i = 0; i < 10 && metrics == NULL; i++) { /* it may be somebody's by now */
		port = free_port();
		metrics = metrics_new(loop, "127.0.0.1", port, render, NULL, &err);
	}
	if (metrics == NULL)
		fail_msg("%s", err.text);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	metrics_free(metrics);
	ev_loop_destroy(loop);
	return 0;
}

static int
dial(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	return fd;
}

/* Everything until the other end closes. */
static const char *
ask(const char *request)
{
	static char buf[1 << 20];
	int fd = dial();
	size_t used = 0;

	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	for (int i = 0; i < 100000; i++) {
		ssize_t n;

		ev_run(loop, EVRUN_NOWAIT);
		n = recv(fd, buf + used, sizeof(buf) - 1 - used, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			break;
		used += n > 0 ? (size_t)n : 0;
	}
	buf[used] = '\0';
	close(fd);
	return buf;
}

#define TAIL " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static void
pages_are_served(void **state)
{
	const char *a = ask("GET /metrics" TAIL);

	(void)state;
	assert_non_null(strstr(a, "HTTP/1.1 200"));
	assert_non_null(strstr(a, "Content-Type: text/plain; version=0.0.4\r\n"));
	assert_non_null(strstr(a, "\r\n\r\nanypop_up 1\n"));
	a = ask("HEAD /metrics" TAIL);
	assert_non_null(strstr(a, "HTTP/1.1 200"));
	assert_null(strstr(a, "anypop_up"));
	assert_int_equal(strlen(strstr(ask("GET /big" TAIL), "\r\n\r\n") + 4), 300000);
}

static void
the_rest_is_refused(void **state)
{
	(void)state;
	assert_non_null(strstr(ask("GET /etc/passwd" TAIL), "HTTP/1.1 404"));
	assert_non_null(strstr(ask("POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	    "Content-Length: 3\r\n\r\nabc"), "HTTP/1.1 405"));
	assert_non_null(strstr(ask("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	    "Content-Length: 3\r\n\r\nabc"), "HTTP/1.1 200"));
	assert_null(strstr(ask("\r\n\r\nnonsense\r\n\r\n"), "200"));
}

static void
places_are_limited_and_come_back(void **state)
{
	int fds[40];

	(void)state;
	for (int i = 0; i < 40; i++) {
		fds[i] = dial();
		ev_run(loop, EVRUN_NOWAIT);
	}
	for (int i = 0; i < 40; i++)
		close(fds[i]);
	for (int i = 0; i < 50; i++)
		ev_run(loop, EVRUN_NOWAIT);
	assert_non_null(strstr(ask("GET /metrics" TAIL), "anypop_up 1\n"));
}

static void
enough(struct ev_loop *l, struct ev_timer *t, int revents)
{
	(void)t;
	(void)revents;
	ev_break(l, EVBREAK_ALL);
}

static void
an_open_connection_costs_no_cpu(void **state)
{
	struct ev_timer stop;
	struct timespec a, b;
	int fd = dial();
	double used;

	(void)state;
	assert_int_equal(send(fd, "GET /met", 8, MSG_NOSIGNAL), 8);
	ev_timer_init(&stop, enough, 0.5, 0.);
	ev_timer_start(loop, &stop);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	ev_run(loop, 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	used = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
	assert_true(used < 0.1); /* of 0.5 s; a spinning loop takes it all */
	close(fd);
}

/* accept() fails and the socket stays readable: knocking must not keep the loop turning. */
static void
who_finds_no_descriptor_left_waits_and_costs_no_cpu(void **state)
{
	static const char request[] = "GET /metrics" TAIL;
	int fd = dial(), lowest = dup(fd);
	struct rlimit all, none;
	struct ev_timer stop;
	unsigned turns;
	char buf[1000];
	ssize_t n = -1;

	(void)state;
	close(lowest);
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
	none = all;
	none.rlim_cur = (rlim_t)lowest;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	ev_timer_init(&stop, enough, 0.5, 0.);
	ev_timer_start(loop, &stop);
	turns = ev_iteration(loop);
	ev_run(loop, 0);
	turns = ev_iteration(loop) - turns;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
	assert_in_range(turns, 1, 50); /* a spinning loop makes tens of thousands */
	ev_timer_set(&stop, 30., 0.);
	ev_timer_start(loop, &stop);
	while (n < 0 && ev_is_active(&stop)) {
		ev_run(loop, EVRUN_ONCE);
		n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);
	}
	assert_true(n > 0);
	ev_timer_stop(loop, &stop);
	close(fd);
}

static void
a_taken_port_is_an_error_with_the_mend(void **state)
{
	struct err err;

	(void)state;
	assert_null(metrics_new(loop, "127.0.0.1", port, render, NULL, &err));
	assert_non_null(strstr(err.text, "set metrics.port"));
	assert_null(metrics_new(loop, "localhost", port, render, NULL, &err));
	assert_non_null(strstr(err.text, "not an address"));
}

#define ROW(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(pages_are_served),
		ROW(the_rest_is_refused),
		ROW(places_are_limited_and_come_back),
		ROW(an_open_connection_costs_no_cpu),
		ROW(who_finds_no_descriptor_left_waits_and_costs_no_cpu),
		ROW(a_taken_port_is_an_error_with_the_mend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
