"""Engines killed (one, then both) and stopped: popular names go on without a loss or a SERVFAIL, names
that must be resolved are answered again within two seconds, no route change."""

AGAIN_US = 2_000_000


def fault(lab, asking, signal, which):
    t0 = lab.now()
    before = lab.engines('pop1')
    gone = [before[number] for number in which]
    lab.kill('pop1', signal, gone)
    lab.say(f'{signal} to engines {list(which)} of pop1: {gone}')
    lab.wait('other engines, ready', lambda: lab.engines_renewed('pop1', gone))
    served = lab.now()
    lab.say(f'others are ready after {(served - t0) / 1000:.0f} ms')
    left = set(gone) & set(lab.nodes['pop1'].processes('resolver'))
    lab.need(not left, f'engines {left} were not killed')
    lab.need(all(lab.engines('pop1')[n] == pid for n, pid in before.items() if pid not in gone),
             'an engine that was well has been replaced')
    lab.stay(AGAIN_US / 1e6 + 1, 'pop1 at full', lambda: lab.rung('pop1') == 'full')
    end = lab.now()
    lost, _, by = asking.summary(t0, end)
    asking.need_all('hit', t0, end)
    asking.need_all('local', t0, end)
    asking.need_all('miss', max(served, t0 + AGAIN_US), end)
    lab.need(set(by) == {'pop1'}, f'answered by {dict(by)}')
    lab.need(lost == 0, f'{lost} queries lost: who waits for an engine is told when there is none')


def play(lab):
    lab.warm('pop1')
    workers = lab.workers('pop1')
    with lab.asking(local=5) as asking, lab.nothing_moves('pop1'):
        fault(lab, asking, 'KILL', (0,))
        fault(lab, asking, 'KILL', (0, 1))
        fault(lab, asking, 'STOP', (1,))
        fault(lab, asking, 'STOP', (0, 1))
    lab.need(lab.workers('pop1') == workers, 'workers were disturbed')
