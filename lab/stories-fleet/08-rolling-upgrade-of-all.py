"""Rolling upgrade of all five nodes under load: not one query lost, no route change, every node is in view
with the nonce that it had."""
import fleet
from story import FAMILIES


def play(lab):
    before = {pop: lab.ask(pop, 'fleet')['nonce'] for pop in lab.pops}
    for pop in lab.pops:
        lab.warm(pop)
    with lab.asking(rate=200, miss=5) as asking, lab.nothing_moves(*lab.pops):
        lab.stay(1, 'traffic at pop1', lambda: lab.route('v4') == 'pop1')
        t0 = lab.now()
        for pop in lab.pops:
            brain, workers = lab.brain(pop), lab.workers(pop)
            began = lab.now()
            lab.bgpctl(pop, 'upgrade')
            lab.say(f'{pop}: bgpctl upgrade, done after {(lab.now() - began) / 1e6:.1f} s')
            lab.need(lab.brain(pop) != brain, f'{pop}: the brain is the old one')
            lab.need(not set(workers.values()) & set(lab.workers(pop).values()),
                     f'{pop}: the worker is the old one')
            for other in lab.pops:
                for family in FAMILIES:
                    lab.wait(f'{other} {family} to see all', lambda o=other, f=family:
                             fleet.lane(lab, o, f)['in_view'] == len(lab.pops) - 1)
        end = lab.now()
        by = asking.need_served(t0, end)
        lab.need(set(by) == {'pop1'}, f'answered by {dict(by)}')
    after = {pop: lab.ask(pop, 'fleet')['nonce'] for pop in lab.pops}
    lab.need(after == before, f'nonces were {before} and are {after}')
