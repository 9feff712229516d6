/*
 * words: what the words mean that healthd and resolver use of themselves: names of alarms, limits,
 * rules, states and events, each with what to do about it. docs/ladder.md and docs/control.md have
 * the whole story; this is the page for whoever is paged. Pure.
 */
#ifndef BGPCTL_WORDS_H
#define BGPCTL_WORDS_H

#include <stddef.h>

enum word_kind {
	WORD_ALARM,	/* of a lane or of the node */
	WORD_LIMIT,	/* whose a limit is */
	WORD_RULE,	/* which decided last */
	WORD_PREFLIGHT, /* what is missing before an announcement or a climb */
	WORD_VERDICT,	/* of a check or a target */
	WORD_STATE,	/* of a worker or an engine, as healthd sees it */
	WORD_SCORE,	/* of one, by its own word */
	WORD_EVENT,	/* a line in the log */
	N_WORD_KINDS
};

struct word {
	const char *word;
	const char *means; /* sentences */
	const char *mend;  /* what to do, sentences; "" nothing */
};

const char *word_kind_name(enum word_kind k);	/* "alarm" */
const char *word_kind_about(enum word_kind k); /* half a sentence: what such words are */

/* All of one kind, by their use; *n says how many. Static. */
const struct word *words_of(enum word_kind k, size_t *n);
/* NULL when there is none. Case is not minded, and '-' is as good as '_'. */
const struct word *word_find(enum word_kind k, const char *word);

/* The word of any kind that looks most like it, to say "did you mean"; NULL where none does. */
const char *word_near(const char *word);

#endif
