/*
 * The picture: a panel for each lane, one time axis for all. Above the score of both courses, below
 * their rungs, then one thin line for each owner of limits that bound one of them. Where the lane
 * was ill the ground is tinted. Colours are given for light and for dark backgrounds; nothing is
 * loaded from elsewhere, and no script runs.
 *
 * Long records have more changes than the picture has columns: within a column only the extremes
 * and the last are drawn.
 */
#include <stdlib.h>
#include <string.h>

#include "healthd/replay_say.h"
#include "healthd/whatif.h"

#define WIDTH 1100
#define LEFT 130
#define RIGHT 20
#define PLOT (WIDTH - LEFT - RIGHT)
#define TOP 64
#define SCORE 110 /* height of the score's part */
#define STEP 20	  /* between two rungs */
#define OWNER 13  /* a line of limits */
#define GAP 14	  /* between the parts of a panel */
#define PANEL 26  /* a panel's title */
#define BELOW 26  /* between panels */

static const char style[] =
    "svg{font:12px system-ui,sans-serif;color-scheme:light dark}"
    ".ground{fill:#fff}.text{fill:#1f2328}.faint{fill:#59636e;font-size:11px}"
    ".grid{stroke:#d1d9e0;stroke-width:1}.gap{fill:#818b98;fill-opacity:.25}"
    ".ill{fill:#cf222e;fill-opacity:.14}"
    ".rec{stroke:#0969da;fill:none;stroke-width:2}"
    ".oth{stroke:#bc4c00;fill:none;stroke-width:2;stroke-dasharray:5 3}"
    ".lrec{fill:#0969da}.loth{fill:#bc4c00}"
    "@media(prefers-color-scheme:dark){"
    ".ground{fill:#0d1117}.text{fill:#e6edf3}.faint{fill:#9198a1}.grid{stroke:#30363d}"
    ".ill{fill:#f85149;fill-opacity:.22}"
    ".rec{stroke:#58a6ff}.oth{stroke:#f0883e}.lrec{fill:#58a6ff}.loth{fill:#f0883e}}";

struct picture {
	FILE *to;
	const struct whatif *w;
	int64_t from_us, to_us;
};

static double
x_of(const struct picture *p, int64_t wall_us)
{
	double share = (double)(wall_us - p->from_us) / (double)(p->to_us - p->from_us);

	return LEFT + PLOT * (share < 0 ? 0 : share > 1 ? 1 : share);
}

static void
put_text(FILE *to, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '<')
			fputs("&lt;", to);
		else if (*text == '>')
			fputs("&gt;", to);
		else if (*text == '&')
			fputs("&amp;", to);
		else
			fputc(*text, to);
	}
}

/* --- lines ------------------------------------------------------------------------------------ */

/* One column's worth of a line that goes in steps. */
struct column {
	double x;
	bool any;
	double low, high, last;
};

static void
column_end(FILE *to, struct column *c)
{
	if (!c->any)
		return;
	if (c->low < c->last)
		fprintf(to, "V%.1f", c->low);
	if (c->high > c->last)
		fprintf(to, "V%.1f", c->high);
	fprintf(to, "V%.1f", c->last);
	c->any = false;
}

static void
line_to(FILE *to, struct column *c, double x, double y, bool *open)
{
	if (!*open) {
		fprintf(to, "M%.1f %.1f", x, y);
		*c = (struct column){.x = x, .last = y, .low = y, .high = y};
		*open = true;
		return;
	}
	if (x - c->x >= 0.5) {
		column_end(to, c);
		fprintf(to, "H%.1f", x);
		*c = (struct column){.x = x, .low = y, .high = y};
	}
	c->low = y < c->low ? y : c->low;
	c->high = y > c->high ? y : c->high;
	c->last = y;
	c->any = true;
}

typedef bool value_of(const struct whatif_point *p, enum whatif_who who, double *share);

static bool
score_of(const struct whatif_point *p, enum whatif_who who, double *share)
{
	*share = p->score[who] / 100.0;
	return p->known && p->score[who] >= 0;
}

static bool
rung_of(const struct whatif_point *p, enum whatif_who who, double *share)
{
	*share = p->rung[who];
	return p->known;
}

/* `height` upwards for each 1 of the value from `base`. */
static void
draw_line(const struct picture *p, const struct whatif_lane *l, enum whatif_who who,
    value_of *value, double base, double height)
{
	struct column c = {0};
	bool open = false;
	double share;

	fprintf(p->to, "<path class=\"%s\" d=\"", who == RECORDED ? "rec" : "oth");
	for (size_t n = 0; n < l->n_points; n++) {
		double x = x_of(p, l->points[n].wall_us);

		if (value(&l->points[n], who, &share)) {
			line_to(p->to, &c, x, base - share * height, &open);
			continue;
		}
		if (open) {
			column_end(p->to, &c);
			fprintf(p->to, "H%.1f", x);
		}
		open = false;
	}
	if (open) {
		column_end(p->to, &c);
		fprintf(p->to, "H%.1f", x_of(p, p->to_us));
	}
	fputs("\"/>\n", p->to);
}

/* --- spans ------------------------------------------------------------------------------------ */

typedef bool holds(const struct whatif_point *p, enum whatif_who who, int owner);

static bool
holds_ill(const struct whatif_point *p, enum whatif_who who, int owner)
{
	(void)who, (void)owner;
	return p->known && p->ill;
}

static bool
holds_gap(const struct whatif_point *p, enum whatif_who who, int owner)
{
	(void)who, (void)owner;
	return !p->known;
}

static bool
holds_limit(const struct whatif_point *p, enum whatif_who who, int owner)
{
	return p->known && p->limits[who] >> owner & 1;
}

static void
draw_span(const struct picture *p, double from, double to, double y, double height)
{
	fprintf(p->to, "M%.1f %.1fH%.1fV%.1fH%.1fZ", from, y, to - from < 1 ? from + 1 : to,
	    y + height, from);
}

/* All spans in which it holds; those less than half a column apart are one. */
static void
draw_spans(const struct picture *p, const struct whatif_lane *l, const char *class, holds *hold,
    enum whatif_who who, int owner, double y, double height)
{
	double from = -1, to = -1;

	fprintf(p->to, "<path class=\"%s\" d=\"", class);
	for (size_t n = 0; n < l->n_points; n++) {
		bool last = n + 1 == l->n_points;
		double x = x_of(p, l->points[n].wall_us),
		       next = x_of(p, last ? p->to_us : l->points[n + 1].wall_us);

		if (!hold(&l->points[n], who, owner))
			continue;
		if (from >= 0 && x - to >= 0.5) {
			draw_span(p, from, to, y, height);
			from = -1;
		}
		from = from < 0 ? x : from;
		to = next;
	}
	if (from >= 0)
		draw_span(p, from, to, y, height);
	fputs("\"/>\n", p->to);
}

/* --- a panel ---------------------------------------------------------------------------------- */

static uint16_t
owners_of(const struct whatif_lane *l)
{
	uint16_t mask = 0;

	for (size_t n = 0; n < l->n_points; n++)
		mask |= (uint16_t)(l->points[n].limits[0] | l->points[n].limits[1]);
	return mask;
}

/* The rungs' part: as high as the longer of the two ladders. */
static int
most_rungs(const struct whatif *w)
{
	return w->n_rungs[OTHER] > w->n_rungs[RECORDED] ? w->n_rungs[OTHER] : w->n_rungs[RECORDED];
}

static int
panel_height(const struct whatif *w, const struct whatif_lane *l)
{
	int rungs = most_rungs(w);

	return PANEL + SCORE + GAP + (rungs - 1) * STEP + GAP +
	       __builtin_popcount(owners_of(l)) * OWNER + BELOW;
}

static void
label(const struct picture *p, double y, const char *class, const char *text)
{
	fprintf(p->to, "<text class=\"%s\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", class,
	    LEFT - 8, y + 4);
	put_text(p->to, text);
	fputs("</text>\n", p->to);
}

static void
grid(const struct picture *p, double y)
{
	fprintf(p->to, "<path class=\"grid\" d=\"M%d %.1fH%d\"/>\n", LEFT, y, WIDTH - RIGHT);
}

static void
draw_scores(const struct picture *p, const struct whatif_lane *l, double top)
{
	char text[8];

	for (int score = 0; score <= 100; score += 25) {
		double y = top + SCORE - score / 100.0 * SCORE;

		grid(p, y);
		snprintf(text, sizeof(text), "%d", score);
		label(p, y, "faint", text);
	}
	fprintf(p->to, "<text class=\"text\" x=\"8\" y=\"%.1f\">score</text>\n", top + 4);
	draw_spans(p, l, "ill", holds_ill, RECORDED, 0, top, SCORE);
	draw_spans(p, l, "gap", holds_gap, RECORDED, 0, top, SCORE);
	draw_line(p, l, RECORDED, score_of, top + SCORE, SCORE);
	draw_line(p, l, OTHER, score_of, top + SCORE, SCORE);
}

/* The two lines lie a little apart, so that both are seen where they agree. */
static void
draw_rungs(const struct picture *p, const struct whatif_lane *l, double top)
{
	const struct whatif *w = p->w;
	int rungs = most_rungs(w);
	enum whatif_who names = w->n_rungs[OTHER] == rungs ? OTHER : RECORDED;
	double base = top + (rungs - 1) * STEP;

	for (int r = 0; r < rungs; r++) {
		grid(p, base - r * STEP);
		label(p, base - r * STEP, "faint", w->rungs[names][r]);
	}
	fprintf(p->to, "<text class=\"text\" x=\"8\" y=\"%.1f\">rung</text>\n", top + 4);
	draw_spans(p, l, "ill", holds_ill, RECORDED, 0, top, (rungs - 1) * STEP);
	draw_spans(p, l, "gap", holds_gap, RECORDED, 0, top, (rungs - 1) * STEP);
	draw_line(p, l, RECORDED, rung_of, base - 1.5, STEP);
	draw_line(p, l, OTHER, rung_of, base + 1.5, STEP);
}

static void
draw_limits(const struct picture *p, const struct whatif_lane *l, double top)
{
	uint16_t mask = owners_of(l);
	double y = top;

	if (mask != 0)
		fprintf(p->to, "<text class=\"text\" x=\"8\" y=\"%.1f\">limits</text>\n", top + 8);
	for (int owner = 0; owner < N_LIMIT_OWNERS; owner++) {
		if (!(mask >> owner & 1))
			continue;
		label(p, y + 4, "faint", limit_owner_name((enum limit_owner)owner));
		draw_spans(p, l, "lrec", holds_limit, RECORDED, owner, y + 0.5, 4);
		draw_spans(p, l, "loth", holds_limit, OTHER, owner, y + 5, 4);
		y += OWNER;
	}
}

static void
draw_panel(const struct picture *p, const struct whatif_lane *l, double y)
{
	const struct whatif_sum *r = &l->sum[RECORDED], *o = &l->sum[OTHER];
	int rungs = most_rungs(p->w);

	fprintf(p->to, "<text class=\"text\" font-weight=\"bold\" x=\"8\" y=\"%.1f\">", y + 12);
	put_text(p->to, l->name);
	fprintf(p->to,
	    "</text><text class=\"faint\" x=\"%d\" y=\"%.1f\">changes of route %llu, what if "
	    "%llu; below the best rung %.1f s, %.1f s; silent %.1f s, %.1f s; announcing while ill "
	    "%.1f s, %.1f s</text>\n",
	    LEFT, y + 12, (unsigned long long)r->moves, (unsigned long long)o->moves,
	    (double)r->below_best_us / 1e6, (double)o->below_best_us / 1e6,
	    (double)r->silent_us / 1e6, (double)o->silent_us / 1e6,
	    (double)r->ill_announced_us / 1e6, (double)o->ill_announced_us / 1e6);
	y += PANEL;
	draw_scores(p, l, y);
	y += SCORE + GAP;
	draw_rungs(p, l, y);
	y += (rungs - 1) * STEP + GAP;
	draw_limits(p, l, y);
}

/* --- the whole -------------------------------------------------------------------------------- */

/* A round length for the axis: at most ten marks. */
static int64_t
mark_us(int64_t span_us)
{
	static const int seconds[] = {1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200,
	    10800, 21600, 43200, 86400};

	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++)
		if (span_us / 10 <= seconds[i] * INT64_C(1000000))
			return seconds[i] * INT64_C(1000000);
	return INT64_C(7) * 86400 * 1000000;
}

static void
draw_axis(const struct picture *p, int bottom)
{
	int64_t each = mark_us(p->to_us - p->from_us);
	char when[REPLAY_WHEN];

	for (int64_t t = (p->from_us + each - 1) / each * each; t <= p->to_us; t += each) {
		double x = x_of(p, t);

		fprintf(p->to, "<path class=\"grid\" d=\"M%.1f %dV%d\"/>", x, TOP - 4, bottom);
		fprintf(p->to, "<text class=\"faint\" text-anchor=\"middle\" x=\"%.1f\" y=\"%d\">",
		    x, TOP - 10);
		replay_when(t, when);
		fprintf(p->to, "%.*s</text>\n", each < 60000000 ? 8 : 5, when + 11);
	}
}

static void
draw_head(const struct picture *p)
{
	char from[REPLAY_WHEN], until[REPLAY_WHEN];

	fprintf(p->to, "<text class=\"text\" x=\"8\" y=\"18\">%s to %s UTC</text>\n",
	    replay_when(p->from_us, from), replay_when(p->to_us, until));
	fprintf(p->to,
	    "<path class=\"rec\" d=\"M560 14h34\"/><text class=\"text\" x=\"600\" "
	    "y=\"18\">recorded</text>"
	    "<path class=\"oth\" d=\"M690 14h34\"/><text class=\"text\" x=\"730\" y=\"18\">what "
	    "if</text>"
	    "<path class=\"ill\" d=\"M810 6h28v16h-28z\"/><text class=\"text\" x=\"844\" "
	    "y=\"18\">ill</text>"
	    "<path class=\"gap\" d=\"M890 6h28v16h-28z\"/><text class=\"text\" x=\"924\" "
	    "y=\"18\">not recorded</text>\n");
}

void
whatif_svg(FILE *to, const struct whatif *w)
{
	struct picture p = {.to = to, .w = w, .from_us = INT64_MAX, .to_us = 0};
	int height = TOP + 4;
	double y = TOP + 4;

	for (int n = 0; n < w->n_lanes; n++) {
		const struct whatif_lane *l = &w->lanes[n];

		height += panel_height(w, l);
		if (l->n_points == 0)
			continue;
		if (l->points[0].wall_us < p.from_us)
			p.from_us = l->points[0].wall_us;
		if (l->points[l->n_points - 1].wall_us > p.to_us)
			p.to_us = l->points[l->n_points - 1].wall_us;
	}
	if (p.from_us >= p.to_us)
		p.to_us = (p.from_us == INT64_MAX ? p.from_us = 0 : p.from_us) + 1000000;
	fprintf(to,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
	    "height=\"%d\" role=\"img\"><title>Score, rungs and limits: recorded, and what "
	    "if</title>\n<style>%s</style>\n<rect class=\"ground\" width=\"%d\" "
	    "height=\"%d\"/>\n",
	    WIDTH, height, WIDTH, height, style, WIDTH, height);
	draw_head(&p);
	draw_axis(&p, height - BELOW + 6);
	for (int n = 0; n < w->n_lanes; n++) {
		draw_panel(&p, &w->lanes[n], y);
		y += panel_height(w, &w->lanes[n]);
	}
	fputs("</svg>\n", to);
}
