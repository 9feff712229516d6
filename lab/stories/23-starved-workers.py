"""Workers that get next to no processor: slow is no malfunction; drain, none killed, and back."""
import contextlib
import os
import time

import nodes
from story import FAMILIES

# Of a cgroup: a millisecond of processor time a second, by whichever of the two kinds there is.
LIMITS = (
    ('/sys/fs/cgroup/cpu', (('cpu.cfs_period_us', '1000000'), ('cpu.cfs_quota_us', '1000'))),
    ('/sys/fs/cgroup', (('cpu.max', '1000 1000000'),)),
)


def _group(pop):
    """The directory of the PoP's own cgroup, and the limits of that kind; None without one."""
    for root, limits in LIMITS:
        own = nodes.cgroup(root, pop)
        if os.path.exists(f'{own}/{limits[0][0]}'):
            return own, limits
    return None, None


def _move(node, pids, group):
    """Ids in the node; so it is done there, where they mean that."""
    for pid in pids:
        node.run('sh', '-c', f'echo {pid} >{group}/cgroup.procs')


@contextlib.contextmanager
def starved(node, pids, own, limits):
    """These processes get about nothing: a loop beside them takes most of what their group may."""
    tight = f'{own}-starved'
    os.mkdir(tight)
    hog = None
    try:
        for knob, value in limits:
            with open(f'{tight}/{knob}', 'w', encoding='ascii') as f:
                f.write(value)
        hog = node.start('sh', '-c', f'echo $$ >{tight}/cgroup.procs; while :; do :; done',
                         log='hog.log')
        _move(node, pids, tight)
        yield
    finally:
        _move(node, pids, own)
        if hog:
            hog.stop()
        nodes.wait_for(lambda: not open(f'{tight}/cgroup.procs', encoding='ascii').read(), 20,
                       'the starved group to be empty')
        os.rmdir(tight)


def play(lab):
    own, limits = _group('pop1')
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
