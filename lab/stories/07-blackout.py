"""Blackout: all nodes off and on, cold, no upstream in the first minute: the prefix comes back by
itself."""
from story import FAMILIES

SECONDS = 20  # without upstream: a minute of the default timings would be three seconds here


def play(lab):
    lab.say('all PoPs lose their power')
    lab.power_off(*lab.pops)
    lab.wait_route(None)
    with lab.without_upstream(*lab.pops):
        t0 = lab.now()
        lab.power_on(*lab.pops)
        lab.say('power is back, upstream is not')
        for family in FAMILIES:
            lab.wait(f'some {family} route at transit', lambda f=family: lab.route(f), SECONDS)
        lab.say(f'the prefix is back after {(lab.now() - t0) / 1e6:.1f} s')
        with lab.asking(miss=10, local=50) as asking:
            t1 = lab.now()
            lab.stay(SECONDS, 'the prefix at transit',
                     lambda: all(lab.route(family) for family in FAMILIES))
            t2 = lab.now()
            asking.summary(t1, t2)
            rows = [row for row in asking.rows(t1, t2) if row.kind == 'local']
            lost = sum(row.rcode != 0 for row in rows)
            lab.say(f'of what needs no upstream: {len(rows)} queries, {lost} without an answer')
            lab.need(rows and lost == 0, 'what needs no upstream was not answered')
    lab.say('upstream is back')
    for pop in lab.pops:
        lab.wait_rung(pop, 'full', within=120)
