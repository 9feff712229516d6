"""What /proc tells of processes that may end, or change, while one looks.

Between a listing and the look at what it names a process can end, or close what it had open: the look
then fails with ENOENT, or with ESRCH where the file was open already. That is no failure of anybody's.
"""
import os

GONE = (FileNotFoundError, ProcessLookupError)


def alive(pid):
    """It runs, or could: no zombie."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as f:
            return f.read().rsplit(')', 1)[1].split()[0] not in 'ZX'
    except GONE:
        return False


def children(pid):
    """Pids of a process that is there."""
    with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as f:
        return [int(x) for x in f.read().split()]


def family(pid):
    """Pids of a process that is there, and of all that it and they have started."""
    pids = [pid]
    for one in pids:
        try:
            pids += children(one)
        except GONE:
            if one == pid:
                raise
    return pids


def descriptors(pid):
    """{number: what it is} of those of a process that is there, but for what it closes meanwhile."""
    found = {}
    for n in os.listdir(f'/proc/{pid}/fd'):
        try:
            found[int(n)] = os.readlink(f'/proc/{pid}/fd/{n}')
        except GONE:
            pass
    return found


def scoreboard(pid):
    """What is in the scoreboard of a process of the resolver (lib/scoreboard.h); None before it has one."""
    for n, what in descriptors(pid).items():
        if 'anypop-scoreboard' in what:
            try:
                with open(f'/proc/{pid}/fd/{n}', 'rb') as f:
                    return f.read()
            except GONE:
                pass
    return None
