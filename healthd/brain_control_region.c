/*
 * brain_control_region: what operators ask of regions; see brain_control.c.
 */
#include "healthd/brain_request.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_ASK_S 3600

static int
flag(const struct request *r, const char *key, bool *out, struct err *err)
{
	const json_t *v = json_object_get(r->args, key);

	*out = json_is_true(v);
	return v == NULL || json_is_boolean(v) ? 0 : err_set(err, "%s must be true or false", key);
}

/* Lanes that have beacons, and a region's name. */
static int
region_and_lanes(const struct request *r, uint32_t *lanes, const char **region, struct err *err)
{
	if (request_lanes(r, lanes, err) < 0 || request_text(r, "region", region, err) < 0)
		return -1;
	if (r->brain->fleet.watch == NULL)
		return err_set(
		    err, "this node is in no fleet: the configuration has none (fleet.size)");
	*lanes &= lanes_with_beacons(&r->brain->settings.site, 3);
	if (*lanes == 0)
		return err_set(err, "none of these has beacons in the configuration");
	if (*region == NULL || !region_name_good(*region))
		return err_set(
		    err, "region must be a name: 1 to %d of a-z, 0-9, _ and -", MAX_REGION);
	return 0;
}

static json_t *
region_answer(const struct request *r, uint32_t lanes)
{
	json_t *answer;

	request_audit(r);
	lanes_touch(r->brain, lanes);
	lanes_decide(r->brain);
	answer = view_fleet(r->brain, lanes);
	json_object_set_new(answer, "limits_kept", json_string(limits_kept(r->brain)));
	return answer;
}

json_t *
verb_drain_region(const struct request *r, struct err *err)
{
	struct ask ask = {.set = true};
	const char *region, *reason;
	uint32_t lanes;
	bool force;

	if (request_args(r, " service family region for_s reason force ", err) < 0 ||
	    region_and_lanes(r, &lanes, &region, err) < 0 || request_for(r, &ask.until, err) < 0 ||
	    request_text(r, "reason", &reason, err) < 0 || flag(r, "force", &force, err) < 0)
		return NULL;
	if (r->brain->settings.mode == MODE_OBSERVE) {
		err_set(err, "this node observes: it tells the fleet nothing; ask at another");
		return NULL;
	}
	if (!mono_is_set(ask.until))
		ask.until = mono_add_ms(mono_now(), DEFAULT_ASK_S * 1000);
	if (mono_diff_ms(ask.until, mono_now()) > BEACON_REQUEST_MAX_S * 1000LL) {
		err_set(err,
		    "a region is drained for %d hours at most; ask again before they are over",
		    BEACON_REQUEST_MAX_S / 3600);
		return NULL;
	}
	if (reason != NULL && strlen(reason) >= sizeof(ask.reason)) {
		err_set(err, "reason is longer than %zu bytes", sizeof(ask.reason) - 1);
		return NULL;
	}
	snprintf(ask.region, sizeof(ask.region), "%s", region);
	snprintf(ask.who, sizeof(ask.who), "%s", r->peer->who);
	snprintf(ask.reason, sizeof(ask.reason), "%s", reason != NULL ? reason : r->verb);
	ask.expiry = region_expiry(ask.until);
	return region_ask(r->brain, lanes, &ask, force, err) < 0 ? NULL : region_answer(r, lanes);
}

json_t *
verb_undrain_region(const struct request *r, struct err *err)
{
	const char *region;
	uint32_t lanes;

	if (request_args(r, " service family region ", err) < 0 ||
	    region_and_lanes(r, &lanes, &region, err) < 0)
		return NULL;
	if (region_end(r->brain, lanes, region) > 0)
		return region_answer(r, lanes);
	err_set(
	    err, "this node does not ask for a drain of %s; `bgpctl fleet` says who does", region);
	return NULL;
}

/* Only the events of a failover: who may write to the socket runs no program of his choice. */
json_t *
verb_alert(const struct request *r, struct err *err)
{
	static const char *const events[] = {"failover_begun", "failover_done", "failover_failed"};
	const char *event, *region, *because;
	bool known = false;

	if (request_args(r, " event region because ", err) < 0 ||
	    request_text(r, "event", &event, err) < 0 ||
	    request_text(r, "region", &region, err) < 0 ||
	    request_text(r, "because", &because, err) < 0)
		return NULL;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		known |= event != NULL && strcmp(event, events[i]) == 0;
	if (!known || region == NULL || !region_name_good(region)) {
		err_set(err, "alert needs event (failover_begun, failover_done or failover_failed) "
			     "and region");
		return NULL;
	}
	request_audit(r);
	return json_pack("{sb}", "hook",
	    (int)hook_alert(r->brain, event, region, because != NULL ? because : ""));
}
