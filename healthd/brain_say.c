/*
 * brain_say: what people and the journal are told of a lane: moves, proofs, alarms.
 */
#include "healthd/brain.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/ensure.h"
#include "lib/event.h"

/* The ladder names no checks: "%c" stands for the one that decided. */
void
lane_because(const struct brain *b, const struct lane *lane, char *text, size_t size)
{
	int n = lane->judgement.because;

	flight_because(&lane->out, n >= 0 ? b->instances[n].name : NULL, text, size);
}

void
say_move(struct brain *b, struct lane *lane, int from)
{
	struct move *m = &lane->recent[lane->moves++ % N_RECENT_MOVES];
	const struct ladder_out *out = &lane->out;
	struct event e;

	lane->claimed = -1;
	*m = (struct move){.from = (int8_t)from, .to = out->state.rung, .rule = out->rule};
	clock_gettime(CLOCK_REALTIME, &m->at);
	lane_because(b, lane, m->because, sizeof(m->because));
	event_begin(&e, out->state.rung == RUNG_SILENT ? EVENT_ALARM : EVENT_NOTICE, "rung");
	event_str(&e, "service", b->settings.site.services[lane_service(lane->index)].name);
	event_str(&e, "family", family_name(lane_family(lane->index)));
	event_str(&e, "from", lane_rung_name(b, from));
	event_str(&e, "to", lane_rung_name(b, out->state.rung));
	event_int(&e, "score", lane->judgement.score);
	event_str(&e, "rule", ladder_rule_name(out->rule));
	event_str(&e, "because", m->because);
	if (b->settings.mode == MODE_OBSERVE)
		event_str(&e, "mode", "observe");
	event_send(&e);
	b->counters.moves++;
}

void
say_proof(struct brain *b, struct lane *lane)
{
	struct event e;

	/* Once per order: a proof that is lost and comes back is told by its alarm. */
	if (lane->ladder.proven != lane->ladder.rung || lane->claimed == lane->ladder.rung)
		return;
	lane->claimed = lane->ladder.rung;
	if (b->settings.mode == MODE_OBSERVE || lane->ladder.phase == LADDER_ADOPT)
		return;
	event_begin(&e, EVENT_NOTICE, "proof");
	event_str(&e, "service", b->settings.site.services[lane_service(lane->index)].name);
	event_str(&e, "family", family_name(lane_family(lane->index)));
	event_str(&e, "rung", lane_rung_name(b, lane->ladder.rung));
	event_fmt(&e, "after_ms", "%.1f",
	    (double)mono_diff_us(mono_now(), lane->ladder.rung_since) / 1000);
	event_send(&e);
}

static const char *
alarm_text(const struct brain *b, const struct lane *lane, uint32_t bit, char *text, size_t size)
{
	const struct door *d = driver_door(b->driver, lane->index);
	char name[LOCK_NAME];

	switch ((enum door_alarm)bit) {
	case ALARM_BIRD_SILENT:
		return "BIRD does not answer on its control socket";
	case ALARM_PROTOCOL_MISSING:
		return "BIRD does not know our protocols: is the generated file included? "
		       "see bgpctl doctor";
	case ALARM_GATE_FAILED:
		return "a gate link cannot be made or set";
	case ALARM_ONE_LOCK:
		return "closed by one lock only";
	case ALARM_UNPROVEN:
		return "ordered, and no session exports it";
	case ALARM_COVERED:
		snprintf(
		    text, size, "a route of ours is silent, yet exported by %s", d->covered_by);
		return text;
	case ALARM_ATTRIBUTES:
		return "exported without the attributes of its rung: does the export filter call "
		       "anypop_export()?";
	case ALARM_PARTIAL:
		return "exported at some sessions that are up, not at all";
	case ALARM_NO_SESSION:
		return "no BGP session of this family is up";
	case ALARM_HAND:
		snprintf(text, size, "%s was disabled by hand in BIRD",
		    d->hand < 0 ? "a protocol"
				: lane_protocol(&b->settings.site, lane->index, d->hand, name));
		return text;
	}
	return "";
}

static void
say_alarm(struct brain *b, struct lane *lane, int n, bool on)
{
	char text[160];
	struct event e;

	event_begin(&e, on ? EVENT_ALARM : EVENT_NOTICE, on ? "alarm" : "alarm_over");
	event_str(&e, "alarm", door_alarm_name(n));
	event_str(&e, "service", b->settings.site.services[lane_service(lane->index)].name);
	event_str(&e, "family", family_name(lane_family(lane->index)));
	if (on)
		event_str(&e, "because", alarm_text(b, lane, 1u << n, text, sizeof(text)));
	event_send(&e);
}

void
say_alarms(struct brain *b, struct lane *lane, uint32_t alarms)
{
	uint32_t changed = alarms ^ lane->alarms;

	lane->alarms = alarms;
	for (int n = 0; n < N_DOOR_ALARMS; n++) {
		if (!(changed & 1u << n))
			continue;
		lane->alarm_since[n] = mono_now();
		say_alarm(b, lane, n, alarms & 1u << n);
	}
}

const char *
lane_alarm(const struct brain *b, const struct lane *lane, int n, const char **name,
    struct mono *since, char *text, size_t size)
{
	ENSURE(n >= 0 && n < N_DOOR_ALARMS);
	if (!(lane->alarms & 1u << n))
		return NULL;
	*name = door_alarm_name(n);
	*since = lane->alarm_since[n];
	return alarm_text(b, lane, 1u << n, text, size);
}
