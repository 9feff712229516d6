#!/usr/bin/python3
"""Questions that engines die of: suspects, probation and quarantine, with engines that do die.

usage: probation_test.py [CASE ...]     (root; makes its own network and mount namespace; BIN=build/bin)

The engines are the resolver's own object files, linked so that certain names end them
(mortal_tool.c). The test plays the keeper: it holds what outlives them, and starts the next of each
that ended.
"""
import json
import os
import signal
import socket
import subprocess
import sys
import time

import heldwire  # noqa: I001  (first: it keeps the low descriptors)
import resolver_test as rt
import scorewire
from resolver_test import BINDIR, dns, expect, hang, stop
from worker_test import Failed

MORTAL = os.path.dirname(BINDIR) + '/tests/integration/mortal_tool'
if not os.path.exists(MORTAL):
    MORTAL = os.path.realpath(BINDIR + '/..') + '/tests/integration/mortal_tool'
PATIENCE = 120  # for what must come, on a machine that may be busy
WORKERS = 2
SUSPECTS, QUARANTINED = 6, 7  # of enum score_event
SITE = '''
services = ( {{ name = "dns"; prefixes = [ "192.0.2.0/24" ]; addresses = [ "192.0.2.53" ]; }} );
workers = {{ count = 1; resolver = "{conf}"; }};
'''


def eventually(what, predicate):
    return rt.eventually(what, predicate, PATIENCE)


class Mortal(rt.Resolver):
    """Two engines and the probation engine, which die; two workers."""

    def __init__(self, binary=MORTAL):
        self.binary = binary
        self.held, self.board = rt.hold(WORKERS), heldwire.Board((1 << WORKERS) - 1)
        self.ended = {'0': 0, '1': 0, 'probation': 0}
        self.looks = 0
        self.site = rt.base + '/healthd.conf'
        with open(self.site, 'w', encoding='ascii') as f:
            f.write(SITE.format(conf=rt.conf))
        self.named, self.workers = {}, []
        try:
            self.begin()
        except BaseException:
            self.end()
            raise

    def begin(self):
        self.named = {name: self.engine(name) for name in self.ended}
        self.workers = [self.begin_worker(n) for n in range(WORKERS)]
        self.clients = [rt.Client('127.0.0.1', 5300 + n) for n in range(WORKERS)]
        self.client, self.worker = self.clients[0], self.workers[0]
        self.settle()
        eventually('every worker has met the probation engine',
                   lambda: self.text().count('engine probation is there') >= WORKERS)

    @property
    def engines(self):
        return [self.named['0'], self.named['1']]

    def given(self, *names):
        return {n: self.held[n] for n in names}

    def engine(self, name):
        own = f'score.e{name}' if name != 'probation' else 'score.probation'
        memory = f'shard.{name}' if name != 'probation' else 'quarantine'
        rt.processes.append(heldwire.start(
            [self.binary, '-c', rt.conf, 'engine', name],
            self.given(f'listen.{name}', own, memory), stdout=rt.log, stderr=rt.log))
        return rt.processes[-1]

    def begin_worker(self, number):
        names = [n for n in self.held if n.startswith(('udp.', 'tcp.', 'shard.'))]
        given = self.given(*names, 'quarantine', f'score.w{number}')
        given['board'] = self.board.fd
        rt.processes.append(heldwire.start([self.binary, '-c', rt.conf, 'worker', str(number)], given,
                                           stdout=rt.log, stderr=rt.log))
        return rt.processes[-1]

    @staticmethod
    def text():
        with open(f'/proc/self/fd/{rt.log.fileno()}', encoding='utf-8') as f:
            f.seek(start_of_case[0])
            return f.read()

    def supervise(self):
        """The next one of each that has ended."""
        for name, process in self.named.items():
            if process.poll() is not None:
                self.ended[name] += 1
                self.named[name] = self.engine(name)

    def event(self, number, worker=None):
        """A counter, of one worker or of all."""
        those = range(WORKERS) if worker is None else [worker]
        return sum(scorewire.word(scorewire.check(os.pread(self.held[f'score.w{w}'], 8192, 0)),
                                  scorewire.EVENT + 8 * number) for w in those)

    def answer(self, socket_):
        """What comes next, with the supervisor at work; None: nothing in time."""
        end = time.monotonic() + PATIENCE
        socket_.settimeout(0.005)
        while time.monotonic() < end:
            self.supervise()
            try:
                return dns.Answer(socket_.recv(65536))
            except socket.timeout:
                continue
        return None

    def get(self, name, worker=0, **more):
        c = self.clients[worker]
        c.id = c.id + 1 & 0xffff
        c.udp.send(dns.query(name, more.pop('qtype', dns.A), qid=c.id, edns=dns.opt(), **more))
        while True:
            a = self.answer(c.udp)
            if a is None:
                raise Failed(f'{name}: no answer')
            if a.id == c.id:
                return a

    def settle(self):
        """All are there, and every worker knows."""
        def look():
            self.supervise()
            for worker in range(WORKERS):
                self.looks += 1
                if not rt.answers(self.clients[worker]) or \
                        self.get(f's{self.looks}.random.example.test.', worker).rcode:
                    return False
            return all(p.poll() is None and connected(n) for n, p in self.named.items())
        eventually('all is well', look)

    def cache(self, *words):
        done = subprocess.run([BINDIR + '/bgpctl', '-c', self.site, 'cache', *words], timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return done.stdout

    def end(self):
        for p in (*self.named.values(), *self.workers):
            if p.poll() is None:
                stop(p)
        for fd in self.held.values():
            os.close(fd)
        self.board.close()


start_of_case = [0]


def connected(name):
    """Workers have met this engine: each has its end of a connection. Rows may come twice."""
    with open('/proc/net/unix', encoding='ascii') as f:
        return len({line.split()[6] for line in f if f'/engine-{name}.sock' in line.split()[-1]
                    and line.split()[5] == '03'}) >= WORKERS


def convict(m, name, worker=0):
    """Asks until it is in quarantine. On a busy machine who asks first may not be waited for: then it
    only fails."""
    def look():
        a = m.get(name, worker)
        expect((a.rcode, a.answers), (dns.SERVFAIL, []), name)
        return b'quarantined' in a.options[15]
    eventually(f'quarantine of {name}', look)


def quarantined(a, name):
    expect((a.rcode, a.ede, a.answers), (dns.SERVFAIL, 0, []), name)
    if b'quarantined' not in a.options[15]:
        raise Failed(f'{name}: {a.options[15]}')


# Cases

def whoever_ends_an_engine_ends_one_more_and_then_none(m):
    for i, how in enumerate(('die', 'late', 'segv', 'spin')):
        name = f'{how}-{i}.random.example.test.'
        before = dict(m.ended)
        convict(m, name)
        m.settle()
        serving = m.ended['0'] + m.ended['1'] - before['0'] - before['1']
        expect((serving, m.ended['probation'] - before['probation']), (1, 1), f'ends by {name}')
        for worker in (0, 1):
            quarantined(m.get(name.upper(), worker), name)
            quarantined(m.get(name, worker, cd=True), name)
        m.settle()
        expect(sum(m.ended.values()), sum(before.values()) + 2, f'ends after {name}')
    expect('event=quarantined' in m.text(), True, 'it is said')


def a_thousand_more_questions_change_nothing(m):
    name = 'die-again.random.example.test.'
    convict(m, name)
    m.settle()
    before = dict(m.ended)
    told = m.event(QUARANTINED)
    for i in range(500):
        for worker in (0, 1):
            quarantined(m.get(name, worker), name)
        if i % 50 == 0:
            expect(m.get(f'i{i}.random.example.test.').rcode, 0, 'another name')
    expect(m.ended, before, 'engines')
    expect(m.event(QUARANTINED) - told, 1000, 'counted')


def the_innocent_are_answered(m):
    """Many are in flight, as servers hang, when one kills the engines that have them."""
    hang(signal.SIGSTOP)
    try:
        names = [f'n{i}.random.insecure.test.' for i in range(300)]
        for i, name in enumerate(names):
            m.clients[i % 2].udp.send(dns.query(name, dns.A, qid=1000 + i, edns=dns.opt()))
        eventually('they are in flight', lambda: in_flight(m) >= 300)
        m.clients[0].udp.send(dns.query('die-first.random.example.test.', dns.A, qid=5000, edns=dns.opt()))

        # No longer: libunbound takes servers for dead after two seconds.
        eventually('an engine ends', lambda: any(m.named[n].poll() is not None for n in ('0', '1')))
    finally:
        hang(signal.SIGCONT)
    got = {}
    for i in range(301):
        c = m.clients[i % 2 if i < 300 else 0]
        a = m.answer(c.udp)
        got[a.id] = a
    expect(sorted(got), [*range(1000, 1300), 5000], 'answered')
    expect(got.pop(5000).rcode, dns.SERVFAIL, 'the one')
    convict(m, 'die-first.random.example.test.')
    expect({a.rcode for a in got.values()}, {0}, 'the innocent')
    expect((m.ended['0'] + m.ended['1'], m.ended['probation']), (1, 1), 'ends')


def in_flight(m):
    """At the engines."""
    return sum(scorewire.word(scorewire.check(os.pread(m.held[f'score.e{e}'], 8192, 0)),
                              scorewire.IN_FLIGHT) for e in (0, 1))


def engines_killed_by_hand_put_nobody_in_quarantine(m):
    """Also when the same questions are in flight each time, and the probation engine is killed too."""
    hang(signal.SIGSTOP)
    try:
        names = [f'h{i}.random.insecure.test.' for i in range(40)]
        for i, name in enumerate(names):
            m.client.udp.send(dns.query(name, dns.A, qid=1000 + i, edns=dns.opt()))
        eventually('they are in flight', lambda: in_flight(m) >= 40)
        for name in ('0', '1', '0', '1'):
            ended = m.ended[name]
            m.named[name].kill()
            eventually('the next one', lambda n=name, was=ended: m.supervise() or (
                m.ended[n] > was and connected(n)))
        eventually('the probation engine is asked', lambda: m.supervise() or m.event(SUSPECTS) >= 1)
        m.named['probation'].kill()
        eventually('the next one', lambda: m.supervise() or m.ended['probation'] == 1)
    finally:
        hang(signal.SIGCONT)
    got = {}
    while len(got) < len(names):
        a = m.answer(m.client.udp)
        got[a.id] = (a.rcode, a.ede)
    # libunbound may have taken the servers for dead (22) meanwhile, which is no engine's end.
    expect(set(got.values()) - {(0, None), (dns.SERVFAIL, 22)}, set(), 'answers')
    expect(m.event(QUARANTINED), 0, 'in quarantine')
    expect('event=quarantined' in m.text(), False, 'it is said')


def who_kills_without_a_word_is_found_as_well(m):
    """Two engines, and the probation engine twice: more is needed where nothing is said."""
    name = 'mute-1.random.example.test.'
    convict(m, name)
    m.settle()
    before = dict(m.ended)
    expect((before['0'] + before['1'], before['probation']), (2, 2), 'ends')
    for worker in (0, 1):
        convict(m, name, worker)
    expect(m.ended, before, 'ends')
    text = m.cache('explain', name)
    if 'ended the probation engine (killed twice), time 1' not in text:
        raise Failed(f'it is explained by {text}')


def a_worker_that_comes_later_knows(m):
    name = 'die-later.random.example.test.'
    convict(m, name)
    m.settle()
    stop(m.workers[1])
    m.workers[1] = m.begin_worker(1)
    before = dict(m.ended)
    eventually('it is there', lambda: rt.answers(m.clients[1]))
    quarantined(m.get(name, 1), name)
    expect(m.ended, before, 'ends')


def it_is_explained(m):
    name = 'die-why.random.example.test.'
    convict(m, name)
    m.settle()
    eventually('the probation engine says hello', lambda: 'quarantine: ' in m.cache('explain', name))
    text = m.cache('explain', name)
    for part in ('quarantine: ', 'signal 6', 'time 1'):
        if part not in text:
            raise Failed(f'no {part!r} in {text}')
    q = json.loads(m.cache('explain', name, '--json'))['quarantine']
    expect((q['state'], q['strikes'], q['signal']), ('held', 1, 6), 'its sentence')
    if not 500 < q['left_s'] <= 600:
        raise Failed(f'{q}')
    expect(json.loads(m.cache('explain', 'www5.example.test.', '--json'))['quarantine'], None, 'another')


def who_had_an_answer_keeps_it_in_quarantine(m):
    """From before: what is past its time is told, as far as there is one."""
    shipped = BINDIR + '/resolver'
    name = 'late-once.random.example.test.'
    m.binary = shipped
    for n in list(m.named):
        stop(m.named[n])
    m.supervise()
    m.settle()
    expect(m.get(name).rcode, 0, 'with engines that do not die of it')
    m.binary = MORTAL
    m.ended = dict.fromkeys(m.ended, 0)
    for n in list(m.named):
        stop(m.named[n])
    m.supervise()
    expect(m.get(name).rcode, 0, 'from cache')


def what_is_past_its_time_is_told_in_quarantine(m):
    """Whoever has had an answer is given that, and no engine ends any more."""
    name = 'die-stale.random.example.test.'
    for binary in (BINDIR + '/resolver', MORTAL):
        m.binary = binary
        for n in list(m.named):
            stop(m.named[n])
        m.supervise()
        m.settle()
        if binary != MORTAL:
            for worker in (0, 1):
                fresh = m.get(name, worker)
                expect((fresh.rcode, fresh.edes, len(fresh.answers)), (0, [], 1), 'with engines that live')
            ends = time.monotonic() + fresh.answers[0][2] + 1
    m.ended = dict.fromkeys(m.ended, 0)
    eventually('its time is over', lambda: m.supervise() or time.monotonic() > ends)
    at = m.get(name)
    stale = (0, [3], fresh.data())
    expect((at.rcode, at.edes, at.data()), stale, 'as its engine ends, or its time was over before')
    eventually('its quarantine', lambda: m.get(name) and 'event=quarantined' in m.text())
    m.settle()
    before = dict(m.ended)
    expect((before['0'] + before['1'], before['probation']), (1, 1), 'ends')
    for worker in (0, 1):
        for _ in range(50):
            a = m.get(name, worker)
            expect((a.rcode, a.edes, a.data(), a.answers[0][2]), (*stale, 30), f'worker {worker}')
        # What has no answer from before has none now.
        quarantined(m.get(name, worker, cd=True), name)
    expect(m.ended, before, 'ends')


def without_a_probation_engine_two_losses_are_enough(m):
    stop(m.named.pop('probation'))
    for w in m.workers:
        stop(w)
    m.workers = [m.begin_worker(n) for n in range(WORKERS)]
    eventually('they are there', lambda: all(rt.answers(c) for c in m.clients))
    m.settle()
    m.ended = dict.fromkeys(m.ended, 0)
    expect(m.get('die-old.random.example.test.').rcode, dns.SERVFAIL, 'it fails')
    m.settle()
    expect(m.ended['0'] + m.ended['1'], 2, 'ends')
    expect(m.event(QUARANTINED), 0, 'in quarantine')


CASES = [f for f in list(globals().values())
         if callable(f) and getattr(f, '__code__', None) and f.__code__.co_varnames[:1] == ('m',)
         and f.__code__.co_argcount == 1 and f.__name__ != 'in_flight']


def make():
    """Deadlines that a busy machine keeps: what is in flight must be so until the test lets it end."""
    with open(rt.conf, encoding='ascii') as f:
        text = f.read()
    if 'deadline_ms' not in text:
        with open(rt.conf, 'w', encoding='ascii') as f:
            f.write(text.replace('user = "nobody";', 'user = "nobody"; deadline_ms = 60000;')
                    .replace('user = "daemon";', 'user = "daemon"; deadline_ms = 50000;'))
    start_of_case[0] = os.lseek(rt.log.fileno(), 0, os.SEEK_END)
    return Mortal()


if __name__ == '__main__':
    sys.exit(rt.on_stage(lambda: rt.main(CASES, make)))
