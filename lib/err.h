/*
 * err: one sentence that says what went wrong and, where there is one, the mend.
 *
 * Functions that can fail because the world misbehaved take a `struct err *` last and return -1
 * (or NULL) after filling it. Whoever gives up logs it, once. `err` is never NULL.
 */
#ifndef LIB_ERR_H
#define LIB_ERR_H

struct err {
	char text[400];
};

/* Sets the sentence (truncated to fit) and returns -1, so that `return err_set(e, ...)` reads well.
 */
int err_set(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* As err_set(), with ": " and strerror(errno) appended. */
int err_errno(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts "context: " before the present text; returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
