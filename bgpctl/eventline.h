/*
 * eventline: what lib/event writes, read back: key=value and key="quoted value". Pure.
 */
#ifndef BGPCTL_EVENTLINE_H
#define BGPCTL_EVENTLINE_H

#include <stdbool.h>
#include <stddef.h>

/* The next pair from *at on, which moves behind it; the value is unquoted into `value`, cut to fit.
 * False at the end, or where the line is not of that form. */
bool eventline_next(const char **at, char *key, size_t key_size, char *value, size_t value_size);

#endif
