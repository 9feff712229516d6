"""The mesh parts: a node that sees less than half of the fleet does nothing by choice, and one that was
silent by choice comes back; the larger side goes on; healed: all see all."""
import time

import fleet
from story import FAMILIES

AWAY = ('pop5', 'pop4')  # the first is cut off first


def standing(lab, pop, what):
    for family in FAMILIES:
        lab.wait(f'{pop} {family} to be {what}',
                 lambda f=family: fleet.lane(lab, pop, f)['standing'] == what)


def play(lab):
    t0 = lab.now()
    with lab.engines_cut_off('pop5'):
        lab.say('pop5 resolves nothing any more')
        lab.wait_rung('pop5', 'silent')
        cut = time.time_ns() // 1000
        with lab.parted(*AWAY):
            lab.say(f'{" and ".join(AWAY)} have no way to the reflectors')
            for pop in AWAY:
                standing(lab, pop, 'isolated')
            lab.wait_rung('pop5', 'drain')
            for family in FAMILIES:
                back = lab.orders('pop5', family, cut)[0]
                lab.need(back['rule'] == 'return' and 'out of view' in back['because'],
                         f'{family} came back by {back}')
                lab.say(f'pop5 {family}: {back["because"]}')
            with lab.engines_cut_off('pop4'):
                lab.say('pop4 resolves nothing any more either')
                lab.wait_rung('pop4', 'drain')
                lab.stay(8, 'neither goes silent', lambda: all(
                    lab.lane(pop, family)['rung'] == 'drain' for pop in AWAY for family in FAMILIES))
            for pop in set(lab.pops) - set(AWAY):
                for family in FAMILIES:
                    lane = fleet.lane(lab, pop, family)
                    lab.need(lane['standing'] == 'fresh' and lane['in_view'] == 2,
                             f'{pop} {family}: {lane["standing"]}, {lane["in_view"]} in view')
        lab.say('the mesh is whole again')
        for pop in lab.pops:
            for family in FAMILIES:
                lab.wait(f'{pop} {family} to see all',
                         lambda p=pop, f=family: fleet.lane(lab, p, f)['in_view'] == 4)
        lab.wait_rung('pop5', 'silent')
    lab.say('pop5 resolves again')
    for pop in AWAY:
        lab.wait_rung(pop, 'full', within=120)
    fleet.need_no_gap(lab, t0)
