"""All upstreams lost at once under load: nobody silent, what is cached is answered, one change a lane
at most, and once most tell the same fault whoever still has its rung keeps it."""
import time

import fleet
from story import FAMILIES, RUNGS

SECONDS = 40


def told(lab, asking, since, t0):
    end = lab.now()
    moved = {(pop, family): lab.moves(pop, family, since)
             for pop in lab.pops for family in FAMILIES}
    for (pop, family), took in moved.items():
        lab.need(len(took) <= 1, f'{pop} {family} moved more than once: {took}')
        lab.need(not any(to == 'silent' for _, to in took), f'{pop} {family} went silent')
    kept = sorted(f'{pop} {family}' for (pop, family), took in moved.items() if not took)
    lab.say(f'{len(moved) - len(kept)} of {len(moved)} lanes went to drain; kept: '
            f'{", ".join(kept) or "none"}')
    fleet.need_no_gap(lab, t0, end)
    asking.summary(t0, end)
    hits = [row for row in asking.rows(t0, end) if row.kind == 'hit']
    answered = sum(row.truth == 'ok' for row in hits)
    lab.say(f'{answered} of {len(hits)} questions for popular names were answered')
    lab.need(hits and answered > 0.9 * len(hits), 'less than nine of ten were answered')


def none_falls(lab, known):
    """Once every node knew that the fault was common nobody fell, also not at its end."""
    for pop in lab.pops:
        for family in FAMILIES:
            down = [move for move in lab.moves(pop, family, known)
                    if RUNGS.index(move[1]) < RUNGS.index(move[0])]
            lab.need(not down, f'{pop} {family} fell all the same: {down}')


def play(lab):
    for pop in lab.pops:
        lab.warm(pop)
    with lab.asking(rate=500, miss=50) as asking, lab.without_upstream():
        lab.stay(2, 'traffic at pop1', lambda: lab.route('v4') == 'pop1')
        since, t0 = time.time_ns() // 1000, lab.now()
        lab.cut_upstream(*lab.pops)
        lab.say(f'no PoP has an upstream, for {SECONDS} s')
        for pop in lab.pops:
            for family in FAMILIES:
                lab.wait(f'{pop} {family} to know that most see what it sees',
                         lambda p=pop, f=family: fleet.lane(lab, p, f)['keep'])
        known = time.time_ns() // 1000
        lab.say('every node knows that most of the fleet sees the same fault')
        lab.stay(SECONDS, 'no lane silent', lambda: all(
            (lab.lane(pop, family) or {}).get('rung', 'full') != 'silent'
            for pop in lab.pops for family in FAMILIES))
        told(lab, asking, since, t0)
        lab.mend_upstream(*lab.pops)
        lab.say('upstream is back')
        for pop in lab.pops:
            lab.wait_rung(pop, 'full', within=120)
        none_falls(lab, known)
