"""Upstream lost at one PoP: drain, never silent; back: climbs rung by rung."""
import time


def play(lab):
    with lab.unhurried('pop1'), lab.asking() as asking:
        since = time.time_ns() // 1000
        with lab.without_upstream('pop1'):
            lab.say('pop1 has lost its upstream')
            lab.wait_rung('pop1', 'drain')
            lab.wait_route('pop2')
            for family in ('v4', 'v6'):
                lab.need('brake' in lab.limits('pop1', family),
                         f'{family}: no brake among the limits {lab.limits("pop1", family)}')
            moved = lab.now()
            # Well over the time at drain after which proof would take it to silent.
            lab.stay(6, 'pop1 at drain', lambda: lab.rung('pop1') == 'drain'
                     and lab.rung('pop1', 'v6') == 'drain')
            lost, failed, by = asking.summary(moved, lab.now())
            lab.need(lost == 0 and failed == 0 and set(by) == {'pop2'},
                     f'with the route at pop2: {lost} lost, {failed} failed, by {dict(by)}')
            back = time.time_ns() // 1000
        lab.say('upstream is back')
        lab.climb('pop1', ['backup', 'full'], back)
        lab.wait_route('pop1')
        for family in ('v4', 'v6'):
            took = [to for _, to in lab.moves('pop1', family, since)]
            lab.need('silent' not in took, f'{family} was silent on its way: {took}')
