"""Upstream lost at all PoPs, with 2000 queries a second, half of them misses, for minutes: none
silent, one change at most per node."""
import time

from story import FAMILIES

SECONDS = 120


def none_silent(lab):
    return all((lab.lane(pop, family) or {}).get('rung', 'full') != 'silent'
               for pop in lab.pops for family in FAMILIES)


def outage(lab, asking):
    since, t0 = time.time_ns() // 1000, lab.now()
    lab.say(f'no PoP has an upstream, for {SECONDS} s')
    lab.stay(SECONDS, 'no node silent', lambda: none_silent(lab))
    moves = {(pop, family): lab.moves(pop, family, since) for pop in lab.pops for family in FAMILIES}
    end = lab.now()
    for (pop, family), took in moves.items():
        lab.need(len(took) <= 1, f'{pop} {family} moved more than once: {took}')
        lab.say(f'{pop} {family} ' + (f'{took[0][0]} -> {took[0][1]}' if took else 'stayed'))
    lab.need(all(change.event != 'del' for change in lab.changes(t0, end)),
             'transit had no route for a while')
    asking.summary(t0, end)
    # What is in the cache is still answered: with everybody at drain, traffic is at pop1 again.
    hits = [row for row in asking.rows(t0, end) if row.kind == 'hit']
    answered = sum(row.rcode == 0 for row in hits)
    lab.say(f'{answered} of {len(hits)} questions for popular names were answered')
    lab.need(answered > 0.9 * len(hits), 'less than nine of ten were answered')


def play(lab):
    with lab.without_upstream():
        with lab.asking(rate=2000, miss=50) as asking:
            lab.stay(3, 'traffic at pop1', lambda: lab.route('v4') == 'pop1')  # warms its cache
            lab.cut_upstream(*lab.pops)
            outage(lab, asking)
        lab.mend_upstream(*lab.pops)
        lab.say('upstream is back')
        for pop in lab.pops:
            lab.wait_rung(pop, 'full', within=120)
