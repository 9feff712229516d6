"""Faults of a node that anypop runs, one function each: does it, waits for the end, mends it.

A fault returns {figure: when it was reached}, with "t0" when it began and "end" until when the
client's losses are counted; None stands for an end that did not come. Figures that end at the
client ("served") are added from its log.
"""

import collections
import contextlib
import signal
import time

import nodes
import stage

# name, what happened, {figure: (what it is, aim in ms or None)}, the function; `home`: the PoP that
# has the traffic and the fault; `gap`: add when the client was answered again; `more(rows, out)`: adds
# what else is to be seen in the client's log.
Fault = collections.namedtuple('Fault', 'name title figures play home gap more',
                               defaults=('pop1', False, lambda rows, out: None))
SETTLE_US = 500_000  # losses are counted so long after the end


def _end(at):
    return (at or stage.now_us()) + SETTLE_US


def _until(us):
    time.sleep(max(0, (us - stage.now_us()) / 1e6))


def _moved(b, t0, to, more=None):
    at = b.moved(t0, to)
    end = _end(at)
    _until(end)
    return {'t0': t0, 'moved': at, 'end': end, **(more or {})}


def servfail(b):
    slots = list(b.lab.workers('pop1'))
    with b.health_name_doomed('pop1', slots):
        t0 = b.health_name_fails('pop1', slots)
        try:
            return _moved(b, t0, 'pop2')
        finally:
            b.health_name_mended('pop1', slots)


def service_link(b):
    trigger = stage.Trigger(b.nodes['pop1'], 'down', 'svc1')
    t0 = trigger.pull()
    try:
        return _moved(b, t0, 'pop2')
    finally:
        b.nodes['pop1'].run('ip', 'link', 'set', 'svc1', 'up')


def carrier(b):
    trigger = stage.Trigger(b.nodes['pop2'], 'down', 'eth1')
    t0 = trigger.pull()
    try:
        return _moved(b, t0, 'edge3')
    finally:
        b.nodes['pop2'].run('ip', 'link', 'set', 'eth1', 'up')


def cut(b):
    hooks = {'input': ['iifname'], 'output': ['oifname'], 'forward': ['iifname', 'oifname']}
    rules = ''.join(f'chain {hook} {{\ntype filter hook {hook} priority 0\n'
                    + ''.join(f'{side} "pop2" drop\n' for side in sides) + '}\n'
                    for hook, sides in hooks.items())
    transit = b.nodes['transit']
    trigger = stage.Trigger(transit, 'run', 'nft', f'table inet bench {{\n{rules}}}')
    t0 = trigger.pull()
    try:
        return _moved(b, t0, 'edge3')
    finally:
        transit.run('nft', 'delete', 'table', 'inet', 'bench')


def _third_failure(b, t0, keeper, killed):
    """When the third process that the keeper started after t0 had ended."""
    started = {x.pid for x in b.lives.between(t0) if x.what == 'fork' and x.parent == keeper}
    ends = sorted(x.us for x in b.lives.between(t0)
                  if x.what == 'exit' and x.pid in started and x.pid not in killed)
    if len(ends) < 3:
        raise nodes.LabError(f'{len(ends)} failed starts seen, not 3')
    return ends[2]


def cannot_start(b):
    keeper, = b.outer('pop1', [b.lab.keeper('pop1')])
    workers = b.outer('pop1', b.lab.workers('pop1').values())
    with b.lab.workers_cannot_start('pop1'):
        t0 = b.signal(workers, signal.SIGKILL)
        out = _moved(b, t0, 'pop2')
        out['third'] = _third_failure(b, t0, keeper, workers)
        return out


def hung(b):
    old = set(b.lab.workers('pop1').values())
    workers = b.outer('pop1', old)
    t0 = b.signal(workers, signal.SIGSTOP)
    b.wait('other workers, ready', lambda: b.lab.renewed('pop1', old))
    end = _end(None)
    _until(end)
    b.stayed(t0)
    ends = [x.us for x in b.lives.between(t0) if x.what == 'exit' and x.pid in workers]
    if len(ends) != len(workers):
        raise nodes.LabError('stopped workers were not killed')
    ready = [us for us, _ in b.happened('pop1', t0, 'worker', to='ready')]
    return {'t0': t0, 'killed': max(ends), 'ready': min(ready), 'all_ready': max(ready), 'end': end}


def hung_at_start(b):
    workers = b.outer('pop1', b.lab.workers('pop1').values())
    with b.lab.workers_stop_at_start('pop1'):
        t0 = b.signal(workers, signal.SIGSTOP)
        out = _moved(b, t0, 'pop2')
    b.signal(b.outer('pop1', b.lab.workers('pop1').values()), signal.SIGKILL)
    return out


def brain_dead(b):
    workers = b.outer('pop1', b.lab.workers('pop1').values())
    brain = b.lab.brain('pop1')
    with b.lab.instead_of('pop1', b.lab.BRAIN, '#!/bin/sh\nexit 1\n'):
        b.signal(b.outer('pop1', [brain]), signal.SIGKILL)
        time.sleep(0.2)  # dead for a while, so that the keeper has tried in vain
        t0 = b.signal(workers, signal.SIGKILL)
        return _moved(b, t0, 'pop2')


def brain_hung(b):
    workers = b.outer('pop1', b.lab.workers('pop1').values())
    with b.lab.workers_cannot_start('pop1'):
        b.signal(b.outer('pop1', [b.lab.brain('pop1')]), signal.SIGSTOP)
        t0 = b.signal(workers, signal.SIGKILL)
        return _moved(b, t0, 'pop2')


def killed(b):
    slot, pid = min(b.lab.workers('pop1').items())
    worker, = b.outer('pop1', [pid])
    t0 = b.signal([worker], signal.SIGKILL)

    def ready():
        return b.happened('pop1', t0, 'worker', slot=slot, to='ready')
    at, fields = b.wait('the worker, ready', ready)[0]
    end = _end(at)
    _until(end)
    b.stayed(t0)
    started, = b.outer('pop1', [int(fields['pid'])])
    execs = [x.us for x in b.lives.between(t0) if x.what == 'exec' and x.pid == started]
    if not execs:
        raise nodes.LabError('the kernel told of no start')
    return {'t0': t0, 'started': max(execs), 'ready': at, 'end': end}


@contextlib.contextmanager
def at(b, home):
    """The traffic at `home`, everybody well."""
    if home == 'pop2':
        b.lab.bgpctl('pop1', 'silence', '--reason', 'bench')
    try:
        yield
    finally:
        if home == 'pop2':
            b.lab.bgpctl('pop1', 'undrain')


MOVED = 'fault -> route moved'
FAULTS = (
    Fault('servfail', 'SERVFAIL on the health name', {'moved': (MOVED, 250)}, servfail),
    Fault('service_link', 'carrier lost on a link that BGP does not use', {'moved': (MOVED, 250)},
          service_link),
    Fault('carrier', 'carrier lost on the only uplink', {'moved': (MOVED, 250)}, carrier, 'pop2'),
    Fault('cut', 'uplink cut, carrier stays (BFD 50 ms x 3)', {'moved': (MOVED, 250)}, cut, 'pop2'),
    Fault('cannot_start', 'workers killed, and none can start', {
        'moved': (MOVED, None), 'third->moved': ('third failed start -> route moved', 50)},
          cannot_start),
    Fault('hung', 'all workers hang (SIGSTOP)', {
        'killed': ('fault -> all killed', None), 'ready': ('fault -> first ready', None),
        'served': ('fault -> client answered again', 500),
        'all_ready': ('fault -> all ready', None)}, hung, gap=True),
    Fault('hung_at_start', 'workers hang, and hang at every start', {'moved': (MOVED, 1500)},
          hung_at_start),
    Fault('brain_dead', 'brain dead for good, then all workers killed', {'moved': (MOVED, 1000)},
          brain_dead),
    Fault('brain_hung', 'brain hangs, workers killed, and none can start', {'moved': (MOVED, 1000)},
          brain_hung),
    Fault('killed', 'one worker killed', {
        't0->started': ('killed -> another executed', 50),
        'started->ready': ('its own start, until ready', None),
        'ready': ('killed -> ready', None)}, killed),
)


def figures(fault, out):
    """{figure: milliseconds or None} of one run."""
    found = {}
    for name in fault.figures:
        begin, _, end = name.rpartition('->')
        from_us, to_us = out[begin or 't0'], out[end]
        found[name] = None if to_us is None else (to_us - from_us) / 1000
    return found


def seen_by_client(rows, out, gap):
    """Losses in the run's window, and when answers came again after the longest silence."""
    mine = [r for r in rows if out['t0'] <= r.sent_us < out['end']]
    if gap:
        came = sorted(r.sent_us + r.rtt_us for r in rows
                      if r.rtt_us >= 0 and out['t0'] <= r.sent_us + r.rtt_us < out['end'])
        pauses = [(after - before, after) for before, after in zip([out['t0'], *came], came)]
        out['served'] = max(pauses)[1] if pauses else None
    return {'asked': len(mine), 'lost': sum(r.rtt_us < 0 for r in mine),
            'servfail': sum(r.rcode == 2 and r.kind != 'bogus' for r in mine)}
