/*
 * anchorlook: the trust anchors of our own resolver, for doctor and upgrade.
 */
#ifndef BGPCTL_ANCHORLOOK_H
#define BGPCTL_ANCHORLOOK_H

#include <jansson.h>
#include <stdbool.h>

/* What `resolver anchor status --json` says with that resolver.conf; the caller's. NULL: nothing.
 */
json_t *anchorlook(const char *resolver_conf);

/* The wall clock, in seconds; finer than time(): the engines of a replacement start within one. */
double anchorlook_now(void);

/* Does an engine run that started before the keys came in force that it would read now? `workers`
 * is healthd's answer to that request, asked for at `now_s` of the wall clock or later: an engine
 * of the same moment counts as older, which costs a replacement; the other way round it would
 * keep old keys. */
bool anchorlook_older(const json_t *anchors, const json_t *workers, double now_s);

#endif
