"""A bad release at all five nodes, one after the other: those that others can stand in for go silent, the
last two stay at drain, and the prefix is on the air all along; all at once: back by itself, mended."""
import contextlib
import time

import fleet
from story import FAMILIES

LEFT = 2  # min_announcing


def announcing(lab, family):
    return {pop for pop in lab.pops if lab.lane(pop, family)['rung'] != 'silent'}


def told(lab, pop):
    """Waits until a node has told its failure, and all others know."""
    number = int(pop[3:])
    for other in lab.pops:
        for family in FAMILIES:
            lab.wait(f'{other} {family} to know that {pop} has failed', lambda o=other, f=family: any(
                node['intent'] == 'vital' for node in fleet.lane(lab, o, f)['nodes']
                if node['id'] == number) or o == pop)


def released(lab, stack):
    for pop in lab.pops:
        stack.enter_context(lab.workers_refuse(pop))
        lab.kill_workers(pop)
        lab.say(f'{pop} answers SERVFAIL to everything, the health name too')
        told(lab, pop)


def one_after_the_other(lab):
    since, t0 = time.time_ns() // 1000, lab.now()
    with contextlib.ExitStack() as stack:
        released(lab, stack)
        lab.stay(10, f'{LEFT} nodes announce', lambda: all(
            len(announcing(lab, family)) == LEFT for family in FAMILIES))
        for family in FAMILIES:
            left = announcing(lab, family)
            lab.say(f'{family}: {" and ".join(sorted(left))} announce')
            for pop in left:
                lab.wait(f'{pop} {family} at drain', lambda p=pop, f=family: lab.rung(p, f) == 'drain')
                lab.need('fleet' in lab.limits(pop, family), f'{pop} {family} is not held by the fleet')
    mended(lab)
    fleet.need_no_gap(lab, t0)
    for family in FAMILIES:
        most = fleet.at_once(fleet.silences(lab, family, since))
        lab.need(len(most) == len(lab.pops) - LEFT, f'{family}: silent at once: {most}')


def all_at_once(lab):
    """Within one delay of a beacon: each sees four others that are well. Who is left, if any, is at
    drain; what is promised is that the prefix comes back by itself as soon as one can answer."""
    with contextlib.ExitStack() as stack:
        for pop in lab.pops:
            stack.enter_context(lab.workers_refuse(pop))
        for pop in lab.pops:
            lab.kill_workers(pop)
        lab.say('all five at once answer SERVFAIL to everything')
        for pop in lab.pops:
            told(lab, pop)
        for family in FAMILIES:
            lab.say(f'{family}: {" ".join(sorted(announcing(lab, family))) or "nobody"} announce')
    mended(lab)


def mended(lab):
    t0 = lab.now()
    for pop in lab.pops:
        lab.kill_workers(pop)
    lab.say('all five answer again')
    for family in FAMILIES:
        lab.wait(f'some {family} route at transit', lambda f=family: lab.route(f))
    lab.say(f'the prefix is on the air {(lab.now() - t0) / 1e6:.1f} s later')
    for pop in lab.pops:
        lab.wait_rung(pop, 'full', within=120)


def play(lab):
    one_after_the_other(lab)
    lab.settle()
    all_at_once(lab)
