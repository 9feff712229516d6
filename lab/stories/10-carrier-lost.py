"""Uplink carrier lost: the other session carries on; all lost: silent."""


def play(lab):
    transit = lab.nodes['transit']
    with lab.asking() as asking:
        t0 = lab.now()
        transit.run('ip', 'link', 'set', 'pop1', 'down')
        try:
            lab.say('pop1 has lost one of its two uplinks')
            lab.wait_route('pop1b')
            moved = lab.now()
            lab.stay(3, 'pop1 at full over the other uplink',
                     lambda: lab.lane('pop1', 'v4')['rung'] == 'full'
                     and lab.heard('pop1', 'v4', 'pop1b_4').rung == 'full')
            asking.summary(t0, moved)
            lost, _, by = asking.summary(moved, lab.now())
            lab.need(lost == 0 and set(by) == {'pop1'},
                     f'over the other uplink: {lost} lost, by {dict(by)}')
            transit.run('ip', 'link', 'set', 'pop1b', 'down')
            lab.say('and the other one')
            lab.wait_route('pop2')
            for family in ('v4', 'v6'):
                lab.wait(f'pop1 {family} to order silent',
                         lambda f=family: lab.lane('pop1', f)['rung'] == 'silent')
            gates = lab.nodes['pop1'].sh('ip -o link show up').split()
            up = [word for word in gates if word.startswith('apdns')]
            lab.need(not up, f'silent with gates up: {up}')
        finally:
            for link in ('pop1', 'pop1b'):
                transit.run('ip', 'link', 'set', link, 'up')
        lab.say('both are back')
        lab.wait_rung('pop1', 'drain')
