/*
 * jsontext: any text as a JSON string. jansson takes nothing but UTF-8, and json_pack("s") of
 * anything else makes the whole object NULL; what others wrote (a script's words, a reason cut in
 * the middle of a character) goes through here.
 */
#ifndef HEALTHD_JSONTEXT_H
#define HEALTHD_JSONTEXT_H

#include <jansson.h>

/* A new reference; what is not UTF-8 becomes '?', what is longer than 2 kB is cut. */
json_t *jsontext(const char *text);

#endif
