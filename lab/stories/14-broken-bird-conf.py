"""Broken bird.conf, then workers that cannot start: still withdrawn."""


def play(lab):
    node = lab.nodes['pop1']
    node.sh('echo "protocol static { this is no BIRD" >>/etc/bird/bird.conf')
    refused = node.run('birdc', 'configure', check=False).stdout
    lab.need('syntax error' in refused, f'BIRD took the broken file: {refused}')
    lab.say('bird.conf of pop1 is broken; BIRD refuses to configure')
    with lab.asking() as asking, lab.workers_cannot_start('pop1'):
        lab.kill_workers('pop1')
        lab.say('killed the workers of pop1; none can start')
        lab.wait_rung('pop1', 'silent')
        lab.wait_route('pop2')
        moved = lab.now()
        lab.stay(2, 'withdrawn', lambda: lab.heard('pop1', 'v4').rung == 'silent')
        lost, _, by = asking.summary(moved, lab.now())
        lab.need(lost == 0 and set(by) == {'pop2'}, f'{lost} lost, by {dict(by)}')
    lab.say('workers can start again; bird.conf is still broken')
    lab.wait_rung('pop1', 'drain')
