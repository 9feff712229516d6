"""Brain killed -9, a worker killed in between, brain killed again: nothing moves, worker respawned;
brain stopped: fenced and replaced; brain dead and the workers dead: gates down within the lease;
keeper killed: gates down, service back."""
import time

LEASE_US = 1_000_000
SLACK_US = 1_000_000  # a loaded machine, and BGP's way to transit


def killed(lab):
    with lab.asking() as asking, lab.nothing_moves('pop1'):
        t0 = lab.now()
        brain, workers = lab.brain('pop1'), lab.workers('pop1')
        slot, pid = min(workers.items())
        lab.kill('pop1', 'KILL', [brain])
        lab.kill('pop1', 'KILL', [pid])
        lab.say(f'killed brain {brain}, and worker {pid} before the next brain is there')
        lab.adopted('pop1', brain)
        lab.wait('the worker respawned', lambda: lab.renewed('pop1', [pid]))
        others = {s: p for s, p in lab.workers('pop1').items() if s != slot}
        lab.need(all(workers.get(s) == p for s, p in others.items()),
                 'a worker that was well has been replaced')
        brain = lab.brain('pop1')
        lab.kill('pop1', 'KILL', [brain])
        lab.say(f'killed brain {brain}')
        lab.adopted('pop1', brain)
        lab.stay(3, 'full', lambda: lab.lane('pop1', 'v4')['rung'] == 'full')
        lost, _, _ = asking.summary(t0, lab.now())
        lab.need(lost <= 100, f'{lost} queries lost')


def stopped(lab):
    with lab.nothing_moves('pop1'):
        brain, workers = lab.brain('pop1'), lab.workers('pop1')
        lab.kill('pop1', 'STOP', [brain])
        lab.say(f'stopped brain {brain}')
        lab.adopted('pop1', brain)
        lab.need(lab.nodes['pop1'].run('kill', '-0', str(brain), check=False).returncode != 0,
                 'the stopped brain still lives')
        lab.stay(3, 'full', lambda: lab.lane('pop1', 'v4')['rung'] == 'full')
        lab.need(lab.workers('pop1') == workers, 'workers were disturbed')


def dead(lab):
    with lab.instead_of('pop1', lab.BRAIN, '#!/bin/sh\nexit 1\n'):
        workers = list(lab.workers('pop1').values())
        lab.kill('pop1', 'KILL', [lab.brain('pop1')])
        lab.say('the brain is dead, and no other can start')
        with lab.nothing_moves('pop1'):
            time.sleep(2)  # the time over which nothing may move: twice the lease
        t0 = lab.now()
        lab.kill('pop1', 'KILL', workers)
        lab.say('the workers are dead too')
        lab.wait_route('pop2')
        took = max(lab.moved(t0, 'pop2').values()) - t0
        lab.say(f'gates down, transit moved after {took / 1000:.0f} ms')
        lab.need(took < LEASE_US + SLACK_US, 'that is longer than the lease')
    lab.say('brains can start again')
    lab.wait_rung('pop1', 'drain')


def keeper_killed(lab):
    keeper = lab.keeper('pop1')
    t0 = lab.now()
    lab.kill('pop1', 'KILL', [keeper])
    lab.say(f'killed keeper {keeper}')
    lab.wait_route('pop2')
    took = max(lab.moved(t0, 'pop2').values()) - t0
    lab.say(f'gates down, transit moved after {took / 1000:.0f} ms')
    lab.wait('the service back', lambda: (lab.status('pop1') or {}).get('keeper', {}).get(
        'pid', keeper) != keeper)
    lab.wait_rung('pop1', 'drain')


def play(lab):
    killed(lab)
    stopped(lab)
    dead(lab)
    lab.settle()
    keeper_killed(lab)
