/*
 * One process, one event stream: the ways out (stderr, the journal's socket, the sink) are this
 * file's only state, set by event_open() and event_set_sink(). An event itself is a plain value on
 * its builder's stack.
 *
 * Nothing here may wait, since the callers are the loops that keep a route truthful. stderr is
 * shared with other processes, so O_NONBLOCK must not be set on it (the flag would be theirs too):
 * pipes and terminals are opened once more for a description of our own, sockets are sent to with
 * MSG_DONTWAIT, and what remains (files) does not block. The journal is spoken to in its native
 * datagram protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL) and not through sd_journal_sendv(), which
 * waits for a journald that does not read.
 */
#include "lib/event.h"

#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum way { WAY_WRITE /* may block: ask poll first */, WAY_OWN /* non-blocking */, WAY_SEND };

static struct {
	char ident[32];
	enum event_level threshold;
	enum way way;
	int out;		/* stderr, or our own description of it */
	bool out_is_journal;	/* stderr ends in the journal as a stream */
	int journal;		/* datagram socket, -1 none */
	struct sockaddr_un journal_at;
	event_sink *sink;
	void *sink_arg;
	uint64_t dropped;
} to = {.ident = "anypop", .threshold = EVENT_INFO, .out = STDERR_FILENO, .journal = -1};

/* JOURNAL_STREAM is inherited, also by processes whose stderr went elsewhere since: compare. */
static bool
stderr_is_journal(const struct stat *st)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;

	return stream != NULL && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	    dev == (unsigned long long)st->st_dev && ino == (unsigned long long)st->st_ino;
}

static void
open_stderr(void)
{
	struct stat st;
	int own;

	if (to.out != STDERR_FILENO)
		close(to.out);
	to.out = STDERR_FILENO;
	to.way = WAY_WRITE;
	to.out_is_journal = false;
	if (fstat(STDERR_FILENO, &st) < 0)
		return;
	to.out_is_journal = stderr_is_journal(&st);
	if (S_ISSOCK(st.st_mode))
		to.way = WAY_SEND;
	if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
		return;
	own = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own < 0)
		return;
	to.out = own;
	to.way = WAY_OWN;
}

void
event_open(const char *ident, enum event_level threshold)
{
	snprintf(to.ident, sizeof(to.ident), "%s", ident);
	to.threshold = threshold;
	signal(SIGPIPE, SIG_IGN);
	open_stderr();
	event_open_journal("/run/systemd/journal/socket");
}

void
event_open_journal(const char *path)
{
	if (to.journal >= 0)
		close(to.journal);
	to.journal = -1;
	if (path == NULL || access(path, F_OK) < 0)
		return;
	to.journal_at = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(to.journal_at.sun_path, sizeof(to.journal_at.sun_path), "%s", path);
	to.journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

void
event_set_sink(event_sink *sink, void *arg)
{
	to.sink = sink;
	to.sink_arg = arg;
}

uint64_t
event_dropped(void)
{
	return to.dropped;
}

/* The line always keeps room for a closing quote and its NUL. */
static bool
put(struct event *e, char c)
{
	if (e->length + 2 >= sizeof(e->line))
		return false;
	e->line[e->length++] = c;
	e->line[e->length] = '\0';
	return true;
}

static bool
is_plain(const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_.:/+-";

	return text[0] != '\0' && text[strspn(text, plain)] == '\0';
}

/* A value that does not fit is cut, at the start of a character and outside an escape. */
static void
put_quoted(struct event *e, const char *value)
{
	size_t whole;

	put(e, '"');
	for (whole = e->length; *value != '\0'; value++) {
		unsigned char c = (unsigned char)*value;
		bool escape = c == '"' || c == '\\';

		if ((c & 0xc0) != 0x80)
			whole = e->length;
		if ((escape && !put(e, '\\')) || !put(e, c < 0x20 || c == 0x7f ? '?' : *value)) {
			e->length = whole;
			break;
		}
	}
	e->line[e->length++] = '"';
	e->line[e->length] = '\0';
}

void
event_begin(struct event *e, enum event_level level, const char *name)
{
	e->level = level;
	snprintf(e->name, sizeof(e->name), "%s", name);
	e->length = (size_t)snprintf(e->line, sizeof(e->line), "event=%s", e->name);
}

void
event_str(struct event *e, const char *key, const char *value)
{
	size_t start = e->length, i;
	bool fits = put(e, ' ');

	for (i = 0; fits && key[i] != '\0'; i++)
		fits = put(e, key[i]);
	/* Two more than needed for `=""`: a key without any of its value would mislead. */
	if (!fits || !put(e, '=') || e->length + 5 >= sizeof(e->line)) {
		e->length = start;
		e->line[start] = '\0';
		return;
	}
	if (!is_plain(value) || e->length + strlen(value) + 2 >= sizeof(e->line)) {
		put_quoted(e, value);
		return;
	}
	while (*value != '\0')
		put(e, *value++);
}

void
event_int(struct event *e, const char *key, int64_t value)
{
	event_fmt(e, key, "%lld", (long long)value);
}

void
event_fmt(struct event *e, const char *key, const char *fmt, ...)
{
	char value[sizeof(e->line)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	event_str(e, key, value);
}

/* "2026-11-22T09:21:52.123Z "; wall-clock is for people only. */
static size_t
stamp(char *buf, size_t size)
{
	struct timespec now;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
	return n + (size_t)snprintf(buf + n, size - n, ".%03ldZ ", now.tv_nsec / 1000000);
}

static ssize_t
write_out(const char *text, size_t n)
{
	struct pollfd p = {.fd = to.out, .events = POLLOUT};

	if (to.way == WAY_SEND)
		return send(to.out, text, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (to.way == WAY_WRITE && (poll(&p, 1, 0) != 1 || (p.revents & POLLOUT) == 0))
		return -1;
	return write(to.out, text, n);
}

static void
send_stderr(const struct event *e)
{
	char text[sizeof(e->line) + 64];
	size_t n;

	/* A line below PIPE_BUF arrives whole or not at all, whoever else writes to the pipe. */
	if (to.out_is_journal)
		n = (size_t)snprintf(text, sizeof(text), "<%d>", (int)e->level);
	else
		n = stamp(text, sizeof(text));
	n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\n", e->line);
	if (write_out(text, n) != (ssize_t)n)
		to.dropped++;
}

struct datagram {
	size_t length;
	char text[10 * sizeof(((struct event *)0)->line)];
};

static void
add(struct datagram *d, char c)
{
	if (d->length < sizeof(d->text))
		d->text[d->length++] = c;
}

static void
add_text(struct datagram *d, const char *text)
{
	for (; *text != '\0'; text++)
		add(d, *text);
}

/* Adds the line's next "key=value" as "ANYPOP_KEY=value\n"; returns the rest of the line. Our
 * values hold no newline, so that the protocol's binary form is never needed. */
static const char *
add_field(struct datagram *d, const char *at)
{
	bool quoted;

	add_text(d, "ANYPOP_");
	for (; *at != '=' && *at != '\0'; at++)
		add(d, (char)(isalnum((unsigned char)*at) ? toupper((unsigned char)*at) : '_'));
	add(d, '=');
	if (*at == '=')
		at++;
	quoted = *at == '"';
	if (quoted)
		at++;
	for (; *at != '\0' && *at != (quoted ? '"' : ' '); at++) {
		if (quoted && *at == '\\')
			at++;
		add(d, *at);
	}
	add(d, '\n');
	if (quoted && *at == '"')
		at++;
	return *at == ' ' ? at + 1 : at;
}

static void
send_journal(const struct event *e)
{
	static struct datagram d; /* 16 kB that need not be on the stack */
	const char *at = e->line;
	char head[32];

	d.length = 0;
	snprintf(head, sizeof(head), "PRIORITY=%d\n", (int)e->level);
	add_text(&d, head);
	add_text(&d, "SYSLOG_IDENTIFIER=");
	add_text(&d, to.ident);
	add_text(&d, "\nMESSAGE=");
	add_text(&d, e->line);
	add(&d, '\n');
	while (*at != '\0')
		at = add_field(&d, at);
	if (sendto(to.journal, d.text, d.length, MSG_DONTWAIT | MSG_NOSIGNAL,
		(struct sockaddr *)&to.journal_at, sizeof(to.journal_at)) != (ssize_t)d.length)
		to.dropped++;
}

void
event_send(struct event *e)
{
	if (e->level <= to.threshold) {
		/* The journal would show one that goes both ways twice. */
		if (!to.out_is_journal || to.journal < 0)
			send_stderr(e);
		if (to.journal >= 0)
			send_journal(e);
	}
	if (to.sink != NULL)
		to.sink(to.sink_arg, e->level, e->name, e->line);
}

void
event_say(enum event_level level, const char *name, const char *fmt, ...)
{
	char because[sizeof(((struct event *)0)->line)];
	struct event e;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(because, sizeof(because), fmt, ap);
	va_end(ap);
	event_begin(&e, level, name);
	event_str(&e, "because", because);
	event_send(&e);
}
