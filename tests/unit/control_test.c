/* The control socket's client end: whatever the other end does, an error names the mend, and
 * nothing waits longer than it may. The other end is a process of its own that plays one script. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bgpctl/control.h"
#include "lib/mono.h"

static char dir[64], path[96];
static pid_t child;

/* Answers one request with `text`, and closes unless it is to stay. */
static void
serve(const char *text, size_t length, int stay)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), fd;
	char request[4096];

	strcpy(sun.sun_path, path);
	unlink(path);
	assert_int_equal(bind(listener, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(listener, 1), 0);
	child = fork();
	if (child != 0) {
		close(listener);
		return;
	}
	fd = accept(listener, NULL, NULL);
	if (read(fd, request, sizeof(request)) > 0) {
		while (length > 0) {
			ssize_t n = send(fd, text, length, MSG_NOSIGNAL);

			if (n <= 0)
				break;
			text += n;
			length -= (size_t)n;
		}
	}
	if (stay)
		pause();
	_exit(0);
}

#define PATIENCE_MS 20000 /* for what comes at some time; the other end may be slow to start */

/* `wait_ms`: how long silence is borne. */
static json_t *
ask(const char *text, size_t length, int stay, int64_t wait_ms, struct err *err)
{
	struct control *c;
	json_t *answer = NULL;
	int saved;

	serve(text, length, stay);
	err->text[0] = '\0';
	c = control_open(path, 2000, err);
	if (c == NULL)
		fail_msg("%s", err->text);
	assert_int_equal(control_ask(c, "status", json_pack("{s:i}", "n", 1), err), 0);
	answer = control_next(c, wait_ms, err);
	saved = errno;
	control_close(c);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	errno = saved;
	return answer;
}

static int
setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/anypop-control-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/control.sock", dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(path);
	rmdir(dir);
	return 0;
}

static void
an_answer_comes_back(void **state)
{
	struct err err;
	json_t *answer = ask("{\"ok\":true}\n", 12, 0, PATIENCE_MS, &err);

	(void)state;
	assert_true(json_is_true(json_object_get(answer, "ok")));
	json_decref(answer);
}

static void
a_long_answer_comes_back(void **state)
{
	size_t n = 3000000;
	char *text = malloc(n + 32);
	struct err err;
	json_t *answer;
	int at = sprintf(text, "{\"t\":\"");

	(void)state;
	memset(text + at, 'z', n);
	strcpy(text + (size_t)at + n, "\"}\n");
	answer = ask(text, strlen(text), 0, PATIENCE_MS, &err);
	assert_int_equal(json_string_length(json_object_get(answer, "t")), n);
	json_decref(answer);
	free(text);
}

static void
bad_answers_are_errors_with_a_mend(void **state)
{
	static const struct {
		const char *text, *error;
		int stay, number;
	} rows[] = {
		{"", "closed the connection: its brain was replaced", 0, EPIPE},
		{"{\"ok\":tr", "in the middle of an answer", 0, EPIPE},
		{"", "connected, and silent since", 1, ETIMEDOUT},
		{"{\"ok\":tr", "connected, and silent since", 1, ETIMEDOUT},
		{"0001 BIRD 2.0.12 ready.\n", "is this healthd's socket", 0, EPROTO},
		{"[]\n", "is this healthd's socket", 0, EPROTO},
		{"{\"a\":\"\xff\"}\n", "is this healthd's socket", 0, EPROTO},
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_null(ask(rows[i].text, strlen(rows[i].text), rows[i].stay,
		    rows[i].stay ? 200 : PATIENCE_MS, &err));
		assert_int_equal(errno, rows[i].number);
		if (strstr(err.text, rows[i].error) == NULL)
			fail_msg("row %zu: %s", i, err.text);
	}
}

static void
an_endless_line_is_cut(void **state)
{
	size_t n = 6000000;
	char *text = malloc(n);
	struct err err;

	(void)state;
	memset(text, ' ', n);
	assert_null(ask(text, n, 1, PATIENCE_MS, &err));
	assert_int_equal(errno, EPROTO);
	assert_non_null(strstr(err.text, "longer than 4 MiB"));
	free(text);
}

static void
nobody_there_says_what_to_do(void **state)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct err err;
	struct mono begin;
	int fd;

	(void)state;
	assert_null(control_open(path, 100, &err));
	assert_non_null(strstr(err.text, "systemctl status healthd"));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	strcpy(sun.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	begin = mono_now();
	assert_null(control_open(path, 100, &err)); /* bound, and nobody listens */
	assert_non_null(strstr(err.text, "nobody listens"));
	assert_true(mono_diff_ms(mono_now(), begin) >= 100); /* it gave a new brain time to come */
	close(fd);
	assert_null(
	    control_open("/tmp/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		100, &err));
	assert_non_null(strstr(err.text, "too long"));
}

static void
no_right_says_which_group(void **state)
{
	struct err err;
	int status;

	(void)state;
	if (getuid() != 0)
		skip();
	serve("", 0, 1);
	if (fork() == 0) {
		if (chmod(dir, 0755) < 0 || chmod(path, 0600) < 0 || setgid(65534) < 0 ||
		    setuid(65534) < 0)
			_exit(2);
		_exit(control_open(path, 100, &err) == NULL && strstr(err.text, "group") ? 0 : 1);
	}
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

#define ROW(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(an_answer_comes_back),
		ROW(a_long_answer_comes_back),
		ROW(bad_answers_are_errors_with_a_mend),
		ROW(an_endless_line_is_cut),
		ROW(nobody_there_says_what_to_do),
		ROW(no_right_says_which_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
