#include "healthd/fields.h"

#include <limits.h>
#include <stdint.h>

#include "healthd/ladder.h"

/* Of the integers; for the others `size` is 0. Enumerations have the size of an int. */
static const struct {
	size_t size;
	int64_t low, high;
} ranges[] = {
    [FIELD_I8] = {1, INT8_MIN, INT8_MAX},
    [FIELD_U16] = {2, 0, UINT16_MAX},
    [FIELD_U32] = {4, 0, UINT32_MAX},
    [FIELD_INT] = {sizeof(int), INT_MIN, INT_MAX},
    [FIELD_I64] = {8, 0, INT64_MAX},
    [FIELD_MONO] = {8, 0, INT64_MAX},
    [FIELD_BOOL] = {0, 0, 1},
    [FIELD_VERDICT] = {sizeof(enum verdict), VERDICT_IDLE, VERDICT_OK},
    [FIELD_CLASS] = {sizeof(enum check_class), CLASS_SELF, CLASS_TOLD},
    [FIELD_PHASE] = {sizeof(enum ladder_phase), LADDER_START, LADDER_RUN},
    [FIELD_DOUBLE] = {0, 0, 0},
};

static int64_t
get(enum field_type type, const void *at)
{
	switch (ranges[type].size) {
	case 1:
		return *(const int8_t *)at;
	case 2:
		return *(const uint16_t *)at;
	case 4:
		return type == FIELD_U32 ? (int64_t) * (const uint32_t *)at
					 : (int64_t) * (const int32_t *)at;
	default:
		return *(const int64_t *)at;
	}
}

static void
put(enum field_type type, void *at, int64_t n)
{
	switch (ranges[type].size) {
	case 1:
		*(int8_t *)at = (int8_t)n;
		break;
	case 2:
		*(uint16_t *)at = (uint16_t)n;
		break;
	case 4:
		if (type == FIELD_U32)
			*(uint32_t *)at = (uint32_t)n;
		else
			*(int32_t *)at = (int32_t)n;
		break;
	default:
		*(int64_t *)at = n;
	}
}

void
fields_put(json_t *o, const struct field *f, const void *from)
{
	for (; f->name != NULL; f++) {
		const void *at = (const char *)from + f->offset;

		json_object_set_new(o, f->name,
		    f->type == FIELD_DOUBLE ? json_real(*(const double *)at)
		    : f->type == FIELD_BOOL ? json_boolean(*(const bool *)at)
					    : json_integer(get(f->type, at)));
	}
}

json_t *
fields_save(const struct field *f, const void *from)
{
	json_t *o = json_object();

	fields_put(o, f, from);
	return o;
}

static bool
field_load(const struct field *f, const json_t *v, void *at)
{
	json_int_t n = json_integer_value(v), low = ranges[f->type].low,
		   high = ranges[f->type].high,
		   clipped = n < low	? low
			     : n > high ? high
					: n;

	if (f->type == FIELD_DOUBLE) {
		if (json_is_number(v))
			*(double *)at = json_number_value(v);
		return json_is_number(v);
	}
	if (f->type == FIELD_BOOL) {
		if (json_is_boolean(v))
			*(bool *)at = json_is_true(v);
		return json_is_boolean(v);
	}
	if (!json_is_integer(v))
		return false;
	put(f->type, at, clipped);
	return clipped == n;
}

bool
fields_load(const struct field *f, const json_t *o, void *to)
{
	bool whole = true;

	for (; f->name != NULL; f++)
		whole &= field_load(f, json_object_get(o, f->name), (char *)to + f->offset);
	return whole;
}

bool
fields_load_some(const struct field *f, const json_t *o, void *to)
{
	bool well = json_is_object(o);

	for (; f->name != NULL; f++) {
		const json_t *v = json_object_get(o, f->name);

		well &= v == NULL || field_load(f, v, (char *)to + f->offset);
	}
	return well;
}

bool
fields_equal(const struct field *f, const void *a, const void *b)
{
	for (; f->name != NULL; f++) {
		const char *x = (const char *)a + f->offset, *y = (const char *)b + f->offset;
		bool same = f->type == FIELD_DOUBLE ? !(*(const double *)x < *(const double *)y) &&
							  !(*(const double *)x > *(const double *)y)
			    : f->type == FIELD_BOOL ? *(const bool *)x == *(const bool *)y
						    : get(f->type, x) == get(f->type, y);

		if (!same)
			return false;
	}
	return true;
}
