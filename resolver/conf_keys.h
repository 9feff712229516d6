/*
 * conf_keys: the key table of resolver.conf. Internal to conf*.c.
 */
#ifndef RESOLVER_CONF_KEYS_H
#define RESOLVER_CONF_KEYS_H

#include "resolver/conf.h"

extern const struct conf_key resolver_conf_keys[];

/* Combinations that a table cannot check. */
int resolver_conf_check(const struct resolver_conf *c, struct err *err);
/* Those of the group redis; part of the above. */
int resolver_conf_check_redis(const struct resolver_conf *c, struct err *err);

#endif
