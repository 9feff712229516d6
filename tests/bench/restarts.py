"""Restarts of what serves at one PoP, one function each, and how warm the caches are after them.

A fault returns what those of faults.py do. The PoP is pop1; it runs our own resolver or, looked after
by the very same supervisor, Unbound.
"""

import signal
import time

import faults
import held
import nodes
import report
import stage
import talk

POP = 'pop1'
PROBE_PORT = 5300  # and the worker's number: its private listener
WINDOW_US = 1_000_000
DYING_US = 2000  # what was killed answers no more so long after the signal
CUT_S = 1.3  # upstream is gone so long before a restart whose hits are counted


def _pids(b, *kinds):
    """{slot: id inside the PoP} of its 'workers', 'engines' or both."""
    told = b.lab.ask(POP, 'workers')
    return {(kind, w['slot']): w['pid'] for kind in kinds for w in told.get(kind) or () if w['pid']}


def _keeper(b):
    return b.outer(POP, [b.lab.keeper(POP)])[0]


def _asker(b, slot):
    return stage.Trigger(b.nodes[POP], 'ask', str(PROBE_PORT + slot))


def _answers_again(b, asker, children):
    """When a worker answers on its private port once these processes of the machine have ended: only
    an answer of the next one counts."""
    b.wait('the processes to end', lambda: not b.alive(children))
    asker.pull(wait=False)
    return asker.answered()


def renewed(b, gone):
    """Whether as many workers and engines run and are ready as before, none of them of `gone`."""
    try:
        told = b.lab.ask(POP, 'workers')
    except talk.TalkError:
        return False
    rows = told['workers'] + (told.get('engines') or [])
    ready = [w['pid'] for w in rows if w['state'] == 'ready']
    wanted = told['wanted'] + len(told.get('engines') or [])
    return len(ready) >= wanted and not set(ready) & set(gone)


def _settled(b, gone, out):
    b.wait('others, ready', lambda: renewed(b, gone), 60)
    out['end'] = stage.now_us() + faults.SETTLE_US
    time.sleep(faults.SETTLE_US / 1e6)
    return out


def _executed(b, keeper, t0, count):
    """When the last of `count` processes that this keeper forked after t0 was executed."""
    def execs():
        forked = {x.pid for x in b.lives.between(t0) if x.what == 'fork' and x.parent == keeper}
        return sorted(x.us for x in b.lives.between(t0) if x.what == 'exec' and x.pid in forked)
    return b.wait('the kernel to tell of a start', lambda: execs()[count - 1:])[0]


def worker(b, ours):
    """The first of them; with ours, when the steering took clients off it and put them back."""
    keeper = _keeper(b)
    (_, slot), pid = min(_pids(b, 'workers').items())
    killed = b.outer(POP, [pid])
    board = ours and held.Board(keeper)
    asker = _asker(b, slot)
    t0 = b.signal(killed, signal.SIGKILL)
    asker.pull(wait=False)
    out = {'t0': t0}
    if ours:
        out['away'] = held.comes(lambda: not board.there(slot))
        out['steered'] = held.comes(lambda: board.there(slot))
    out['serves'] = asker.answered()
    out['executed'] = _executed(b, keeper, t0, 1)
    return _settled(b, [pid], out)


def _all(b, *kinds):
    keeper, pids = _keeper(b), list(_pids(b, *kinds).values())
    outer = b.outer(POP, pids)
    asker = _asker(b, 0)
    out = {'t0': b.signal(outer, signal.SIGKILL)}
    out['serves'] = _answers_again(b, asker, outer)
    out['executed'] = _executed(b, keeper, out['t0'], len(pids))
    return _settled(b, pids, out)


def workers(b, _):
    return _all(b, 'workers')


def everything(b, _):
    return _all(b, 'workers', 'engines')


def engine(b, _):
    """The first; the next one has answered when its scoreboard counts more answers."""
    keeper = _keeper(b)
    pid = min(_pids(b, 'engines').items())[1]
    score = held.Score(keeper, pid)
    outer = b.outer(POP, [pid])
    t0 = b.signal(outer, signal.SIGKILL)
    serves = held.comes(lambda: score.pid() != pid and score.serves())
    before = score.told()
    answered = held.comes(lambda: score.told() > before)
    out = {'t0': t0, 'serves': serves, 'answered': answered,
           'executed': _executed(b, keeper, t0, 1)}
    return _settled(b, [pid], out)


def engines(b, _):
    return _all(b, 'engines')


def keeper(b, _):
    """By SIGKILL; the service's manager starts another, the workers begin anew with it."""
    pid = b.lab.keeper(POP)
    gone = list(_pids(b, 'workers', 'engines').values())
    outer, *children = b.outer(POP, [pid, *gone])
    asker = _asker(b, 0)
    t0 = b.signal([outer], signal.SIGKILL)
    return _settled(b, gone, {'t0': t0, 'serves': _answers_again(b, asker, children)})


def service(b, _):
    """What `systemctl restart` does."""
    gone = list(_pids(b, 'workers', 'engines').values())
    children = b.outer(POP, gone)
    asker = _asker(b, 0)
    t0 = stage.now_us()
    b.nodes[POP].sh('kill -USR1 $(cat /run/healthd-unit.pid)')
    return _settled(b, gone, {'t0': t0, 'serves': _answers_again(b, asker, children)})


def upgrade(b, _):
    """`bgpctl upgrade`: everybody is replaced in turn. The second begins when all are."""
    gone = list(_pids(b, 'workers', 'engines').values())
    t0 = stage.now_us()
    b.lab.bgpctl(POP, 'upgrade')
    return _settled(b, gone, {'t0': t0, 'serves': stage.now_us()})


def _from_log(rows, out):
    """Adds the first answer to a question asked after the kill, and the longest silence, and of questions
    that only an engine can answer: the first answer, and the longest wait."""
    came = sorted((r.sent_us + r.rtt_us, r.sent_us) for r in rows
                  if r.rtt_us >= 0 and out['t0'] <= r.sent_us + r.rtt_us < out['end'])
    out['first'] = next((at for at, sent in came if sent >= out['t0'] + DYING_US), None)
    times = [out['t0'], *(at for at, _ in came), out['end']]
    out['silence'] = out['t0'] + max(after - before for before, after in zip(times, times[1:]))
    mine = [r for r in rows if r.kind == 'miss' and r.rcode == 0 and r.rtt_us >= 0
            and out['t0'] <= r.sent_us < out['end']]
    out['miss'] = min((r.sent_us + r.rtt_us for r in mine), default=None)
    out['slowest'] = max((out['t0'] + r.rtt_us for r in mine), default=None)


EXECUTED, SERVES = 'killed -> executed', 'killed -> serving again'
AGAIN = 'killed -> client answered again'
_FIRST = {'first': ('killed -> first answer to the client', None),
          'silence': ('longest time without an answer', None)}
_ENGINE = {'slowest': ('longest wait of an answered miss', None)}
# name, what happened, figures, figures of ours alone, the function, whether Unbound has such a thing
FAULTS = (
    ('worker', 'one worker killed', {
        'executed': (EXECUTED, None),
        'executed->serves': ('its own start, until its first answer', None),
        'serves': (SERVES, 50)},
     {'away': ('killed -> clients steered away', None),
      'steered': ('killed -> clients steered to it', None)}, worker, True),
    ('workers', 'all workers killed at once', {
        'executed': ('killed -> all executed', None), **_FIRST}, {}, workers, True),
    ('everything', 'all workers and engines killed', {
        'executed': ('killed -> all executed', None), **_FIRST}, {}, everything, False),
    ('engine', 'one of two engines killed', {
        'executed': (EXECUTED, None), 'serves': ('killed -> the next one is ready', None),
        'answered': ('killed -> it has answered a miss', None), **_ENGINE}, {}, engine, False),
    ('engines', 'both engines killed', {
        'executed': ('killed -> both executed', None),
        'miss': ('killed -> a miss is answered', None), **_ENGINE}, {}, engines, False),
    ('keeper', 'keeper killed', {
        'serves': ('killed -> answers within the PoP', None), 'served': (AGAIN, None)},
     {}, keeper, True),
)


def faults_of(ours):
    """Those that this kind of workers can have."""
    for name, title, figures, more, play, both in FAULTS:
        if both or ours:
            yield faults.Fault(name, title, {**figures, **(more if ours else {})},
                               lambda b, p=play: p(b, ours), gap='served' in figures, more=_from_log)


# ---- hits ----------------------------------------------------------------------------------------

HITS = (('worker', worker, True), ('workers', workers, True), ('everything', everything, False),
        ('engine', engine, False), ('engines', engines, False), ('keeper', keeper, True),
        ('service', service, True), ('upgrade', upgrade, True))
TITLES = {name: title for name, title, *_ in FAULTS} | {
    'service': 'service restarted', 'upgrade': 'all upgraded, one after another'}


def names(ours):
    """Of all measures that this kind of workers can have."""
    return [f.name for f in faults_of(ours)] + [
        f'hits_{name}' for name, _, both in HITS if both or ours] + ['idle']


def _good(rows, from_us):
    mine = [r for r in rows if from_us <= r.sent_us < from_us + WINDOW_US]
    if not mine:
        raise nodes.LabError('the client asked nothing')
    return sum(r.truth == 'ok' for r in mine) / len(mine)


def _hits_once(b, asking, name, strike, ours, warm_s):
    b.rest(POP, (POP,))
    time.sleep(warm_s)
    with b.lab.without_upstream(POP):
        time.sleep(CUT_S)
        out = strike(b, ours)
        time.sleep(WINDOW_US / 1e6)
        out['end'] = stage.now_us()
        rows = asking.rows(out['t0'] - WINDOW_US, out['end'])
    # An engine is no interruption: the second begins when it is killed.
    again = out['t0'] if name in ('engine', 'engines') else out['serves']
    return _good(rows, out['t0'] - WINDOW_US), _good(rows, again)


def hits(b, o, results, who, count, ours):
    """How much of what was known before a restart is known in the first second after it."""
    for name, strike, both in HITS:
        if not o.wants(f'hits_{name}') or not (both or ours):
            continue
        try:
            with b.lab.asking(rate=stage.RATE, miss=0, bogus=0, node=POP) as asking:
                found = [_hits_once(b, asking, name, strike, ours, 1 + 2 * count)
                         for _ in range(max(1, o.runs // 2))]
        except Exception as e:  # pylint: disable=broad-except
            results.failed.append(f'{who}, {count} workers, hits, {TITLES[name]}: '
                                  f'{type(e).__name__}: {e}')
            b.say(f'FAILED {results.failed[-1]}')
            b.account()
            continue
        results.hits.append({
            'who': who, 'workers': count, 'fault': name, 'title': TITLES[name],
            'before': report.spread([before for before, _ in found]),
            'after': report.spread([after for _, after in found]),
            'relative': report.spread([after / before if before else 0 for before, after in found])})
        hits_row(results.hits[-1])


def hits_row(h):
    r = h['relative']
    note = f'{"MISSED: " if r["median"] < 0.99 else ""}aim 0.99' if h['who'] == 'anypop' else ''
    print(f'{h["who"]:<20}{h["workers"]:>2}  {h["title"]:<46}hit ratio, first second after / second '
          f'before: {r["min"]:.3f} / {r["median"]:.3f} / {r["max"]:.3f} (before '
          f'{h["before"]["median"]:.3f}) {note}', flush=True)


def hits_lines(found):
    """The table of docs/figures.md."""
    keys = sorted({(h['who'], h['workers']) for h in found}, key=lambda k: (k[0] != 'anypop', k[1]))
    print('| restart | ' + ' | '.join(f'{who}, N = {n}' for who, n in keys) + ' |')
    print('|---|' + '---|' * len(keys))
    for name, title in TITLES.items():
        cells = {(h['who'], h['workers']): h['relative'] for h in found if h['fault'] == name}
        if cells:
            print(f'| {title} | ' + ' | '.join(
                ' / '.join(f'{cells[k][x]:.3f}' for x in ('min', 'median', 'max'))
                if k in cells else '' for k in keys) + ' |')
