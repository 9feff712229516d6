/*
 * render: the daemon's answers as text for people. docs/control.md is what comes in; every member
 * may be missing. What is written may hold any bytes that were in the answer: pass it through
 * text_clean() before it goes to a terminal.
 */
#ifndef BGPCTL_RENDER_H
#define BGPCTL_RENDER_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

/* Exit codes of `bgpctl status`. */
enum { STATUS_WELL = 0, STATUS_DEGRADED = 1, STATUS_SILENT = 2, STATUS_NO_CONTACT = 3 };

void render_status(FILE *to, const json_t *status);
/* The code that answers "may I sleep on?" */
int render_status_code(const json_t *status);

void render_why(FILE *to, const json_t *why);
void render_checks(FILE *to, const json_t *checks);
/* Does any check fail? */
int render_checks_failed(const json_t *checks);
void render_workers(FILE *to, const json_t *workers);
void render_fleet(FILE *to, const json_t *fleet);
/* render_matrix.c: who says what of whom, of one lane of it; nothing where nobody watches. `us` is
 * our id; `size` is at most MAX_FLEET. */
void render_matrix(FILE *to, const json_t *lane, int us, int size);
/* Answers to drain, undrain, pin, unpin, silence. */
void render_limited(FILE *to, const json_t *answer);
/* One event, local time: "Nov 22 03:14:15.926  rung  service=dns ...". */
void render_event(FILE *to, int64_t wall_us, const char *level, const char *name, const char *line);

/* Parts that the pages share. */
/* One line of how the lane stands in its fleet (NULL: in none); nothing where all is fresh. */
void render_guard(FILE *to, const json_t *guard, const json_t *limits);
void render_limit(FILE *to, const json_t *limit);
const char *render_verdict(const json_t *of); /* of a check or a target */
void render_alarms(FILE *to, const char *indent, const json_t *alarms);

#endif
