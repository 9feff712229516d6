"""Workers that get next to no processor, by a cgroup within their PoP's own."""
import contextlib
import os

import nodes

# Of a cgroup: a millisecond of processor time a second, by whichever of the two kinds there is.
LIMITS = (
    ('/sys/fs/cgroup/cpu', (('cpu.cfs_period_us', '1000000'), ('cpu.cfs_quota_us', '1000'))),
    ('/sys/fs/cgroup', (('cpu.max', '1000 1000000'),)),
)


def group(pop):
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
    """These processes of the node get about nothing: a loop beside them takes most of what their group may."""
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
