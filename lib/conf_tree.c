/*
 * One recursive walk (read_group) follows key table and libconfig's tree side by side, so that a
 * key cannot be known in one place and checked in another. The tree is borrowed; all that is kept
 * is copied into the caller's struct and arena.
 */
#include "lib/conf_tree.h"

#include <string.h>

#include "lib/conf_word.h"
#include "lib/ensure.h"

/* The struct being filled. */
struct target {
	void *base;
	const struct conf_key *keys;
	const char *path;
};

static int
read_group(const struct conf_source *r, const config_setting_t *group, const struct target *to);

static void *
at(const struct target *to, size_t offset)
{
	return (char *)to->base + offset;
}

const char *
conf_source_name(const struct conf_source *r, const char *file)
{
	if (file == NULL || strcmp(file, r->path) == 0)
		return r->path;
	return arena_printf(r->arena, "%s/%s", r->dir, file);
}

static bool
type_fits(const struct conf_key *key, const config_setting_t *s)
{
	int type = config_setting_type(s);

	switch (key->type) {
	case CONF_STR:
	case CONF_ENUM:
	case CONF_ADDR:
		return type == CONFIG_TYPE_STRING;
	case CONF_INT:
		return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
	case CONF_BOOL:
	case CONF_MAYBE:
		return type == CONFIG_TYPE_BOOL;
	case CONF_SHARE:
		return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_STRING;
	case CONF_SET:
	case CONF_STRS:
	case CONF_ADDRS:
	case CONF_PREFIXES:
		return type == CONFIG_TYPE_ARRAY;
	case CONF_GROUP:
		return type == CONFIG_TYPE_GROUP;
	case CONF_LIST:
		return type == CONFIG_TYPE_LIST;
	case CONF_SKIP:
		return true;
	}
	return false;
}

#define WRONG(r, to, key, index, ...) \
	conf_wrong((r)->places, (to)->base, (key)->name, index, (r)->err, __VA_ARGS__)

static int
name_index(const char *const *names, const char *word)
{
	int i;

	for (i = 0; names[i] != NULL; i++) {
		if (strcmp(names[i], word) == 0)
			return i;
	}
	return -1;
}

static int
bad_word(const struct conf_source *r, const struct target *to, const struct conf_key *key,
    int index, const char *word)
{
	return WRONG(r, to, key, index, "\"%s\" is unknown; write %s", word,
	    conf_words(r->arena, key->names));
}

static int
read_int(const struct conf_source *r, const struct conf_key *key, const config_setting_t *s,
    const struct target *to)
{
	int64_t value = config_setting_get_int64(s);

	if (key->min < key->max && (value < key->min || value > key->max))
		return WRONG(r, to, key, -1, "%lld is out of range; write %lld to %lld",
		    (long long)value, (long long)key->min, (long long)key->max);
	*(int64_t *)at(to, key->offset) = value;
	return 0;
}

/* 3 or "25%". */
static int
read_share(const struct conf_source *r, const struct conf_key *key, const config_setting_t *s,
    const struct target *to)
{
	const char *text = config_setting_get_string(s);
	int percent = text == NULL ? -1 : conf_percentage(text);

	if (text == NULL)
		return read_int(r, key, s, to);
	if (percent < 0)
		return WRONG(r, to, key, -1, "\"%s\" is no share; write \"0%%\" to \"100%%\", "
		    "or a whole number without quotes", text);
	*(int64_t *)at(to, key->offset) = CONF_PERCENT(percent);
	return 0;
}

static int
read_enum(const struct conf_source *r, const struct conf_key *key, const config_setting_t *s,
    const struct target *to)
{
	const char *word = config_setting_get_string(s);
	int i = name_index(key->names, word);

	if (i < 0)
		return bad_word(r, to, key, -1, word);
	*(int *)at(to, key->offset) = (int)key->min + i;
	return 0;
}

static int
read_addr(const struct conf_source *r, const struct conf_key *key, const char *text, int index,
    const struct target *to, struct addr *out)
{
	if (addr_parse(text, out))
		return 0;
	return WRONG(r, to, key, index,
	    "\"%s\" is not an address; write one like \"192.0.2.53\" or "
	    "\"2001:db8::53\", without a name, scope or port",
	    text);
}

static int
read_prefix(const struct conf_source *r, const struct conf_key *key, const char *text, int index,
    const struct target *to, struct prefix *out)
{
	if (prefix_parse(text, out))
		return 0;
	return WRONG(r, to, key, index,
	    "\"%s\" is not a prefix; write one like \"192.0.2.0/24\" or "
	    "\"2001:db8::/48\", with no bits set after its length",
	    text);
}

static size_t
element_size(const struct conf_key *key)
{
	switch (key->type) {
	case CONF_ADDRS:
		return sizeof(struct addr);
	case CONF_PREFIXES:
		return sizeof(struct prefix);
	case CONF_LIST:
		return key->sub_size;
	default:
		return sizeof(const char *);
	}
}

static int
check_count(const struct conf_source *r, const struct conf_key *key, int n, const struct target *to)
{
	if (n < key->min)
		return WRONG(r, to, key, -1, "holds %d; write at least %lld, or leave the key out",
		    n, (long long)key->min);
	if (key->max > 0 && n > key->max)
		return WRONG(
		    r, to, key, -1, "holds %d; write at most %lld", n, (long long)key->max);
	return 0;
}

static int
read_set_word(const struct conf_source *r, const struct conf_key *key, const char *word, int index,
    const struct target *to)
{
	int bit = name_index(key->names, word);

	if (bit < 0)
		return bad_word(r, to, key, index, word);
	*(uint32_t *)at(to, key->offset) |= 1u << bit;
	return 0;
}

static int
read_element(const struct conf_source *r, const struct conf_key *key, const config_setting_t *e,
    int index, const struct target *to, void *array)
{
	const char *text;

	conf_places_key(r->places, to->base, key->name, index,
	    conf_source_name(r, config_setting_source_file(e)), (int)config_setting_source_line(e));
	if (config_setting_type(e) != CONFIG_TYPE_STRING)
		return WRONG(r, to, key, index, "has the wrong type; write %s", conf_wanted(key));
	text = config_setting_get_string(e);
	switch (key->type) {
	case CONF_SET:
		return read_set_word(r, key, text, index, to);
	case CONF_ADDRS:
		return read_addr(r, key, text, index, to, (struct addr *)array + index);
	case CONF_PREFIXES:
		return read_prefix(r, key, text, index, to, (struct prefix *)array + index);
	default:
		((const char **)array)[index] = arena_strdup(r->arena, text);
		return 0;
	}
}

static int
read_array(const struct conf_source *r, const struct conf_key *key, const config_setting_t *s,
    const struct target *to)
{
	int i, n = config_setting_length(s);
	void *array = NULL;

	if (check_count(r, key, n, to) < 0)
		return -1;
	if (key->type == CONF_SET)
		*(uint32_t *)at(to, key->offset) = 0;
	else if (n > 0)
		array = arena_get(r->arena, (size_t)n * element_size(key));
	for (i = 0; i < n; i++) {
		if (read_element(r, key, config_setting_get_elem(s, (unsigned)i), i, to, array) < 0)
			return -1;
	}
	if (key->type != CONF_SET) {
		*(void **)at(to, key->offset) = array;
		*(int *)at(to, key->count_offset) = n;
	}
	return 0;
}

static void
set_line(const struct conf_key *key, void *sub, const config_setting_t *s)
{
	if (key->line_offset != CONF_NO_LINE)
		*(int *)((char *)sub + key->line_offset) =
		    s == NULL ? 0 : (int)config_setting_source_line(s);
}

static const char *
join(const struct conf_source *r, const struct target *to, const char *name)
{
	if (to->path[0] == '\0')
		return name;
	return arena_printf(r->arena, "%s.%s", to->path, name);
}

/* "services.dns" where it says its name, else "services[2]". */
static const char *
element_path(const struct conf_source *r, const struct target *to, const struct conf_key *key,
    const config_setting_t *e, int index)
{
	const char *name, *list = join(r, to, key->name);

	if (config_setting_is_group(e) && config_setting_lookup_string(e, "name", &name) &&
	    name[0] != '\0')
		return arena_printf(r->arena, "%s.%s", list, name);
	return arena_printf(r->arena, "%s[%d]", list, index);
}

/* `name` tells the elements of a list apart, for people and for other keys that refer to them. */
static int
check_duplicate(
    const struct conf_source *r, const struct conf_key *key, const char *array, int index)
{
	const struct conf_key *k = key->sub;
	const char *name, *other;
	int i;

	while (k->name != NULL && !(k->type == CONF_STR && strcmp(k->name, "name") == 0))
		k++;
	if (k->name == NULL)
		return 0;
	name = *(char *const *)(array + (size_t)index * key->sub_size + k->offset);
	for (i = 0; i < index && name != NULL; i++) {
		other = *(char *const *)(array + (size_t)i * key->sub_size + k->offset);
		if (other != NULL && strcmp(name, other) == 0)
			return conf_wrong(r->places, array + (size_t)index * key->sub_size, "name",
			    -1, r->err, "\"%s\" is there twice in %s; give each its own name", name,
			    key->name);
	}
	return 0;
}

static int
read_list(const struct conf_source *r, const struct conf_key *key, const config_setting_t *s,
    const struct target *to)
{
	int i, n = config_setting_length(s);
	char *array;

	if (check_count(r, key, n, to) < 0)
		return -1;
	array = arena_get(r->arena, (size_t)n * key->sub_size);
	for (i = 0; i < n; i++) {
		const config_setting_t *e = config_setting_get_elem(s, (unsigned)i);
		struct target sub = {array + (size_t)i * key->sub_size, key->sub,
		    element_path(r, to, key, e, i)};

		conf_places_key(r->places, to->base, key->name, i,
		    conf_source_name(r, config_setting_source_file(e)),
		    (int)config_setting_source_line(e));
		if (!config_setting_is_group(e))
			return WRONG(
			    r, to, key, i, "has the wrong type; write %s", conf_wanted(key));
		set_line(key, sub.base, e);
		if (read_group(r, e, &sub) < 0 || check_duplicate(r, key, array, i) < 0)
			return -1;
	}
	*(void **)at(to, key->offset) = n > 0 ? array : NULL;
	*(int *)at(to, key->count_offset) = n;
	return 0;
}

static int
read_sub(const struct conf_source *r, const struct conf_key *key, const config_setting_t *s,
    const struct target *to)
{
	struct target sub = {at(to, key->offset), key->sub, join(r, to, key->name)};

	set_line(key, sub.base, s);
	return read_group(r, s, &sub);
}

static int
read_value(const struct conf_source *r, const struct conf_key *key, const config_setting_t *s,
    const struct target *to)
{
	conf_places_key(r->places, to->base, key->name, -1,
	    conf_source_name(r, config_setting_source_file(s)), (int)config_setting_source_line(s));
	if (!type_fits(key, s))
		return WRONG(r, to, key, -1, "has the wrong type; write %s", conf_wanted(key));
	switch (key->type) {
	case CONF_STR:
		*(const char **)at(to, key->offset) =
		    arena_strdup(r->arena, config_setting_get_string(s));
		return 0;
	case CONF_INT:
		return read_int(r, key, s, to);
	case CONF_BOOL:
		*(bool *)at(to, key->offset) = config_setting_get_bool(s);
		return 0;
	case CONF_MAYBE:
		*(int *)at(to, key->offset) = config_setting_get_bool(s);
		return 0;
	case CONF_SHARE:
		return read_share(r, key, s, to);
	case CONF_ENUM:
		return read_enum(r, key, s, to);
	case CONF_ADDR:
		return read_addr(r, key, config_setting_get_string(s), -1, to, at(to, key->offset));
	case CONF_SET:
	case CONF_STRS:
	case CONF_ADDRS:
	case CONF_PREFIXES:
		return read_array(r, key, s, to);
	case CONF_GROUP:
		return read_sub(r, key, s, to);
	case CONF_LIST:
		return read_list(r, key, s, to);
	case CONF_SKIP:
		return 0;
	}
	return 0;
}

static int
read_default(const struct conf_source *r, const struct conf_key *key, const struct target *to)
{
	if (key->required)
		return WRONG(r, to, key, -1, "is missing; write %s (%s)", conf_wanted(key),
		    key->help);
	switch (key->type) {
	case CONF_STR:
		*(const char **)at(to, key->offset) = key->text;
		return 0;
	case CONF_INT:
	case CONF_SHARE:
		*(int64_t *)at(to, key->offset) = key->number;
		return 0;
	case CONF_BOOL:
		*(bool *)at(to, key->offset) = key->number != 0;
		return 0;
	case CONF_MAYBE:
	case CONF_ENUM:
		*(int *)at(to, key->offset) = (int)key->number;
		return 0;
	case CONF_SET:
		*(uint32_t *)at(to, key->offset) = (uint32_t)key->number;
		return 0;
	case CONF_ADDR:
		ENSURE(key->text == NULL || addr_parse(key->text, at(to, key->offset)));
		return 0;
	case CONF_GROUP:
		return read_sub(r, key, NULL, to);
	default: /* empty array or list: the struct came zeroed */
		return 0;
	}
}

static int
unknown_key(const struct conf_source *r, const config_setting_t *s, const struct target *to)
{
	const char *word = config_setting_name(s), *near, **names;
	int n = 0;

	while (to->keys[n].name != NULL)
		n++;
	if (to->keys[n].type == CONF_SKIP)
		return 0;
	names = arena_get(r->arena, ((size_t)n + 1) * sizeof(*names));
	for (n = 0; to->keys[n].name != NULL; n++)
		names[n] = to->keys[n].name;
	near = conf_nearest(word, names);
	conf_places_key(r->places, to->base, word, -1,
	    conf_source_name(r, config_setting_source_file(s)), (int)config_setting_source_line(s));
	if (near != NULL)
		return conf_wrong(r->places, to->base, word, -1, r->err,
		    "is unknown; did you mean \"%s\"?", near);
	return conf_wrong(r->places, to->base, word, -1, r->err, "is unknown; the keys here are %s",
	    conf_words(r->arena, names));
}

static const struct conf_key *
find_key(const struct conf_key *keys, const char *name)
{
	for (; keys->name != NULL; keys++) {
		if (strcmp(keys->name, name) == 0)
			return keys;
	}
	return NULL;
}

/* After the whole group is read, since what applies depends on other keys. */
static int
refuse_idle_keys(const struct conf_source *r, const struct target *to)
{
	const struct conf_key *key;

	for (key = to->keys; key->name != NULL; key++) {
		if (key->applies != NULL && conf_given(r->places, to->base, key->name) &&
		    !key->applies(to->base))
			return WRONG(r, to, key, -1, "means something only with %s; take it out",
			    key->only);
	}
	return 0;
}

/* `group` NULL: not in the file, everything gets its default. */
static int
read_group(const struct conf_source *r, const config_setting_t *group, const struct target *to)
{
	struct conf_spot spot = {to->base, to->keys, to->path, r->path, 0};
	int i, n = group == NULL ? 0 : config_setting_length(group);
	const struct conf_key *key;

	if (group != NULL && config_setting_parent(group) != NULL) {
		spot.file = conf_source_name(r, config_setting_source_file(group));
		spot.line = (int)config_setting_source_line(group);
	}
	conf_places_struct(r->places, &spot);
	for (i = 0; i < n; i++) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);

		if (find_key(to->keys, config_setting_name(s)) == NULL &&
		    unknown_key(r, s, to) < 0)
			return -1;
	}
	for (key = to->keys; key->name != NULL; key++) {
		const config_setting_t *s =
		    group == NULL ? NULL : config_setting_get_member(group, key->name);

		if ((s == NULL ? read_default(r, key, to) : read_value(r, key, s, to)) < 0)
			return -1;
	}
	return refuse_idle_keys(r, to);
}

int
conf_tree_read(const struct conf_source *source, const config_setting_t *root,
    const struct conf_key *keys, void *out)
{
	struct target to = {out, keys, ""};

	return read_group(source, root, &to);
}
