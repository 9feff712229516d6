"""Drain of a region under load, node by node: its traffic goes to the other one, not one query lost, nobody
silent; undrained: back."""
import time

import fleet
from story import FAMILIES

REGION = ('pop1', 'pop2', 'pop3')


def play(lab):
    for pop in lab.pops:
        lab.warm(pop)
    since = time.time_ns() // 1000
    with lab.asking(rate=200, miss=5) as asking:
        lab.stay(1, 'traffic at pop1', lambda: lab.route('v4') == 'pop1')
        t0 = lab.now()
        for pop in REGION:
            lab.bgpctl(pop, 'drain')
        for pop in REGION:
            lab.wait_rung(pop, 'drain')
        lab.wait_route('pop4')
        moved = lab.now()
        lab.say(f'region eu is drained after {(moved - t0) / 1e6:.1f} s')
        for pop in ('pop4', 'pop5'):
            for family in FAMILIES:
                lab.wait(f'{pop} {family} to see a hand at all of it', lambda p=pop, f=family: [
                    node['rung'] for node in fleet.lane(lab, p, f)['nodes']
                    if 'hand' in node['flags']] == ['drain'] * len(REGION))
        lab.stay(2, 'traffic at pop4', lambda: all(lab.route(f) == 'pop4' for f in FAMILIES))
        _, _, by = asking.summary(moved, lab.now())
        lab.need(set(by) == {'pop4'}, f'answered by {dict(by)}')
        for pop in REGION:
            lab.bgpctl(pop, 'undrain')
        lab.say('the region is undrained')
        for pop in REGION:
            lab.wait_rung(pop, 'full', within=120)
        lab.wait_route('pop1')
        end = lab.now()
        asking.need_served(t0, end)
    fleet.need_no_gap(lab, t0)
    fleet.need_nobody_silent(lab, since)
