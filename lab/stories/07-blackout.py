"""Blackout: all nodes off and on, cold, no upstream in the first minute: the prefix comes back by
itself."""
from story import FAMILIES, POPS

SECONDS = 20  # without upstream: a minute of the default timings would be three seconds here


def play(lab):
    lab.say('all PoPs lose their power')
    lab.power_off(*POPS)
    lab.wait_route(None)
    with lab.without_upstream(*POPS):
        t0 = lab.now()
        lab.power_on(*POPS)
        lab.say('power is back, upstream is not')
        for family in FAMILIES:
            lab.wait(f'some {family} route at transit', lambda f=family: lab.route(f), SECONDS)
        lab.say(f'the prefix is back after {(lab.now() - t0) / 1e6:.1f} s')
        with lab.asking(miss=0) as asking:
            t1 = lab.now()
            lab.stay(SECONDS, 'the prefix at transit',
                     lambda: all(lab.route(family) for family in FAMILIES))
            lost, _, by = asking.summary(t1, lab.now())
            lab.need(sum(by.values()) > 0, 'nobody answers')
            lab.need(lost == 0, f'{lost} queries had no answer at all')
    lab.say('upstream is back')
    for pop in POPS:
        lab.wait_rung(pop, 'full', within=120)
