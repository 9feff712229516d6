/*
 * `bgpctl why`: one screen for each lane, in the order in which a paged operator asks: where are
 * we, why, what comes next, who holds it, what do the checks say, does the world see it.
 */
#include "bgpctl/render.h"

#include <stdbool.h>
#include <string.h>

#include "bgpctl/duration.h"
#include "bgpctl/pick.h"

static const char *
ago(const json_t *o, const char *key, char buf[static DURATION_TEXT])
{
	return duration_render(pick_number(o, key, 0), buf);
}

static const char *
plural(double n)
{
	return n == 1 ? "" : "s";
}

static void
print_title(FILE *to, const json_t *lane, const json_t *why)
{
	const json_t *prefix, *address;
	const char *now = pick_text(why, "now_at", "");
	size_t i;

	fprintf(to, "%s %s", pick_text(lane, "service", "?"), pick_text(lane, "family", "?"));
	json_array_foreach (pick_part(lane, "prefixes"), i, prefix)
		fprintf(to, "%s%s", i == 0 ? "  " : ", ",
		    json_string_value(prefix) != NULL ? json_string_value(prefix) : "?");
	fprintf(to, "  at %s (%s)", pick_text(why, "node", "?"), pick_text(why, "pop", "?"));
	if (strlen(now) >= 19)
		fprintf(to, "  %.10s %.8s UTC", now, now + 11);
	fputc('\n', to);
	json_array_foreach (pick_part(lane, "addresses"), i, address) {
		if (pick_is_set(address, "bound") && !pick_bool(address, "bound"))
			fprintf(to, "! address %s is NOT BOUND on this host\n",
			    pick_text(address, "address", "?"));
	}
	if (strcmp(pick_text(why, "mode", ""), "observe") == 0)
		fputs("OBSERVING ONLY: nothing of this is written to BIRD or links\n", to);
	if (pick_bool(why, "shutdown"))
		fputs("SHUTTING DOWN: drain, then silent, then the workers stop\n", to);
}

static void
print_proof_word(FILE *to, const json_t *lane, const json_t *why)
{
	char since[DURATION_TEXT];

	if (strcmp(pick_text(why, "mode", ""), "observe") == 0)
		fprintf(to, "in thought only; locks and exports show %s",
		    pick_text(lane, "shown", "no rung clearly"));
	else if (!pick_bool(lane, "proven"))
		fprintf(to, "NOT PROVEN; locks and exports show %s",
		    pick_text(lane, "shown", "no rung clearly"));
	else if (pick_is_set(lane, "proven_s"))
		fprintf(to, "proven for %s", ago(lane, "proven_s", since));
	else
		fputs("proven", to);
}

static const char *
rule_words(const char *rule)
{
	static const struct {
		const char *rule, *words;
	} rows[] = {{"stay", "nothing asks for another rung"},
	    {"start", "silent until one full round of checks is in"},
	    {"adopt", "taken over from the brain before"},
	    {"adopt_failed", "not taken over: its own checks did not pass in time"},
	    {"score_fall", "fell by score"}, {"vital_fall", "fell at once"},
	    {"proven_fall", "silent: low for long enough, and the fault is here"},
	    {"limit_fall", "brought down by a limit"}, {"climb", "climbed"},
	    {"first", "first announcement"},
	    {"emergency", "emergency climb: nobody else is seen announcing"},
	    {"return", "called back: the fleet needs it, or has no room for its silence"},
	    {"pin", "pinned by an operator"}, {"shutdown", "healthd is stopping"},
	    {"wait", "the limits below hold it here"}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rule, rows[i].rule) == 0)
			return rows[i].words;
	}
	return rule;
}

/* Is there nothing to add to the phrase? */
static bool
says_all(const char *rule, const char *because)
{
	static const char *const rules[] = {"stay", "start", "shutdown", "pin", "limit_fall"};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (strcmp(rule, rules[i]) == 0)
			return true;
	return strncmp(because, "waits: ", 7) == 0;
}

static void
print_why(FILE *to, const json_t *lane)
{
	const char *because = pick_text(lane, "because", "");
	const char *rule = pick_text(lane, "rule", "not known");
	const char *words = rule_words(rule);

	if (because[0] != '\0' && says_all(rule, because)) {
		fprintf(to, "\n  Why    %s\n", because);
		return;
	}
	fprintf(to, "\n  Why    %s%s%s\n", because, because[0] != '\0' ? ": " : "", words);
}

static void
print_next(FILE *to, const json_t *lane, const json_t *why)
{
	const json_t *next = pick_part(lane, "next");
	const char *rule = pick_text(lane, "rule", ""), *waits = pick_text(next, "waits_for", "");
	char in[DURATION_TEXT];

	if (!pick_is_set(next, "rung")) {
		if (pick_bool(why, "shutdown"))
			fputs("  Next   silent, when the drain is over\n", to);
		else if (strcmp(rule, "wait") == 0 || strcmp(rule, "start") == 0 ||
			 strcmp(rule, "adopt") == 0)
			fputs("  Next   waits for an event, not for time: see the limits\n", to);
		else
			fputs("  Next   nothing: it stays here until something changes\n", to);
		return;
	}
	fprintf(to, "  Next   %s", pick_text(next, "rung", "?"));
	if (pick_is_set(next, "in_s"))
		fprintf(to, " in %s", duration_render(pick_number(next, "in_s", 0), in));
	if (waits[0] != '\0')
		fprintf(to, "%s %s", pick_is_set(next, "in_s") ? ":" : ", waits for", waits);
	fputc('\n', to);
}

static void
print_summary(FILE *to, const json_t *lane, const json_t *why)
{
	char since[DURATION_TEXT];

	fprintf(to, "  Rung   %s, ordered %s ago, ", pick_text(lane, "rung", "?"),
	    ago(lane, "since_s", since));
	print_proof_word(to, lane, why);
	fprintf(to, "\n  Wish   %s", pick_text(lane, "wish", "none before the first full round"));
	if (pick_is_set(lane, "score"))
		fprintf(to, ", for the score is %.0f of 100", pick_number(lane, "score", 0));
	print_why(to, lane);
	print_next(to, lane, why);
	render_guard(to, pick_part(lane, "fleet"), pick_part(lane, "limits"));
}

/* Waits are limits too, each with its time: nothing more is to be said of them here. */
static void
print_limits(FILE *to, const json_t *lane)
{
	const json_t *limits = pick_part(lane, "limits"), *holds = pick_part(lane, "holds"), *limit;
	double relapses = pick_number(holds, "relapses", 0);
	char hold[DURATION_TEXT];
	size_t i;

	fputs(json_array_size(limits) == 0 ? "Limits: none\n" : "Limits\n", to);
	json_array_foreach (limits, i, limit) {
		fputs("  ", to);
		render_limit(to, limit);
		fputc('\n', to);
	}
	if (relapses > 0)
		fprintf(to, "  %.0f relapse%s: the hold between climbs is %s now\n", relapses,
		    plural(relapses), ago(holds, "climb_s", hold));
}

static void
print_flap(FILE *to, const json_t *flap)
{
	char wait[DURATION_TEXT];

	if (flap == NULL)
		return;
	fprintf(to, "Flap budget: %.0f of %.0f used", pick_number(flap, "estimate", 0),
	    pick_number(flap, "limit", 0));
	if (pick_is_set(flap, "cost") && pick_number(flap, "cost", 0) > 0)
		fprintf(to, ", the next step costs %.0f", pick_number(flap, "cost", 0));
	else if (pick_is_set(flap, "cost"))
		fputs(", the next step costs nothing", to);
	if (pick_number(flap, "allowed_in_s", 0) > 0)
		fprintf(to, ", next step allowed in %s", ago(flap, "allowed_in_s", wait));
	else if (pick_number(flap, "cost", 0) > 0)
		fputs(" and fits now", to);
	fputc('\n', to);
}

static void
print_check(FILE *to, const json_t *check, int name_width)
{
	const char *reason = pick_text(check, "why", "");
	char since[DURATION_TEXT], class[32];

	snprintf(class, sizeof(class), "%s%s", pick_text(check, "class", "?"),
	    pick_bool(check, "vital") ? ", vital" : "");
	fprintf(to, "  %-7s  %-*s  %-13s  weight %3.0f  value %3.0f  %.0f of %.0f ok",
	    render_verdict(check), name_width,
	    pick_text(check, "name", "?"), class, pick_number(check, "weight", 0),
	    pick_number(check, "value", 0), pick_number(check, "targets_ok", 0),
	    pick_number(check, "targets", 0));
	if (pick_number(check, "k", 0) > 0 &&
	    pick_number(check, "k", 0) != pick_number(check, "targets", 0))
		fprintf(to, " (%.0f needed)", pick_number(check, "k", 0));
	fprintf(to, ", %s", ago(check, "since_s", since));
	if (!pick_bool(check, "counts") && pick_is_set(check, "counts"))
		fputs(", not counted", to);
	if (reason[0] != '\0' && strcmp(pick_text(check, "verdict", ""), "ok") != 0)
		fprintf(to, ": %s", reason);
	fputc('\n', to);
}

/* What the judgement's flags mean for the ladder, in words. */
static void
print_judgement(FILE *to, const json_t *j, const char *rung)
{
	const char *because = pick_text(j, "because", NULL);

	if (j == NULL)
		return;
	if (!pick_bool(j, "round"))
		fputs("  The first full round of checks is not in yet: silent until it is.\n", to);
	if (pick_bool(j, "vital_failed"))
		fputs("  A vital check has failed: the score is 0 and no average counts.\n", to);
	if (pick_bool(j, "proven"))
		fputs("  The fault is here: something of our own fails, and every shared check has "
		      "had "
		      "a success since that began.\n",
		    to);
	else if (pick_bool(j, "shared_bad") && !pick_bool(j, "vital_failed") &&
		 strcmp(rung, "silent") != 0)
		fputs("  A shared check fails or is unknown: the fault may be everybody's, so not "
		      "below drain.\n", to);
	if (pick_bool(j, "absorbed"))
		fputs("  A vital check hears nothing, and workers run but are too slow: overload, "
		      "which only drains.\n",
		    to);
	else if (pick_bool(j, "overload"))
		fputs("  All that fails means overload, not malfunction: it is absorbed.\n", to);
	if (pick_bool(j, "unknown"))
		fputs("  Some check is unknown: no climb until it is known.\n", to);
	if (because != NULL)
		fprintf(to, "  Decided most: %s.\n", because);
}

static void
print_score(FILE *to, const json_t *lane)
{
	const json_t *checks = pick_part(lane, "checks"), *check;
	int width = 0;
	size_t i;

	if (pick_is_set(lane, "score"))
		fprintf(to, "Score %.0f", pick_number(lane, "score", 0));
	else
		fputs("Score not known yet", to);
	if (pick_is_set(lane, "score") &&
	    pick_number(lane, "mean", 0) != pick_number(lane, "score", 0))
		fprintf(to, " (weighted mean %.0f)", pick_number(lane, "mean", 0));
	fputs(", of these checks\n", to);
	json_array_foreach (checks, i, check) {
		int n = (int)strlen(pick_text(check, "name", "?"));

		width = n > width ? n : width;
	}
	json_array_foreach (checks, i, check)
		print_check(to, check, width);
	print_judgement(to, pick_part(lane, "judgement"), pick_text(lane, "rung", ""));
}

static void
print_sent(FILE *to, const json_t *proof)
{
	const char *sent = pick_text(proof, "sent", "unknown");

	if (strcmp(sent, "ours") == 0) {
		fprintf(to, "sent as %s (from %s)", pick_text(proof, "rung", "?"),
		    pick_text(proof, "protocol", "?"));
		if (pick_is_set(proof, "attributes"))
			fputs(pick_bool(proof, "attributes") ? ", attributes as the rung says"
			    : ", WITHOUT the rung's attributes: does the export filter call "
			      "anypop_export()?", to);
	} else if (strcmp(sent, "foreign") == 0) {
		fprintf(to, "sent from %s, which is NOT OURS", pick_text(proof, "protocol", "?"));
	} else {
		fputs(strcmp(sent, "nothing") == 0 ? "not sent" : "not known", to);
	}
}

static void
print_proof(FILE *to, const json_t *lane, const json_t *why)
{
	const json_t *proof = pick_part(lane, "proof"), *row, *bird = pick_part(why, "bird");
	const char *version = pick_text(bird, "version", "");
	size_t i;

	fprintf(to, "Proof from BIRD%s%s%s\n", version[0] != '\0' ? " " : "", version,
	    pick_bool(bird, "answers") ? "" : ", WHICH DOES NOT ANSWER: what follows is old");
	if (json_array_size(proof) == 0)
		fputs("  no session for this family\n", to);
	json_array_foreach (proof, i, row) {
		fprintf(to, "  %s to %s (%s): ", pick_text(row, "prefix", "?"),
		    pick_text(row, "session", "?"), pick_text(row, "state", "?"));
		print_sent(to, row);
		fputc('\n', to);
	}
}

static void
print_locks(FILE *to, const json_t *lane)
{
	const json_t *rung;
	size_t i;

	fputs("Locks\n", to);
	json_array_foreach (pick_part(lane, "rungs"), i, rung) {
		if (!pick_is_set(rung, "protocol"))
			continue; /* silent has none */
		fprintf(to, "  %-8s  %s %s, gate %s %s", pick_text(rung, "name", "?"),
		    pick_text(rung, "protocol", "?"), pick_text(rung, "protocol_lock", "?"),
		    pick_text(rung, "gate", "?"), pick_text(rung, "gate_lock", "?"));
		if (pick_number(rung, "in_table", 0) > 0)
			fprintf(to, ", %.0f of %zu in BIRD's table",
			    pick_number(rung, "in_table", 0),
			    json_array_size(pick_part(lane, "prefixes")));
		fputc('\n', to);
	}
}

static void
print_moves(FILE *to, const json_t *moves)
{
	const json_t *move;
	size_t i;

	if (json_array_size(moves) == 0)
		return;
	fputs("Last moves (UTC)\n", to);
	json_array_foreach (moves, i, move) {
		const char *at = pick_text(move, "at", "");

		if (i == 5)
			break;
		fprintf(to, "  %.8s  %s -> %s  %s\n", strlen(at) >= 19 ? at + 11 : "?",
		    pick_text(move, "from", "?"), pick_text(move, "to", "?"),
		    pick_text(move, "because", ""));
	}
}

static void
print_preflight(FILE *to, const json_t *missing)
{
	const json_t *item;
	size_t i;

	if (json_array_size(missing) == 0)
		return;
	fputs("  missing before an announcement or a climb:", to);
	json_array_foreach (missing, i, item)
		fprintf(to, "%s %s", i > 0 ? "," : "",
		    json_string_value(item) != NULL ? json_string_value(item) : "?");
	fputc('\n', to);
}

static void
print_lane(FILE *to, const json_t *lane, const json_t *why)
{
	print_title(to, lane, why);
	render_alarms(to, "", pick_part(lane, "alarms"));
	render_alarms(to, "", pick_part(why, "alarms"));
	print_summary(to, lane, why);
	print_limits(to, lane);
	print_preflight(to, pick_part(lane, "preflight"));
	print_flap(to, pick_part(lane, "flap"));
	print_score(to, lane);
	print_proof(to, lane, why);
	print_locks(to, lane);
	print_moves(to, pick_part(lane, "moves"));
}

void
render_why(FILE *to, const json_t *why)
{
	const json_t *workers = pick_part(why, "workers"), *lane;
	size_t i;

	json_array_foreach (pick_part(why, "lanes"), i, lane) {
		if (i > 0)
			fputc('\n', to);
		print_lane(to, lane, why);
		fprintf(to, "Workers: %.0f of %.0f ready\n", pick_number(workers, "ready", 0),
		    pick_number(workers, "wanted", 0));
	}
}
