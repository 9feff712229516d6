"""What our keeper holds for its workers and engines, read from outside: the board by which it steers
clients, and the scoreboards. Layouts are those of lib/board.h and lib/scoreboard.h.
"""

import mmap
import os
import struct
import time

import scorewire
import stage

ANSWERING, STOPPING = 1, 4  # enum score_state
READY_AT = 64  # struct board
LOOK_S = 0.0002


def _maps(keeper, name):
    """Memory of that name among a process's descriptors, read-only."""
    found = {}
    home = f'/proc/{keeper}/fd'
    for number in os.listdir(home):
        try:
            if not os.readlink(f'{home}/{number}').startswith(f'/memfd:{name}'):
                continue
            fd = os.open(f'{home}/{number}', os.O_RDONLY)
        except OSError:
            continue
        try:
            status = os.fstat(fd)
            found[status.st_ino] = mmap.mmap(fd, status.st_size, mmap.MAP_SHARED, mmap.PROT_READ)
        finally:
            os.close(fd)
    return list(found.values())


def _word(memory, at):
    return struct.unpack_from('=Q', memory, at)[0]


def comes(condition, within=stage.PATIENCE):
    """When it came true, microseconds; None: not in time."""
    until = time.monotonic() + within
    while not condition():
        if time.monotonic() > until:
            return None
        time.sleep(LOOK_S)
    return stage.now_us()


class Board:
    """Which workers clients are steered to."""

    def __init__(self, keeper):
        self.memory, = _maps(keeper, 'anypop-board')

    def there(self, slot):
        return bool(_word(self.memory, READY_AT) >> slot & 1)


class Score:
    """The scoreboard of the engine or worker that runs as `pid`, as the node counts them."""

    def __init__(self, keeper, pid):
        self.memory, = [m for m in _maps(keeper, 'anypop-scoreboard')
                        if _word(scorewire.check(m), scorewire.PID) == pid]

    def pid(self):
        return _word(self.memory, scorewire.PID)

    def serves(self):
        return ANSWERING <= _word(self.memory, scorewire.STATE) < STOPPING

    def told(self):
        """Answers given so far, by this process and those before it."""
        return sum(scorewire.words(self.memory, scorewire.RCODE, scorewire.RCODES))
