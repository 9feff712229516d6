/*
 * words: see words.h. Events are in words_events.c.
 */
#include "bgpctl/words.h"

#include <string.h>

#include "bgpctl/words_events.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const struct word alarms[] = {
	{"bird_silent", "BIRD does not answer on its control socket. The gates (links in the kernel) act "
	 "without it: falls still happen, climbs wait for proof.",
	 "Is BIRD running (systemctl status bird)? Does bird.socket name its socket, and may the user "
	 "of healthd open it? `bgpctl doctor` asks it."},
	{"protocol_missing", "BIRD runs, and does not know the protocols that stand for our rungs.",
	 "Include the generated file in bird.conf: `bgpctl bird apply` installs it, lets BIRD reload "
	 "and proves that they are there."},
	{"gate_failed", "A gate, the link of its own behind which each rung's route stands, cannot be "
	 "made or set. BIRD's protocols alone hold the route, which a foreign `configure` undoes.",
	 "Has healthd CAP_NET_ADMIN, and the kernel links of type dummy or bridge? The event `gate` "
	 "has the kernel's word. `bgpctl doctor` looks."},
	{"one_lock", "What is to be out is held by one of its two locks only, protocol or gate.",
	 "It holds, but not against everything. `bgpctl why` shows both locks; alarms beside this "
	 "one say which of them is ill."},
	{"unproven", "A rung was ordered, and no session exports it.",
	 "Look at `bgpctl why`, \"proof\": does the export filter reject it, is the route not the "
	 "best one in BIRD, is the session's table another than ours? `bgpctl doctor` lints filters."},
	{"covered", "A prefix of ours is to be silent, and BIRD exports it all the same, from somewhere "
	 "else: a static of an older set-up, or a route that was learned.",
	 "Find it with `birdc show route PREFIX all`, and take it out of bird.conf, or keep the export "
	 "filter from passing it. Until then this node attracts queries that it should not get."},
	{"attributes", "The route is exported without what its rung is to have: prepends, "
	 "communities or MED. Neighbours see no difference between the rungs.",
	 "Call anypop_export() in the session's export filter, before it accepts; `bgpctl bird "
	 "example` shows how."},
	{"partial", "The rung is exported at some of the sessions that are up, not at all.",
	 "`bgpctl why` says at which not. Compare the filters of the sessions; is one of them not "
	 "meant for this prefix, leave it out of the service."},
	{"no_session", "No BGP session of this family is up: nobody hears of this node.",
	 "`birdc show protocols all NAME` says why. It climbs by itself when one is back."},
	{"hand", "Somebody disabled one of our protocols in BIRD. That is respected as an operator's "
	 "wish, downward, for an hour (bird.hand_ms).",
	 "If it was you: prefer `bgpctl drain` or `silence`, which say who and why. To end it, "
	 "`birdc enable NAME`."},
	{"config", "A newer configuration file is not in force, since it is broken or could not be put "
	 "in force; the last good one is.",
	 "`bgpctl check` says what is wrong with it; then `bgpctl reload`."},
	{"undo", "BIRD's configuration was put in force with a timeout, and BIRD will take it back "
	 "unless it is confirmed.",
	 "`birdc configure confirm` keeps it, `birdc configure undo` goes back now. Routes of ours "
	 "stay as they are either way."},
	{"recorder", "The flight recorder cannot write. Decisions go on; `bgpctl replay` and `what-if` "
	 "will lack this time.",
	 "Is the file system of recorder.path full, read-only or broken? It goes on by itself."},
	{"state", "What a restart needs to know cannot be saved: a new brain would begin silent.",
	 "Look at the file system of paths.run_dir: full, read-only, wrong owner? Do not restart "
	 "healthd before."},
	{"limits", "The disk does not take what was changed in limits (drain, pin, undrain), or takes "
	 "long. It is in force all the same, and over a restart of healthd; a reboot would undo it.",
	 "Look at the file system of paths.state_dir: does it hang, is it full, read-only, of another "
	 "owner? It is tried again by itself. Until then, do not rely on limits over a reboot."},
	{"workers", "Fewer workers are ready than workers.min_ready, or one is in quarantine since it "
	 "ends at each start.",
	 "`bgpctl workers` has the last exit of each; the worker's own log says why. A quarantined "
	 "one is tried again by itself (workers.quarantine_ms), and by `bgpctl upgrade --workers`."},
	{"engines", "An engine of our own resolver is in quarantine, since it ends at each start. "
	 "Workers ask the others, and answer from their caches.",
	 "`bgpctl workers` has its last exit. After the mend `bgpctl upgrade --engines` starts it at "
	 "once."},
	{"source", "Something that a check reads is not there on this host, such as pressure "
	 "information (PSI). The check is idle: it counts neither way.",
	 "Enable it (psi=1 for the kernel), or take the check out of the configuration."},
};

static const struct word limits[] = {
	{"operator", "A person set it: `bgpctl drain`, `silence` or `pin`. It stands over restarts, "
	 "until its end if one was given.",
	 "`bgpctl undrain` takes drain and silence away, `unpin` a pin. Climbing then takes its holds."},
	{"birdc", "Somebody disabled our protocol in BIRD: respected downward, for an hour.",
	 "`birdc enable NAME` ends it."},
	{"brake", "A check of what all nodes share (upstream, canaries) failed or was not seen, or "
	 "nothing proves that a low score is this node's own fault. Not below drain then: such faults "
	 "hit everybody, and a fleet of silent nodes helps nobody.",
	 "It ends a minute (latch_ms) after all shared checks are well. Mend the upstream."},
	{"alone", "The policy without a fresh view of a fleet: not below drain (vital_alone, "
	 "proven_alone).",
	 "`bgpctl fleet` says why there is no view; without a fleet it is as configured."},
	{"absorb", "Overload is borne, not handed on: slow is not broken, and clients that leave would "
	 "overload the next node.",
	 "Look for the load (`bgpctl workers`): an attack, a fallen neighbour, too few workers? "
	 "`bgpctl drain` sends it away by hand, if others have room."},
	{"flap", "The next change of route would cost more than routers with damping (RFC 2439) "
	 "forgive. It waits until the estimate has decayed; safety never waits.",
	 "`bgpctl why` says when the next step is allowed. Find out what flaps."},
	{"preflight", "Something must be there before an announcement or a climb, and is not.",
	 "`bgpctl why` lists what is missing; `bgpctl explain` knows each word."},
	{"hold", "A wait: between climbs (doubled after relapses), or at drain before silent, so that "
	 "traffic can move first.",
	 "It ends by itself; `bgpctl why` says when."},
	{"emergency", "Too few nodes announce, and this one may climb at once; but a check of its own "
	 "is not well, or the last such climb fell back.",
	 "`bgpctl why` has the wait and the check."},
	{"proof", "BIRD does not show the present rung exported, so nothing climbs further.",
	 "See the alarm `unproven`, or `no_session`."},
	{"start", "Not every check has been seen once since the start.",
	 "It ends with the first full round; `bgpctl check` shows which check is late."},
	{"unknown", "A check was not seen in time, or there is nothing to judge at all: no climbing.",
	 "`bgpctl check` shows which; is what it asks there?"},
	{"shutdown", "healthd was told to stop: drain first, silent when clients have left.",
	 "Nothing. Told twice, it goes silent at once."},
	{"fleet", "The fleet guard: this node has no leave to go silent, or most of the fleet sees the "
	 "same fault, which moving would not mend.",
	 "`bgpctl fleet` shows who announces, who is silent, and whose turn it is."},
	{"region", "Somebody asked this node's region to drain (`bgpctl drain --region`, `failover`).",
	 "`bgpctl fleet` says who asked and how long it lasts; undrain --region at that node ends it."},
};

static const struct word rules[] = {
	{"stay", "Health wants it where it stands.", ""},
	{"start", "Silent until every check has been seen once.", ""},
	{"adopt", "A predecessor's rung stands, and is taken over once a first round of own checks is "
	 "well.", ""},
	{"adopt_failed", "That round did not pass in time (adopt_ms): silent, and up from there.",
	 "`bgpctl check`: which check of the node itself fails?"},
	{"vital_fall", "A vital check failed: at once down, to silent if the fleet allows it.",
	 "\"because\" names the check; `bgpctl check NAME` its targets."},
	{"score_fall", "The score fell under the rung's threshold: down, to drain at most.",
	 "`bgpctl why` shows each check's part of the score."},
	{"proven_fall", "At drain, with a fault that is proven to be this node's own: silent.",
	 "Mend the check that \"because\" names; it climbs by itself."},
	{"limit_fall", "Somebody's cap is below the rung, mostly an operator's.",
	 "`bgpctl why` says whose, and when it ends."},
	{"pin", "Pinned by an operator, whatever checks say.", "`bgpctl unpin` ends it."},
	{"shutdown", "healthd stops.", ""},
	{"first", "The first announcement, at drain.", ""},
	{"climb", "Health is better than the rung, and all waits are over: one rung up.", ""},
	{"relief", "Other nodes tell overload, so a well one comes up to help without its hold.", ""},
	{"return", "It was silent by its score, and the fleet calls it back: too few announce.", ""},
	{"emergency", "Too few of the fleet announce: to drain at once if its own checks are well.", ""},
	{"wait", "It would move, and limits hold it.", "`bgpctl why` lists them."},
};

static const struct word preflight[] = {
	{"addresses", "A service address is not bound on this host.",
	 "`ip address add` it to a link of its own, or let healthd put it back "
	 "(checks[].address_interface)."},
	{"listeners", "The service addresses do not answer a question yet.",
	 "Are workers ready (`bgpctl workers`), do they listen on these addresses?"},
	{"workers", "Fewer workers are ready than workers.min_ready.", "`bgpctl workers`"},
	{"session", "No BGP session of the family is up.", "`birdc show protocols`"},
	{"warm", "The cache is still cold: it waits for the list of names, or half a minute.", ""},
	{"gates", "The links that are the gates are not there.", "See the alarm `gate_failed`."},
};

static const struct word verdicts[] = {
	{"ok", "Seen, and well.", ""},
	{"fail", "Failed often enough (fall, not forgiven) to be believed.", "`bgpctl check NAME`"},
	{"unknown", "No timely observation: it keeps what it weighed, and blocks climbing.", ""},
	{"idle", "Nothing to judge, such as an error rate without questions: left out of the score.",
	 ""},
};

static const struct word states[] = {
	{"stopped", "Not running, and not to run.", ""},
	{"waiting", "It ended, and is started again when its back-off is over.", "`bgpctl workers`"},
	{"starting", "Runs, and has not answered yet.", ""},
	{"ready", "Answers.", ""},
	{"unready", "Runs, and did not answer lately: clients are steered to others.",
	 "It is killed when it stays silent while the processor was free for it."},
	{"stopping", "Was told to end, and answers what it has.", ""},
	{"quarantined", "Ended at each of several starts: left alone for a while.",
	 "Its own log says why; after the mend `bgpctl upgrade --workers` or `--engines`."},
};

static const struct word scores[] = {
	{"starting", "Its loop has not turned yet.", ""},
	{"answering", "All is well.", ""},
	{"stale_only", "A worker without any engine: cached answers, stale ones too.",
	 "Why are there no engines? `bgpctl workers`"},
	{"failing", "It asks, and gets no good answer: upstream is gone, or an engine is ill.",
	 "Failures by cause stand in `bgpctl workers`; is the check of the upstreams well?"},
	{"stopping", "Was told to end.", ""},
};

static const struct {
	const char *name, *about;
	const struct word *all;
	size_t n;
} kinds[N_WORD_KINDS] = {
	[WORD_ALARM] = {"alarm", "what somebody must look at", alarms, COUNT(alarms)},
	[WORD_LIMIT] = {"limit", "who holds a rung where it is", limits, COUNT(limits)},
	[WORD_RULE] = {"rule", "what decided last", rules, COUNT(rules)},
	[WORD_PREFLIGHT] = {"preflight", "what an announcement or a climb waits for", preflight,
	    COUNT(preflight)},
	[WORD_VERDICT] = {"verdict", "of a check", verdicts, COUNT(verdicts)},
	[WORD_STATE] = {"state", "of a worker or an engine, as healthd sees it", states,
	    COUNT(states)},
	[WORD_SCORE] = {"score", "how a worker or an engine says that it does", scores,
	    COUNT(scores)},
	[WORD_EVENT] = {"event", "lines of the log", NULL, 0}, /* words_events.c */
};

const char *
word_kind_name(enum word_kind k)
{
	return kinds[k].name;
}

const char *
word_kind_about(enum word_kind k)
{
	return kinds[k].about;
}

const struct word *
words_of(enum word_kind k, size_t *n)
{
	if (k == WORD_EVENT)
		return word_events(n);
	*n = kinds[k].n;
	return kinds[k].all;
}

static char
plain(char c)
{
	return c == '-' ? '_' : c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int
same(const char *a, const char *b)
{
	while (*a != '\0' && plain(*a) == plain(*b))
		a++, b++;
	return plain(*a) == plain(*b);
}

const struct word *
word_find(enum word_kind k, const char *word)
{
	size_t n;
	const struct word *all = words_of(k, &n);

	for (size_t i = 0; i < n; i++)
		if (same(all[i].word, word))
			return &all[i];
	return NULL;
}

enum { NEAR_LONGEST = 32 };

/* Levenshtein's distance, of words up to NEAR_LONGEST. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[NEAR_LONGEST + 1], n = strlen(b);

	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t swap = corner + (plain(a[i - 1]) != plain(b[j - 1]));
			size_t least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;

			corner = row[j];
			row[j] = swap < least ? swap : least;
		}
	}
	return row[n];
}

const char *
word_near(const char *word)
{
	const char *near = NULL;
	size_t least = strlen(word) / 3 + 1;

	if (strlen(word) > NEAR_LONGEST)
		return NULL;
	for (int k = 0; k < N_WORD_KINDS; k++) {
		size_t n;
		const struct word *all = words_of((enum word_kind)k, &n);

		for (size_t i = 0; i < n; i++) {
			size_t d = distance(word, all[i].word);

			if (d <= least && (d < least || near == NULL)) {
				least = d;
				near = all[i].word;
			}
		}
	}
	return near;
}
