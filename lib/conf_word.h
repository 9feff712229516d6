/*
 * conf_word: words in messages. Part of conf.
 */
#ifndef LIB_CONF_WORD_H
#define LIB_CONF_WORD_H

#include "lib/arena.h"
#include "lib/conf.h"

/* "alpha", "beta" or "gamma"; in the arena. */
const char *conf_words(struct arena *arena, const char *const *names);
/* What a key takes, for a message. */
const char *conf_wanted(const struct conf_key *key);
/* "25%" is 25; -1 when it is none of 0 to 100. */
int conf_percentage(const char *text);

#endif
