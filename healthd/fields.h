/*
 * fields: plain structs to JSON and back by table: what a brain leaves to the next one
 * (brain_state.c) and to whoever reads the flight recorder (flight.c). A member that is to be kept
 * is one more line of its table.
 */
#ifndef HEALTHD_FIELDS_H
#define HEALTHD_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum field_type {
	FIELD_I8,
	FIELD_U16,
	FIELD_U32,
	FIELD_INT,
	FIELD_I64,
	FIELD_MONO,
	FIELD_BOOL,
	FIELD_VERDICT,
	FIELD_CLASS,
	FIELD_PHASE,
	FIELD_DOUBLE,
};

struct field {
	const char *name; /* NULL ends a table */
	enum field_type type;
	size_t offset;
};

#define FIELD(type, member, kind)                                                                  \
	{                                                                                          \
#member, kind, offsetof(struct type, member)                                       \
	}

/* healthd/fields_tables.c */
extern const struct field LADDER_FIELDS[];	/* what a state file keeps */
extern const struct field LADDER_REST_FIELDS[]; /* the rest of struct ladder */
extern const struct field WINDOW_FIELDS[];	/* all but the words of the last failure */
extern const struct field FACT_FIELDS[];
extern const struct field GIVEN_FIELDS[]; /* struct ladder_in; judgement, limits, fleet apart */
extern const struct field FLEET_FIELDS[]; /* struct ladder_fleet, standing and reason apart */

/* Sets a member of `o` for each field. */
void fields_put(json_t *o, const struct field *f, const void *from);
json_t *fields_save(const struct field *f, const void *from); /* a new object */
/* Absent or mistyped fields leave the member as it is, numbers out of range are clipped. True when
 * every field was there and was taken as it stands. */
bool fields_load(const struct field *f, const json_t *o, void *to);
/* The same, and true as well where fields are absent: `o` is of an older release. */
bool fields_load_some(const struct field *f, const json_t *o, void *to);
bool fields_equal(const struct field *f, const void *a, const void *b);

#endif
