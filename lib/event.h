/*
 * event: one line of key=value per thing that changed, to stderr and, where it is there, the
 * journal (same fields), and to a sink (the flight recorder, `bgpctl events`).
 *
 * Building never allocates; sending never blocks: a line that stderr or the journal cannot take at
 * once is dropped and counted (event_dropped()). Values are quoted and escaped when they hold
 * anything but [A-Za-z0-9_.:/+-], control characters become '?'.
 */
#ifndef LIB_EVENT_H
#define LIB_EVENT_H

#include <stdint.h>
#include <stddef.h>

enum event_level {
	EVENT_ALARM = 3,
	EVENT_WARN = 4,
	EVENT_NOTICE = 5,
	EVENT_INFO = 6,
	EVENT_DEBUG = 7
};

struct event {
	enum event_level level;
	char name[32];
	size_t length;
	char line[1600]; /* "event=NAME key=value key=\"quoted value\"" without newline */
};

/* Called with each event sent, after stderr; `line` is NUL-terminated and valid for the call only.
 */
typedef void event_sink(void *arg, enum event_level level, const char *name, const char *line);

/* `ident` names the process in the journal; events above `threshold` are not written, only sunk.
 * SIGPIPE is ignored from here on (stderr's reader may go away); whoever execs puts it back. On
 * stderr each line starts with the time in UTC, unless stderr is the journal's. Before this call
 * events go to stderr alone. May be called again. */
void event_open(const char *ident, enum event_level threshold);
/* Another journal socket than systemd's (tests); NULL or a path that is not there: none. */
void event_open_journal(const char *path);
void event_set_sink(event_sink *sink, void *arg);
uint64_t event_dropped(void);

void event_begin(struct event *e, enum event_level level, const char *name);
void event_str(struct event *e, const char *key, const char *value);
void event_int(struct event *e, const char *key, int64_t value);
void event_fmt(struct event *e, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void event_send(struct event *e);

/* begin + because=... + send, for events that carry one sentence. */
void event_say(enum event_level level, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
