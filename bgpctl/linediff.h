/*
 * linediff: what changed between two small texts, line by line.
 */
#ifndef BGPCTL_LINEDIFF_H
#define BGPCTL_LINEDIFF_H

#include <stdio.h>

#define LINEDIFF_LINES                                                                             \
	5000 /* of either text after what they share at both ends; more is shown whole */

/* Writes "- line" for each line only in `old` and "+ line" for each only in `new`, in order, with
 * as many lines kept as can be, and "@ N" (line of `new`) before each run. */
void linediff(FILE *to, const char *old, const char *new);

#endif
