/*
 * The regional cache's part of `resolver cache stats`: what became of questions to Redis, by
 * engine, and how each engine stands with each server. From their scoreboards.
 */
#include <inttypes.h>

#include "lib/text.h"
#include "resolver/cachectl_parts.h"

static const struct column {
	const char *name; /* in JSON, and over a column of text */
	enum score_event event;
} columns[] = {
    {"hits", SCORED_L3_HIT},
    {"misses", SCORED_L3_MISS},
    {"late", SCORED_L3_LATE},
    {"stale", SCORED_L3_STALE},
    {"untrusted", SCORED_L3_UNTRUSTED},
    {"wrong", SCORED_L3_BAD},
    {"failed", SCORED_L3_FAILED},
    {"timeouts", SCORED_L3_TIMEOUT},
    {"written", SCORED_L3_WRITE},
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

_Static_assert(N_COLUMNS == REDIS_COUNTS, "redis_look has room for each");

void
redis_look(const struct scoreboard *s, struct redis_look *out)
{
	*out = (struct redis_look){0};
	for (size_t i = 0; i < N_COLUMNS; i++)
		out->counts[i] =
		    atomic_load_explicit(&s->event[columns[i].event], memory_order_relaxed);
	for (int i = 0; i < SCORE_SERVERS; i++) {
		struct score_server_look *server = &out->servers[out->n_servers];

		if (!score_server_read(s, i, server))
			continue;
		text_clean(server->name); /* an engine's word, for a terminal */
		out->n_servers++;
	}
}

void
redis_add(struct redis_look *total, const struct redis_look *one)
{
	for (size_t i = 0; i < N_COLUMNS; i++)
		total->counts[i] += one->counts[i];
	total->n_servers += one->n_servers;
}

static double
since_s(const struct score_server_look *server)
{
	return (double)mono_diff_us(mono_now(), (struct mono){(int64_t)server->since_us}) / 1e6;
}

static void
servers_json(const struct redis_look *l)
{
	printf(", \"servers\": [");
	for (int i = 0; i < l->n_servers; i++) {
		const struct score_server_look *s = &l->servers[i];

		printf("%s{\"name\": ", i > 0 ? ", " : "");
		cachectl_quote(stdout, s->name);
		printf(", \"state\": \"%s\", \"since_s\": %.1f, \"asked\": %" PRIu64
		       ", \"answered\": %" PRIu64 ", \"lost\": %" PRIu64 "}",
		    score_pace_name(s->pace), since_s(s), s->asked, s->answered, s->lost);
	}
	putchar(']');
}

void
redis_json(const struct redis_look *l, bool servers)
{
	printf(", \"redis\": ");
	if (l->n_servers == 0) {
		printf("null");
		return;
	}
	for (size_t i = 0; i < N_COLUMNS; i++)
		printf("%s\"%s\": %" PRIu64, i > 0 ? ", " : "{", columns[i].name, l->counts[i]);
	if (servers)
		servers_json(l);
	putchar('}');
}

static void
print_row(const char *name, const struct redis_look *l)
{
	printf("%-9s", name);
	for (size_t i = 0; i < N_COLUMNS; i++)
		printf(" %9" PRIu64, l->counts[i]);
	putchar('\n');
}

static void
print_servers(int engine, const struct redis_look *l)
{
	for (int i = 0; i < l->n_servers; i++) {
		const struct score_server_look *s = &l->servers[i];

		printf("engine %-2d %s: %s for %.0f s; %" PRIu64 " asked, %" PRIu64
		       " answered, lost %" PRIu64 " times\n",
		    engine, s->name, score_pace_name(s->pace), since_s(s), s->asked, s->answered,
		    s->lost);
	}
}

void
redis_print(const struct redis_look looks[], int n, const struct redis_look *sum)
{
	char name[32];

	if (sum->n_servers == 0)
		return;
	printf("\n%-9s", "redis");
	for (size_t i = 0; i < N_COLUMNS; i++)
		printf(" %9s", columns[i].name);
	putchar('\n');
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "engine %d", i);
		if (looks[i].n_servers > 0)
			print_row(name, &looks[i]);
	}
	print_row("total", sum);
	for (int i = 0; i < n; i++)
		print_servers(i, &looks[i]);
}
