/*
 * `bgpctl explain`: what a word means that healthd uses of itself, and what to do. Asks nobody.
 */
#include <string.h>

#include "bgpctl/cli.h"
#include "bgpctl/words.h"

enum { WIDTH = 78 };

/* Paragraphs of WIDTH columns; `first` leads the first line, and later ones are set in like it. */
static void
print_wrapped(FILE *to, const char *first, const char *text)
{
	size_t indent = strlen(first), at = indent;

	fputs(first, to);
	while (*text != '\0') {
		size_t n = strcspn(text, " ");

		if (at > indent && at + 1 + n > WIDTH) {
			fprintf(to, "\n%*s", (int)indent, "");
			at = indent;
		}
		if (at > indent) {
			fputc(' ', to);
			at++;
		}
		fwrite(text, 1, n, to);
		at += n;
		text += n;
		text += strspn(text, " ");
	}
	fputc('\n', to);
}

static void
print_word(FILE *to, enum word_kind k, const struct word *w)
{
	fprintf(to, "%s: %s (%s)\n", w->word, word_kind_name(k), word_kind_about(k));
	print_wrapped(to, "  ", w->means);
	if (w->mend[0] != '\0')
		print_wrapped(to, "  -> ", w->mend);
}

static json_t *
word_json(enum word_kind k, const struct word *w)
{
	return json_pack("{ssssssss}", "word", w->word, "kind", word_kind_name(k), "means",
	    w->means, "mend", w->mend);
}

/* Of all kinds, or of those that `word` (or NULL) is one of; the number of them. */
static int
explain(const char *word, json_t *into, void (*each)(enum word_kind k, const struct word *w))
{
	int found = 0;

	for (int k = 0; k < N_WORD_KINDS; k++) {
		size_t n;
		const struct word *all = words_of((enum word_kind)k, &n);

		if (word != NULL) {
			all = word_find((enum word_kind)k, word);
			n = all != NULL;
		}
		for (size_t i = 0; i < n; i++, found++) {
			if (into != NULL)
				json_array_append_new(into, word_json((enum word_kind)k, &all[i]));
			else
				each((enum word_kind)k, &all[i]);
		}
	}
	return found;
}

static void
each_printed(enum word_kind k, const struct word *w)
{
	print_word(stdout, k, w);
}

static void
list_all(void)
{
	for (int k = 0; k < N_WORD_KINDS; k++) {
		size_t n;
		const struct word *all = words_of((enum word_kind)k, &n);
		char names[4096];
		size_t at = 0;

		for (size_t i = 0; i < n; i++)
			at += (size_t)snprintf(
			    names + at, sizeof(names) - at, "%s%s", i > 0 ? " " : "", all[i].word);
		printf("%s%s: %s\n", k > 0 ? "\n" : "", word_kind_name((enum word_kind)k),
		    word_kind_about((enum word_kind)k));
		print_wrapped(stdout, "  ", names);
	}
}

int
verb_explain(struct cli *cli)
{
	const char *word = cli->argc > 0 ? cli->argv[0] : NULL;
	json_t *all = cli->json ? json_array() : NULL;
	int found = 0;

	if (word == NULL && !cli->json) {
		list_all();
		return EXIT_WELL;
	}
	found = explain(word, all, each_printed);
	if (all != NULL && found > 0) {
		json_dumpf(all, stdout, JSON_INDENT(2));
		fputc('\n', stdout);
	}
	json_decref(all);
	if (found > 0)
		return EXIT_WELL;
	if (word_near(word) != NULL)
		cli_trouble("%s: no word of ours; did you mean %s?", word, word_near(word));
	else
		cli_trouble("%s: no word of ours; `bgpctl explain` lists them", word);
	return EXIT_NO;
}
