"""Rolling upgrade under load, keeper, brain, workers and engines: not one query lost by UDP or TCP, where
a client asks again when its connection ends, no route change."""

RATE = 1000
TCP = 10  # of a hundred turns


def upgrade(lab, asking):
    t0 = lab.now()
    keeper, brain = lab.keeper('pop1'), lab.brain('pop1')
    workers, engines = lab.workers('pop1'), lab.engines('pop1')
    lab.bgpctl('pop1', 'upgrade')
    lab.say(f'bgpctl upgrade: done after {(lab.now() - t0) / 1e6:.1f} s')
    lab.need(lab.keeper('pop1') == keeper, 'the keeper is another process: it is replaced in place')
    lab.need(lab.brain('pop1') != brain, 'the brain is the old one')
    for kind, before, after in (('workers', workers, lab.workers('pop1')),
                                ('engines', engines, lab.engines('pop1'))):
        lab.need(set(before) == set(after) and not set(before.values()) & set(after.values()),
                 f'{kind} were {before} and are {after}: not all new')
    lab.stay(2, 'pop1 at full', lambda: lab.rung('pop1') == 'full')
    end = lab.now()
    by = asking.need_served(t0, end)
    lab.need(set(by) == {'pop1'}, f'answered by {dict(by)}')
    by_tcp = [row for row in asking.rows(t0, end) if row.family.startswith('tcp')]
    lab.say(f'{len(by_tcp)} of them by TCP, {sum(row.cuts > 0 for row in by_tcp)} asked again as their '
            'connection ended')
    lab.need(by_tcp, 'nothing was asked by TCP')


def play(lab):
    with lab.asking(rate=RATE, tcp=TCP) as asking, lab.nothing_moves('pop1'):
        upgrade(lab, asking)
        upgrade(lab, asking)
