"""All workers and engines of a PoP killed while no PoP has an upstream: the popular names are answered
as soon as workers are ready, and nothing moves."""
from story import FAMILIES

KEPT = 0.99
READ = 32  # datagrams that a worker reads at a time, and which die with it; what is queued does not


def play(lab):
    lab.warm('pop1')
    with lab.asking(miss=0) as asking, lab.without_upstream(*lab.pops):
        lab.say('no PoP has an upstream')
        for pop in lab.pops:
            lab.wait(f'{pop} at drain', lambda p=pop: all(
                lab.rung(p, f) == 'drain' for f in FAMILIES))
        lab.wait_route('pop1')
        with lab.nothing_moves('pop1'):
            workers, engines = lab.workers('pop1').values(), lab.engines('pop1').values()
            t0 = lab.now()
            lab.kill('pop1', 'KILL', [*workers, *engines])
            lab.say('killed all workers and engines of pop1')
            lab.wait('new workers, ready', lambda: lab.renewed('pop1', workers))
            served = lab.now()
            lab.say(f'new workers are ready after {(served - t0) / 1000:.0f} ms')
            swept = lab.sweep('pop1')
            lab.say(f'the popular names, within a second: {swept.right} of {swept.asked} answered')
            lab.need(swept.right >= KEPT * swept.asked, f'the cache was not kept: {swept}')
            lab.wait('new engines, ready', lambda: lab.engines_renewed('pop1', engines))
            lab.stay(2, 'pop1 at drain', lambda: lab.rung('pop1') == 'drain')
            end = lab.now()
            lost, _, by = asking.summary(t0, end)
            asking.need_all('hit', served, end)
            lab.need(set(by) == {'pop1'}, f'answered by {dict(by)}')
            lab.need(lost <= READ * len(workers), f'{lost} queries lost: more than died with the workers')
    lab.say('upstream is back')
    lab.wait_route('pop1')
