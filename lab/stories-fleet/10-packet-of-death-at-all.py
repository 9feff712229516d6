"""A packet of death at all five nodes at once, each of which has one engine: what is known is answered all
along, the name ends in quarantine everywhere, nobody moves and nobody wishes to."""
import time

import fleet
import nodes
import story
from story import FAMILIES

death = story.load(f'{nodes.LAB}/stories/34-packet-of-death.py')


def play(lab):
    for pop in lab.pops:
        lab.warm(pop)
    with death.mortal(lab), lab.asking(rate=100, miss=0, local=10) as asking:
        for pop in lab.pops:
            lab.wait(f'{pop} to be well', lambda p=pop: not lab.unwell(p))
        name, since = f'die-{time.time_ns():x}.random.example.test', time.time_ns() // 1000
        with lab.nothing_moves(*lab.pops):
            t0 = lab.now()
            lab.say(f'{name} is asked everywhere')
            death.convicted(lab, lab.pops, name)
            lab.say('in quarantine everywhere, and engines again, after '
                    f'{(lab.now() - t0) / 1000:.0f} ms')
            for pop in lab.pops:
                for family in FAMILIES:
                    lab.need(death.refused(lab, pop, name, family, death.AGAIN),
                             f'{pop} {family}: no quarantine again')
            lab.stay(3, 'all at full, and no wish', lambda: all(
                lab.rung(pop, family) == 'full' and fleet.lane(lab, pop, family)['intent'] == 'none'
                for pop in lab.pops for family in FAMILIES))
            end = lab.now()
            for kind in ('hit', 'local'):
                asking.need_all(kind, t0, end)
            lost, _, by = asking.summary(t0, end)
            lab.need(lost == 0 and set(by) == {'pop1'}, f'{lost} lost, answered by {dict(by)}')
        for pop in lab.pops:
            lab.need('quarantine' in lab.bgpctl(pop, 'cache', 'explain', name, check=False).stdout,
                     f'{pop}: cache explain does not know it')
        fleet.need_nobody_silent(lab, since)
