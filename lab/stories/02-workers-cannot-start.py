"""Workers that cannot start: silent, traffic at the next PoP; mended: drain, backup, full."""
import time


def play(lab):
    with lab.unhurried('pop1'), lab.asking() as asking:
        with lab.workers_cannot_start('pop1'):
            t0 = lab.now()
            lab.kill_workers('pop1')
            lab.say('killed the workers of pop1; none can start')
            lab.wait_rung('pop1', 'silent')
            lab.wait_route('pop2')
            moved = lab.now()
            lab.stay(1, 'traffic at pop2', lambda: lab.route('v4') == 'pop2')
            asking.summary(t0, moved)
            lost, _, by = asking.summary(moved, lab.now())
            lab.need(lost == 0 and set(by) == {'pop2'},
                     f'with the route at pop2: {lost} lost, answered by {dict(by)}')
            mended = time.time_ns() // 1000
        lab.say('workers can start again')
        lab.climb('pop1', ['drain', 'backup', 'full'], mended)
        lab.wait_route('pop1')
