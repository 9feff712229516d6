"""Broken new configuration and SIGHUP: nothing moves, said clearly."""


def note(lab):
    status = lab.status('pop1')
    return status['config']['note'] if status else None


def play(lab):
    node = lab.nodes['pop1']
    good = node.sh('cat /etc/anypop/healthd.conf')
    workers = lab.workers('pop1')
    with lab.nothing_moves('pop1'):
        lab.put_configuration('pop1', good + '\nunheard_of = 1;\n')
        line = len(good.splitlines()) + 2
        refused = lab.bgpctl('pop1', 'check', check=False)
        lab.need(refused.returncode != 0, 'bgpctl check takes the broken file')
        lab.kill('pop1', 'HUP', [lab.keeper('pop1')])
        lab.say('SIGHUP with a broken configuration')
        lab.wait('the note', lambda: note(lab))
        lab.say(f'note: {note(lab)}')
        for word in ('healthd.conf', f':{line}:', 'unheard_of'):
            lab.need(word in note(lab), f'the note does not name {word}')
        lab.wait('the alarm', lambda: 'config' in lab.alarms('pop1', 'v4'))
        brain = lab.brain('pop1')
        lab.kill('pop1', 'KILL', [brain])
        lab.say('the brain dies over it')
        lab.adopted('pop1', brain)
        lab.say('the next one runs on the last good configuration')
        lab.stay(3, 'full', lambda: lab.lane('pop1', 'v4')['rung'] == 'full')
        lab.need(note(lab), 'the next brain does not say so')
        lab.put_configuration('pop1', good)
        lab.reload('pop1')
        lab.say('mended, SIGHUP')
        lab.wait('the note to go', lambda: lab.status('pop1') and not note(lab))
        lab.wait('the alarm to go', lambda: 'config' not in lab.alarms('pop1', 'v4'))
        lab.stay(2, 'full', lambda: lab.lane('pop1', 'v4')['rung'] == 'full')
        lab.need(lab.workers('pop1') == workers, 'workers were disturbed')
