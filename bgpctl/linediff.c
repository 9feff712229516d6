/*
 * linediff: longest common subsequence of lines by dynamic programming, after cutting what both
 * texts share at their beginnings and ends; a generated file is some hundred lines.
 */
#include "bgpctl/linediff.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ensure.h"

struct lines {
	const char **at; /* borrowed text; owned array */
	int n;
};

static size_t
length(const char *line)
{
	return strcspn(line, "\n");
}

static struct lines
split(const char *text)
{
	struct lines l = {calloc(strlen(text) + 1, sizeof(char *)), 0};

	ENSURE(l.at);
	while (*text) {
		l.at[l.n++] = text;
		text += length(text);
		text += *text == '\n';
	}
	return l;
}

static int
same(const char *a, const char *b)
{
	size_t n = length(a);

	return n == length(b) && memcmp(a, b, n) == 0;
}

struct diff {
	FILE *to;
	const char **a, **b; /* what is left between the shared ends */
	int n, m;
	int first; /* number in the new text of b[0] */
	int quiet; /* nothing written since the last kept line */
};

static void
put(struct diff *d, char sign, const char *line, int number)
{
	if (d->quiet)
		fprintf(d->to, "@ %d\n", d->first + number);
	d->quiet = 0;
	fprintf(d->to, "%c %.*s\n", sign, (int)length(line), line);
}

/* common[i * (m + 1) + j]: lines in common of a[i..] and b[j..]. */
static void
fill(const struct diff *d, uint16_t *common)
{
	int width = d->m + 1;

	for (int i = d->n - 1; i >= 0; i--)
		for (int j = d->m - 1; j >= 0; j--) {
			uint16_t down = common[(i + 1) * width + j],
				 right = common[i * width + j + 1];

			common[i * width + j] = same(d->a[i], d->b[j])
			    ? (uint16_t)(common[(i + 1) * width + j + 1] + 1)
			    : (down >= right ? down : right);
		}
}

static void
walk(struct diff *d, const uint16_t *common)
{
	int i = 0, j = 0, width = d->m + 1;

	while (i < d->n || j < d->m) {
		if (i < d->n && j < d->m && same(d->a[i], d->b[j])) {
			i++;
			j++;
			d->quiet = 1;
		} else if (i < d->n && (j == d->m || !common ||
			       common[(i + 1) * width + j] >= common[i * width + j + 1])) {
			put(d, '-', d->a[i++], j);
		} else {
			put(d, '+', d->b[j], j);
			j++;
		}
	}
}

void
linediff(FILE *to, const char *old, const char *new)
{
	struct lines a = split(old), b = split(new);
	int head = 0, tail = 0;
	uint16_t *common = NULL;
	struct diff d;

	while (head < a.n && head < b.n && same(a.at[head], b.at[head]))
		head++;
	while (tail < a.n - head && tail < b.n - head &&
	    same(a.at[a.n - 1 - tail], b.at[b.n - 1 - tail]))
		tail++;
	d = (struct diff){
	    to, a.at + head, b.at + head, a.n - head - tail, b.n - head - tail, head + 1, 1};
	if (d.n <= LINEDIFF_LINES && d.m <= LINEDIFF_LINES)
		common = calloc((size_t)(d.n + 1) * (size_t)(d.m + 1), sizeof(*common));
	if (common)
		fill(&d, common);
	walk(&d, common);
	free(common);
	free(a.at);
	free(b.at);
}
