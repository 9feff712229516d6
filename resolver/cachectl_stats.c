/*
 * `resolver cache stats`: a line for each shard, and the sums; then the regional cache.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "lib/ensure.h"
#include "resolver/cachectl_parts.h"

#define MIB (1024.0 * 1024.0)
#define ALIVE_MS 200 /* for each, when others have used up the time for all */

static const struct column {
	const char *name; /* in JSON, and over a column of text */
	size_t offset;
	const char *head;
} columns[] = {
    {"entries", offsetof(struct l2_stats, entries), "entries"},
    {"puts", offsetof(struct l2_stats, puts), "puts"},
    {"evictions", offsetof(struct l2_stats, evictions), "evicted"},
    {"kept", offsetof(struct l2_stats, kept), "kept"},
    {"torn", offsetof(struct l2_stats, torn), "torn"},
    {"sweeps", offsetof(struct l2_stats, sweeps), "sweeps"},
    {"remade", offsetof(struct l2_stats, remade), "remade"},
    {"purges", offsetof(struct l2_stats, purges), "purges"},
    {"loaded", offsetof(struct l2_stats, loaded), "loaded"},
    {"bytes_used", offsetof(struct l2_stats, bytes_used), NULL},
    {"bytes", offsetof(struct l2_stats, bytes), NULL},
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

static uint64_t *
of(struct l2_stats *s, const struct column *column)
{
	return (uint64_t *)((char *)s + column->offset);
}

static double
up_s(const struct l2_stats *s)
{
	return (double)mono_diff_us(mono_now(), (struct mono){(int64_t)s->since_us}) / 1e6;
}

static void
print_json(struct l2_stats *s)
{
	for (size_t i = 0; i < N_COLUMNS; i++)
		printf(
		    "%s\"%s\": %" PRIu64, i > 0 ? ", " : "", columns[i].name, *of(s, &columns[i]));
}

static void
print_row(const char *name, struct l2_stats *s)
{
	char room[32];

	snprintf(room, sizeof(room), "%.1f of %.0f MiB", (double)s->bytes_used / MIB,
	    (double)s->bytes / MIB);
	printf("%-9s %18s", name, room);
	for (size_t i = 0; i < N_COLUMNS; i++)
		if (columns[i].head != NULL)
			printf(" %9" PRIu64, *of(s, &columns[i]));
}

static void
print_head(void)
{
	printf("%-9s %18s", "shard", "room");
	for (size_t i = 0; i < N_COLUMNS; i++)
		if (columns[i].head != NULL)
			printf(" %9s", columns[i].head);
	puts("  pid, up");
}

static void
print_engine(
    const struct cachectl *c, const char *name, struct l2_stats *s, const struct redis_look *redis)
{
	if (!c->json) {
		print_row(name, s);
		printf("  %" PRIu64 ", %.0f s\n", s->writer, up_s(s));
		return;
	}
	print_json(s);
	printf(", \"pid\": %" PRIu64 ", \"up_s\": %.1f", s->writer, up_s(s));
	redis_json(redis, true);
	putchar('}');
}

/* One engine's; false: it does not answer. One of an older release has nothing to say of Redis. */
static bool
tell_engine(const struct cachectl *c, int number, struct mono by, struct l2_stats *total,
    struct redis_look *redis)
{
	struct l2_stats s;
	struct visit v;
	struct err err;
	char name[32];

	snprintf(name, sizeof(name), "engine %d", number);
	if (c->json)
		printf("%s\n    {\"engine\": %d, ", number > 0 ? "," : "", number);
	by = mono_max(by, mono_add_ms(mono_now(), ALIVE_MS));
	if (visit_open(c, number, by, &v, &err) < 0) {
		if (c->json) {
			printf("\"error\": ");
			cachectl_quote(stdout, err.text);
			putchar('}');
		} else {
			printf("%-9s does not answer: %s\n", name, err.text);
		}
		return false;
	}
	l2_stats(v.shard, &s);
	if (visit_look(&v, by, &err) == 0)
		redis_look(v.score, redis);
	visit_close(&v);
	for (size_t i = 0; i < N_COLUMNS; i++)
		*of(total, &columns[i]) += *of(&s, &columns[i]);
	print_engine(c, name, &s, redis);
	return true;
}

static void
print_total(
    const struct cachectl *c, struct l2_stats *total, const struct redis_look redis[], int n)
{
	struct redis_look sum = {0};

	for (int i = 0; i < n; i++)
		redis_add(&sum, &redis[i]);
	if (!c->json) {
		print_row("total", total);
		putchar('\n');
		redis_print(redis, n, &sum);
		snapshot_print(c);
		return;
	}
	printf("\n  ],\n  \"total\": {");
	print_json(total);
	redis_json(&sum, false);
	printf("}");
	snapshot_json(c);
	puts("\n}");
}

int
cachectl_stats(const struct cachectl *c)
{
	struct mono by = mono_add_ms(mono_now(), HELLO_MS);
	int n = (int)c->conf->engines, answered = 0;
	struct redis_look *redis = calloc((size_t)n, sizeof(*redis));
	struct l2_stats total = {0};

	ENSURE(redis != NULL);
	if (c->json)
		printf("{\n  \"engines\": [");
	else
		print_head();
	for (int i = 0; i < n; i++)
		answered += tell_engine(c, i, by, &total, &redis[i]);
	if (c->json || answered > 0)
		print_total(c, &total, redis, n);
	free(redis);
	if (answered == 0)
		return cachectl_trouble("no engine answers in %s; are they running, and may you "
					"(be root)?",
		    c->conf->run_dir);
	return answered == n ? CACHE_WELL : CACHE_NO;
}
