#!/usr/bin/env python3
"""Asks all along, and keeps one line a question: the lab's measure of what users saw.

    client.py --log FILE [--rate 200] [--miss 20] [--local 0] [--families v4,v6]

runs until it is ended. Questions go over UDP with EDNS and NSID, from many ports, alternately to
the families; of a hundred names `--miss` are fresh labels under a wildcard (a cache can't know
them), `--local` the health name (needs no upstream), the rest popular. A line is
"SENT_US FAMILY KIND RTT_US RCODE NSID" (microseconds of CLOCK_BOOTTIME, comparable to the monitor's
and healthd's); RTT_US is -1 when no answer came within two seconds.
"""

import argparse
import collections
import itertools
import os
import random
import select
import socket
import struct
import sys
import time

ANYCAST = {'v4': (socket.AF_INET, '192.0.2.53'), 'v6': (socket.AF_INET6, '2001:db8:53::53')}
LOST_US = 2_000_000
PORTS = 16  # a family: so many flows, so that all workers of a PoP get their share
POPULAR = 200
OPT = b'\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x04\x00\x03\x00\x00'

Row = collections.namedtuple('Row', 'sent_us family kind rtt_us rcode nsid')


def now_us():
    """CLOCK_BOOTTIME in microseconds."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def _question(name):
    labels = b''.join(bytes((len(x),)) + x.encode() for x in name.split('.')) + b'\0'
    return b'\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01' + labels + b'\x00\x01\x00\x01' + OPT


def _nsid(answer):
    at = answer.rfind(b'\x00\x00\x29')
    if at < 12:
        return '-'
    end = at + 11 + int.from_bytes(answer[at + 9:at + 11], 'big')
    at += 11
    while at + 4 <= min(end, len(answer)):
        code, length = struct.unpack_from('!HH', answer, at)
        if code == 3:
            return answer[at + 4:at + 4 + length].decode(errors='replace') or '-'
        at += 4 + length
    return '-'


class Client:
    """The sockets, and the questions in flight in the order of their sending."""

    def __init__(self, families, miss, local, out):
        self.out = out
        self.miss = miss
        self.local = local
        self.waiting = collections.OrderedDict()  # (fd, id) -> (sent_us, family, kind)
        self.sockets = {}
        self.poll = select.epoll()
        turns = []
        for family in families:
            kind, address = ANYCAST[family]
            for _ in range(PORTS):
                s = socket.socket(kind, socket.SOCK_DGRAM)
                s.setblocking(False)
                s.connect((address, 53))
                self.sockets[s.fileno()] = s
                self.poll.register(s, select.EPOLLIN)
                turns.append((s, family))
        turns.sort(key=lambda turn: turn[0].fileno() % PORTS)
        self.turns = itertools.cycle(turns)
        self.health = _question('health.anypop.test')
        self.popular = [_question(f'www{i}.example.test') for i in range(POPULAR)]
        self.random = random.Random(os.getpid())
        self.count = 0

    def ask(self):
        """Sends one question. One that cannot leave is lost like one that got no answer."""
        s, family = next(self.turns)
        self.count += 1
        draw = self.random.random() * 100
        if draw < self.miss:
            kind = 'miss'
            question = _question(f'r{self.random.getrandbits(48):012x}.random.example.test')
        elif draw < self.miss + self.local:
            kind, question = 'local', self.health
        else:
            kind = 'hit'
            question = self.random.choice(self.popular)
        number = self.count & 0xffff
        self.waiting[(s.fileno(), number)] = (now_us(), family, kind)
        try:
            s.send(number.to_bytes(2, 'big') + question)
        except OSError:
            pass

    def _read(self, fd):
        while True:
            try:
                answer = self.sockets[fd].recv(4096)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error: the answer may still come, or the time runs out
            if len(answer) < 12:
                continue
            entry = self.waiting.pop((fd, int.from_bytes(answer[:2], 'big')), None)
            if entry:
                sent, family, kind = entry
                self.out.write(f'{sent} {family} {kind} {now_us() - sent} {answer[3] & 15} '
                               f'{_nsid(answer)}\n')

    def receive(self, seconds):
        """Reads answers for so long; then gives up those that are too old."""
        for fd, _ in self.poll.poll(max(seconds, 0)):
            self._read(fd)
        limit = now_us() - LOST_US
        while self.waiting:
            key, (sent, family, kind) = next(iter(self.waiting.items()))
            if sent > limit:
                break
            del self.waiting[key]
            self.out.write(f'{sent} {family} {kind} -1 - -\n')


def run(rate, miss, local, families, path):
    with open(path, 'a', encoding='ascii', buffering=1 << 16) as out:
        client = Client(families, miss, local, out)
        due = flush = time.monotonic()
        while True:
            now = time.monotonic()
            due = max(due, now - 0.1)  # after a stall of our own: no storm
            while due <= now:
                client.ask()
                due += 1 / rate
            client.receive(due - time.monotonic())
            if now - flush > 0.1:
                out.flush()
                flush = now


def read(path, from_us, until_us):
    """Rows of questions sent in [from_us, until_us); whole once until_us + LOST_US has passed."""
    rows = []
    with open(path, encoding='ascii') as f:
        for line in f:
            if not line.endswith('\n'):
                break
            sent, family, kind, rtt, rcode, nsid = line.split(' ', 5)
            if from_us <= int(sent) < until_us:
                rows.append(Row(int(sent), family, kind, int(rtt),
                                -1 if rcode == '-' else int(rcode), nsid.strip()))
    rows.sort()
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--log', required=True)
    parser.add_argument('--rate', type=float, default=200)
    parser.add_argument('--miss', type=float, default=20)
    parser.add_argument('--local', type=float, default=0)
    parser.add_argument('--families', default='v4,v6')
    o = parser.parse_args()
    try:
        run(o.rate, o.miss, o.local, o.families.split(','), o.log)
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == '__main__':
    main()
