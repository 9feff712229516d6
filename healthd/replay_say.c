#include "healthd/replay_say.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "healthd/jsontext.h"
#include "healthd/view_time.h"

#define MOST_LINES 12 /* of one difference */

json_t *
replay_wall(int64_t wall_us)
{
	struct timespec ts = {.tv_sec = wall_us / 1000000, .tv_nsec = wall_us % 1000000 * 1000};

	return wall_us > 0 ? view_wall(&ts) : json_null();
}

const char *
replay_when(int64_t wall_us, char buf[static REPLAY_WHEN])
{
	time_t seconds = (time_t)(wall_us / 1000000);
	struct tm tm;
	size_t n = 0;

	if (gmtime_r(&seconds, &tm) != NULL)
		n = strftime(buf, REPLAY_WHEN - 8, "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(buf + n, 8, ".%03d", (int)(wall_us / 1000 % 1000));
	return buf;
}

static json_t *
gaps_json(const struct replay *r)
{
	json_t *all = json_array();

	for (uint64_t n = 0; n < r->n_gaps && n < sizeof(r->gaps) / sizeof(r->gaps[0]); n++)
		json_array_append_new(
		    all, json_pack("{soso}", "at", replay_wall(r->gaps[n].wall_us), "because",
			     jsontext(r->gaps[n].why)));
	return all;
}

static json_t *
side_json(const char *text)
{
	json_error_t why;
	json_t *o = text != NULL ? json_loads(text, 0, &why) : NULL;

	return o != NULL ? o : json_null();
}

static json_t *
first_json(const struct replay *r)
{
	if (r->count.differences == 0)
		return json_null();
	return json_pack("{sososssoso}", "at", replay_wall(r->first.wall_us), "lane",
	    r->first.lane[0] != '\0' ? json_string(r->first.lane) : json_null(), "what",
	    r->first.what, "recorded", side_json(r->first.recorded), "decided",
	    side_json(r->first.decided));
}

json_t *
replay_json(const struct replay *r)
{
	json_t *o = json_object();

	json_object_set_new(o, "from_at", replay_wall(r->first_wall_us));
	json_object_set_new(o, "to_at", replay_wall(r->last_wall_us));
	json_object_set_new(o, "version", jsontext(r->version));
	json_object_set_new(o, "records", json_integer((json_int_t)r->count.records));
	json_object_set_new(o, "damaged", json_integer((json_int_t)r->count.damaged));
	json_object_set_new(o, "samples", json_integer((json_int_t)r->count.samples));
	json_object_set_new(o, "steps", json_integer((json_int_t)r->count.steps));
	json_object_set_new(o, "decisions", json_integer((json_int_t)r->count.decisions));
	json_object_set_new(o, "states", json_integer((json_int_t)r->count.states));
	json_object_set_new(o, "wider", json_integer((json_int_t)r->count.wider));
	json_object_set_new(o, "passed_over", json_integer((json_int_t)r->count.passed));
	json_object_set_new(o, "differences", json_integer((json_int_t)r->count.differences));
	json_object_set_new(o, "first_difference", first_json(r));
	json_object_set_new(o, "gaps", gaps_json(r));
	json_object_set_new(
	    o, "refused", r->refused[0] != '\0' ? jsontext(r->refused) : json_null());
	return o;
}

/* --- for people ------------------------------------------------------------------------------- */

struct lines {
	FILE *to;
	int n;
};

static void
print_side(FILE *to, const char *who, const json_t *v)
{
	char *text = v != NULL ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	fprintf(to, "    %-9s %s\n", who, text != NULL ? text : "(nothing)");
	free(text);
}

static void compare(struct lines *l, const char *path, const json_t *a, const json_t *b);

static void
compare_objects(struct lines *l, const char *path, const json_t *a, const json_t *b)
{
	const char *key, *dot = path[0] != '\0' ? "." : "";
	json_t *v;
	char sub[160];

	json_object_foreach((json_t *)a, key, v)
	{
		snprintf(sub, sizeof(sub), "%s%s%s", path, dot, key);
		compare(l, sub, v, json_object_get(b, key));
	}
	json_object_foreach((json_t *)b, key, v)
	{
		snprintf(sub, sizeof(sub), "%s%s%s", path, dot, key);
		if (json_object_get(a, key) == NULL)
			compare(l, sub, NULL, v);
	}
}

/* The members that differ, each with both sides. */
static void
compare(struct lines *l, const char *path, const json_t *a, const json_t *b)
{
	char sub[180];

	if (a != NULL && b != NULL && json_equal(a, b))
		return;
	if (json_is_object(a) && json_is_object(b)) {
		compare_objects(l, path, a, b);
		return;
	}
	if (json_is_array(a) && json_is_array(b)) {
		size_t n = json_array_size(a) > json_array_size(b) ? json_array_size(a)
								   : json_array_size(b);

		for (size_t i = 0; i < n; i++) {
			snprintf(sub, sizeof(sub), "%s[%zu]", path, i);
			compare(l, sub, json_array_get(a, i), json_array_get(b, i));
		}
		return;
	}
	if (l->n++ >= MOST_LINES)
		return;
	fprintf(l->to, "  %s\n", path);
	print_side(l->to, "recorded", a);
	print_side(l->to, "decided", b);
}

static void
print_first(FILE *to, const struct replay *r)
{
	json_t *a = side_json(r->first.recorded), *b = side_json(r->first.decided);
	struct lines l = {.to = to};
	char when[REPLAY_WHEN];

	fprintf(to, "first difference, %s%s%s: %s\n", replay_when(r->first.wall_us, when),
	    r->first.lane[0] != '\0' ? ", " : "", r->first.lane, r->first.what);
	if (json_is_null(a) || json_is_null(b)) {
		print_side(to, "recorded", r->first.recorded != NULL ? a : NULL);
		print_side(to, "decided", r->first.decided != NULL ? b : NULL);
	} else {
		compare(&l, "", a, b);
	}
	if (l.n > MOST_LINES)
		fprintf(to, "  and %d members more; --json has all\n", l.n - MOST_LINES);
	json_decref(a);
	json_decref(b);
}

void
replay_text(FILE *to, const struct replay *r)
{
	char from[REPLAY_WHEN], until[REPLAY_WHEN];
	uint64_t shown = sizeof(r->gaps) / sizeof(r->gaps[0]);

	if (r->first_wall_us != 0)
		fprintf(to, "%s to %s UTC, anypop %s\n", replay_when(r->first_wall_us, from),
		    replay_when(r->last_wall_us, until), r->version);
	for (uint64_t n = 0; n < r->n_gaps && n < shown; n++)
		fprintf(to, "begins again at %s: %s\n", replay_when(r->gaps[n].wall_us, from),
		    r->gaps[n].why);
	if (r->n_gaps > shown)
		fprintf(to, "and %" PRIu64 " times more\n", r->n_gaps - shown);
	if (r->count.passed > 0)
		fprintf(to,
		    "%" PRIu64 " decisions passed over: no whole state stands before them\n",
		    r->count.passed);
	fprintf(to,
	    "%" PRIu64 " decisions and %" PRIu64 " states the same, %" PRIu64
	    " different, of %" PRIu64 " steps on %" PRIu64 " samples\n",
	    r->count.decisions, r->count.states, r->count.differences, r->count.steps,
	    r->count.samples);
	if (r->count.wider > 0)
		fprintf(to,
		    "%" PRIu64 " more are the same in all that was recorded (this release "
		    "records more)\n",
		    r->count.wider);
	if (r->count.differences > 0)
		print_first(to, r);
}
