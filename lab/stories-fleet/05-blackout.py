"""Blackout: all five nodes off and on, cold, nothing kept, and no reflector in reach: the prefix comes
back by itself, before the mesh does."""
import fleet
from story import FAMILIES

SECONDS = 10


def play(lab):
    lab.say('all PoPs lose their power')
    lab.power_off(*lab.pops)
    for pop in lab.pops:
        lab.wipe(pop)
    lab.wait_route(None)
    with lab.parted(*lab.pops):
        t0 = lab.now()
        lab.power_on(*lab.pops)
        lab.say('power is back, no reflector is')
        for family in FAMILIES:
            lab.wait(f'some {family} route at transit', lambda f=family: lab.route(f))
        lab.say(f'the prefix is back after {(lab.now() - t0) / 1e6:.1f} s')
        back = lab.now()
        for pop in lab.pops:
            lab.wait_rung(pop, 'full')
        lab.stay(SECONDS, 'the prefix at transit', lambda: all(lab.route(f) for f in FAMILIES))
    lab.say('the reflectors are back')
    for pop in lab.pops:
        for family in FAMILIES:
            lab.wait(f'{pop} {family} to see all',
                     lambda p=pop, f=family: not fleet.unwell(fleet.lane(lab, p, f), len(lab.pops)))
        lab.need(all(lab.rung(pop, f) == 'full' for f in FAMILIES), f'{pop} is not at full')
    with lab.asking(rate=200) as asking:
        t1 = lab.now()
        lab.stay(3, 'traffic at pop1', lambda: lab.route('v4') == 'pop1')
        asking.need_served(t1, lab.now())
    fleet.need_no_gap(lab, back)
