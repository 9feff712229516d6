/*
 * words_events: the events of healthd and resolver, for words.c. tests/house/rule-events holds that
 * each that the code tells is here, and no other.
 */
#ifndef BGPCTL_WORDS_EVENTS_H
#define BGPCTL_WORDS_EVENTS_H

#include "bgpctl/words.h"

#define N_WORD_EVENTS 89
extern const struct word word_events[N_WORD_EVENTS];

#endif
