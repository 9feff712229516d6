/*
 * conf_scan: finds what libconfig 1.5 would read wrongly without a word. Pure. Part of conf.
 */
#ifndef LIB_CONF_SCAN_H
#define LIB_CONF_SCAN_H

#include <stdbool.h>

struct conf_wide {
	int line;
	char token[48]; /* cut when longer */
};

/*
 * libconfig 1.5 cuts an integer to 32 bits unless it ends in L: 4200000000 would become -94967296.
 * True and filled when `text` holds such a number (outside strings, comments and names).
 */
bool conf_scan_wide(const char *text, struct conf_wide *out);

#endif
