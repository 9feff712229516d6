#!/usr/bin/env python3
"""Asks all along, and keeps one line a question: the lab's measure of what users saw.

    client.py --log FILE [--rate 200] [--miss 20] [--local 0] [--bogus 0] [--families v4,v6]

runs until it is ended. Questions go over UDP with EDNS and NSID, from many ports, alternately to
the families; of a hundred names `--miss` are fresh labels under a wildcard (a cache can't know
them), `--local` the health name (needs no upstream), `--bogus` one that fails validation, the rest
popular. A line is "SENT_US FAMILY KIND RTT_US RCODE TRUTH NSID" (microseconds of CLOCK_BOOTTIME,
comparable to the monitor's and healthd's); RTT_US is -1 when no answer came within two seconds.
TRUTH is "ok" for an answer that is what the zones hold, "wrong" for another one (or a denial: all
these names exist; or any answer at all to the bogus one), "-" for a failure or none.
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

Row = collections.namedtuple('Row', 'sent_us family kind rtt_us rcode truth nsid')


def now_us():
    """CLOCK_BOOTTIME in microseconds."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def encode(name):
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


def _address(text):
    return b'\x00\x04' + socket.inet_aton(text)  # with its RDLENGTH


# What internet.py and the workers' configuration say.
TRUTH = {'local': _address('192.0.2.1'), 'miss': _address('203.0.113.3')}


def truth(kind, number, question, answer):
    """Is this the answer to that question? `number`: which of the popular names it was."""
    rcode = answer[3] & 15
    if rcode not in (0, 3):
        return '-'
    if rcode == 3 or kind == 'bogus' or answer[4:8] != b'\0\1\0\1':
        return 'wrong'
    if answer[12:len(question) + 2 - len(OPT)] != question[10:-len(OPT)]:
        return 'wrong'
    expected = TRUTH.get(kind) or _address(f'203.0.113.{number % 200 + 10}')
    return 'ok' if expected in answer else 'wrong'


class Client:
    """The sockets, and the questions in flight in the order of their sending."""

    def __init__(self, families, miss, local, bogus, out):
        self.out = out
        self.miss = miss
        self.local = local
        self.bogus = bogus
        # (fd, id) -> (sent_us, family, kind, number, question)
        self.waiting = collections.OrderedDict()
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
        self.health = encode('health.anypop.test')
        self.invalid = encode('www.bogus.test')
        self.popular = [encode(f'www{i}.example.test') for i in range(POPULAR)]
        self.random = random.Random(os.getpid())
        self.count = 0

    def ask(self):
        """Sends one question. One that cannot leave is lost like one that got no answer."""
        s, family = next(self.turns)
        self.count += 1
        draw = self.random.random() * 100
        which = 0
        if draw < self.miss:
            kind = 'miss'
            question = encode(f'r{self.random.getrandbits(48):012x}.random.example.test')
        elif draw < self.miss + self.local:
            kind, question = 'local', self.health
        elif draw < self.miss + self.local + self.bogus:
            kind, question = 'bogus', self.invalid
        else:
            kind = 'hit'
            which = self.random.randrange(POPULAR)
            question = self.popular[which]
        number = self.count & 0xffff
        self.waiting[(s.fileno(), number)] = (now_us(), family, kind, which, question)
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
                sent, family, kind, which, question = entry
                self.out.write(f'{sent} {family} {kind} {now_us() - sent} {answer[3] & 15} '
                               f'{truth(kind, which, question, answer)} {_nsid(answer)}\n')

    def receive(self, seconds):
        """Reads answers for so long; then gives up those that are too old."""
        for fd, _ in self.poll.poll(max(seconds, 0)):
            self._read(fd)
        limit = now_us() - LOST_US
        while self.waiting:
            key, (sent, family, kind, _, _) = next(iter(self.waiting.items()))
            if sent > limit:
                break
            del self.waiting[key]
            self.out.write(f'{sent} {family} {kind} -1 - - -\n')


def run(rate, kinds, families, path):
    with open(path, 'a', encoding='ascii', buffering=1 << 16) as out:
        client = Client(families, *kinds, out)
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
            sent, family, kind, rtt, rcode, right, nsid = line.split(' ', 6)
            if from_us <= int(sent) < until_us:
                rows.append(Row(int(sent), family, kind, int(rtt),
                                -1 if rcode == '-' else int(rcode), right, nsid.strip()))
    rows.sort()
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--log', required=True)
    parser.add_argument('--rate', type=float, default=200)
    parser.add_argument('--miss', type=float, default=20)
    parser.add_argument('--local', type=float, default=0)
    parser.add_argument('--bogus', type=float, default=0)
    parser.add_argument('--families', default='v4,v6')
    o = parser.parse_args()
    try:
        run(o.rate, (o.miss, o.local, o.bogus), o.families.split(','), o.log)
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == '__main__':
    main()
