"""Capacity is short at all but one, which a hand holds down: overload is borne at full, nobody falls after
the other; undrained, that one is at full without its hold, to help; nobody silent, and all back."""
import contextlib
import time

import fleet
from starve import group, starved
from story import FAMILIES, RUNGS

SHORT = ('pop1', 'pop2', 'pop3', 'pop4')
HELPER = 'pop5'
BORNE = 10  # seconds: several times absorb_ms


def seen_overloaded(lab, family):
    """Whom the helper sees telling overload."""
    return {node['id'] for node in fleet.lane(lab, HELPER, family)['nodes']
            if 'absorbing' in node['flags']}


def all_short(lab):
    return all(seen_overloaded(lab, f) == {1, 2, 3, 4} for f in FAMILIES)


def bear(lab, since):
    """None of those that are short of capacity leaves full for it, and each says why."""
    lab.stay(BORNE, 'all of them at full', lambda: all(
        (lab.lane(pop, f) or {}).get('rung', 'full') == 'full'
        for pop in SHORT for f in FAMILIES))
    for pop in SHORT:
        for family in FAMILIES:
            lab.need(not lab.moves(pop, family, since),
                     f'{pop} {family} moved: {lab.moves(pop, family, since)}')
            lab.need('absorb' in lab.limits(pop, family), f'{pop} {family} does not say why')
    lab.say(lab.lane('pop1', 'v4')['because'])


def help_comes(lab):
    """Undrained, the helper does not wait for its hold."""
    since = time.time_ns() // 1000
    lab.bgpctl(HELPER, 'undrain')
    lab.wait_rung(HELPER, 'full', within=20)
    for family in FAMILIES:
        rules = [order['rule'] for order in lab.orders(HELPER, family, since)]
        lab.need(rules == ['relief'], f'{HELPER} {family} climbed by {rules}')
    lab.say(f'{HELPER} is at full to help, {(time.time_ns() // 1000 - since) / 1e6:.1f} s after it was let')


def play(lab):
    if group('pop1')[0] is None:
        lab.say('no cgroup on this machine by which workers could be starved: nothing to see')
        return
    for pop in lab.pops:
        lab.warm(pop)
    start = time.time_ns() // 1000
    with lab.asking(rate=200, miss=5):
        lab.bgpctl(HELPER, 'drain')
        lab.wait_rung(HELPER, 'drain')
        before = {pop: lab.workers(pop) for pop in SHORT}
        t0 = lab.now()
        with contextlib.ExitStack() as stack:
            since = time.time_ns() // 1000
            for pop in SHORT:
                own, limits = group(pop)
                stack.enter_context(
                    starved(lab.nodes[pop], before[pop].values(), own, limits))
            lab.say('the workers of four PoPs get a millisecond of processor time a second')
            lab.wait('all of them to tell overload', lambda: all_short(lab))
            bear(lab, since)
            help_comes(lab)
        lab.say('the workers get what they need')
        for pop in lab.pops:
            lab.wait_rung(pop, 'full', within=180)
        lab.wait_route('pop1')
    fleet.need_no_gap(lab, t0)
    for pop in SHORT:
        lab.need(lab.workers(pop) == before[pop], f'a worker of {pop} was killed')
        for family in FAMILIES:
            low = [to for _, to in lab.moves(pop, family, start)
                   if RUNGS.index(to) < RUNGS.index('drain')]
            lab.need(not low, f'{pop} {family} was silent')
    fleet.need_nobody_silent(lab, start)
