/*
 * `resolver cache stats`: a line for each shard, and the sums.
 */
#include <inttypes.h>

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

/* One engine's; false: it does not answer. */
static bool
tell_engine(const struct cachectl *c, int number, struct mono by, struct l2_stats *total)
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
	visit_close(&v);
	for (size_t i = 0; i < N_COLUMNS; i++)
		*of(total, &columns[i]) += *of(&s, &columns[i]);
	if (c->json) {
		print_json(&s);
		printf(", \"pid\": %" PRIu64 ", \"up_s\": %.1f}", s.writer, up_s(&s));
	} else {
		print_row(name, &s);
		printf("  %" PRIu64 ", %.0f s\n", s.writer, up_s(&s));
	}
	return true;
}

int
cachectl_stats(const struct cachectl *c)
{
	struct mono by = mono_add_ms(mono_now(), HELLO_MS);
	int n = (int)c->conf->engines, answered = 0;
	struct l2_stats total = {0};

	if (c->json)
		printf("{\n  \"engines\": [");
	else
		print_head();
	for (int i = 0; i < n; i++)
		answered += tell_engine(c, i, by, &total);
	if (c->json) {
		printf("\n  ],\n  \"total\": {");
		print_json(&total);
		puts("}\n}");
	} else if (answered > 0) {
		print_row("total", &total);
		putchar('\n');
	}
	if (answered == 0)
		return cachectl_trouble("no engine answers in %s; are they running, and may you "
					"(be root)?",
		    c->conf->run_dir);
	return answered == n ? CACHE_WELL : CACHE_NO;
}
