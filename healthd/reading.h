/*
 * reading: numbers out of the kernel's text files, and how bad they are. Pure.
 *
 * Readings are in hundredths of their unit (percent, or events per second).
 */
#ifndef HEALTHD_READING_H
#define HEALTHD_READING_H

#include <stdbool.h>
#include <stdint.h>

/* The text begins with a decimal number: /proc/sys/fs/file-nr, memory.current, statistics files. */
bool reading_number(const char *text, uint64_t *out);
/* The number behind the first line that starts with `key` as a whole word ("MemTotal:",
 * "inactive_file"): /proc/meminfo, memory.stat, /proc/net/snmp6. */
bool reading_field(const char *text, const char *key, uint64_t *out);
/* A column of /proc/net/snmp: the line of names that starts with `row` ("Udp:"), then of values. */
bool reading_column(const char *text, const char *row, const char *column, uint64_t *out);
/* "some avg10=12.34 ..." of a pressure file (Documentation/accounting/psi.rst). */
bool reading_pressure(const char *text, int64_t *out);
/* The n-th number of a line of numbers, from 0. */
bool reading_nth(const char *text, int n, uint64_t *out);

/* part / whole in hundredths of a percent; 0 of nothing is 0. */
int64_t reading_share(uint64_t part, uint64_t whole);
/* Events per second from two counts `us` apart. */
int64_t reading_rate(uint64_t before, uint64_t now, int64_t us);

/* 100 at `warn` or better .. 0 at `crit` or worse, linear between. Worse is more where crit >=
 * warn, else less. All in hundredths. */
int reading_grade(int64_t reading, int64_t warn, int64_t crit);

#endif
