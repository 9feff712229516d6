"""All workers killed, and startable: no route change, serving again."""


def play(lab):
    with lab.asking() as asking, lab.nothing_moves('pop1'):
        for again in (False, True):
            t0 = lab.now()
            killed = set(lab.kill_workers('pop1'))
            lab.say(f'killed all workers of pop1{" again" if again else ""}: {sorted(killed)}')
            lab.wait('new workers, ready', lambda k=killed: lab.renewed('pop1', k))
            served = lab.now()
            lab.say(f'new workers ready after {(served - t0) / 1000:.0f} ms')
            lab.stay(2, 'pop1 at full', lambda: lab.rung('pop1') == 'full')
            end = lab.now()
            lost, _, by = asking.summary(t0, end)
            lab.need(set(by) == {'pop1'}, f'answers came from {dict(by)}')
            late = asking.lost(served, end)
            lab.need(late == 0, f'{late} queries lost after the workers were ready again')
            lab.need(lost < 200, f'{lost} queries lost: more than one second of them')
