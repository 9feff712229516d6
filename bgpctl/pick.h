/*
 * pick: members of a JSON object that may not be there or be of another type: what comes over the
 * control socket is read, not trusted. Pure.
 */
#ifndef BGPCTL_PICK_H
#define BGPCTL_PICK_H

#include <jansson.h>
#include <stdbool.h>

const char *pick_text(const json_t *o, const char *key, const char *otherwise);
double pick_number(const json_t *o, const char *key, double otherwise);
bool pick_bool(const json_t *o, const char *key);
/* False for null and for what is absent. */
bool pick_is_set(const json_t *o, const char *key);
/* An object or an array; NULL otherwise (jansson's readers take that). */
const json_t *pick_part(const json_t *o, const char *key);
/* The greatest number of that name in the objects of an array; 0: there is none. */
double pick_most(const json_t *list, const char *key);

#endif
