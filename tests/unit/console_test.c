/* The control socket's server end: framing, refusals, followers, and every bound. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "healthd/console.h"
#include "lib/mono.h"

static struct ev_loop *loop;
static struct console *console;
static struct mono now = {1000000};
static char dir[64], path[96];
static char last_verb[64];
static struct console_peer last_peer;
static int handled;

struct mono
mono_now(void)
{
	return now;
}

static json_t *
handle(void *arg, const struct console_peer *peer, const char *verb, const json_t *args,
    bool *follow, struct err *err)
{
	(void)arg;
	handled++;
	last_peer = *peer;
	snprintf(last_verb, sizeof(last_verb), "%s", verb);
	if (strcmp(verb, "echo") == 0)
		return json_deep_copy(args);
	if (strcmp(verb, "follow") == 0)
		*follow = true;
	if (strcmp(verb, "bad") == 0)
		err_set(err, "bytes \xff that are not UTF-8");
	if (strcmp(verb, "no") == 0)
		err_set(err, "no: ask something else");
	if (strcmp(verb, "big") == 0) {
		size_t n = (size_t)json_integer_value(json_object_get(args, "n"));
		char *text = malloc(n + 1);
		json_t *answer;

		memset(text, 'x', n);
		text[n] = '\0';
		answer = json_pack("{s:s}", "text", text);
		free(text);
		return answer;
	}
	return NULL;
}

static int
setup(void **state)
{
	struct err err;

	(void)state;
	strcpy(dir, "/tmp/anypop-console-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/control.sock", dir);
	loop = ev_loop_new(0);
	console = console_new(loop, path, "", handle, NULL, &err);
	if (console == NULL)
		fail_msg("%s", err.text);
	handled = 0;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	console_free(console);
	assert_int_equal(access(path, F_OK), -1);
	ev_loop_destroy(loop);
	rmdir(dir);
	return 0;
}

static int
dial(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(sun.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

static void
say(int fd, const char *text)
{
	size_t length = strlen(text);

	while (length > 0) {
		ssize_t n = send(fd, text, length, MSG_NOSIGNAL);

		if (n < 0)
			assert_int_equal(errno, EAGAIN);
		else
			text += n, length -= (size_t)n;
		ev_run(loop, EVRUN_NOWAIT);
	}
	for (int i = 0; i < 3; i++) /* accepted, read, answered */
		ev_run(loop, EVRUN_NOWAIT);
}

/* What comes within a number of turns of the loop without news; "EOF" is put behind a close. */
static const char *
hear(int fd)
{
	static char buf[8 << 20];
	size_t used = 0;
	int idle = 0;

	while (idle < 20) {
		ssize_t n;

		ev_run(loop, EVRUN_NOWAIT);
		n = recv(fd, buf + used, sizeof(buf) - 4 - used, 0);
		if (n == 0 || (n < 0 && errno == ECONNRESET)) {
			strcpy(buf + used, "EOF");
			return buf;
		}
		idle = n > 0 ? 0 : idle + 1;
		used += n > 0 ? (size_t)n : 0;
	}
	buf[used] = '\0';
	return buf;
}

static void
pass_time(double seconds)
{
	now = mono_add_ms(now, (int64_t)(seconds * 1000));
}

/* Until the sweep has looked: it runs by the loop's own timer, each 2 s of real time, so it is run
 * by a turn of the loop that waits for it. */
static void
wait_sweep(int fd)
{
	struct pollfd p = {.fd = fd}; /* for POLLHUP alone */

	for (int i = 0; i < 60; i++) {
		ev_run(loop, EVRUN_NOWAIT);
		if (poll(&p, 1, 50) > 0)
			return;
	}
}

static void
requests_are_answered_in_order(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "{\"verb\":\"echo\",\"args\":{\"a\":1}}\n{\"verb\":\"no\"}\r\n{\"verb\":\"x\"}\n");
	assert_string_equal(hear(fd), "{\"ok\":true,\"data\":{\"a\":1}}\n"
	    "{\"ok\":false,\"error\":\"no: ask something else\"}\n{\"ok\":true,\"data\":{}}\n");
	assert_int_equal(last_peer.uid, getuid());
	assert_int_equal(last_peer.gid, getgid());
	assert_int_equal(last_peer.pid, getpid());
	if (getuid() == 0)
		assert_string_equal(last_peer.who, "root");
	close(fd);
}

static void
a_request_may_come_in_single_bytes(void **state)
{
	static const char request[] = "{\"verb\":\"echo\",\"args\":{\"b\":[2]}}\n";
	int fd = dial();

	(void)state;
	for (size_t i = 0; i < sizeof(request) - 1; i++)
		say(fd, (char[]){request[i], '\0'});
	assert_string_equal(hear(fd), "{\"ok\":true,\"data\":{\"b\":[2]}}\n");
	close(fd);
}

static void
nonsense_is_refused(void **state)
{
	static const struct {
		const char *say, *hear;
		int closed;
	} rows[] = {
		{"hello\n", "one JSON object", 1},
		{"\n", "one JSON object", 1},
		{"[1]\n", "another value", 1},
		{"{\"verb\":\"echo\",\"verb\":\"no\"}\n", "duplicate", 1},
		{"{\"verb\":\"ec\xffho\"}\n", "one JSON object", 1},
		{"{}\n", "\\\"verb\\\" is missing", 0},
		{"{\"verb\":7}\n", "\\\"verb\\\" is missing", 0},
		{"{\"verb\":\"echo\",\"args\":[]}\n", "not an object", 0},
		{"{\"verb\":\"bad\"}\n", "not UTF-8", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = dial();
		const char *heard;

		say(fd, rows[i].say);
		heard = hear(fd);
		if (strstr(heard, rows[i].hear) == NULL || strstr(heard, "\"ok\":false") == NULL)
			fail_msg("%s -> %s", rows[i].say, heard);
		assert_int_equal(strstr(heard, "EOF") != NULL, rows[i].closed);
		close(fd);
	}
	assert_int_equal(handled, 1);
}

static void
a_line_has_64_kib(void **state)
{
	char *text = malloc(70000);
	int fd = dial();

	(void)state;
	memset(text, ' ', 70000);
	memcpy(text, "{\"verb\":\"no\"}", 13);
	strcpy(text + 65535, "\n");
	say(fd, text);
	assert_non_null(strstr(hear(fd), "ask something else"));
	memset(text, ' ', 70000);
	text[65537] = '\0';
	say(fd, text);
	assert_string_equal(hear(fd),
	    "{\"ok\":false,\"error\":\"the line is too long: at most 65536 bytes\"}\nEOF");
	close(fd);
	free(text);
}

static void
answers_may_be_long_but_not_endless(void **state)
{
	const char *heard;
	int fd = dial();

	(void)state;
	say(fd, "{\"verb\":\"big\",\"args\":{\"n\":4000000}}\n");
	heard = hear(fd);
	assert_int_equal(
	    strlen(heard), 4000000 + strlen("{\"ok\":true,\"data\":{\"text\":\"\"}}\n"));
	say(fd, "{\"verb\":\"big\",\"args\":{\"n\":4200000}}\n");
	assert_non_null(strstr(hear(fd), "answer is too long"));
	close(fd);
}

static void
who_asks_and_does_not_read_stops_itself(void **state)
{
	static const char ask[] = "{\"verb\":\"big\",\"args\":{\"n\":100000}}\n";
	int fd = dial(), sent = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		sent += send(fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL) == sizeof(ask) - 1;
		ev_run(loop, EVRUN_NOWAIT);
	}
	assert_true(sent > 100);
	assert_true(handled < 20); /* what the kernel's and our own small buffers take */
	close(fd);
}

static void
who_shuts_its_sending_side_still_gets_answers(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "{\"verb\":\"big\",\"args\":{\"n\":500000}}\n{\"verb\":\"no\"}\n{\"verb\":\"part");
	shutdown(fd, SHUT_WR);
	assert_non_null(strstr(hear(fd), "ask something else\"}\nEOF"));
	assert_int_equal(handled, 2);
	close(fd);
}

static void
followers_get_lines_and_others_do_not(void **state)
{
	json_t *line = json_pack("{s:{s:i}}", "event", "n", 1);
	int a = dial(), b = dial();

	(void)state;
	say(a, "{\"verb\":\"follow\"}\n");
	say(b, "{\"verb\":\"no\"}\n");
	hear(a);
	hear(b);
	console_tell(console, line);
	assert_string_equal(hear(a), "{\"event\":{\"n\":1}}\n");
	assert_string_equal(hear(b), "");
	close(a);
	console_tell(console, line);
	console_tell(console, line);
	close(b);
	json_decref(line);
}

static void
a_follower_that_does_not_read_is_cut_off(void **state)
{
	char *text = malloc(100001);
	json_t *line;
	int fd = dial();
	size_t length;

	(void)state;
	memset(text, 'y', 100000);
	text[100000] = '\0';
	line = json_pack("{s:s}", "event", text);
	say(fd, "{\"verb\":\"follow\"}\n");
	assert_string_equal(hear(fd), "{\"ok\":true,\"data\":{}}\n");
	for (int i = 0; i < 100; i++)
		console_tell(console, line);
	length = strlen(hear(fd));
	assert_in_range(length, 100000, 2 << 20); /* 10 MB were told */
	assert_non_null(strstr(hear(fd), "EOF"));
	close(fd);
	json_decref(line);
	free(text);
}

static void
places_are_limited_and_given_back(void **state)
{
	int fds[33];

	(void)state;
	for (int i = 0; i < 32; i++) {
		fds[i] = dial();
		ev_run(loop, EVRUN_NOWAIT);
	}
	fds[32] = dial();
	assert_non_null(strstr(hear(fds[32]), "too many clients"));
	close(fds[32]);
	close(fds[7]);
	ev_run(loop, EVRUN_NOWAIT);
	fds[7] = dial();
	say(fds[7], "{\"verb\":\"no\"}\n");
	assert_non_null(strstr(hear(fds[7]), "ask something else"));
	for (int i = 0; i < 32; i++)
		close(fds[i]);
}

static void
stuck_and_idle_clients_go_and_followers_stay(void **state)
{
	int stuck = dial(), idle = dial(), follower = dial();

	(void)state;
	say(follower, "{\"verb\":\"follow\"}\n");
	hear(follower);
	say(stuck, "{\"verb\":\"big\",\"args\":{\"n\":3000000}}\n");
	pass_time(11);
	wait_sweep(stuck);
	assert_non_null(strstr(hear(stuck), "EOF"));
	say(idle, "{\"verb\":\"no\"}\n");
	assert_non_null(strstr(hear(idle), "ask something else\"}\n"));
	pass_time(301);
	wait_sweep(idle);
	assert_string_equal(hear(idle), "EOF");
	assert_string_equal(hear(follower), "");
	close(stuck);
	close(idle);
	close(follower);
}

static void
the_socket_has_its_rights_and_replaces_a_stale_one(void **state)
{
	struct console *second;
	struct stat st;
	struct err err;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	second = console_new(loop, path, "", handle, NULL, &err);
	assert_non_null(second);
	console_free(console); /* the first one's end does not take the second one's file away */
	console = second;
	assert_int_equal(access(path, F_OK), 0);
}

static void
a_missing_directory_is_an_error_with_the_mend(void **state)
{
	struct err err;

	(void)state;
	assert_null(console_new(loop, "/nonexistent/x/control.sock", "", handle, NULL, &err));
	assert_non_null(strstr(err.text, "does the directory exist"));
}

#define ROW(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(requests_are_answered_in_order),
		ROW(a_request_may_come_in_single_bytes),
		ROW(nonsense_is_refused),
		ROW(a_line_has_64_kib),
		ROW(answers_may_be_long_but_not_endless),
		ROW(who_asks_and_does_not_read_stops_itself),
		ROW(who_shuts_its_sending_side_still_gets_answers),
		ROW(followers_get_lines_and_others_do_not),
		ROW(a_follower_that_does_not_read_is_cut_off),
		ROW(places_are_limited_and_given_back),
		ROW(stuck_and_idle_clients_go_and_followers_stay),
		ROW(the_socket_has_its_rights_and_replaces_a_stale_one),
		ROW(a_missing_directory_is_an_error_with_the_mend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
