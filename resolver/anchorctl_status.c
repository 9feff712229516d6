/*
 * How the following stands, from files alone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/file.h"
#include "lib/text.h"
#include "resolver/anchorctl.h"
#include "resolver/anchorctl_parts.h"
#include "resolver/cachectl_parts.h"

struct standing {
	const char *reads; /* what engines read that start now */
	double written;	   /* when its keys came in force */
	struct anchors keys, tracked;
	bool keys_known, followed;
	char *failed;	     /* of the last attempt, malloc'd; NULL: it went well */
	struct err error;    /* what followed_anchor is not read for; "" */
};

static bool
keys_of(const char *path, struct anchors *out)
{
	struct err ignored;
	char *text = file_read(path, ANCHOR_FILE_MAX, NULL, &ignored);
	bool known = text != NULL && anchors_parse(text, out, &ignored) == 0;

	free(text);
	return known;
}

static void
find_out(const struct anchorctl *c, struct standing *s)
{
	int what = anchor_file_read(c->conf, &s->keys, &s->error);
	struct err ignored;
	struct stat st;

	if (what >= 0)
		s->error.text[0] = '\0';
	if (what == ANCHOR_FILE_OTHER)
		err_set(&s->error, "%s has been followed from another trust_anchor; `resolver "
				   "anchor update` begins anew",
		    c->conf->engine.followed_anchor);
	s->followed = s->keys_known = what == ANCHOR_FILE_KEYS;
	s->reads = s->followed ? c->conf->engine.followed_anchor : c->conf->engine.trust_anchor;
	if (!s->followed)
		s->keys_known = keys_of(s->reads, &s->keys);
	if (stat(s->reads, &st) == 0)
		s->written = (double)st.st_mtim.tv_sec + (double)st.st_mtim.tv_nsec / 1e9;
	if (!s->followed || anchorctl_tracked(c->state, &s->tracked, &ignored) != ANCHOR_FILE_KEYS)
		s->tracked.n = s->tracked.success_s = 0;
	if (c->conf->engine.followed_anchor[0] != '\0')
		s->failed = file_read(c->failed, sizeof(s->error.text), NULL, &ignored);
	if (s->failed != NULL)
		text_clean(s->failed);
}

/* The tags of keys in one of these states, as a list in JSON. */
static void
print_list(const struct anchors *all, unsigned states)
{
	char tags[ANCHOR_TAGS];
	const char *next;

	anchors_tags(all, states, tags);
	printf("[");
	for (char *at = tags; *at >= '0' && *at <= '9'; at += *at == ' ') {
		next = strchr(at, ' ');
		printf("%s%d", at > tags ? ", " : "", atoi(at));
		at = next != NULL ? (char *)next : at + strlen(at);
	}
	printf("]");
}

static void
print_json(const struct anchorctl *c, const struct standing *s)
{
	printf("{\"trust_anchor\": ");
	cachectl_quote(stdout, c->conf->engine.trust_anchor);
	printf(", \"followed_anchor\": ");
	cachectl_quote(stdout, c->conf->engine.followed_anchor);
	printf(", \"reads\": ");
	cachectl_quote(stdout, s->reads);
	printf(", \"followed\": %s, \"written\": %.6f, \"looked\": %lld",
	    s->followed ? "true" : "false", s->written, (long long)s->tracked.success_s);
	if (s->keys_known) {
		printf(", \"keys\": ");
		print_list(&s->keys, ANCHOR_FORCE_BITS);
	}
	printf(", \"pending\": ");
	print_list(&s->tracked, ANCHOR_BIT(ANCHOR_PENDING));
	printf(", \"missing\": ");
	print_list(&s->tracked, ANCHOR_BIT(ANCHOR_MISSING));
	if (s->error.text[0] != '\0') {
		printf(", \"error\": ");
		cachectl_quote(stdout, s->error.text);
	}
	if (s->failed != NULL) {
		printf(", \"failed\": ");
		cachectl_quote(stdout, s->failed);
	}
	puts("}");
}

static void
print_time(const char *what, int64_t at)
{
	time_t t = (time_t)at;
	struct tm tm;
	char text[32];

	if (at > 0 && gmtime_r(&t, &tm) != NULL && strftime(text, sizeof(text), "%F %T", &tm) > 0)
		printf("%s %s UTC\n", what, text);
}

static void
print_text(const struct anchorctl *c, const struct standing *s)
{
	char tags[ANCHOR_TAGS];

	if (c->conf->engine.trust_anchor[0] == '\0') {
		puts("engine.trust_anchor is \"\": nothing is validated");
		return;
	}
	printf("engines read %s%s\n", s->reads, s->followed ? "" : ", which nobody follows");
	if (s->keys_known)
		printf("in force: %s\n", anchors_tags(&s->keys, ANCHOR_FORCE_BITS, tags));
	print_time("since", (int64_t)s->written);
	print_time("looked at", s->tracked.success_s);
	for (int i = 0; i < s->tracked.n; i++) {
		const struct anchor_key *k = &s->tracked.keys[i];

		snprintf(tags, sizeof(tags), "%d is pending, in force from", k->tag);
		if (k->state == ANCHOR_PENDING)
			print_time(tags, k->since_s + ANCHOR_HOLD_S);
	}
	if (s->error.text[0] != '\0')
		printf("wrong: %s\n", s->error.text);
	if (s->failed != NULL)
		printf("last attempt: %s\n", s->failed);
}

int
anchorctl_status(const struct anchorctl *c)
{
	struct standing *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		fputs("resolver: out of memory\n", stderr);
		return ANCHOR_TROUBLE;
	}
	find_out(c, s);
	if (c->json)
		print_json(c, s);
	else
		print_text(c, s);
	free(s->failed);
	free(s);
	return ANCHOR_WELL;
}
