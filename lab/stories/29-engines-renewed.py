"""Upstream lost at one PoP for some seconds: engines that remember it are replaced when it is back, and
fresh names resolve at once."""
import time

FRESH = 40
SOON_US = 8_000_000


def play(lab):
    since = time.time_ns() // 1000
    engines, workers = list(lab.engines('pop1').values()), lab.workers('pop1')
    with lab.without_upstream('pop1'):
        lab.say('pop1 has lost its upstream')
        lab.wait_rung('pop1', 'drain')
        # What the engines know of the zone proves some fresh names for as long as it lives (5 s).
        lab.wait('fresh names to fail',
                 lambda: lab.sweep('pop1', 'miss', FRESH, 3).right == 0)
        # So often that its engines take every server for dead.
        for _ in range(2):
            cold = lab.sweep('pop1', 'miss', FRESH, 3)
            lab.need(cold.right == 0, f'{cold.right} names were resolved without an upstream')
        lab.need(list(lab.engines('pop1').values()) == engines,
                 'engines were replaced while upstream was gone')
    t0 = lab.now()
    lab.say('upstream is back')
    lab.wait('the event', lambda: any(e['name'] == 'engines_renewed'
                                      for e in lab.events('pop1', since)))
    lab.wait('other engines', lambda: lab.engines_renewed('pop1', engines))
    renewed = lab.now()
    lab.say(f'engines are others after {(renewed - t0) / 1000:.0f} ms')
    swept = lab.sweep('pop1', 'miss', FRESH, 2)
    took = lab.now() - t0
    lab.say(f'fresh names: {swept.right} of {swept.asked}, {took / 1000:.0f} ms after upstream')
    lab.need(swept.right == FRESH, f'names that had to be resolved: {swept}')
    lab.need(took < SOON_US, f'that took {took / 1e6:.1f} s')
    lab.need(lab.workers('pop1') == workers, 'workers were disturbed')
    lab.wait_rung('pop1', 'full', within=120)
    lab.wait_route('pop1')
