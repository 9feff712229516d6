"""A brain killed while its node waits at drain to go silent: its successor keeps the wish's place, the others
see no gap in it, and it settles anew; when there is room the node goes."""
import contextlib
import os
import re
import time

import fleet
import nodes
from story import FAMILIES

INTENTS = ('198.18.4.2', 'fd00:53:b::402')  # pop2's, in either family


@contextlib.contextmanager
def beacons_watched(lab, pop):
    """Yields a function: changes of the pop's own intents in the kernel since, as lines."""
    path = f'{nodes.RUN}/{pop}/intents.log'
    if os.path.exists(path):
        os.unlink(path)
    process = lab.nodes[pop].start('ip', 'monitor', 'route', log='intents.log')

    def changes():
        with open(path, encoding='utf-8') as f:
            return [line.strip() for line in f
                    if any(re.search(rf'\b{re.escape(one)}\b', line) for one in INTENTS)]
    try:
        yield changes
    finally:
        process.stop()


def waiting(lab, pop):
    for family in FAMILIES:
        lab.wait(f'{pop} {family} to wait at drain for room', lambda f=family: (
            lab.rung(pop, f) == 'drain' and 'fleet' in lab.limits(pop, f)
            and fleet.lane(lab, pop, f)['intent'] == 'low'
            and fleet.lane(lab, pop, f)['rank'] >= 1))


def followed(lab):
    """The brain is killed while the wish waits."""
    brain = lab.brain('pop2')
    with beacons_watched(lab, 'pop2') as changes:
        # The monitor tells of what is done from here on, once it tells of anything.
        for there in (True, False):
            lab.nodes['pop2'].run('ip', 'route', 'add' if there else 'del', 'blackhole',
                                  INTENTS[0], 'table', '5399')
            lab.wait('the route monitor of pop2', lambda n=1 if there else 2: len(changes()) >= n)
        begun, since = len(changes()), time.time_ns() // 1000
        lab.kill('pop2', 'KILL', [brain])
        lab.adopted('pop2', brain)
        waiting(lab, 'pop2')
        waited = (time.time_ns() // 1000 - since) / 1e6
        for family in FAMILIES:
            lab.wait(f'pop2 {family} no longer frozen',
                     lambda f=family: not fleet.lane(lab, 'pop2', f)['frozen_s'])
        thawed = (time.time_ns() // 1000 - since) / 1e6
        lab.need(not changes()[begun:], f'the wish was taken back: {changes()[begun:]}')
    lab.say(f'the next brain waits in the same place after {waited:.1f} s, and is as free to go as '
            f'the one before after {thawed:.1f} s')


def play(lab):
    t0 = lab.now()
    with lab.engines_cut_off('pop2'):
        with lab.workers_refuse('pop3'):
            lab.kill_workers('pop3')
            lab.wait_rung('pop3', 'silent')
            lab.say('pop3 answers SERVFAIL and is silent; pop2 resolves nothing, and there is no room')
            waiting(lab, 'pop2')
            followed(lab)
            lab.need(all(lab.rung('pop2', f) == 'drain' for f in FAMILIES), 'pop2 is at drain')
        since = time.time_ns() // 1000
        lab.kill_workers('pop3')
        lab.say('pop3 answers again')
        lab.wait_rung('pop2', 'silent', within=60)
        for family in FAMILIES:
            moves = [m for m in lab.orders('pop2', family, since) if m['to'] == 'silent']
            lab.need(moves[0]['rule'] == 'proven_fall', f'pop2 {family} went by {moves[0]}')
    for pop in ('pop2', 'pop3'):
        lab.wait_rung(pop, 'full', within=120)
    fleet.need_no_gap(lab, t0)
