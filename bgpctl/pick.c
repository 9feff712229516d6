#include "bgpctl/pick.h"

const char *
pick_text(const json_t *o, const char *key, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text != NULL ? text : otherwise;
}

double
pick_number(const json_t *o, const char *key, double otherwise)
{
	const json_t *value = json_object_get(o, key);

	return json_is_number(value) ? json_number_value(value) : otherwise;
}

bool
pick_bool(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

bool
pick_is_set(const json_t *o, const char *key)
{
	const json_t *value = json_object_get(o, key);

	return value != NULL && !json_is_null(value);
}

const json_t *
pick_part(const json_t *o, const char *key)
{
	const json_t *value = json_object_get(o, key);

	return json_is_object(value) || json_is_array(value) ? value : NULL;
}

double
pick_most(const json_t *list, const char *key)
{
	double most = 0, one;

	for (size_t i = 0; i < json_array_size(list); i++) {
		one = pick_number(json_array_get(list, i), key, 0);
		most = one > most ? one : most;
	}
	return most;
}
