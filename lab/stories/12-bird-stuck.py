"""BIRD stopped: out by BFD, alarm; BIRD answering after 3 s: no escalation of climbs, falls by the
gate; a BIRD that says "enabled" and exports nothing: unproven, alarm, rung not claimed."""
import contextlib
import time

from story import FAMILIES


def stopped(lab):
    node = lab.nodes['pop1']
    t0 = lab.now()
    node.run('pkill', '-STOP', '-x', 'bird')
    lab.say('BIRD of pop1 is stopped')
    try:
        lab.wait_route('pop2')
        took = min(lab.moved(t0, 'pop2').values()) - t0
        lab.need(took < 1_500_000, f'moved after {took / 1000:.0f} ms: that was not BFD')
        lab.wait('the alarm', lambda: 'bird_silent' in lab.alarms('pop1', 'v4'))
    finally:
        node.run('pkill', '-CONT', '-x', 'bird')
    lab.say('BIRD goes on')
    # Its sessions come up and, when it notices by its own BFD what it has missed, go once more:
    # the first route back is not the end of it.
    lab.wait_steady('pop1', 5)


@contextlib.contextmanager
def slow_socket(lab, pop, seconds):
    """Between healthd and BIRD stands a relay that keeps every answer back for so long."""
    node = lab.nodes[pop]
    node.run('mv', '/run/bird/bird.ctl', '/run/bird/real.ctl')
    relay = node.start('python3', '/srv/anypop/lab/slow.py', '/run/bird/bird.ctl',
                       '/run/bird/real.ctl', str(seconds), log='slow.log')
    try:
        lab.wait('the relay', lambda: node.run('test', '-S', '/run/bird/bird.ctl',
                                               check=False).returncode == 0)
        node.run('chown', 'bird:bird', '/run/bird/bird.ctl')
        node.run('chmod', '660', '/run/bird/bird.ctl')
        lab.kill(pop, 'KILL', [lab.brain(pop)])  # the next one comes by the relay
        lab.wait('the next brain', lambda: lab.status(pop))
        yield
    finally:
        relay.stop()
        node.run('mv', '/run/bird/real.ctl', '/run/bird/bird.ctl')


def slow(lab):
    with slow_socket(lab, 'pop1', 3):
        lab.say('BIRD of pop1 answers after 3 s')
        with lab.workers_cannot_start('pop1'):
            t0 = lab.now()
            lab.kill_workers('pop1')
            for family in FAMILIES:
                lab.wait(f'{family}: silent to be ordered',
                         lambda f=family: (lab.lane('pop1', f) or {}).get('rung') == 'silent')
            lab.wait_route('pop2')
            took = max(lab.moved(t0, 'pop2').values()) - t0
            lab.say(f'withdrawn by the gate after {took / 1000:.0f} ms')
            lab.need(took < 2_500_000, 'that was not the gate: it waited for BIRD\'s answer')
            mended = time.time_ns() // 1000
        lab.say('workers can start again')
        # Mostly by the emergency rule, in seconds; else by the ordinary climb, after a whole look at
        # BIRD: some 18 answers, 3 s each.
        lab.wait('drain to be ordered',
                 lambda: (lab.lane('pop1', 'v4') or {}).get('rung') == 'drain', within=150)
        lab.say(f'drain is ordered: {lab.lane("pop1", "v4")["because"]}')
        # Longer than the hold between climbs: it is the proof alone that is waited for.
        lab.stay(8, 'no rung above drain without proof',
                 lambda: lab.lane('pop1', 'v4')['rung'] in ('silent', 'drain')
                 or lab.lane('pop1', 'v4')['proven'])
        for family in FAMILIES:
            took = [to for _, to in lab.moves('pop1', family, mended)]
            lab.need(set(took) <= {'drain'}, f'{family} climbed without proof: {took}')
    lab.say('BIRD answers at once again')
    lab.wait_rung('pop1', 'full', within=120)


def exports_nothing(lab):
    node = lab.nodes['pop2']
    node.sh("sed -i 's/export where anypop_export()/export none/' /etc/bird/bird.conf; "
            'birdc configure')
    lab.say('BIRD of pop2 exports nothing any more, its protocols stay enabled')
    for family in FAMILIES:
        lab.wait(f'{family} not claimed', lambda f=family: lab.lane('pop2', f)
                 and not lab.lane('pop2', f)['proven'])
        lab.wait(f'{family}: the alarm', lambda f=family: 'unproven' in lab.alarms('pop2', f))
    lab.stay(3, 'the rung is not claimed', lambda: lab.rung('pop2') is None)
    node.run('/srv/anypop/lab/node/start', 'bird_config')
    node.run('birdc', 'configure')
    lab.say('the export filter is back')
    lab.wait_rung('pop2', 'full')
    lab.wait('the alarm to end', lambda: 'unproven' not in lab.alarms('pop2', 'v4'))


def play(lab):
    stopped(lab)
    slow(lab)
    exports_nothing(lab)
