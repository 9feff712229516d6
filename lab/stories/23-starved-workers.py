"""Workers that get next to no processor: slow is no malfunction; drain, none killed, and back."""
import time

from starve import group, starved
from story import FAMILIES


def play(lab):
    own, limits = group('pop1')
    if own is None:
        lab.say('no cgroup on this machine by which workers could be starved: nothing to see')
        return
    since = time.time_ns() // 1000
    before = lab.workers('pop1')
    with lab.asking() as asking:
        with starved(lab.nodes['pop1'], before.values(), own, limits):
            lab.say('the workers of pop1 share a millisecond of processor time a second')
            lab.wait('drain', lambda: all(
                (lab.lane('pop1', f) or {}).get('rung') == 'drain' for f in FAMILIES))
            lab.wait_route('pop2')
            moved = lab.now()
            # A worker that is let run for a moment answers a probe, and is slow again at the next.
            lab.wait('the limit of absorb', lambda: all(
                'absorb' in lab.limits('pop1', f) for f in FAMILIES))
            lab.say(lab.lane('pop1', 'v4')['because'])
            # No longer than busy_probes (5 s) in all: from then on a loop without an end is assumed.
            lab.stay(1, 'pop1 at drain', lambda: lab.rung('pop1') == 'drain')
            brain = lab.brain('pop1')
            lab.kill('pop1', 'KILL', [brain])
            lab.say('and the brain dies amid it')
            lab.adopted('pop1', brain)
            lab.stay(1, 'pop1 at drain', lambda: lab.lane('pop1', 'v4')['rung'] == 'drain')
            lab.need(lab.workers('pop1') == before, 'a slow worker was killed')
            until = lab.now()
        lab.say('the workers get what they need')
        lost, _, by = asking.summary(moved, until)
        lab.need(lost == 0 and set(by) == {'pop2'},
                 f'with the route at pop2: {lost} lost, answered by {dict(by)}')
        lab.wait_rung('pop1', 'full', within=120)
        lab.wait_route('pop1')
    lab.need(lab.workers('pop1') == before, 'a worker was killed')
    for family in FAMILIES:
        took = [to for _, to in lab.moves('pop1', family, since)]
        lab.need('silent' not in took, f'{family} was silent: {took}')
