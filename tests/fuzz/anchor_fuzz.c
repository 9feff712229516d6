/*
 * anchor_fuzz: any text as a file of trust anchors: what is taken renders to a file that has the
 * same keys in force, and none that is not; what is not taken is explained.
 */
#include <stdlib.h>
#include <string.h>

#include "resolver/anchor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(int cond)
{
	if (!cond)
		abort();
}

static void
render(const struct anchors *all)
{
	static char out[ANCHOR_FILE_MAX];
	struct anchors again;
	struct err err;
	char tags[ANCHOR_TAGS];
	int n = anchors_in_force(all);
	size_t length = anchors_render(all, "/key", out, sizeof(out));

	must((length > 0) == (n > 0) && n <= all->n && all->n <= ANCHOR_KEYS);
	must(strlen(anchors_tags(all, ~0U, tags)) < ANCHOR_TAGS);
	if (length == 0)
		return;
	must(length == strlen(out) && anchors_grew_from(out, "/key"));
	must(anchors_parse(out, &again, &err) == 0 && again.n == n && !again.tracked);
	must(anchors_same(all, &again) && anchors_same(&again, all));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct anchors all;
	struct err err = {""};

	must(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	if (anchors_parse(text, &all, &err) == 0)
		render(&all);
	else
		must(strncmp(err.text, "line ", 5) == 0);
	anchors_grew_from(text, "/key");
	free(text);
	return 0;
}
