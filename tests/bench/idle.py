"""What watching costs while nothing happens: time on a CPU, memory, processes begun.

Nobody asks meanwhile. The time is cut into windows, so that the spread shows; figures are per minute.
"""

import collections
import time

import peer
import stage
import watch

WINDOWS = 10


def _windows(seconds, read):
    """What `read()` grew by in each window, as CPU-seconds a minute."""
    before, out = read(), []
    start = time.monotonic()
    for n in range(1, WINDOWS + 1):
        time.sleep(max(0, start + n * seconds / WINDOWS - time.monotonic()))
        after = read()
        out.append((after - before) / 1e6 * 60 / (seconds / WINDOWS))
        before = after
    return out


def _measured(b, who, workers, seconds, groups):
    """`groups`: {name: ids on the machine}; memory is told for each, added up within it."""
    time.sleep(1)  # the last answer on the control socket is over
    from_us = stage.now_us()
    each = {name: [] for name in groups}

    def read():
        used = {name: sum(map(watch.cpu_us, pids)) for name, pids in groups.items()}
        for name, value in used.items():
            each[name].append(value)
        return sum(used.values())
    cpu = _windows(seconds, read)
    until_us = stage.now_us()
    minutes = (until_us - from_us) / 60e6
    memory = {name: dict(sum(map(collections.Counter, map(watch.memory_kib, pids)),
                             collections.Counter())) for name, pids in groups.items()}
    all_pids = [pid for pids in groups.values() for pid in pids]
    return {
        'who': who, 'workers': workers, 'seconds': seconds, 'cpu_s_per_minute': cpu,
        'cpu_parts': {name: (v[-1] - v[0]) / 1e6 / minutes for name, v in each.items()},
        'memory_kib': memory,
        'forks_per_minute': b.lives.born_under(all_pids, from_us, until_us) / minutes,
        'overrun': b.lives.lost,
    }


def anypop(b, workers, seconds, who='anypop'):
    keeper, brain = b.outer('pop1', [b.lab.keeper('pop1'), b.lab.brain('pop1')])
    return _measured(b, who, workers, seconds, {'keeper': [keeper], 'brain': [brain]})


def serving(b, who, workers, seconds):
    """What keeper and brain look after: the workers, and the engines where there are any."""
    told = b.lab.ask('pop1', 'workers')
    groups = {kind: b.outer('pop1', [w['pid'] for w in told.get(kind) or () if w['pid']])
              for kind in ('workers', 'engines')}
    return _measured(b, who, workers, seconds, {kind: pids for kind, pids in groups.items() if pids})


def exabgp(b, setting, seconds):
    pids = peer.speakers(b)
    from_us = stage.now_us()
    cpu = _windows(seconds, lambda: sum(watch.cpu_us(pid, children=True) for pid in pids))
    until_us = stage.now_us()
    minutes = (until_us - from_us) / 60e6
    return {
        'who': f'exabgp, {setting}', 'workers': 1, 'seconds': seconds, 'cpu_s_per_minute': cpu,
        'memory_kib': dict(zip(('speaker', 'checker'), map(watch.memory_kib, pids))),
        'forks_per_minute': b.lives.born_under(pids, from_us, until_us) / minutes,
        'overrun': b.lives.lost,
    }
