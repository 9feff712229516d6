/*
 * One configuration file, from text to struct: parsed by libconfig into a tree of its own that
 * lives only as long as the call (conf_tree.c walks it), with every included file searched for
 * numbers that libconfig would silently cut (conf_scan.c). Everything kept is in the caller's
 * arena.
 */
#include "lib/conf.h"

#include <errno.h>
#include <libconfig.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf_place.h"
#include "lib/conf_scan.h"
#include "lib/conf_tree.h"
#include "lib/file.h"

#define MAX_FILE (4u << 20)

static int
parse_failed(const struct conf_source *src, const config_t *config)
{
	const char *text = config_error_text(config), *file;
	const char *mend = "look for a missing ; or quote, also on the line before";

	if (text == NULL)
		text = "cannot be parsed";
	file = conf_source_name(src, config_error_file(config));
	if (strstr(text, "include") != NULL)
		return err_set(src->err, "%s:%d: @include: %s; files are named relative to %s",
		    file, config_error_line(config), text, src->dir);
	if (strstr(text, "duplicate") != NULL)
		mend = "keep one of the two";
	if (strstr(text, "mismatched") != NULL)
		mend = "write all elements alike";
	return err_set(src->err, "%s:%d: %s; %s", file, config_error_line(config), text, mend);
}

static int
refuse_wide(const struct conf_source *src, const char *path, const char *text)
{
	struct conf_wide wide;

	if (!conf_scan_wide(text, &wide))
		return 0;
	return err_set(src->err, "%s:%d: %s does not fit in 32 bits; write %sL", path, wide.line,
	    wide.token, wide.token);
}

/* libconfig lists the files that it read; the main one's text is at hand. */
static int
refuse_wide_included(const struct conf_source *src, const config_t *config)
{
	unsigned i;

	for (i = 0; i < config->num_filenames; i++) {
		const char *name = conf_source_name(src, config->filenames[i]);
		char *text;
		int rc;

		if (strcmp(name, src->path) == 0)
			continue;
		text = file_read(name, MAX_FILE, NULL, src->err);
		if (text == NULL)
			return -1;
		rc = refuse_wide(src, name, text);
		free(text);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int
read_config(const struct conf_source *src, config_t *config, const char *text,
    const struct conf_key *keys, void *out)
{
	config_init(config);
	config_set_include_dir(config, src->dir);
	if (!config_read_string(config, text))
		return parse_failed(src, config);
	if (refuse_wide(src, src->path, text) < 0 || refuse_wide_included(src, config) < 0)
		return -1;
	return conf_tree_read(src, config_root_setting(config), keys, out);
}

int
conf_read_text_placed(const char *text, const char *path, const struct conf_key *keys, void *out,
    struct arena *arena, const struct conf_places **places, struct err *err)
{
	const char *slash = strrchr(path, '/');
	struct conf_places *found = conf_places_new(path, arena);
	struct conf_source src = {arena_strdup(arena, path), ".", arena, found, err};
	config_t config;
	int rc;

	if (slash != NULL)
		src.dir =
		    arena_printf(arena, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	rc = read_config(&src, &config, text, keys, out);
	config_destroy(&config);
	*places = found;
	return rc;
}

int
conf_read_text(const char *text, const char *path, const struct conf_key *keys, void *out,
    struct arena *arena, struct err *err)
{
	const struct conf_places *places;

	return conf_read_text_placed(text, path, keys, out, arena, &places, err);
}

int
conf_read_placed(const char *path, const struct conf_key *keys, void *out, struct arena *arena,
    const struct conf_places **places, struct err *err)
{
	size_t length;
	char *text = file_read(path, MAX_FILE, &length, err);
	int rc;

	if (text == NULL)
		return -1;
	if (strlen(text) != length)
		rc = err_set(err, "%s: holds a NUL byte; write it anew as plain text", path);
	else
		rc = conf_read_text_placed(text, path, keys, out, arena, places, err);
	free(text);
	return rc;
}
