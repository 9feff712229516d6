#!/usr/bin/env python3
"""Asks all along, and keeps one line a question: the lab's measure of what users saw.

    client.py --log FILE [--rate 200] [--miss 20] [--local 0] [--bogus 0] [--families v4,v6]
              [--tcp 0] [--mixed 0]

runs until it is ended. Questions go over UDP with EDNS and NSID, from many ports, alternately to
the families; of a hundred names `--miss` are fresh labels under a wildcard (a cache can't know
them), `--local` the health name (needs no upstream), `--bogus` one that fails validation, the rest
popular. A line is "SENT_US FAMILY KIND RTT_US RCODE TRUTH CUTS NSID" (microseconds of CLOCK_BOOTTIME,
comparable to the monitor's and healthd's); RTT_US is -1 when no answer came within two seconds.
TRUTH is "ok" for an answer that is what the zones hold, "wrong" for another one (or a denial: all
these names exist; or any answer at all to the bogus one), "-" for a failure or none.

With `--mixed` so many of a hundred are of other kinds yet (asked.py: other types and denials), and every
answer is held against all that the zones hold, AD too: TRUTH is "stale" then for one that is right, past
its time and says so.

With `--tcp` so many of a hundred turns go over TCP (streams.py), every third of them with several
questions at once; FAMILY is "tcp-v4" or "tcp-v6" then, and CUTS says how many connections ended under
the question.
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

import asked
import streams

ANYCAST = {'v4': (socket.AF_INET, '192.0.2.53'), 'v6': (socket.AF_INET6, '2001:db8:53::53')}
LOST_US = 2_000_000
PORTS = 16  # a family: so many flows, so that all workers of a PoP get their share
POPULAR = 200
OPT = b'\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x04\x00\x03\x00\x00'

Row = collections.namedtuple('Row', 'sent_us family kind rtt_us rcode truth cuts nsid')


class Waiting:
    """A question on its way. `which`: the number of a popular name, or asked.Question."""
    __slots__ = ('sent', 'family', 'kind', 'which', 'wire', 'cuts')

    def __init__(self, family, kind, which, wire):
        self.sent, self.family, self.kind, self.which, self.wire = now_us(), family, kind, which, wire
        self.cuts = 0

    def row(self, rtt, rcode, right, nsid):
        return (f'{self.sent} {self.family} {self.kind} {rtt} {rcode} {right} {self.cuts} {nsid}\n')


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

    def __init__(self, o, out):
        self.o = o
        self.out = out
        self.waiting = collections.OrderedDict()  # {(fd, id), or a number of ours over TCP: Waiting}
        self.sockets = {}
        self.poll = select.epoll()
        turns = []
        for family in o.families.split(','):
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
        self.streams = streams.Streams(ANYCAST, self.poll, self._answered, self._cut)
        self.health = encode('health.anypop.test')
        self.invalid = encode('www.bogus.test')
        self.popular = [encode(f'www{i}.example.test') for i in range(POPULAR)]
        self.random = random.Random(os.getpid())
        self.count = 0

    def _draw(self):
        """(kind, which, octets behind the id)"""
        o, draw, which = self.o, self.random.random() * 100, 0
        if o.mixed:
            return self._draw_mixed(draw)
        if draw < o.miss:
            return 'miss', 0, encode(f'r{self.random.getrandbits(48):012x}.random.example.test')
        if draw < o.miss + o.local:
            return 'local', 0, self.health
        if draw < o.miss + o.local + o.bogus:
            return 'bogus', 0, self.invalid
        which = self.random.randrange(POPULAR)
        return 'hit', which, self.popular[which]

    def _draw_mixed(self, draw):
        o = self.o
        if draw < o.miss:
            question = asked.fresh(self.random)
        elif draw < o.miss + o.local:
            question = asked.LOCAL
        elif draw < o.miss + o.local + o.bogus:
            question = asked.BOGUS
        elif draw < o.miss + o.local + o.bogus + o.mixed:
            question = self.random.choice(asked.OTHERS)
        else:
            question = self.random.choice(asked.HIT)
        return question.kind, question, question.wire

    def ask(self):
        """Sends one question, or several over TCP; their number."""
        s, family = next(self.turns)
        if self.random.random() * 100 < self.o.tcp:
            return self._ask_tcp(family)
        kind, which, wire = self._draw()
        self.count += 1
        number = self.count & 0xffff
        self.waiting[(s.fileno(), number)] = Waiting(family, kind, which, wire)
        try:
            s.send(number.to_bytes(2, 'big') + wire)
        except OSError:
            pass  # one that cannot leave is lost like one that got no answer
        return 1

    def _ask_tcp(self, family):
        keys = []
        for _ in range(streams.PIPELINED if self.random.randrange(3) == 0 else 1):
            self.count += 1
            self.waiting[self.count] = Waiting('tcp-' + family, *self._draw())
            keys.append(self.count)
        self.streams.ask(family, [(key, self.waiting[key].wire) for key in keys])
        return len(keys)

    def _cut(self, key):
        w = self.waiting.get(key)
        if w is None:
            return None
        w.cuts += 1
        return w.wire

    def _answered(self, key, answer):
        w = self.waiting.pop(key, None) if len(answer) >= 12 else None
        if w is None:
            return
        right = (asked.verdict(w.which, answer) if self.o.mixed
                 else truth(w.kind, w.which, w.wire, answer))
        self.out.write(w.row(now_us() - w.sent, answer[3] & 15, right, _nsid(answer)))

    def _read(self, fd):
        while True:
            try:
                answer = self.sockets[fd].recv(4096)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error: the answer may still come, or the time runs out
            self._answered((fd, int.from_bytes(answer[:2], 'big')), answer)

    def receive(self, seconds):
        """Reads answers for so long; then gives up those that are too old."""
        for fd, _ in self.poll.poll(max(seconds, 0)):
            # Where a connection has ended meanwhile another may have its number: that reads nothing.
            if fd in self.sockets:
                self._read(fd)
            else:
                self.streams.ready(fd)
        self.streams.ask_again()
        limit = now_us() - LOST_US
        while self.waiting:
            key, w = next(iter(self.waiting.items()))
            if w.sent > limit:
                break
            del self.waiting[key]
            self.out.write(w.row(-1, '-', '-', '-'))


def run(o):
    with open(o.log, 'a', encoding='ascii', buffering=1 << 16) as out:
        client = Client(o, out)
        due = flush = time.monotonic()
        while True:
            now = time.monotonic()
            due = max(due, now - 0.1)  # after a stall of our own: no storm
            while due <= now:
                due += client.ask() / o.rate
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
            sent, family, kind, rtt, rcode, right, cuts, nsid = line.split(' ', 7)
            if from_us <= int(sent) < until_us:
                rows.append(Row(int(sent), family, kind, int(rtt),
                                -1 if rcode == '-' else int(rcode), right, int(cuts),
                                nsid.strip()))
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
    parser.add_argument('--tcp', type=float, default=0)
    parser.add_argument('--mixed', type=float, default=0)
    try:
        run(parser.parse_args())
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == '__main__':
    main()
