"""Workers stopped (SIGSTOP): killed and serving again, no route change; stopping again at every
start: silent."""

READ = 32  # datagrams that a worker reads at a time, and which die with it; what is queued does not
OLD_US = 1_500_000  # but what lay there so long is not answered any more


def play(lab):
    with lab.asking() as asking:
        with lab.nothing_moves('pop1'):
            t0 = lab.now()
            stopped = set(lab.kill_workers('pop1', 'STOP'))
            lab.say(f'stopped all workers of pop1: {sorted(stopped)}')
            lab.wait('other workers, ready', lambda: lab.renewed('pop1', stopped))
            served = lab.now()
            lab.say(f'others are ready after {(served - t0) / 1000:.0f} ms')
            left = stopped & set(lab.nodes['pop1'].processes('resolver'))
            lab.need(not left, f'stopped workers {left} were not killed')
            lab.stay(2, 'pop1 at full', lambda: lab.rung('pop1') == 'full')
            end = lab.now()
            asking.summary(t0, end)
            lab.need(asking.lost(served, end) == 0, 'queries lost after the workers were ready')
            lost = asking.lost(max(t0, served - OLD_US), end)
            lab.need(lost <= READ * len(stopped), f'{lost} queries lost: more than died with the workers')
        with lab.workers_stop_at_start('pop1'):
            lab.kill_workers('pop1', 'STOP')
            lab.say('stopped all workers of pop1; each new one stops at its start')
            lab.wait_rung('pop1', 'silent')
            lab.wait_route('pop2')
            moved = lab.now()
            lab.stay(2, 'pop1 silent', lambda: lab.rung('pop1') == 'silent')
            lost, _, by = asking.summary(moved, lab.now())
            lab.need(lost == 0 and set(by) == {'pop2'},
                     f'with the route at pop2: {lost} lost, answered by {dict(by)}')
        lab.say('new workers run again')
        lab.wait_rung('pop1', 'drain')
