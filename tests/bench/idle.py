"""What watching costs while nothing happens: time on a CPU, memory, processes begun.

Nobody asks meanwhile. The time is cut into windows, so that the spread shows; figures are per minute.
"""

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


def anypop(b, workers, seconds):
    keeper, brain = b.outer('pop1', [b.lab.keeper('pop1'), b.lab.brain('pop1')])
    time.sleep(1)  # the last answer on the control socket is over
    from_us = stage.now_us()
    both = {'keeper': [], 'brain': []}

    def read():
        used = {'keeper': watch.cpu_us(keeper), 'brain': watch.cpu_us(brain)}
        for name, value in used.items():
            both[name].append(value)
        return sum(used.values())
    cpu = _windows(seconds, read)
    until_us = stage.now_us()
    minutes = (until_us - from_us) / 60e6
    memory = {'keeper': watch.memory_kib(keeper), 'brain': watch.memory_kib(brain)}
    return {
        'who': 'anypop', 'workers': workers, 'seconds': seconds, 'cpu_s_per_minute': cpu,
        'cpu_parts': {name: (v[-1] - v[0]) / 1e6 / minutes for name, v in both.items()},
        'memory_kib': memory,
        'forks_per_minute': b.lives.born_under([keeper, brain], from_us, until_us) / minutes,
        'overrun': b.lives.lost,
    }


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
