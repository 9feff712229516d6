"""What is seen of processes from outside: their births and deaths by the kernel's own messages, their
time and memory by /proc.

Times are CLOCK_BOOTTIME in microseconds, as everywhere in the lab. The kernel stamps its messages by
CLOCK_MONOTONIC; the two differ by what the machine has slept.
"""

import collections
import os
import socket
import struct
import threading
import time

CONNECTOR = 11  # NETLINK_CONNECTOR
PROC = (1, 1)  # CN_IDX_PROC, CN_VAL_PROC
LISTEN = 1  # PROC_CN_MCAST_LISTEN
RCVBUFFORCE = 33
FORK, EXEC, EXIT = 0x1, 0x2, 0x80000000
NAMES = {FORK: 'fork', EXEC: 'exec', EXIT: 'exit'}

# pid and parent are process ids of the machine, not of a node.
Life = collections.namedtuple('Life', 'us what pid parent')


def _sleep_us():
    return (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()) // 1000


class Lives(threading.Thread):
    """Keeps every fork, exec and exit of processes (not threads) on the machine."""

    def __init__(self):
        super().__init__(daemon=True)
        self.lock = threading.Lock()
        self.seen = collections.deque(maxlen=100000)
        self.lost = 0  # times that the kernel had to drop messages
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, CONNECTOR)
        self.socket.setsockopt(socket.SOL_SOCKET, RCVBUFFORCE, 1 << 23)
        self.socket.bind((0, PROC[0]))
        word = struct.pack('=IIIIHHI', *PROC, 0, 0, 4, 0, LISTEN)
        self.socket.send(struct.pack('=IHHII', 16 + len(word), 3, 0, 0, 0) + word)

    def run(self):
        while True:
            try:
                self._message(self.socket.recv(4096))
            except OSError:
                self.lost += 1

    def _message(self, data):
        # nlmsghdr 16, cn_msg 20, then what, cpu, timestamp_ns, and ids by kind.
        if len(data) < 60:
            return
        what, _, ns = struct.unpack_from('=IIQ', data, 36)
        if what not in NAMES:
            return
        a, b, c, d = struct.unpack_from('=4i', data, 52) if len(data) >= 68 else (0, 0, 0, 0)
        if what == FORK:
            parent, pid, tgid = b, c, d  # parent_pid, parent_tgid, child_pid, child_tgid
        elif what == EXEC:
            parent, pid, tgid = 0, a, b
        else:
            pid, tgid = a, b
            parent = struct.unpack_from('=6i', data, 52)[5] if len(data) >= 76 else 0
        if pid == tgid:
            with self.lock:
                self.seen.append(Life(ns // 1000 + _sleep_us(), NAMES[what], pid, parent))

    def between(self, from_us, until_us=None):
        with self.lock:
            return [x for x in self.seen if from_us <= x.us and (not until_us or x.us < until_us)]

    def born_under(self, roots, from_us, until_us):
        """Processes begun in the window by `roots` or by their descendants."""
        family, born = set(roots), 0
        for life in self.between(from_us, until_us):
            if life.what == 'fork' and life.parent in family:
                family.add(life.pid)
                born += 1
        return born


def inside(node):
    """{id inside the node: id on the machine} of all that runs in it."""
    home = os.readlink(f'/proc/{node.pid}/ns/pid')
    found = {}
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            if os.readlink(f'/proc/{pid}/ns/pid') != home:
                continue
            with open(f'/proc/{pid}/status', encoding='ascii', errors='replace') as f:
                for line in f:
                    if line.startswith('NSpid:'):
                        found[int(line.split()[-1])] = int(pid)
        except OSError:
            continue
    return found


def running(pid):
    """Whether that process is there and has not ended."""
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as f:
            return f.read().rpartition(')')[2].split()[0] not in 'ZX'
    except OSError:
        return False


def cpu_us(pid, children=False):
    """Time on a CPU so far, user and system; with that of its ended children."""
    if not children:
        total = 0
        for task in os.listdir(f'/proc/{pid}/task'):
            with open(f'/proc/{pid}/task/{task}/schedstat', encoding='ascii') as f:
                total += int(f.read().split()[0]) // 1000
        return total
    with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as f:
        fields = f.read().rpartition(')')[2].split()
    return sum(int(x) for x in fields[11:15]) * 1_000_000 // os.sysconf('SC_CLK_TCK')


def memory_kib(pid):
    """{'rss': ..., 'pss': ..., 'private': ...}; a shared page counts whole in the first."""
    found = collections.Counter()
    with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as f:
        for line in f:
            word = line.split()
            if word[0] in ('Rss:', 'Pss:', 'Private_Clean:', 'Private_Dirty:'):
                found[word[0].split('_')[0].rstrip(':').lower()] += int(word[1])
    return dict(found)
