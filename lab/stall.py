#!/usr/bin/python3
"""Notes when this machine stood still: a process that sleeps 20 ms at a time and says how late it woke.

A story holds BFD, probes and clients to times; on a machine that gives none of its processes a turn for
a quarter of a second, sessions drop and probes end for that reason alone. This is the evidence.
"""
import os
import subprocess
import sys
import time

PACE_S = 0.02
WORTH_S = 0.2  # of being told: near what BFD (100 ms x 3) bears


def watch(sleep=time.sleep, clock=time.monotonic, tell=print):
    """For ever; "WHEN LATE" (monotonic seconds) for each time."""
    while True:
        before = clock()
        sleep(PACE_S)
        late = clock() - before - PACE_S
        if late > WORTH_S:
            tell(f'{before:.3f} {late:.3f}', flush=True)


class Stalls:
    """The watcher beside a run of stories."""

    def __init__(self, path):
        self.path = path
        with open(path, 'wb') as out:
            self.process = subprocess.Popen([sys.executable, __file__], stdout=out,
                                            stdin=subprocess.DEVNULL)

    def longest(self, since):
        """Seconds of the longest since then (time.monotonic()); 0.0: none."""
        with open(self.path, encoding='ascii') as f:
            rows = [line.split() for line in f if line.endswith('\n')]
        return max((float(late) for when, late in rows if float(when) + float(late) >= since),
                   default=0.0)

    def stop(self):
        self.process.kill()
        self.process.wait()


def _until_orphaned(parent):
    """A sleep that ends this process when the one that began it is gone, however that ended."""
    def sleep(seconds):
        time.sleep(seconds)
        if os.getppid() != parent:
            sys.exit()
    return sleep


if __name__ == '__main__':
    watch(_until_orphaned(os.getppid()))
