/*
 * Any text as a configuration: read or refused with a sentence, never worse; what is read prints to
 * a text that reads to the same print. Files are out of reach: a text that includes some is not
 * tried.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "healthd/settings_keys.h"
#include "lib/ensure.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 loses the buffer of a string that never ends; a few bytes per broken file. */
const char *
__lsan_default_suppressions(void)
{
	return "leak:libconfig";
}

static int
read_into(const char *text, struct settings *s, struct arena *arena, struct err *err)
{
	const struct conf_places *places;

	memset(s, 0, sizeof(*s));
	if (conf_read_text_placed(text, "fuzz.conf", settings_keys, s, arena, &places, err) < 0)
		return -1;
	s->site.places = places;
	if (site_derive(&s->site, "fuzz.conf", arena, err) < 0)
		return -1;
	settings_fill(s, arena);
	return settings_check(s, err);
}

static char *
render(const struct settings *s)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	ENSURE(to != NULL);
	settings_render(to, s);
	fclose(to);
	return text;
}

static void
round_trip(const struct settings *s, struct arena *arena)
{
	struct settings again;
	struct err err = {""};
	char *first = render(s), *second;

	if (read_into(first, &again, arena, &err) < 0) {
		fprintf(stderr, "%s\n%s\n", first, err.text);
		ENSURE(!"what was read prints to what can be read");
	}
	second = render(&again);
	ENSURE(strcmp(first, second) == 0);
	free(first);
	free(second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	char *text = arena_get(arena, size + 1);
	struct err err = {""};
	struct settings s;

	memcpy(text, data, size);
	if (strlen(text) == size && strstr(text, "@include") == NULL) {
		if (read_into(text, &s, arena, &err) == 0)
			round_trip(&s, arena);
		else
			ENSURE(err.text[0] != '\0' && strncmp(err.text, "fuzz.conf", 9) == 0);
	}
	arena_free(arena);
	return 0;
}
