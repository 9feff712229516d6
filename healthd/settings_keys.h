/*
 * settings_keys: the key tables of healthd.conf, and the parts of settings_read(). Internal to
 * settings_*.c.
 */
#ifndef HEALTHD_SETTINGS_KEYS_H
#define HEALTHD_SETTINGS_KEYS_H

#include "healthd/settings.h"

extern const struct conf_key settings_keys[];

/* The checks of a configuration that has none of its own. */
void settings_default_checks(struct settings *s, struct arena *arena);
/* What follows from other keys: absent values by kind of check, the ladder's thresholds. */
void settings_fill(struct settings *s, struct arena *arena);
/* Combinations that a table cannot check: the daemon's own sections, and one check. */
int settings_check(const struct settings *s, struct err *err);
int settings_check_one(const struct settings *s, const struct check_conf *c, struct err *err);
/* Names, types, classes and rcodes of a check, of the workers' probe and of the fleet's. */
int settings_check_question(const struct settings *s, const struct check_conf *c, struct err *err);
int settings_check_worker_question(const struct settings *s, struct err *err);
int settings_check_fleet_question(const struct settings *s, struct err *err);
/* How many instances and, at most, targets of one instance the check becomes. */
int check_conf_instances(const struct settings *s, const struct check_conf *c);
int check_conf_targets(const struct settings *s, const struct check_conf *c, int lane);

#endif
