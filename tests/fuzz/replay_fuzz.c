/*
 * Replay and what-if on any records: of each, its type, whether some are missing before it, its
 * time, its data. Whatever they say, nothing is stepped that the core would not take. clang
 * -fsanitize=fuzzer,address,undefined
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "healthd/whatif.h"
#include "lib/ensure.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libconfig loses the buffer of a string that never ends; a few bytes per broken configuration. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:libconfig";
}

/* type 1, lost 1, length 2, time 8 (little-endian), data */
#define HEAD 12

static const char conf[] =
    "node: { name = \"n1\"; pop = \"p1\"; }; mode = \"observe\";\n"
    "services = ( { name = \"dns\"; prefixes = [\"192.0.2.0/24\", \"2001:db8:53::/48\"];\n"
    "  addresses = [\"192.0.2.53\", \"2001:db8:53::53\"]; } );\n"
    "rungs = ( { name = \"full\"; local_pref = 200; }, { name = \"drain\"; enter = 60; leave = "
    "80;\n"
    "  local_pref = 50; graceful_shutdown = true; }, { name = \"silent\"; enter = 30; leave = 40; "
    "} );\n"
    "checks = ( { name = \"id\"; kind = \"dns\"; vital = true; rise = 5; },\n"
    "  { name = \"up\"; kind = \"upstream\"; servers = [\"127.0.0.1@9\"]; k = 1; } );\n";

static void
feed(struct replay *r, const uint8_t *data, size_t size)
{
	struct record_seen seen = {0};
	char *copy;

	while (size >= HEAD) {
		size_t length = data[2] | (size_t)data[3] << 8;

		length = length < size - HEAD ? length : size - HEAD;
		memcpy(&seen.mono_us, data + 4, 8);
		seen.mono_us &= FLIGHT_TIME_MAX * 2 - 1;
		seen.wall_us = INT64_C(1700000000000000);
		seen.type = (enum record_type)(data[0] & 7);
		seen.lost = data[1] & 1;
		seen.length = length;
		seen.sequence++;
		copy = malloc(length + 1);
		ENSURE(copy != NULL);
		memcpy(copy, data + HEAD, length);
		copy[length] = '\0';
		seen.data = copy;
		replay_record(r, &seen);
		free(copy);
		data += HEAD + length;
		size -= HEAD + length;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct settings other;
	static struct arena *arena;
	struct replay_want want = {.to_us = INT64_MAX};
	struct replay *r = replay_new(&want);
	struct whatif *w;
	FILE *null = fopen("/dev/null", "we");
	struct err err;

	if (arena == NULL) {
		arena = arena_new();
		if (settings_read_text(conf, "conf", &other, arena, &err) < 0) {
			fprintf(stderr, "%s\n", err.text);
			abort();
		}
	}
	ENSURE(r != NULL && null != NULL);
	w = whatif_new(r, &other);
	ENSURE(w != NULL);
	feed(r, data, size);
	whatif_end(w);
	whatif_text(null, w);
	whatif_svg(null, w);
	json_decref(whatif_json(w));
	whatif_free(w);
	replay_free(r);
	fclose(null);
	return 0;
}
