/*
 * Who says what of whom, of one lane: a row per vantage point, a column per watched node. Columns
 * come in blocks that fit a terminal; whoever says nothing of a block has no row in it.
 */
#include "bgpctl/render.h"

#include <string.h>

#include "bgpctl/beacon.h"
#include "bgpctl/pick.h"

#define PER_BLOCK 12

/* What that list of verdicts says of `id`: NULL nothing. */
static const char *
verdict_on(const json_t *verdicts, int id)
{
	const json_t *v;
	size_t i;

	json_array_foreach(verdicts, i, v) if ((int)pick_number(v, "id", 0) == id)
	    return pick_text(v, "verdict", "?");
	return NULL;
}

static const char *
mark_of(const char *verdict)
{
	if (verdict == NULL)
		return ".";
	if (strcmp(verdict, "well") == 0)
		return "+";
	return strcmp(verdict, "failed") == 0 ? "-" : "?";
}

static void
note_ids(bool *watched, int size, const json_t *verdicts)
{
	const json_t *v;
	size_t i;

	json_array_foreach(verdicts, i, v)
	{
		int id = (int)pick_number(v, "id", 0);

		if (id >= 1 && id <= size)
			watched[id] = true;
	}
}

static void
print_row(FILE *to, int who, const json_t *verdicts, const int *block, int n)
{
	bool any = false;

	for (int c = 0; c < n; c++)
		any |= verdict_on(verdicts, block[c]) != NULL;
	if (!any)
		return;
	fprintf(to, "%10d", who);
	for (int c = 0; c < n; c++)
		fprintf(to, "%5s", mark_of(verdict_on(verdicts, block[c])));
	fputc('\n', to);
}

static void
print_block(FILE *to, const json_t *lane, int us, const int *block, int n)
{
	const json_t *node;
	bool told = false;
	size_t i;

	fprintf(to, "%10s", "of");
	for (int c = 0; c < n; c++)
		fprintf(to, "%5d", block[c]);
	fputc('\n', to);
	json_array_foreach(pick_part(lane, "nodes"), i, node)
	{
		int id = (int)pick_number(node, "id", 0);

		if (!told && us < id) {
			print_row(to, us, pick_part(lane, "watched"), block, n);
			told = true;
		}
		print_row(to, id, pick_part(node, "verdicts"), block, n);
	}
	if (!told)
		print_row(to, us, pick_part(lane, "watched"), block, n);
}

static void
print_of_us(FILE *to, const json_t *said)
{
	int well = (int)pick_number(said, "well", 0), failed = (int)pick_number(said, "failed", 0);
	const char *majority = pick_text(said, "majority", "none");

	if (pick_number(said, "watching", 0) == 0)
		return;
	fprintf(to, "    of us: %d well, %d failed, %d not known; ", well, failed,
	    (int)pick_number(said, "watching", 0) - well - failed);
	if (strcmp(majority, "none") != 0)
		fprintf(to, "a majority says %s\n", majority);
	else if (well + failed < (int)pick_number(said, "min_vantages", 0))
		fprintf(to, "too few know (min_vantages %d)\n",
		    (int)pick_number(said, "min_vantages", 0));
	else
		fputs("no majority\n", to);
}

void
render_matrix(FILE *to, const json_t *lane, int us, int size)
{
	bool watched[MAX_FLEET + 1] = {false};
	int block[PER_BLOCK], n = 0;
	const json_t *node;
	bool any = false;
	size_t i;

	note_ids(watched, size, pick_part(lane, "watched"));
	json_array_foreach(pick_part(lane, "nodes"), i, node)
	    note_ids(watched, size, pick_part(node, "verdicts"));
	for (int id = 1; id <= size; id++) {
		if (!watched[id])
			continue;
		if (!any)
			fprintf(to,
			    "%s %s  who says what of whom: + well, - failed, ? not known\n",
			    pick_text(lane, "service", "?"), pick_text(lane, "family", "?"));
		any = true;
		block[n++] = id;
		if (n < PER_BLOCK)
			continue;
		print_block(to, lane, us, block, n);
		n = 0;
	}
	if (n > 0)
		print_block(to, lane, us, block, n);
	if (any)
		print_of_us(to, pick_part(lane, "hearsay"));
}
