"""The probation engine dies at each start: tried again ever later, then left alone for a while, and shown
so; nobody else is disturbed, everything is answered, no rung moves; and it is back once it can start."""
import re
import time

STARTS = 6  # in vain, one after the other: it is in quarantine (workers.quarantine_starts)
BACKOFF_MS = 20  # before the second of them; doubles (workers.backoff_min_ms)
QUARANTINE_S = 3  # etc/lab-fast.conf
WATCHED_S = 8


def probation(lab):
    slot, = lab.ask('pop1', 'workers')['probation']
    return slot


def steps(lab, since):
    """What its slot became, and when: [(microseconds, state)], oldest first."""
    lines = [(e['wall_us'], e['line']) for e in lab.events('pop1', since) if e['name'] == 'engine']
    return [(us, re.search(r' to=(\S+)', line)[1]) for us, line in lines if ' slot=probation ' in line]


def need_back_off(lab, seen):
    """From its end to its quarantine: each pause twice the one before, and no more starts than these."""
    first = seen[:next(i for i, (_, state) in enumerate(seen) if state == 'quarantined') + 1]
    lab.need([state for _, state in first] == ['starting'] + ['waiting', 'starting'] * (STARTS - 1) +
             ['quarantined'], f'its way was {first}')
    pauses = [(first[i + 1][0] - first[i][0]) / 1000 for i in range(1, 2 * STARTS - 1, 2)]
    lab.say('it is tried again after ' + ', '.join(f'{p:.0f}' for p in pauses) + ' ms')
    for i, pause in enumerate(pauses):
        lab.need(pause >= BACKOFF_MS * 2 ** i - 1, f'pause {i} of {pauses} ms is too short')


def crash_loop(lab, asking):
    t0, since = lab.now(), time.time_ns() // 1000
    before, engines, workers = probation(lab), lab.engines('pop1'), lab.workers('pop1')
    with lab.instead_of('pop1', lab.RESOLVER, (
            '#!/bin/sh\ncase "$*" in *" engine probation") exit 1 ;; esac\n'
            'exec /run/stand-in-resolver.real "$@"\n')):
        lab.kill('pop1', 'KILL', [before['pid']])
        lab.say(f'the probation engine, {before["pid"]}, is killed, and dies at each start')
        lab.wait('its quarantine', lambda: probation(lab)['state'] == 'quarantined')
        shown = lab.bgpctl('pop1', 'workers').stdout.partition('The probation engine')[2]
        lab.need(re.search(r'^ +\d+ +(quarantined|starting) .* exited with status 1$', shown, re.M),
                 f'bgpctl workers does not show it:\n{shown}')
        need_back_off(lab, steps(lab, since))
        began, starts = lab.now(), probation(lab)['starts']
        lab.stay(WATCHED_S, 'pop1 at full', lambda: lab.rung('pop1') == 'full')
        more, watched_s = probation(lab)['starts'] - starts, (lab.now() - began) / 1e6
        lab.need(more <= watched_s / QUARANTINE_S + 1, f'{more} starts more in {watched_s:.1f} s')
        lab.need((lab.engines('pop1'), lab.workers('pop1')) == (engines, workers),
                 'somebody who was well has been replaced')
    lab.say('it can start again')
    lab.wait('the probation engine to be back', lambda: probation(lab)['state'] == 'ready')
    end = lab.now()
    lost, servfail, by = asking.summary(t0, end)
    for kind in ('hit', 'miss', 'local'):
        asking.need_all(kind, t0, end)
    lab.need(lost == 0 and set(by) == {'pop1'}, f'{lost} lost, {servfail} SERVFAIL, answered by {dict(by)}')


def play(lab):
    lab.warm('pop1')
    lab.wait('the probation engine, well for a while', lambda: probation(lab)['state'] == 'ready' and
             probation(lab)['since_s'] > 3)
    with lab.asking(local=5) as asking, lab.nothing_moves('pop1'):
        crash_loop(lab, asking)
