"""Memory and CPU pressure at one PoP: drain at most."""
import contextlib
import os
import time

import nodes
from story import FAMILIES


PSI = ('some avg10={0:.2f} avg60={0:.2f} avg300={0:.2f} total=1\n'
       'full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n')


@contextlib.contextmanager
def pressure(lab, pop, percent):
    """The pressure files that this PoP's checks read say so."""
    directory = f'{nodes.RUN}/{pop}/pressure'

    def write(value):
        for name in ('cpu', 'memory'):
            with open(f'{directory}/{name}', 'r+', encoding='ascii') as f:
                f.write(PSI.format(value))
                f.truncate()
    write(percent)
    try:
        yield
    finally:
        write(0)


@contextlib.contextmanager
def half_a_processor(pop):
    """A real limit by the PoP's own cgroup, where the machine has one."""
    for knob, tight, loose in (
            (f'{nodes.cgroup("/sys/fs/cgroup/cpu", pop)}/cpu.cfs_quota_us', '50000', '-1'),
            (f'{nodes.cgroup("/sys/fs/cgroup", pop)}/cpu.max', '50000 100000', 'max')):
        if os.path.exists(knob):
            break
    else:
        yield False
        return
    with open(knob, 'w', encoding='ascii') as f:
        f.write(tight)
    try:
        yield True
    finally:
        with open(knob, 'w', encoding='ascii') as f:
            f.write(loose)


def play(lab):
    since = time.time_ns() // 1000
    with lab.asking(rate=500) as asking:
        t0 = lab.now()
        with half_a_processor('pop1') as real, pressure(lab, 'pop1', 95):
            lab.say('pop1 under pressure' + (', and half a processor for all of it' if real else
                                             '; no cgroup for a real limit on this machine'))
            lab.wait('the pressure check to fail', lambda: any(
                c['verdict'] == 'fail' for c in lab.ask('pop1', 'checks')['checks']
                if c['kind'] == 'resource'))

            def serving():
                return all((lab.lane('pop1', f) or {}).get('rung') not in (None, 'silent')
                           for f in FAMILIES)
            lab.stay(8, 'pop1 at drain or better', serving)
            lab.say(f'pop1 is at {lab.rung("pop1")}: {lab.lane("pop1", "v4")["because"]}')
        lab.say('pressure is gone')
        lab.wait_rung('pop1', 'full', within=120)
        lost, _, _ = asking.summary(t0, lab.now())
        lab.need(lost == 0, f'{lost} queries lost')
    for family in FAMILIES:
        took = [to for _, to in lab.moves('pop1', family, since)]
        lab.need('silent' not in took, f'{family} was silent: {took}')
