/*
 * conf: libconfig files read by key table into plain structs.
 *
 * A table says for each key its type, where it goes, its range or names and its default. Unknown
 * keys, wrong types, values out of range, missing required keys and duplicate names in a list are
 * errors that name file, line, full key path and the mend ("did you mean ...", the range, the
 * names). The same table renders the struct back to text that reads to the same struct, and prints
 * the reference documentation of the keys.
 */
#ifndef LIB_CONF_H
#define LIB_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/addr.h"
#include "lib/arena.h"
#include "lib/err.h"

enum conf_type {
	CONF_STR,  /* const char * (in the arena); `text` is the default or NULL */
	CONF_INT,  /* int64_t, min..max, default `number` */
	CONF_BOOL, /* bool, default `number` */
	CONF_MAYBE, /* int: false or true; `number` is -1, what an absent one gives: not rendered */
	CONF_SHARE, /* int64_t, a number in min..max or "25%": CONF_PERCENT(25); default `number` */
	CONF_ENUM, /* int, `min` + index into NULL-terminated `names`, default `number` */
	CONF_SET,  /* uint32_t bit mask of `names`, written as an array of strings; default `number`
		    */
	CONF_ADDR, /* struct addr */
	CONF_STRS, /* const char ** + int count: array of strings */
	CONF_ADDRS,    /* struct addr * + int count */
	CONF_PREFIXES, /* struct prefix * + int count */
	CONF_GROUP,    /* nested struct by `sub` */
	CONF_LIST, /* array of structs of `sub_size` by `sub`, + int count; at most `max` of them */
	CONF_SKIP, /* known, but somebody else reads it: accepted unread, not rendered */
};

struct conf_key {
	const char *name;
	enum conf_type type;
	size_t offset;	     /* of the value in the struct */
	size_t count_offset; /* of the `int` count, for arrays and lists */
	size_t line_offset;  /* CONF_GROUP, CONF_LIST: offset in the *sub* struct of an `int` that
				receives the line it stands on, or CONF_NO_LINE */
	bool required;
	int64_t min, max; /* CONF_INT range (none when equal); sets, arrays and lists: how many
			     elements when present, max 0: any number */
	int64_t number;	  /* CONF_AUTO: see there */
	const char *text;
	const char *const *names;
	const struct conf_key *sub; /* ends with a NULL name; of type CONF_SKIP, then all keys
				       that are not named are skipped */
	size_t sub_size;
	/* Whether the key means anything beside the struct's other values; NULL: always. One that
	 * does not is an error where it is given, and is not rendered; `only` says when it does. */
	bool (*applies)(const void *in);
	const char *only;
	const char *help; /* one phrase; the unit is in the key's name */
};

/* A group that is its struct's first member has its address, so the two may not share a key's name.
 */
#define CONF_NO_LINE ((size_t)-1)

/* Default of a CONF_INT whose owner computes it from other keys: an absent key leaves CONF_AUTO in
 * the struct, and a value of CONF_AUTO is not rendered. */
#define CONF_AUTO INT64_MIN

/* Where each value came from, for errors that only the owner of the struct can find. */
struct conf_places;

/* A CONF_SHARE that was written as a percentage; negative, so that no number means the same. */
#define CONF_PERCENT(percent) (-1 - (int64_t)(percent))
/* Its percentage, -1 for a plain number. */
static inline int
conf_percent(int64_t share)
{
	return share < 0 ? (int)(-1 - share) : -1;
}

/*
 * Reads `path` into `out` (a zeroed struct laid out as `keys` says; absent keys get defaults, an
 * absent group gets the defaults of its keys). Strings and arrays live in `arena`. 0, or -1 with
 * "path:line: key.path: what is wrong; the mend". `*places` receives the places (in `arena`).
 */
int conf_read_placed(const char *path, const struct conf_key *keys, void *out, struct arena *arena,
    const struct conf_places **places, struct err *err);

/* As conf_read_placed(), from memory; `path` is only for messages. */
int conf_read_text(const char *text, const char *path, const struct conf_key *keys, void *out,
    struct arena *arena, struct err *err);

int conf_read_text_placed(const char *text, const char *path, const struct conf_key *keys,
    void *out, struct arena *arena, const struct conf_places **places, struct err *err);
/* Without a place, for structs that were not read: errors name `path` alone. */
const struct conf_places *conf_places_none(const char *path, struct arena *arena);

/*
 * Fills `err` with "path:line: key.path: " and the formatted rest; returns -1. `base` is the struct
 * (group or list element) that holds key `name`; `index` picks an element of an array, -1 is the
 * key itself. A key that was not in the file is placed where its group stands. `name` NULL is the
 * struct itself.
 */
int conf_wrong(const struct conf_places *places, const void *base, const char *name, int index,
    struct err *err, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* Was this key written in the file? */
bool conf_given(const struct conf_places *places, const void *base, const char *name);

/* 1 to `max` characters of [a-z0-9_]? */
bool conf_is_name(const char *text, size_t max);

/* The name closest to `word` among NULL-terminated `names`, NULL when none is close. */
const char *conf_nearest(const char *word, const char *const *names);

/* Writes every key with its value, so that conf_read_placed() of it gives the same struct. */
void conf_render(FILE *to, const struct conf_key *keys, const void *in);

/* Writes "path.to.key  type range  default  help" lines, the reference of all keys. */
void conf_reference(FILE *to, const struct conf_key *keys);

#endif
