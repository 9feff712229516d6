/* Events: lines, ways out, and that none of them waits. stderr is this test's own pipe while an
 * event is sent. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/event.h"

static int saved_stderr, from_stderr;

/* From here on stderr is a pipe (or what `fds` is made by), read by from_stderr. */
static void
take_stderr(int read_end, int write_end)
{
	saved_stderr = dup(2);
	from_stderr = read_end;
	dup2(write_end, 2);
	close(write_end);
	event_open("test", EVENT_INFO);
	event_open_journal(NULL);
}

static void
take_stderr_pipe(void)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	take_stderr(fds[0], fds[1]);
}

static void
give_stderr_back(void)
{
	dup2(saved_stderr, 2);
	close(saved_stderr);
	close(from_stderr);
	event_open("test", EVENT_INFO);
	event_open_journal(NULL);
}

static const char *
taken(void)
{
	static char text[8192];
	ssize_t n = read(from_stderr, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void
values_are_quoted_only_where_needed(void **state)
{
	struct event e;

	(void)state;
	event_begin(&e, EVENT_INFO, "rung");
	event_str(&e, "service", "dns");
	event_str(&e, "prefix", "2001:db8::/48");
	event_int(&e, "score", -41);
	event_str(&e, "empty", "");
	event_str(&e, "because", "he said \"no\\yes\"");
	event_fmt(&e, "share", "%d %%", 5);
	event_str(&e, "bad", "a\nb\tc\x7f");
	event_str(&e, "utf8", "h\xc3\xa9");
	assert_string_equal(e.line,
	    "event=rung service=dns prefix=2001:db8::/48 score=-41 empty=\"\" "
	    "because=\"he said \\\"no\\\\yes\\\"\" share=\"5 %\" bad=\"a?b?c?\" "
	    "utf8=\"h\xc3\xa9\"");
	assert_int_equal(e.length, strlen(e.line));
}

/* Every way of filling the line leaves one that still parses: quotes closed, no half escapes. */
static void
a_full_line_is_cut_and_stays_well_formed(void **state)
{
	char value[2000];
	struct event e;

	(void)state;
	for (int start = 0; start < 40; start++) {
		memset(value, '"', sizeof(value) - 1);
		memset(value, 'x', (size_t)start);
		value[sizeof(value) - 1] = '\0';
		event_begin(&e, EVENT_INFO, "long");
		event_str(&e, "a", value);
		event_str(&e, "b", "dropped");
		assert_true(e.length < sizeof(e.line));
		assert_int_equal(e.length, strlen(e.line));
		assert_int_equal(e.line[e.length - 1], '"');
		assert_int_equal(e.line[e.length - 2], '"'); /* an escaped quote, whole */
		assert_int_equal(e.line[e.length - 3], '\\');
		assert_null(strstr(e.line, "dropped"));
	}
	memset(value, 'x', sizeof(value) - 1);
	event_begin(&e, EVENT_INFO, "long");
	event_str(&e, "plain", value);
	assert_int_equal(e.line[e.length - 1], '"');
	for (int n = 1570; n < 1600; n++) { /* what is left at the end never breaks the line */
		event_begin(&e, EVENT_INFO, "l");
		event_fmt(&e, "k", "%.*s", n, value);
		event_str(&e, "key", "a value");
		event_str(&e, "k2", "v");
		assert_int_equal(e.length, strlen(e.line));
		assert_true(e.length < sizeof(e.line));
		assert_true(strstr(e.line, " key=") == NULL || e.line[e.length - 1] != '=');
	}
}

static void
a_line_starts_with_the_time(void **state)
{
	int year, month, day, hour, minute, second, ms, n = 0;

	(void)state;
	take_stderr_pipe();
	event_say(EVENT_NOTICE, "hello", "it is %s", "me");
	assert_int_equal(
	    sscanf(taken(), "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ event=hello because=\"it is me\"\n%n",
		&year, &month, &day, &hour, &minute, &second, &ms, &n),
	    7);
	give_stderr_back();
	assert_int_equal(
	    n, (int)strlen("2026-01-02T03:04:05.678Z event=hello because=\"it is me\"\n"));
	assert_true(year >= 2024);
}

struct sunk {
	int n;
	char line[200];
};

static void
sink(void *arg, enum event_level level, const char *name, const char *line)
{
	struct sunk *s = arg;

	(void)level, (void)name;
	s->n++;
	snprintf(s->line, sizeof(s->line), "%s", line);
}

static void
above_the_threshold_an_event_is_only_sunk(void **state)
{
	struct sunk s = {0};

	(void)state;
	take_stderr_pipe();
	event_set_sink(sink, &s);
	event_say(EVENT_DEBUG, "quiet", "x");
	event_say(EVENT_INFO, "loud", "y");
	event_set_sink(NULL, NULL);
	assert_null(strstr(taken(), "quiet"));
	give_stderr_back();
	assert_int_equal(s.n, 2);
	assert_string_equal(s.line, "event=loud because=y");
}

/* 5000 lines into a pipe that nobody reads: alarm() ends the test if one of them waits. */
static void
a_full_pipe_drops_and_counts(void **state)
{
	uint64_t before = event_dropped();

	(void)state;
	take_stderr_pipe();
	alarm(20);
	for (int i = 0; i < 5000; i++)
		event_say(EVENT_INFO, "flood", "%d", i);
	alarm(0);
	give_stderr_back();
	assert_true(event_dropped() - before > 1000);
	assert_true(event_dropped() - before < 5000);
}

static void
a_full_stream_socket_drops_and_counts(void **state)
{
	uint64_t before = event_dropped();
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	take_stderr(fds[0], fds[1]);
	alarm(20);
	for (int i = 0; i < 20000; i++)
		event_say(EVENT_INFO, "flood", "%d", i);
	alarm(0);
	give_stderr_back();
	assert_true(event_dropped() > before);
}

/* The flag would be on every process's stderr that shares it. */
static void
stderr_itself_stays_blocking(void **state)
{
	(void)state;
	take_stderr_pipe();
	assert_int_equal(fcntl(2, F_GETFL) & O_NONBLOCK, 0);
	give_stderr_back();
}

static void
a_gone_reader_does_not_end_the_process(void **state)
{
	uint64_t before = event_dropped();

	(void)state;
	signal(SIGPIPE, SIG_DFL);
	take_stderr_pipe();
	close(from_stderr);
	from_stderr = -1;
	event_say(EVENT_INFO, "lost", "x");
	give_stderr_back();
	assert_int_equal(event_dropped() - before, 1);
}

static int
journal_at(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void
the_journal_gets_the_same_fields_and_never_makes_us_wait(void **state)
{
	char path[64], text[4096];
	uint64_t before;
	struct event e;
	ssize_t n;
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/anypop-journal-%d", (int)getpid());
	fd = journal_at(path);
	take_stderr_pipe();
	event_open_journal(path);
	event_begin(&e, EVENT_WARN, "rung");
	event_str(&e, "service", "dns");
	event_str(&e, "next-in", "5 s");
	event_str(&e, "because", "a \"b\" \\c");
	event_send(&e);
	n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	text[n > 0 ? n : 0] = '\0';
	before = event_dropped();
	alarm(20);
	for (int i = 0; i < 3000; i++)
		event_say(EVENT_INFO, "flood", "%d", i);
	alarm(0);
	give_stderr_back();
	close(fd);
	unlink(path);
	assert_string_equal(text, "PRIORITY=4\nSYSLOG_IDENTIFIER=test\n"
	    "MESSAGE=event=rung service=dns next-in=\"5 s\" because=\"a \\\"b\\\" \\\\c\"\n"
	    "ANYPOP_EVENT=rung\nANYPOP_SERVICE=dns\nANYPOP_NEXT_IN=5 s\n"
	    "ANYPOP_BECAUSE=a \"b\" \\c\n");
	assert_true(event_dropped() - before > 1000);
}

/* Where stderr is the journal's stream it is enough to speak to the journal once; without its
 * socket the stream gets the priority as a prefix, and no time of ours. */
static void
a_stderr_of_the_journals_is_not_written_twice(void **state)
{
	char path[64], stream[64], text[256];
	struct stat st;
	int fds[2], fd;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/anypop-journal-%d", (int)getpid());
	fd = journal_at(path);
	assert_int_equal(pipe(fds), 0);
	fstat(fds[1], &st);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	take_stderr(fds[0], fds[1]);
	event_say(EVENT_WARN, "stream", "x");
	snprintf(text, sizeof(text), "%.200s", taken());
	event_open_journal(path);
	event_say(EVENT_WARN, "socket", "y");
	fcntl(from_stderr, F_SETFL, O_NONBLOCK);
	assert_string_equal(taken(), "");
	unsetenv("JOURNAL_STREAM");
	give_stderr_back();
	assert_true(recv(fd, stream, sizeof(stream), MSG_DONTWAIT) > 0);
	close(fd);
	unlink(path);
	assert_string_equal(text, "<4>event=stream because=x\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_are_quoted_only_where_needed),
	    cmocka_unit_test(a_full_line_is_cut_and_stays_well_formed),
	    cmocka_unit_test(a_line_starts_with_the_time),
	    cmocka_unit_test(above_the_threshold_an_event_is_only_sunk),
	    cmocka_unit_test(a_full_pipe_drops_and_counts),
	    cmocka_unit_test(a_full_stream_socket_drops_and_counts),
	    cmocka_unit_test(stderr_itself_stays_blocking),
	    cmocka_unit_test(a_gone_reader_does_not_end_the_process),
	    cmocka_unit_test(the_journal_gets_the_same_fields_and_never_makes_us_wait),
	    cmocka_unit_test(a_stderr_of_the_journals_is_not_written_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
