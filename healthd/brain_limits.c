/*
 * brain_limits: limits outlive the brain, and a reboot. Each change is written twice:
 *
 *   run_dir/brain.limits   at once, on tmpfs, which waits for nothing: for the brain's successor
 *   state_dir/limits.json  beside the loop, synced, again until it is there: for the next boot
 *
 * (decision 0049). The first is read where it is of this boot; the second waits for the disk and is
 * read only where there is no such first one. Expiry is kept as time left and as wall-clock time:
 * in the same boot the monotonic clock decides, after a reboot the wall clock. One that has jumped
 * back ends nothing early, and cannot say how long ago the file was written: what has an end is
 * written again each minute, so that it is prolonged by no more than that and the time down.
 *
 * Both are read as hostile.
 */
#include "healthd/brain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bgpctl/pick.h"
#include "healthd/jsontext.h"
#include "lib/file.h"

#define FAR_US (INT64_C(10) * 365 * 86400 * 1000000) /* later than any limit ends */
#define AGAIN_MS 60000
#define LEAVE_MS 150 /* the flight recorder has its share of a second too */

/* --- saving ----------------------------------------------------------------------------------- */

static int64_t
wall_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static json_t *
limit_save(const struct brain *b, const struct limit *l, struct mono now)
{
	int64_t left = mono_is_set(l->until) ? mono_diff_us(l->until, now) : 0;

	return json_pack("{sisisisssIsIsoso}", "owner", (int)l->owner, "sort", (int)l->sort, "rung",
	    (int)l->rung, "name", lane_rung_name(b, l->rung), "until_us",
	    (json_int_t)l->until.us, "left_us", (json_int_t)left, "who", jsontext(l->who), "reason",
	    jsontext(l->reason));
}

static json_t *
ask_save(const struct ask *a, struct mono now)
{
	return json_pack("{sssIsIsoso}", "region", a->region, "until_us", (json_int_t)a->until.us,
	    "left_us", (json_int_t)mono_diff_us(a->until, now), "who", jsontext(a->who), "reason",
	    jsontext(a->reason));
}

static json_t *
limits_render(const struct brain *b, struct mono now)
{
	json_t *lanes = json_object(), *asks = json_object();

	for (int l = 0; l < MAX_LANES; l++) {
		json_t *list;

		if (!b->lanes[l].exists)
			continue;
		list = json_array();
		for (int i = 0; i < MAX_LIMITS; i++)
			if (b->lanes[l].limits[i].set)
				json_array_append_new(list,
				    limit_save(b, &b->lanes[l].limits[i], now));
		json_object_set_new(lanes, b->lanes[l].name, list);
		if (b->lanes[l].ask.set)
			json_object_set_new(asks, b->lanes[l].name,
			    ask_save(&b->lanes[l].ask, now));
	}
	return json_pack("{sisssIsoso}", "version", STATE_VERSION, "boot_id", b->boot_id,
	    "saved_wall_us", (json_int_t)wall_now_us(), "lanes", lanes, "regions", asks);
}

/* For the successor. One that is older must not be found in its place. */
static void
save_near(struct brain *b, const char *text)
{
	bool failed = b->kept.near_failed;
	char path[4096];
	struct err err;

	snprintf(path, sizeof(path), "%s/brain.limits", b->settings.site.paths.run_dir);
	b->kept.near = file_replace_fast(path, text, strlen(text), 0640, &err) == 0;
	b->kept.near_failed = !b->kept.near;
	if (!b->kept.near)
		unlink(path);
	if (b->kept.near_failed != failed)
		event_say(failed ? EVENT_NOTICE : EVENT_ALARM, "limits", "%s%s",
		    failed ? "paths.run_dir takes limits again" : err.text,
		    failed ? "" : "; what the disk does not have is lost with this process");
}

static void
save_far(struct brain *b, char *text)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/limits.json", b->settings.site.paths.state_dir);
	if (b->kept.disk == NULL)
		b->kept.disk = durable_new(path);
	if (b->kept.disk != NULL)
		durable_put(b->kept.disk, text);
	else
		free(text);
}

void
limits_step(struct brain *b)
{
	struct err err;
	int rc = b->kept.disk != NULL ? durable_step(b->kept.disk, mono_now(), &err) : 0;

	if (rc < 0)
		event_say(EVENT_ALARM, "limits",
		    "%s; limits hold as they are, and a reboot would undo what was changed",
		    err.text);
	else if (rc > 0)
		event_say(EVENT_NOTICE, "limits", "limits are on the disk again");
}

void
limits_save(struct brain *b)
{
	struct mono now = mono_now();
	json_t *all = limits_render(b, now);
	char *text = json_dumps(all, JSON_INDENT(1));

	json_decref(all);
	b->kept.due = false;
	b->kept.at = now;
	if (text == NULL) {
		event_say(EVENT_ALARM, "limits", "no memory to write them down");
		return;
	}
	save_near(b, text);
	save_far(b, text);
	limits_step(b);
}

static bool
some_end(const struct brain *b)
{
	for (int l = 0; l < MAX_LANES; l++) {
		for (int i = 0; i < MAX_LIMITS; i++)
			if (b->lanes[l].limits[i].set && mono_is_set(b->lanes[l].limits[i].until))
				return true;
		if (b->lanes[l].ask.set)
			return true;
	}
	return false;
}

void
limits_second(struct brain *b)
{
	if (b->kept.due ||
	    (mono_diff_ms(mono_now(), b->kept.at) >= AGAIN_MS && some_end(b)))
		limits_save(b);
	limits_step(b);
}

const char *
limits_kept(const struct brain *b)
{
	if (b->kept.disk != NULL ? durable_kept(b->kept.disk) : !b->kept.due)
		return "disk";
	return b->kept.near ? "run" : "memory";
}

bool
limits_failing(const struct brain *b)
{
	return b->kept.disk != NULL && durable_failing(b->kept.disk);
}

void
limits_fini(struct brain *b)
{
	if (b->kept.disk != NULL && !durable_free(b->kept.disk, LEAVE_MS))
		event_say(EVENT_ALARM, "limits",
		    "the disk does not have them: a brain that follows in this boot knows them%s, a "
		    "reboot would undo what was changed",
		    b->kept.near ? "" : " not");
	b->kept.disk = NULL;
}

/* --- loading ---------------------------------------------------------------------------------- */

/* A limit means a rung by its name, which another configuration may have given another number.
 * Silent and drain are what they are under any name. -1: there is no such rung any more. */
static int
limit_rung(const struct site *site, const json_t *o)
{
	json_int_t rung = json_integer_value(json_object_get(o, "rung"));
	const char *name = pick_text(o, "name", "");

	if (!json_is_integer(json_object_get(o, "rung")) || rung < 0)
		return -1;
	if (rung <= RUNG_DRAIN)
		return (int)rung;
	if (rung_find(site, name) < 0)
		event_say(EVENT_WARN, "state",
		    "a limit at rung %.20s ends: there is no such rung any more", name);
	return rung_find(site, name);
}

static bool
limit_load(const json_t *o, bool same_boot, int64_t wall_elapsed_us, const struct site *site,
    struct limit *l)
{
	struct mono now = mono_now();
	int64_t left = state_integer(o, "left_us", -1, FAR_US);
	int64_t until = json_integer_value(json_object_get(o, "until_us"));
	json_int_t owner = json_integer_value(json_object_get(o, "owner"));
	json_int_t sort = json_integer_value(json_object_get(o, "sort"));
	int rung = limit_rung(site, o);

	/* Only these hold limits from outside; all others are the ladder's own. */
	if (!json_is_object(o) ||
	    (owner != OWNER_OPERATOR && owner != OWNER_BIRDC && owner != OWNER_REGION) ||
	    sort < LIMIT_CAP || sort > LIMIT_PIN || rung < 0 || left < 0 || until < 0)
		return false;
	if (owner == OWNER_REGION && (sort != LIMIT_CAP || rung != RUNG_DRAIN || until == 0))
		return false;
	*l = (struct limit){.set = true,
	    .owner = (enum limit_owner)owner,
	    .sort = (enum limit_sort)sort,
	    .rung = (int8_t)rung};
	if (until != 0)
		l->until = same_boot ? (struct mono){until}
				     : mono_add_us(now, left - wall_elapsed_us);
	snprintf(l->who, sizeof(l->who), "%s", pick_text(o, "who", ""));
	snprintf(l->reason, sizeof(l->reason), "%s", pick_text(o, "reason", ""));
	return until == 0 || mono_before(now, l->until);
}

/* What we ask of a region goes on after us; it always has an end. */
static void
ask_load(const json_t *o, bool same_boot, int64_t wall_elapsed_us, struct ask *a)
{
	struct mono now = mono_now(), most = mono_add_ms(now, BEACON_REQUEST_MAX_S * 1000LL);
	int64_t left = state_integer(o, "left_us", 0, FAR_US);
	int64_t until = state_integer(o, "until_us", 0, FLIGHT_TIME_MAX);
	struct mono ends = same_boot ? (struct mono){until}
				     : mono_add_us(now, left - wall_elapsed_us);

	if (!region_name_good(pick_text(o, "region", "")) || !mono_before(now, ends))
		return;
	*a = (struct ask){.set = true, .until = mono_min(ends, most)};
	snprintf(a->region, sizeof(a->region), "%s", pick_text(o, "region", ""));
	snprintf(a->who, sizeof(a->who), "%s", pick_text(o, "who", ""));
	snprintf(a->reason, sizeof(a->reason), "%s", pick_text(o, "reason", ""));
}

/* A new reference, or NULL. The disk is not waited for where the predecessor lived in this boot. */
static json_t *
limits_find(struct brain *b)
{
	json_t *near = state_read(b->settings.site.paths.run_dir, "brain.limits");

	b->kept.near = near != NULL && *b->boot_id != '\0' &&
		       strcmp(pick_text(near, "boot_id", ""), b->boot_id) == 0;
	if (b->kept.near)
		return near;
	json_decref(near);
	return state_read(b->settings.site.paths.state_dir, "limits.json");
}

void
limits_load(struct brain *b)
{
	json_t *all = limits_find(b);
	bool same_boot = strcmp(pick_text(all, "boot_id", ""), b->boot_id) == 0;
	int64_t elapsed = wall_now_us() - state_integer(all, "saved_wall_us", 0, INT64_MAX);

	/* Also where nothing changes any more: it is told on by what this boot's clock says, and a
	 * predecessor's last word may not have reached the disk, or another one. */
	b->kept.due = all != NULL;
	for (int l = 0; all != NULL && l < MAX_LANES; l++) {
		const json_t *list, *o;
		size_t i;
		struct limit limit;

		if (!b->lanes[l].exists)
			continue;
		list = json_object_get(json_object_get(all, "lanes"), b->lanes[l].name);
		json_array_foreach(list, i,
		    o) if (limit_load(o, same_boot, elapsed < 0 ? 0 : elapsed, &b->settings.site,
			       &limit)) limits_put(b->lanes[l].limits, MAX_LIMITS, &limit);
		ask_load(json_object_get(json_object_get(all, "regions"), b->lanes[l].name),
		    same_boot, elapsed < 0 ? 0 : elapsed, &b->lanes[l].ask);
	}
	json_decref(all);
}
