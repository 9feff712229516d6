"""BIRD killed: other PoP within BFD, back after restart at the rung in force; BIRD package upgrade
the same."""
from story import FAMILIES

BFD_US = 1_500_000  # three intervals, and the transit's own work on a loaded machine


def without_bird(lab, stop, rung):
    t0 = lab.now()
    stop()
    lab.wait_route('pop2')
    lab.moved(t0, 'pop2')
    first = [c.us for c in lab.changes(t0) if c.device == 'pop2' or c.event == 'del']
    lab.need(max(first[:2]) - t0 < BFD_US,
             f'moved after {(max(first) - t0) / 1000:.0f} ms: that was not BFD')
    lab.wait('the alarm about BIRD', lambda: 'bird_silent' in lab.alarms('pop1', 'v4'))
    lab.need(lab.lane('pop1', 'v4')['rung'] == rung, 'the rung in force has changed')
    lab.nodes['pop1'].run('/srv/anypop/lab/node/start', 'bird_start')
    lab.say('BIRD is started again')
    lab.wait_rung('pop1', rung)
    lab.wait('pop1\'s other uplink', lambda: all(lab.heard('pop1', f, f'pop1b_{f[1]}').rung == rung
                                                for f in FAMILIES))


def play(lab):
    node = lab.nodes['pop1']
    with lab.asking() as asking:
        t0 = lab.now()
        lab.say('BIRD of pop1 is killed')
        without_bird(lab, lambda: node.run('pkill', '-KILL', '-x', 'bird'), 'full')
        lab.wait_route('pop1')
        asking.summary(t0, lab.now())

        lab.bgpctl('pop1', 'pin', 'backup')
        lab.wait_rung('pop1', 'backup')
        lab.wait_route('pop2')
        lab.say('pop1 at backup: BIRD\'s package is upgraded (stop, start)')
        node.run('pkill', '-TERM', '-x', 'bird')
        lab.wait('BIRD to end', lambda: not node.processes('bird'))
        node.run('/srv/anypop/lab/node/start', 'bird_start')
        lab.wait_rung('pop1', 'backup')
        lab.wait('pop1\'s other uplink', lambda: all(
            lab.heard('pop1', f, f'pop1b_{f[1]}').rung == 'backup' for f in FAMILIES))
        heard = lab.updates('pop1')  # transit counts anew for each session
        lab.need(heard == 4, f'transit heard {heard} updates over four sessions: '
                 'the new BIRD said something else than the rung in force')
