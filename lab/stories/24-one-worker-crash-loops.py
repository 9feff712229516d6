"""One of four workers dies at each start: nothing is lost but what it had read, no route change; it is
quarantined and shown, and back when mended. Workers come to be four, and two again, in flight."""
import re

READ = 32  # datagrams that a worker reads at a time, and which die with it


def slot(lab, number):
    return lab.ask('pop1', 'workers')['workers'][number]


def answering(lab, asking, seconds):
    """The workers that answer during so long, and that nothing is lost meanwhile."""
    t0 = lab.now()
    lab.stay(seconds, 'full', lambda: lab.rung('pop1') == 'full')
    end = lab.now()
    lost, _, _ = asking.summary(t0, end)
    lab.need(lost == 0, f'{lost} queries lost')
    return {row.nsid for row in asking.rows(t0, end)}


def crash_loop(lab, asking):
    t0 = lab.now()
    others = {s: pid for s, pid in lab.workers('pop1').items() if s != 1}
    with lab.workers_instead('pop1', 'exit 1', slot=1):
        lab.kill('pop1', 'KILL', [lab.workers('pop1')[1]])
        lab.say('worker 1 of pop1 is killed, and dies at each start')
        lab.wait('quarantine', lambda: slot(lab, 1)['state'] == 'quarantined')
        shown = lab.bgpctl('pop1', 'workers').stdout
        lab.need('3 of 4 ready' in shown and re.search(r'^ +1 +quarantined', shown, re.M),
                 f'bgpctl workers does not show it:\n{shown}')
        by = answering(lab, asking, 2)
        lab.need(by == {'pop1/0', 'pop1/2', 'pop1/3'}, f'answered by {by}')
        lab.need({s: pid for s, pid in lab.workers('pop1').items() if s != 1} == others,
                 'a worker that was well has been replaced')
    lab.say('worker 1 can start again')
    lab.wait('worker 1 to be back', lambda: slot(lab, 1)['state'] == 'ready')
    lost, _, by = asking.summary(t0, lab.now())
    lab.need(lost <= READ, f'{lost} queries lost: more than died with the worker')
    lab.need(set(by) == {'pop1'}, f'answered by {dict(by)}')


def play(lab):
    with lab.asking(rate=500) as asking, lab.nothing_moves('pop1'):
        t0 = lab.now()
        with lab.configured('pop1', lambda text: text.replace('count = 2;', 'count = 4;')):
            lab.wait('four workers', lambda: lab.ask('pop1', 'workers')['ready'] == 4)
            grown = lab.now()
            lab.say('pop1 has four workers')
            lab.need(asking.lost(t0, grown) == 0, 'queries lost while it grew')
            by = answering(lab, asking, 2)
            lab.need(by == {f'pop1/{n}' for n in range(4)}, f'answered by {by}')
            crash_loop(lab, asking)
            by = answering(lab, asking, 2)
            lab.need(by == {f'pop1/{n}' for n in range(4)}, f'answered by {by}')
            shrinks = lab.now()
        lab.wait('two workers', lambda: len(lab.workers('pop1')) == 2)
        lab.say('pop1 has two workers again')
        by = answering(lab, asking, 1)
        lab.need(by == {'pop1/0', 'pop1/1'}, f'answered by {by}')
        lab.need(asking.lost(shrinks, lab.now()) == 0, 'queries lost while it shrank')
