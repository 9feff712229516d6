"""One region's common fault, proven at each of its nodes: with budget for all of them one goes on
announcing; the other region does not move."""
import contextlib
import time

import fleet
from story import FAMILIES

REGION = ('pop4', 'pop5')


@contextlib.contextmanager
def roomy(lab):
    """Everybody's budget is three: what keeps one of a region of two there is not the budget. It is a
    constant in BIRD's part too, as beacons carry it."""
    with contextlib.ExitStack() as stack:
        for pop in lab.pops:
            stack.callback(lab.bgpctl, pop, 'bird', 'apply', '--yes')
            stack.enter_context(lab.configured(pop, lambda text: text.replace(
                'max_suspended = 1', 'max_suspended = 3')))
            lab.bgpctl(pop, 'bird', 'apply', '--yes')
        for pop in lab.pops:
            for family in FAMILIES:
                lab.wait(f'{pop} {family} to have a budget of three',
                         lambda p=pop, f=family: fleet.lane(lab, p, f)['budget'] == 3)
            lab.wait(f'{pop} to be well', lambda p=pop: not lab.unwell(p))
        yield


def stays(lab, family):
    """The one of the region that is left says that it stays for the region."""
    for pop in REGION:
        if lab.rung(pop, family) != 'silent':
            lane = fleet.lane(lab, pop, family)
            lab.say(f'{pop} {family} stays: {lane["because"]} (rank {lane["rank"]}, budget '
                    f'{lane["budget"]})')
            lab.need('in this region' in lane['because'], f'{pop} {family}: {lane["because"]}')
            lab.need(lane['rank'] < lane['budget'], 'the budget holds it, not the region')
            lab.need('fleet' in lab.limits(pop, family), 'no limit of the fleet')


def play(lab):
    others = [pop for pop in lab.pops if pop not in REGION]
    with roomy(lab):
        since, t0 = time.time_ns() // 1000, lab.now()
        with contextlib.ExitStack() as fault, lab.nothing_moves(*others):
            for pop in REGION:
                fault.enter_context(lab.engines_cut_off(pop))
            lab.say(f'{" and ".join(REGION)} resolve nothing any more; upstream is well')
            for family in FAMILIES:
                lab.wait(f'one of the region silent in {family}', lambda f=family: 'silent' in [
                    lab.rung(pop, f) for pop in REGION])
            for pop in REGION:
                for family in FAMILIES:
                    lab.wait(f'{pop} {family} at drain or silent', lambda p=pop, f=family:
                             lab.rung(p, f) in ('drain', 'silent'))
            lab.stay(8, 'one of the region announces', lambda: all(
                [lab.lane(pop, family)['rung'] for pop in REGION].count('silent') == 1
                for family in FAMILIES))
            for family in FAMILIES:
                stays(lab, family)
        lab.say('they resolve again')
        for pop in REGION:
            lab.wait_rung(pop, 'full', within=120)
        for family in FAMILIES:
            found = fleet.silences(lab, family, since)
            lab.need(len(fleet.at_once(found)) == 1, f'{family}: {found}')
        fleet.need_no_gap(lab, t0)
