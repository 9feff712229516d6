/* The ladder's stories; ladder_test.c says how they are read. START is a node that has just reached
 * full, its first climb still weighing on the flap budget. */
#ifndef TESTS_UNIT_LADDER_STORIES_H
#define TESTS_UNIT_LADDER_STORIES_H

struct ladder_story {
	const char *name, *text;
};

#define START "round\nrun 200\nis full\n"
/* The same long after: nothing weighs on hold or budget any more. */
#define QUIET START "run 20000\n"

static const struct ladder_story ladder_stories[] = {
    {"start is silent until one full round is in",
	"self pass unknown no round\n"
	"run 1000\n"
	"is silent start\n"
	"limit start\n"
	"next none\n"
	"round no unknown\n"
	"is drain first\n"
	"until backup 60 60\n"
	"is backup climb\n"
	"until full 60 60\n"
	"moves 3\n"
	"run 100000\n"
	"is full stay\n"
	"moves 3\n"},
    {"the score takes it to the rung it calls for",
	START
	"score 79\n"
	"is backup score_fall\n"
	"says score 79 < 80; check %c\n"
	"score 49\n"
	"is drain score_fall\n"
	"says score 49 < 50\n"
	"moves 5\n"},
    {"the score takes it several rungs down at once",
	START
	"score 49\n"
	"is drain score_fall\n"
	"moves 4\n"},
    {"between enter and leave it stays",
	START
	"score 85\n"
	"is full stay\n"
	"score 79\n"
	"is backup\n"
	"score 89\n"
	"run 9000\n"
	"is backup stay\n"
	"score 90\n"
	"until full 60 60\n"},
    {"the score alone never goes below drain",
	START
	"score 0\n"
	"is drain score_fall\n"
	"limit brake\n"
	"run 1000000\n"
	"is drain wait\n"},
    {"below drain by proof, after traffic had time to leave",
	START
	"score 29 proof\n"
	"is drain score_fall\n"
	"limit hold 30\n"
	"next silent 30\n"
	"run 29.9\n"
	"is drain\n"
	"until silent 0 1\n"
	"is silent proven_fall\n"
	"says shared\n"},
    {"a score that recovers at drain starts the wait anew",
	START
	"score 10 proof\n"
	"run 20\n"
	"score 60\n"
	"score 10\n"
	"limit hold 30\n"
	"until silent 30 30\n"},
    {"a score under drain's own threshold only does not call for silent",
	START
	"score 35 proof\n"
	"run 100000\n"
	"is drain stay\n"},
    {"drain must be proven before silent by proof",
	START
	"deaf score 10 proof\n"
	"limit proof\n"
	"run 1000\n"
	"is drain\n"
	"no deaf\n"
	"until silent 30 30\n"},
    {"a shared failure leaves the floor at drain, and for a minute after",
	START
	"score 10 bad no well\n"
	"run 1000\n"
	"is drain\n"
	"limit brake\n"
	"next none\n"
	"no bad well proof\n"
	"limit brake 60\n"
	"run 40\n"
	"bad no well no proof\n"
	"no bad well proof\n"
	"until silent 60 60\n"},
    {"a shared failure while falling takes silent back",
	START
	"score 10 proof\n"
	"run 29\n"
	"bad no well no proof\n"
	"run 1000\n"
	"is drain\n"},
    {"overload is absorbed at drain",
	START
	"score 10 proof overload\n"
	"run 100000\n"
	"is drain\n"
	"limit absorb\n"
	"no overload\n"
	"until silent 0 0\n"},
    {"vital silence under overload drains at once, and no further",
	START
	"absorbed overload\n"
	"is drain score_fall\n"
	"limit absorb\n"
	"run 100000\n"
	"is drain\n"
	"limit absorb\n"
	"proof no overload\n" /* a malfunction beside it */
	"run 100000\n"
	"is drain\n"
	"limit absorb\n"
	"no absorbed vital\n"
	"is silent vital_fall\n"},
    {"after overload it climbs as after any fall",
	QUIET
	"absorbed overload\n"
	"is drain score_fall\n"
	"run 100\n"
	"no absorbed no overload\n"
	"until backup 60 60\n"},
    {"without a fleet the operator may forbid silent by proof",
	"conf proven_alone 0\n"
	START
	"score 10 proof\n"
	"run 100000\n"
	"is drain\n"
	"limit alone\n"
	"vital\n"
	"is silent vital_fall\n"},
    {"a vital failure acts at once",
	START
	"vital\n"
	"is silent vital_fall\n"
	"says vital check %c failed\n"
	"moves 4\n"},
    {"a vital failure ignores the brake",
	START
	"bad no well\n"
	"vital\n"
	"is silent vital_fall\n"},
    {"with vital_alone drain a vital failure stops at drain",
	"conf vital_alone 0\n"
	START
	"vital proof\n"
	"is drain vital_fall\n"
	"run 100000\n"
	"is drain wait\n"
	"limit alone\n"},
    {"the fleet's floor holds a vital failure",
	START
	"floor drain fleet\n"
	"vital\n"
	"is drain vital_fall\n"
	"limit fleet\n"
	"drop fleet\n"
	"is silent vital_fall\n"},
    {"the fleet's floor holds silent by proof",
	START
	"floor drain fleet\n"
	"score 10 proof\n"
	"run 1000\n"
	"is drain\n"
	"drop fleet\n"
	"is silent proven_fall\n"},
    {"in a fleet a vital failure goes silent where the guard lets it, and to drain elsewhere",
	START
	"fleet fresh\n"
	"wishes none\n"
	"vital\n"
	"is drain vital_fall\n"
	"wishes vital\n"
	"limit fleet\n"
	"run 1000\n"
	"is drain wait\n"
	"vital_leave\n"
	"is silent vital_fall\n"
	"wishes vital\n"},
    {"in a fleet a vital failure that ranks first goes by leave",
	START
	"fleet fresh\n"
	"vital\n"
	"is drain vital_fall\n"
	"leave\n"
	"is silent vital_fall\n"},
    {"without a fresh view a vital failure goes by vital_alone",
	"conf vital_alone 0\n"
	START
	"fleet stale\n"
	"vital vital_leave\n"
	"is drain vital_fall\n"
	"limit alone\n"
	"fleet isolated\n"
	"is drain wait\n"
	"fleet fresh\n"
	"vital_leave\n"
	"is silent vital_fall\n"},
    {"in a fleet silent by proof waits for leave, and wishes from the first moment",
	"conf proven_alone 0\n"
	START
	"fleet fresh\n"
	"score 20 proof\n"
	"is drain score_fall\n"
	"wishes low\n"
	"score 5\n"
	"wishes high\n"
	"run 100\n"
	"is drain wait\n"
	"limit fleet\n"
	"next none\n"
	"leave\n"
	"is silent proven_fall\n"
	"wishes high\n"},
    {"others' word takes a lane to drain, and never to silent",
	START
	"fleet fresh\n"
	"score 5 hearsay 95 proof leave\n"
	"is drain score_fall\n"
	"wishes none\n"
	"run 10000\n"
	"is drain\n"
	"nolimit hold\n"
	"score 5 hearsay 10\n" /* its own checks are as low without it */
	"wishes low\n"
	"until silent 30 30\n"},
    {"others' word keeps nobody silent",
	START
	"fleet fresh\n"
	"score 5 proof leave\n"
	"until silent 30 30\n"
	"score 5 hearsay 95 no proof no leave\n"
	"until drain 1 2000\n"
	"run 10000\n"
	"is drain\n"
	"score 100 hearsay 0\n"
	"until full 1 4000\n"},
    {"nobody goes silent for his score whom the others are to confirm and find well",
	START
	"fleet fresh\n"
	"score 5 proof leave denied\n"
	"is drain score_fall\n"
	"wishes none\n"
	"run 1000\n"
	"is drain wait\n"
	"limit fleet\n"
	"no denied\n"
	"is silent proven_fall\n"},
    {"... but by a vital failure he does",
	START
	"fleet fresh\n"
	"denied vital vital_leave\n"
	"is silent vital_fall\n"},
    {"leave does not shorten the time in which traffic goes away",
	START
	"fleet fresh\n"
	"score 10 proof leave\n"
	"is drain score_fall\n"
	"until silent 30 30\n"},
    {"without a fresh view nothing goes silent by proof, whatever proven_alone says",
	START
	"fleet isolated\n"
	"score 10 proof leave\n"
	"run 1000\n"
	"is drain wait\n"
	"limit fleet\n"},
    {"a lane without proof does not wish to be silent",
	START
	"fleet fresh\n"
	"score 10\n"
	"is drain score_fall\n"
	"wishes none\n"
	"bad no well\n"
	"wishes none\n"},
    {"silent by proof comes back at once when the guard calls",
	START
	"fleet fresh\n"
	"score 20 proof leave\n"
	"until silent 30 30\n"
	"moves 5\n"
	"back no leave\n"
	"is drain return\n"
	"says so says the guard\n"
	"wishes low\n"
	"run 1000\n"
	"is drain\n"
	"moves 6\n"},
    {"also after a restart of the brain, once the checks have been seen",
	START
	"fleet fresh\n"
	"score 10 proof leave\n"
	"until silent 30 30\n"
	"restart stale silent\n"
	"back no leave\n"
	"is silent start\n"
	"round well no bad no unknown pass\n"
	"is drain return\n"},
    {"silent by a vital failure does not come back by the guard's call",
	START
	"fleet fresh\n"
	"vital vital_leave\n"
	"is silent vital_fall\n"
	"back\n"
	"is silent\n"
	"run 100\n"
	"is silent\n"},
    {"silent by a vital failure that is over is silent for its score",
	START
	"fleet fresh\n"
	"vital vital_leave\n"
	"is silent vital_fall\n"
	"no vital score 10\n"
	"is silent\n"
	"back\n"
	"is drain return\n"},
    {"an operator's silence is stronger than the guard's call",
	START
	"fleet fresh\n"
	"score 10 proof leave\n"
	"until silent 30 30\n"
	"cap silent operator\n"
	"back\n"
	"is silent\n"
	"drop operator\n"
	"is drain return\n"},
    {"no return to where nothing answers",
	START
	"fleet fresh\n"
	"score 10 proof leave\n"
	"until silent 30 30\n"
	"workerless back\n"
	"is silent\n"
	"limit preflight\n"
	"no workerless\n"
	"is drain return\n"},
    {"when few of the fleet announce, who answers climbs at once",
	START
	"fleet fresh\n"
	"vital vital_leave\n"
	"is silent vital_fall\n"
	"no vital\n"
	"is silent\n"
	"no self few\n"
	"is silent\n"
	"limit emergency\n"
	"self\n"
	"is drain emergency\n"
	"says too few others announce\n"},
    {"without a fleet no guard's word counts",
	START
	"few back keep\n"
	"score 10 proof\n"
	"is drain score_fall\n"
	"until silent 30 30\n"
	"run 10\n"
	"is silent\n"},
    {"what most of the fleet suffers keeps the rung",
	START
	"fleet fresh\n"
	"keep bad no well score 10\n"
	"is full wait\n"
	"limit fleet\n"
	"run 200\n"
	"is full wait\n"},
    {"when others are well again before us, the rung is kept for the latch and no longer",
	START
	"fleet fresh\n"
	"keep bad no well score 10\n"
	"run 200\n"
	"no keep\n"
	"is full wait\n"
	"until drain 60 60\n"
	"is drain score_fall\n"},
    {"the end of what most of the fleet suffered is no reason to fall",
	START
	"fleet fresh\n"
	"keep bad no well score 10\n"
	"run 200\n"
	"no keep no bad well\n"
	"is full wait\n"
	"run 50\n"
	"score 100\n"
	"run 200\n"
	"is full stay\n"},
    {"a fault of our own beside it falls all the same when it is vital",
	START
	"fleet fresh\n"
	"keep bad no well vital vital_leave\n"
	"is silent vital_fall\n"},
    {"without a view overload costs the rung at once",
	QUIET
	"fleet stale\n"
	"score 10 calm 100 overload\n"
	"is drain score_fall\n"},
    {"in view of others overload is borne for a while, and then left to them",
	QUIET
	"fleet fresh\n"
	"score 10 calm 100 overload\n"
	"is full wait\n"
	"limit absorb 10\n"
	"until drain 10 10\n"
	"is drain score_fall\n"},
    {"... also in a view of few",
	QUIET
	"fleet isolated\n"
	"score 10 calm 100 overload\n"
	"is full wait\n"
	"until drain 10 10\n"
	"is drain score_fall\n"},
    {"... and for as long as another tells overload",
	QUIET
	"fleet fresh\n"
	"strained 3 score 10 calm 100 overload\n"
	"is full stay\n"
	"limit absorb\n"
	"run 5000\n"
	"is full stay\n"},
    {"... and for as long as too few others announce and bear it",
	QUIET
	"fleet fresh\n"
	"few score 10 calm 100 overload\n"
	"run 5000\n"
	"is full wait\n"
	"limit absorb\n"
	"no few\n"
	"until drain 10 10\n"
	"is drain score_fall\n"},
    {"overload that ends in time costs nothing",
	QUIET
	"fleet fresh\n"
	"score 10 calm 100 overload\n"
	"run 9\n"
	"healthy\n"
	"score 10 calm 100 overload\n"
	"run 9\n"
	"is full wait\n"},
    {"a malfunction beside overload costs the rung at once",
	QUIET
	"fleet fresh\n"
	"score 10 calm 45 overload\n"
	"is drain score_fall\n"},
    {"a fall by overload waits until the routers would bear the climb back",
	START
	"fleet fresh\n"
	"score 10 calm 100 overload\n"
	"limit absorb\n"
	"run 30\n"
	"is full wait\n"},
    {"who is well climbs at once to where another tells overload",
	QUIET
	"fleet fresh\n"
	"score 10\n"
	"is drain score_fall\n"
	"run 30\n"
	"score 100\n"
	"limit hold\n"
	"run 5\n"
	"is drain wait\n"
	"strained 3\n"
	"is full relief\n"
	"says another node tells overload\n"},
    {"... spending what the flap budget keeps back for falls",
	QUIET
	"fleet fresh\n"
	"score 10\n"
	"is drain score_fall\n"
	"score 100\n"
	"run 200\n"
	"is full\n"
	"score 10\n"
	"is drain score_fall\n"
	"score 100\n"
	"run 600\n"
	"is drain wait\n"
	"limit flap\n"
	"strained 3\n"
	"is full relief\n"},
    {"who is silent and well comes back as soon as another tells overload",
	QUIET
	"fleet fresh\n"
	"vital vital_leave\n"
	"is silent vital_fall\n"
	"no vital\n"
	"limit hold\n"
	"strained 3\n"
	"is drain emergency\n"
	"says another node tells overload\n"
	"until full 0 2\n"
	"is full relief\n"},
    {"... no further than that",
	QUIET
	"fleet fresh\n"
	"score 10\n"
	"run 30\n"
	"score 100 strained 2\n"
	"is backup relief\n"},
    {"... and not without a view",
	QUIET
	"fleet stale\n"
	"score 10\n"
	"run 30\n"
	"score 100 strained 3\n"
	"is drain wait\n"},
    {"who is ill and still serves keeps a rung on which another tells overload",
	QUIET
	"fleet fresh\n"
	"strained 3 score 10\n"
	"run 60\n"
	"is full stay\n"
	"says score 10; another node tells overload\n"
	"limit absorb\n"
	"strained 0\n"
	"is drain score_fall\n"},
    {"who is ill and still serves climbs to help, and tries to leave when that is over",
	QUIET
	"fleet fresh\n"
	"score 10\n"
	"is drain score_fall\n"
	"run 30\n"
	"strained 3\n"
	"is full relief\n"
	"run 60\n"
	"limit absorb\n"
	"strained 0\n"
	"is full wait\n"
	"until drain 10 3600\n"
	"is drain score_fall\n"},
    {"... no further than where overload is told",
	QUIET
	"fleet fresh\n"
	"score 10\n"
	"run 30\n"
	"strained 2\n"
	"is backup relief\n"
	"run 600\n"
	"is backup stay\n"},
    {"... and does not wish to be silent meanwhile",
	QUIET
	"fleet fresh\n"
	"proof score 10\n"
	"is drain score_fall\n"
	"run 30\n"
	"wishes high\n"
	"strained 1\n"
	"wishes none\n"},
    {"... but not whom most others find failed",
	QUIET
	"fleet fresh\n"
	"score 10 hearsay 90\n"
	"is drain score_fall\n"
	"run 30\n"
	"strained 3\n"
	"run 60\n"
	"is drain\n"},
    {"... and once well for long enough is there in its own right",
	QUIET
	"fleet fresh\n"
	"score 10\n"
	"run 30\n"
	"strained 3\n"
	"is full relief\n"
	"healthy\n"
	"run 601\n"
	"strained 0 score 10\n"
	"is drain score_fall\n"},
    {"after a fall to silent drain takes one hold",
	START
	"run 9000\n"
	"vital\n"
	"no vital\n"
	"limit hold 60\n"
	"next drain 60\n"
	"until drain 60 60\n"
	"is drain climb\n"},
    {"a fall soon after a climb doubles the hold, up to the cap",
	"conf limit 100000\n"
	START
	"vital\n"
	"no vital\n"
	"until drain 120 120\n"
	"vital\n"
	"no vital\n"
	"until drain 240 240\n"
	"vital\n"
	"no vital\n"
	"until drain 480 480\n"
	"vital\n"
	"no vital\n"
	"until drain 480 480\n"},
    {"two falls of one incident double it once",
	"conf limit 100000\n"
	START
	"score 10 proof\n"
	"until silent 30 30\n"
	"healthy\n"
	"until drain 120 120\n"},
    {"a fall long after the climb is no relapse",
	START
	"run 2000\n"
	"vital\n"
	"no vital\n"
	"until drain 60 60\n"},
    {"stability heals the hold",
	"conf limit 100000\n"
	START
	"vital\n"
	"no vital\n"
	"until drain 120 120\n"
	"vital\n"
	"no vital\n"
	"until drain 240 240\n"
	"until full 480 480\n"
	"run 1799\n"
	"cap drain\n"
	"drop operator\n"
	"limit hold 240\n"
	"until full 480 480\n"
	"run 1801\n"
	"cap drain\n"
	"drop operator\n"
	"limit hold 120\n"
	"until full 240 240\n"
	"run 1801\n"
	"cap drain\n"
	"drop operator\n"
	"limit hold 60\n"},
    {"waiting is no stability: silent heals nothing",
	"conf limit 100000\n"
	START
	"vital\n"
	"run 20000\n"
	"no vital\n"
	"limit hold 120\n"},
    {"waiting is no stability: a hold longer than the healing is waited for",
	"conf limit 100000\n"
	"conf cap_ms 4000000\n"
	"conf relapse_ms 5000000\n"
	START
	"score 60\n"
	"score 100\n"
	"until full 120 120\n"
	"score 60\n"
	"score 100\n"
	"until full 240 240\n"
	"score 60\n"
	"score 100\n"
	"until full 480 480\n"
	"score 60\n"
	"score 100\n"
	"until full 960 960\n"
	"score 60\n"
	"score 100\n"
	"until full 1920 1920\n"
	"score 60\n"
	"score 100\n"
	"until full 3840 3840\n"},
    {"an operator's drain is no relapse",
	"conf limit 100000\n"
	START
	"cap drain\n"
	"drop operator\n"
	"until backup 60 60\n"},
    {"the flap budget makes a climb wait",
	START
	"run 20000\n"
	"vital\n"
	"no vital\n"
	"until drain 60 60\n"
	"until backup 60 60\n"
	"limit flap 447.71\n"
	"until full 447 449\n"
	"moves 7\n"},
    {"a climb that the budget delayed skips rungs",
	START
	"run 20000\n"
	"score 10 proof\n"
	"until silent 30 30\n"
	"healthy\n"
	"until drain 60 60\n"
	"limit flap 456.55\n"
	"next full 456.55\n"
	"until full 456 458\n"
	"moves 7\n"},
    {"no budget makes a fall wait",
	"conf limit 1000\n"
	START
	"cap drain\n"
	"drop operator\n"
	"cap silent\n"
	"drop operator\n"
	"pin full\n"
	"drop operator\n"
	"vital\n"
	"is silent vital_fall\n"},
    {"an unknown check stops the climb, and the hold begins anew",
	QUIET
	"cap drain\n"
	"unknown\n"
	"drop operator\n"
	"run 1000\n"
	"is drain wait\n"
	"limit unknown\n"
	"next none\n"
	"no unknown\n"
	"until backup 60 60\n"
	"run 30\n"
	"unknown\n"
	"run 1\n"
	"no unknown\n"
	"until full 60 60\n"},
    {"an unknown check never makes it fall",
	START
	"unknown score 100 bad no well\n"
	"run 100000\n"
	"is full\n"},
    {"preflight gates the first announcement",
	"cold sessionless round\n"
	"run 100\n"
	"is silent wait\n"
	"limit preflight\n"
	"says session, warm\n"
	"no sessionless\n"
	"is silent\n"
	"no cold\n"
	"is drain first\n"},
    {"preflight gates every climb",
	START
	"cap drain\n"
	"drop operator\n"
	"run 30\n"
	"workerless\n"
	"run 1000\n"
	"is drain\n"
	"limit preflight\n"
	"no workerless\n"
	"until backup 60 60\n"},
    {"an unproven climb is never escalated",
	"deaf round\n"
	"is drain first\n"
	"run 100000\n"
	"is drain wait\n"
	"limit proof\n"
	"no deaf\n"
	"until backup 60 60\n"},
    {"a fall needs no proof of what was before",
	"deaf round\n"
	"is drain first\n"
	"vital\n"
	"is silent vital_fall\n"},
    {"a fresh predecessor's rung is adopted and nothing moves",
	START
	"run 1000\n"
	"restart fresh full\n"
	"is full adopt\n"
	"limit start\n"
	"self pass\n"
	"is full adopt\n"
	"round no unknown no bad well\n"
	"run 100000\n"
	"is full\n"
	"moves 3\n"},
    {"adoption fails when no self round passes in time",
	"conf limit 100000\n"
	START
	"restart fresh full\n"
	"run 0.25\n"
	"is full\n"
	"until silent 0 1\n"
	"is silent adopt_failed\n"
	"limit start\n"
	"healthy\n"
	"until drain 120 120\n"},
    {"what overload keeps from answering in time is no failed adoption",
	START
	"restart fresh full\n"
	"starved\n"
	"run 0.25\n"
	"is full adopt\n"
	"run 0.1\n"
	"is full\n"
	"nolimit start\n"
	"no starved vital\n"
	"is silent vital_fall\n"},
    {"a vital failure during adoption falls at once",
	START
	"restart fresh full\n"
	"vital\n"
	"is silent vital_fall\n"},
    {"with vital_alone drain a failed vital check is no failed adoption",
	"conf vital_alone 0\n"
	START
	"restart fresh full\n"
	"vital\n"
	"is drain vital_fall\n"
	"restart fresh drain\n"
	"vital\n"
	"run 100\n"
	"is drain\n"},
    {"what a pin held through a late adoption goes silent when the pin ends",
	START
	"pin backup\n"
	"restart fresh backup\n"
	"run 100\n"
	"is backup pin\n"
	"drop operator\n"
	"is silent adopt_failed\n"},
    {"after a failed adoption a full round is awaited, and the hold",
	"conf limit 100000\n"
	START
	"restart fresh full\n"
	"run 1\n"
	"self pass well no bad no unknown\n"
	"run 1000\n"
	"is silent start\n"
	"round\n"
	"until drain 120 120\n"},
    {"a low score of half a round does not move what is adopted",
	START
	"restart fresh full\n"
	"score 10\n"
	"run 0.2\n"
	"is full adopt\n"},
    {"a stale predecessor's rung is not adopted",
	QUIET
	"restart stale full\n"
	"is silent start\n"
	"run 100\n"
	"round self pass well no bad no unknown\n"
	"is drain first\n"},
    {"what is not seen standing is not adopted",
	START
	"restart fresh silent\n"
	"is silent start\n"},
    {"the hold stands after a restart",
	"conf limit 100000\n"
	START
	"vital\n"
	"run 10\n"
	"restart fresh silent\n"
	"round self pass no vital well no bad no unknown\n"
	"is silent wait\n"
	"limit hold 110\n"
	"until drain 110 110\n"},
    {"a doubled hold stands after a restart that adopts",
	"conf limit 100000\n"
	START
	"vital\n"
	"no vital\n"
	"until drain 120 120\n"
	"run 50\n"
	"restart fresh drain\n"
	"run 0.1\n"
	"healthy\n"
	"is drain adopt\n"
	"limit hold 120\n"
	"until backup 120 120\n"},
    {"the budget stands after a restart",
	START
	"run 20000\n"
	"score 10 proof\n"
	"until silent 30 30\n"
	"healthy\n"
	"until drain 60 60\n"
	"restart fresh drain\n"
	"healthy\n"
	"limit flap 456.55\n"},
    {"the brake stands after a restart",
	START
	"score 10 bad no well\n"
	"restart fresh drain\n"
	"pass self round\n"
	"no bad well proof no unknown\n"
	"limit brake 60\n"
	"until silent 60 60\n"},
    {"an operator's drain holds, expires, and climbs as any climb",
	QUIET
	"cap drain operator 300\n"
	"is drain limit_fall\n"
	"says operator alice: fibre work\n"
	"limit operator 300\n"
	"next backup 360\n"
	"run 299\n"
	"is drain\n"
	"until backup 61 61\n"},
    {"a cap without end announces nothing",
	START
	"cap silent\n"
	"is silent limit_fall\n"
	"next none\n"
	"run 100000\n"
	"is silent wait\n"},
    {"an operator's hand in BIRD is respected downward",
	QUIET
	"cap drain birdc 3600\n"
	"is drain limit_fall\n"
	"says birdc\n"
	"drop birdc\n"
	"until backup 60 60\n"},
    {"the lowest cap wins",
	QUIET
	"cap backup operator\n"
	"cap drain birdc\n"
	"is drain\n"
	"drop birdc\n"
	"until backup 60 60\n"
	"run 100000\n"
	"is backup wait\n"},
    {"health still acts under a cap",
	START
	"cap backup\n"
	"is backup\n"
	"vital\n"
	"is silent vital_fall\n"},
    {"a pin is exact and beats a vital failure, which stays visible",
	START
	"pin backup\n"
	"is backup pin\n"
	"says alice\n"
	"vital\n"
	"run 100000\n"
	"is backup pin\n"
	"limit operator\n"
	"drop operator\n"
	"is silent vital_fall\n"},
    {"a pin goes up without hold, proof or budget",
	"conf limit 1000\n"
	START
	"vital\n"
	"deaf\n"
	"pin full\n"
	"is full pin\n"},
    {"a pin beats a cap",
	START
	"cap silent birdc\n"
	"pin full\n"
	"is full pin\n"},
    {"a pin upward waits for the first round only",
	"no round\n"
	"pin full\n"
	"is silent pin\n"
	"limit start\n"
	"round\n"
	"is full pin\n"},
    {"a pin holds through adoption",
	START
	"pin full\n"
	"restart fresh full\n"
	"run 100\n"
	"is full pin\n"},
    {"stopping drains, then goes silent, and never climbs",
	START
	"shutdown\n"
	"is drain shutdown\n"
	"limit shutdown\n"
	"run 100000\n"
	"is drain\n"
	"shutdown_silent\n"
	"is silent shutdown\n"
	"run 100000\n"
	"is silent\n"
	"moves 5\n"},
    {"stopping at silent stays silent",
	START
	"vital\n"
	"no vital\n"
	"shutdown\n"
	"run 100000\n"
	"is silent\n"},
    {"stopping is stronger than a pin",
	START
	"pin full\n"
	"shutdown\n"
	"is drain shutdown\n"
	"shutdown_silent\n"
	"is silent shutdown\n"},
    {"a vital failure while stopping goes silent at once",
	START
	"shutdown\n"
	"vital\n"
	"is silent vital_fall\n"},
    {"nothing to judge keeps the rung, and climbs nowhere",
	START
	"cap backup\n"
	"drop operator\n"
	"empty unknown\n"
	"run 100000\n"
	"is backup stay\n"
	"limit unknown\n"},
    {"alone and blacked out it comes back at drain at once",
	"conf alone 1\n"
	"no round self pass bad no well unknown score 10\n"
	"is drain emergency\n"
	"run 100000\n"
	"is drain\n"},
    {"alone it comes back at once after a first vital failure",
	"conf alone 1\n"
	"conf limit 100000\n"
	START
	"vital no self no pass\n"
	"no vital\n"
	"is silent\n"
	"self pass\n"
	"is drain emergency\n"
	"until backup 120 120\n"},
    {"relapses after an emergency climb wait longer and longer",
	"conf alone 1\n"
	"conf limit 100000\n"
	START
	"vital no self\n"
	"no vital self\n"
	"is drain emergency\n"
	"vital no self\n"
	"no vital self\n"
	"limit emergency 1\n"
	"next drain 1\n"
	"until drain 1 1\n"
	"vital no self\n"
	"no vital self\n"
	"until drain 2 2\n"
	"vital no self\n"
	"no vital self\n"
	"until drain 4 4\n"
	"vital no self\n"
	"no vital self\n"
	"until drain 8 8\n"
	"vital no self\n"
	"no vital self\n"
	"until drain 16 16\n"
	"vital no self\n"
	"no vital self\n"
	"until drain 32 32\n"
	"vital no self\n"
	"no vital self\n"
	"until drain 60 60\n"
	"vital no self\n"
	"no vital self\n"
	"until drain 60 60\n"
	"run 601\n"
	"vital no self\n"
	"no vital self\n"
	"is drain emergency\n"},
    {"the emergency wait stands after a restart",
	"conf alone 1\n"
	START
	"vital no self\n"
	"no vital self\n"
	"is drain emergency\n"
	"vital no self\n"
	"run 0.2\n"
	"restart stale silent\n"
	"no vital self pass\n"
	"is silent\n"
	"limit emergency\n"
	"until drain 0 1\n"
	"is drain emergency\n"},
    {"an emergency climb needs no budget",
	"conf alone 1\n"
	"conf limit 1000\n"
	START
	"vital no self\n"
	"no vital self\n"
	"is drain emergency\n"},
    {"an emergency climb needs no session and no warmth, but workers",
	"conf alone 1\n"
	"cold sessionless workerless no round self\n"
	"is silent\n"
	"no workerless\n"
	"is drain emergency\n"},
    {"an emergency climb does not undo an operator",
	"conf alone 1\n"
	START
	"cap silent\n"
	"run 1000\n"
	"is silent\n"},
    {"an emergency climb does not undo stopping",
	"conf alone 1\n"
	START
	"shutdown shutdown_silent\n"
	"is silent shutdown\n"
	"run 1000\n"
	"is silent\n"},
    {"an emergency climb does not undo a pin",
	"conf alone 1\n"
	START
	"pin silent\n"
	"run 1000\n"
	"is silent pin\n"},
    {"an emergency climb is free again when the proof is gone",
	"conf alone 1\n"
	START
	"score 10 proof\n"
	"until silent 30 30\n"
	"run 100\n"
	"bad no well no proof\n"
	"is drain emergency\n"
	"run 1000\n"
	"is drain\n"},
    {"an emergency climb does not undo silent by proof",
	"conf alone 1\n"
	START
	"score 10 proof\n"
	"until silent 30 30\n"
	"run 1000\n"
	"is silent\n"},
    {"silent by a vital failure stays silent while what is left of it is proven to be here",
	"conf alone 1\n"
	START
	"score 10 proof vital no self\n"
	"is silent vital_fall\n"
	"no vital self\n"
	"run 3600\n"
	"is silent stay\n"
	"limit emergency\n"
	"next none\n"
	"score 36\n"
	"is drain emergency\n"},
    {"what an emergency climb waits for is listed beside what the ordinary one waits for",
	"conf alone 1\n"
	START
	"vital no self\n"
	"no vital sessionless\n"
	"run 100\n"
	"is silent wait\n"
	"limit preflight\n"
	"limit emergency\n"
	"says waits: emergency: an emergency climb waits until every self check passes\n"
	"self\n"
	"is drain emergency\n"},
    {"without alone there is no emergency climb",
	"no round self pass bad no well score 10\n"
	"run 100000\n"
	"is silent\n"},
};

#endif
