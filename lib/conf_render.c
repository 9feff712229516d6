/*
 * The way back: a struct as text that reads to the same struct, and the reference of all keys. Both
 * walk the same tables as the reader.
 */
#include "lib/conf.h"

#include <inttypes.h>
#include <string.h>

static const char *const no_names[] = {NULL};

static void
indent(FILE *to, int depth)
{
	while (depth-- > 0)
		fputc('\t', to);
}

static void
put_string(FILE *to, const char *text)
{
	fputc('"', to);
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			fprintf(to, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			fprintf(to, "\\x%02x", c);
		else
			fputc(c, to);
	}
	fputc('"', to);
}

static void
put_int(FILE *to, int64_t value)
{
	fprintf(to, "%" PRId64 "%s", value, value > INT32_MAX || value < INT32_MIN ? "L" : "");
}

static void
put_share(FILE *to, int64_t value)
{
	if (conf_percent(value) >= 0)
		fprintf(to, "\"%d%%\"", conf_percent(value));
	else
		put_int(to, value);
}

static void
put_element(FILE *to, const struct conf_key *key, const void *array, int i)
{
	char buf[PREFIX_TEXT];

	if (key->type == CONF_ADDRS)
		put_string(to, addr_render((const struct addr *)array + i, buf));
	else if (key->type == CONF_PREFIXES)
		put_string(to, prefix_render((const struct prefix *)array + i, buf));
	else
		put_string(to, ((const char *const *)array)[i]);
}

static void
put_array(FILE *to, const struct conf_key *key, const void *array, int n)
{
	int i;

	fputs("[", to);
	for (i = 0; i < n; i++) {
		fputs(i == 0 ? " " : ", ", to);
		put_element(to, key, array, i);
	}
	fputs(" ]", to);
}

static void
put_set(FILE *to, const struct conf_key *key, uint32_t bits)
{
	const char *joint = " ";
	int i;

	fputs("[", to);
	for (i = 0; key->names[i] != NULL; i++) {
		if ((bits & 1u << i) == 0)
			continue;
		fputs(joint, to);
		put_string(to, key->names[i]);
		joint = ", ";
	}
	fputs(" ]", to);
}

static void render_keys(FILE *to, const struct conf_key *keys, const void *in, int depth);

static void
put_list(FILE *to, const struct conf_key *key, const char *array, int n, int depth)
{
	int i;

	fputs("(\n", to);
	for (i = 0; i < n; i++) {
		indent(to, depth + 1);
		fputs("{\n", to);
		render_keys(to, key->sub, array + (size_t)i * key->sub_size, depth + 2);
		indent(to, depth + 1);
		fputs(i + 1 < n ? "},\n" : "}\n", to);
	}
	indent(to, depth);
	fputs(")", to);
}

/* What reads the same when it is left out: no string, nothing computed, an empty array or list. */
static bool
is_absent(const struct conf_key *key, const char *in)
{
	if (key->applies != NULL && !key->applies(in))
		return true;
	switch (key->type) {
	case CONF_SKIP:
		return true;
	case CONF_STR:
		return *(const char *const *)(in + key->offset) == NULL;
	case CONF_INT:
		return *(const int64_t *)(in + key->offset) == CONF_AUTO;
	case CONF_MAYBE:
		return *(const int *)(in + key->offset) < 0;
	case CONF_STRS:
	case CONF_ADDRS:
	case CONF_PREFIXES:
	case CONF_LIST:
		return *(const int *)(in + key->count_offset) == 0;
	default:
		return false;
	}
}

static void
put_value(FILE *to, const struct conf_key *key, const char *in, int depth)
{
	const void *value = in + key->offset;
	char buf[ADDR_TEXT];

	switch (key->type) {
	case CONF_STR:
		put_string(to, *(const char *const *)value);
		break;
	case CONF_INT:
		put_int(to, *(const int64_t *)value);
		break;
	case CONF_BOOL:
		fputs(*(const bool *)value ? "true" : "false", to);
		break;
	case CONF_MAYBE:
		fputs(*(const int *)value > 0 ? "true" : "false", to);
		break;
	case CONF_SHARE:
		put_share(to, *(const int64_t *)value);
		break;
	case CONF_ENUM:
		put_string(to, key->names[*(const int *)value - key->min]);
		break;
	case CONF_SET:
		put_set(to, key, *(const uint32_t *)value);
		break;
	case CONF_ADDR:
		put_string(to, addr_render(value, buf));
		break;
	case CONF_STRS:
	case CONF_ADDRS:
	case CONF_PREFIXES:
		put_array(to, key, *(void *const *)value, *(const int *)(in + key->count_offset));
		break;
	case CONF_GROUP:
		fputs("{\n", to);
		render_keys(to, key->sub, value, depth + 1);
		indent(to, depth);
		fputs("}", to);
		break;
	case CONF_LIST:
		put_list(to, key, *(const char *const *)value,
		    *(const int *)(in + key->count_offset), depth);
		break;
	case CONF_SKIP:
		break;
	}
}

static void
render_keys(FILE *to, const struct conf_key *keys, const void *in, int depth)
{
	for (; keys->name != NULL; keys++) {
		if (is_absent(keys, in))
			continue;
		indent(to, depth);
		fprintf(to, "%s = ", keys->name);
		put_value(to, keys, in, depth);
		fputs(";\n", to);
	}
}

void
conf_render(FILE *to, const struct conf_key *keys, const void *in)
{
	render_keys(to, keys, in, 0);
}

static const char *
type_name(enum conf_type type)
{
	static const char *const names[] = {
	    [CONF_STR] = "string",
	    [CONF_INT] = "integer",
	    [CONF_BOOL] = "boolean",
	    [CONF_MAYBE] = "boolean",
	    [CONF_SHARE] = "integer or share",
	    [CONF_ENUM] = "one of",
	    [CONF_SET] = "set of",
	    [CONF_ADDR] = "address",
	    [CONF_STRS] = "strings",
	    [CONF_ADDRS] = "addresses",
	    [CONF_PREFIXES] = "prefixes",
	    [CONF_GROUP] = "group",
	    [CONF_LIST] = "list of groups",
	    [CONF_SKIP] = "(read elsewhere)",
	};

	return names[type];
}

static void
put_range(FILE *to, const struct conf_key *key)
{
	const char *const *name = key->names != NULL ? key->names : no_names;

	for (; *name != NULL; name++)
		fprintf(to, " \"%s\"", *name);
	if ((key->type == CONF_INT || key->type == CONF_SHARE) && key->min < key->max)
		fprintf(to, " %" PRId64 "..%" PRId64, key->min, key->max);
	else if (key->type != CONF_INT && key->type != CONF_SHARE && key->type != CONF_ENUM &&
	    key->max > 0)
		fprintf(to, " (%" PRId64 " to %" PRId64 ")", key->min, key->max);
}

static void
put_default(FILE *to, const struct conf_key *key)
{
	fputs("\t", to);
	if (key->required)
		fputs("required", to);
	else if (key->type == CONF_STR || key->type == CONF_ADDR)
		fprintf(to, key->text == NULL ? "none" : "\"%s\"", key->text);
	else if (key->type == CONF_INT && key->number == CONF_AUTO)
		fputs("computed", to);
	else if (key->type == CONF_INT)
		fprintf(to, "%" PRId64, key->number);
	else if (key->type == CONF_SHARE)
		put_share(to, key->number);
	else if (key->type == CONF_MAYBE)
		fputs("computed", to);
	else if (key->type == CONF_BOOL)
		fputs(key->number != 0 ? "true" : "false", to);
	else if (key->type == CONF_ENUM)
		fprintf(to, "\"%s\"", key->names[key->number - key->min]);
	else if (key->type == CONF_SET)
		put_set(to, key, (uint32_t)key->number);
	else
		fputs("none", to);
}

static void
reference_keys(FILE *to, const struct conf_key *keys, const char *path)
{
	char here[160];

	for (; keys->name != NULL; keys++) {
		snprintf(here, sizeof(here), "%s%s%s%s", path, path[0] == '\0' ? "" : ".",
		    keys->name, keys->type == CONF_LIST ? "[]" : "");
		fprintf(to, "%s\t%s", here, type_name(keys->type));
		put_range(to, keys);
		if (keys->type != CONF_GROUP)
			put_default(to, keys);
		fprintf(to, "\t%s", keys->help != NULL ? keys->help : "");
		if (keys->only != NULL)
			fprintf(to, " (only with %s)", keys->only);
		fputs("\n", to);
		if (keys->sub != NULL)
			reference_keys(to, keys->sub, here);
	}
}

void
conf_reference(FILE *to, const struct conf_key *keys)
{
	reference_keys(to, keys, "");
}
