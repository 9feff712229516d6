"""Anycast address removed by hand: restored or silent, as configured."""


def bound(lab, pop):
    return '192.0.2.53' in lab.nodes[pop].run('ip', '-4', 'address', 'show').stdout


def play(lab):
    lab.say('pop1 is configured to restore its address')
    with lab.asking(families=('v4',)) as asking:
        t0 = lab.now()
        lab.nodes['pop1'].run('ip', 'address', 'del', '192.0.2.53/32', 'dev', 'anycast')
        lab.say('192.0.2.53 is gone from pop1')
        lab.wait('the address to come back', lambda: bound(lab, 'pop1'))
        back = lab.now()
        lab.say(f'restored after {(back - t0) / 1000:.0f} ms')
        lab.stay(2, 'pop1 announces v4', lambda: lab.rung('pop1') not in (None, 'silent'))
        asking.summary(t0, lab.now())
        lab.need(asking.lost(back + 500_000, lab.now()) == 0, 'queries lost with the address back')

    lab.settle()
    with lab.configured('pop2', lambda text: lab.without_key(text, 'address_interface')):
        lab.say('pop2 is configured not to')
        lab.nodes['pop2'].run('ip', 'address', 'del', '192.0.2.53/32', 'dev', 'anycast')
        lab.wait_rung('pop2', 'silent', families=('v4',))
        lab.stay(2, 'pop2 v4 silent, v6 full', lambda: lab.rung('pop2') == 'silent'
                 and lab.rung('pop2', 'v6') == 'full')
        lab.need(not bound(lab, 'pop2'), 'somebody restored it')
        lab.nodes['pop2'].run('ip', 'address', 'add', '192.0.2.53/32', 'dev', 'anycast')
        lab.say('put back by hand')
        lab.wait_rung('pop2', 'drain', families=('v4',))
