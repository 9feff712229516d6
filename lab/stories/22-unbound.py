"""A resolver of others, Unbound by command line, instead of ours: killed, serving again, no route
change; cannot start, silent; hung, killed and serving again."""
import contextlib

import raise_lab

UNBOUND = '/usr/sbin/unbound'


def restart(lab, pop):
    """What `systemctl restart` does: one kind of workers never takes another's place in flight."""
    node, keeper = lab.nodes[pop], lab.keeper(pop)
    lab.stop_service(pop)
    lab.wait('the service to end', lambda: node.run('kill', '-0', str(keeper),
                                                   check=False).returncode != 0, within=120)
    node.run('/srv/anypop/lab/node/start', 'healthd_start')
    lab.wait('healthd to answer', lambda: lab.status(pop))


@contextlib.contextmanager
def with_unbound(lab, pop):
    before = lab.nodes[pop].sh('cat /etc/anypop/healthd.conf')
    lab.put_configuration(pop, raise_lab.by_unbound(before))
    restart(lab, pop)
    try:
        yield
    finally:
        lab.put_configuration(pop, before)
        restart(lab, pop)


def refused_in_flight(lab, pop):
    before = lab.nodes[pop].sh('cat /etc/anypop/healthd.conf')
    workers = lab.workers(pop)
    lab.put_configuration(pop, raise_lab.by_unbound(before))
    lab.kill(pop, 'HUP', [lab.keeper(pop)])
    lab.wait('the refusal', lambda: 'restart it' in ((lab.status(pop) or {}).get(
        'config', {}).get('note') or ''))
    lab.need(lab.workers(pop) == workers, 'workers were disturbed by a refused reload')
    lab.put_configuration(pop, before)
    lab.reload(pop)


def killed_and_hung(lab):
    with lab.asking() as asking, lab.nothing_moves('pop1'):
        for signal in ('KILL', 'STOP'):
            t0 = lab.now()
            gone = set(lab.kill_workers('pop1', signal))
            lab.say(f'{signal} to all workers of pop1: {sorted(gone)}')
            lab.wait('new workers, ready', lambda g=gone: lab.renewed('pop1', g))
            served = lab.now()
            lab.say(f'others are ready after {(served - t0) / 1000:.0f} ms')
            lab.stay(2, 'pop1 at full', lambda: lab.rung('pop1') == 'full')
            end = lab.now()
            lab.need(asking.lost(served, end) == 0, 'queries lost after the workers were ready')


def play(lab):
    refused_in_flight(lab, 'pop1')
    with with_unbound(lab, 'pop1'):
        lab.say('pop1 runs Unbound')
        lab.wait_rung('pop1', 'full', within=120)
        lab.wait_route('pop1')
        lab.need(len(lab.nodes['pop1'].processes('unbound')) == 2, 'two Unbounds run')
        killed_and_hung(lab)
        with lab.instead_of('pop1', UNBOUND, '#!/bin/sh\nexit 1\n'):
            lab.kill_workers('pop1')
            lab.say('the workers of pop1 are killed, and none can start')
            lab.wait_rung('pop1', 'silent')
            lab.wait_route('pop2')
        lab.say('Unbound can start again')
        lab.wait_rung('pop1', 'drain')
    lab.say('pop1 runs our own resolver again')
    lab.wait_rung('pop1', 'drain')
