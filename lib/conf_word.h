/*
 * conf_word: words in messages. Part of conf.
 */
#ifndef LIB_CONF_WORD_H
#define LIB_CONF_WORD_H

#include "lib/arena.h"

/* "alpha", "beta" or "gamma"; in the arena. */
const char *conf_words(struct arena *arena, const char *const *names);

#endif
