#!/usr/bin/python3
"""Popular answers are renewed before they end, and addresses take turns.

usage: refresh_test.py [CASE ...]     (any user; on loopback, root's in a network of its own; BIN=build/bin)

First a worker with an engine of the test's making, which says what happens when; then real workers and a
real engine behind a forwarder of the test's making, whose answers change and which notes each question.
Times are asserted as order, or within seconds of an answer's life.
"""
import collections
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import heldwire  # noqa: I001  (first: it keeps the low descriptors)
import dnswire as dns
import proc
import worker_test
from worker_test import (BINDIR, PATIENCE, SERVICE, BOGUS, FAILURE, UPSTREAM, Failed, address_entry,
                         boottime, entry, eventually, expect, free_port, frame, unframe)

ANSWERING, ILL_AFTER = 1, 5
L1, L2, ENGINE, STALE = 1, 2, 3, 4
ASKED, RENEWED = 4, 5
SO_TIMESTAMPNS = 35
REFRESH = 4

CONF = '''
pop = "lab"; node = "one"; run_dir = "{dir}/run"; listen = [ "{service}" ]; port = {port};
probe_port = {probe};
worker = {{ l1_mib = 1; l2_mib = 4; deadline_ms = 4500; old_ms = 60000; }};
engine = {{ mode = "forward"; forwarders = [ "127.0.0.1@{upstream}" ]; trust_anchor = "";
	deadline_ms = {deadline}; cache_mib = 4; }};
refresh = {{ percent = {percent}; per_s = {per_s}; }};
rotate = {rotate};
'''


# A worker, and an engine that the case plays.

def filled(w, name='www.test', ttl=100, left=5, address='203.0.113.9'):
    """An answer with so much of its life left; the client that asked for it."""
    s = w.udp()
    s.send(dns.query(name))
    ask = w.engine.ask()
    expect(ask.flags, 0, 'flags of a miss')
    w.engine.tell(ask, address_entry(ask, address, ttl=ttl, stored=boottime() - ttl + left))
    expect(address_of(s), address, 'the first answer')
    return s


def renewal(w):
    """The next question, which is one."""
    ask = w.engine.ask()
    expect(ask.flags, REFRESH, f'flags of {ask.key}')
    ask.flags = 0  # of the key, which an answer has
    return ask


def address_of(s):
    a = dns.Answer(s.recv(4096))
    expect((a.rcode, len(a.answers)), (0, 1), 'an answer')
    return socket.inet_ntoa(a.answers[0][3])


def hit(s, name='www.test'):
    s.send(dns.query(name))
    return address_of(s)


def events(w, which):
    return w.score()['event'][which]


def whoever_asks_late_has_it_renewed_and_does_not_wait(start):
    w = start()
    s = filled(w)
    expect(hit(s), '203.0.113.9', 'a hit near the end')
    ask = renewal(w)
    expect(ask.key, (dns.name_wire('www.test'), dns.A, 0), 'the question')
    for _ in range(5):
        expect(hit(s), '203.0.113.9', 'hits meanwhile')
    w.engine.quiet()
    w.engine.tell(ask, address_entry(ask, '203.0.113.10'))
    eventually('the new answer', lambda: hit(s) == '203.0.113.10')
    w.engine.quiet()
    score = w.score()
    expect((score['layer'][ENGINE], score['event'][ASKED], score['in_flight']), (1, 1, 0),
           'waited, renewed, in flight')


def whoever_asks_early_has_not(start):
    w = start()
    s = filled(w, left=12)
    for _ in range(5):
        hit(s)
    w.engine.quiet()
    s = filled(w, 'short.test', ttl=9, left=2)  # a tenth of it is less than the clock tells apart
    hit(s, 'short.test')
    w.engine.quiet()


def what_a_renewal_is_told_never_makes_it_worse(start):
    w = start()
    for name, body in (
            ('failed.test', lambda a: entry(a, rcode=2, flags=FAILURE, ttl=5, cause=UPSTREAM, ede=22)),
            ('bogus.test', lambda a: entry(a, rcode=2, flags=FAILURE, ttl=5, cause=BOGUS, ede=6)),
            ('declined.test', lambda a: b''),
            ('sooner.test', lambda a: address_entry(a, '203.0.113.66', ttl=2)),
            ('unkept.test', lambda a: entry(a, rcode=3, flags=2, ttl=0))):
        s = filled(w, name, ttl=1000, left=70)
        hit(s, name)
        ask = renewal(w)
        expect(ask.name, dns.name_wire(name), 'the question')
        w.engine.tell(ask, body(ask))
        # Whatever was told has been read once a later question's answer was.
        s.send(dns.query('after.' + name))
        w.engine.tell(w.engine.ask())
        address_of(s)
        for _ in range(3):
            expect(hit(s, name), '203.0.113.9', name)
        w.engine.quiet()
    expect(w.score()['in_flight'], 0, 'in flight')


def who_comes_after_the_end_joins_or_is_asked_for(start):
    """Its renewal is open still; then the engine takes it, or doesn't."""
    w = start()
    for name, taken in (('taken.test', True), ('declined.test', False)):
        s = filled(w, name, ttl=40, left=2)  # one of them may be over by the clock at once
        hit(s, name)
        ask = renewal(w)
        stored = boottime()
        eventually('its end', lambda: boottime() > stored + 2)
        before = w.score()['joined']
        s.send(dns.query(name))
        eventually('it waits', lambda: w.score()['joined'] == before + 1)
        w.engine.quiet()
        if taken:
            w.engine.tell(ask, address_entry(ask, '203.0.113.10'))
        else:
            w.engine.tell(ask, b'')
            again = w.engine.ask()
            expect((again.name, again.flags), (ask.name, 0), 'asked as any other')
            w.engine.tell(again, address_entry(again, '203.0.113.10'))
        expect(address_of(s), '203.0.113.10', name)
    expect(w.score()['in_flight'], 0, 'in flight')


def one_that_its_engine_takes_along_is_not_asked_again(start):
    w = start()
    s = filled(w, ttl=1000, left=70)
    hit(s)
    renewal(w)
    w.engine.hang_up()
    w.said('engine_lost')
    w.engine.accept()
    s.send(dns.query('other.test'))
    ask = w.engine.ask()
    expect(ask.name, dns.name_wire('other.test'), 'the next question')
    w.engine.tell(ask)
    address_of(s)
    expect(hit(s), '203.0.113.9', 'what is cached')
    w.engine.quiet()


def nothing_is_renewed_after_failures_in_a_row(start):
    w = start()
    s = filled(w, ttl=1000, left=70)
    for i in range(ILL_AFTER):
        s.send(dns.query(f'dead{i}.test'))
        ask = w.engine.ask()
        w.engine.tell(ask, entry(ask, rcode=2, flags=FAILURE, ttl=5, cause=UPSTREAM, ede=22))
        expect(dns.Answer(s.recv(4096)).rcode, dns.SERVFAIL, 'a failure')
    for _ in range(20):
        expect(hit(s), '203.0.113.9', 'what is cached')
    w.engine.quiet()
    expect(events(w, ASKED), 0, 'renewals')
    filled(w, 'alive.test', left=100)
    hit(s)
    renewal(w)


def without_an_engine_nothing_is_renewed(start):
    w = start()
    s = filled(w)
    w.engine.hang_up()
    w.said('engine_lost')
    for _ in range(5):
        expect(hit(s), '203.0.113.9', 'what is cached')
    expect(events(w, ASKED), 0, 'renewals')


def renewals_take_only_their_share(start):
    w = start(in_flight=24)
    for i in range(12):
        s = filled(w, f'n{i}.test', ttl=1000, left=60)
    for i in range(12):
        hit(s, f'n{i}.test')
    asks = [renewal(w) for _ in range(3)]
    w.engine.quiet()
    w.engine.tell(asks[0], address_entry(asks[0]))
    eventually('room for one more', lambda: all(hit(s, f'n{i}.test') for i in range(12)) and
               events(w, ASKED) == 4)
    expect(renewal(w).name in [a.name for a in asks], False, 'another one')
    w.engine.quiet()


# Real workers and a real engine, and what they ask.

class Upstream:
    """A forwarder: the name says what the answer is, and each one has another address."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.bind(('127.0.0.1', 0))
        self.port = self.socket.getsockname()[1]
        self.log, self.mode, self.delay_s, self.number = [], 'well', 0, 0
        self.offset = time.monotonic() - time.time()
        threading.Thread(target=self.loop, daemon=True).start()

    def loop(self):
        while True:
            try:
                wire, extra, _, client = self.socket.recvmsg(4096, 100)
            except OSError:
                return
            end = wire.index(b'\0', 12) + 5
            name, _ = dns._name(wire, 12)
            self.number += 1
            # When it came, not when we had the time for it; as time.monotonic() tells it.
            seconds, nanoseconds = struct.unpack('@qq', extra[0][2])
            self.log.append((seconds + nanoseconds / 1e9 + self.offset, name.lower(), self.number))
            if self.mode == 'silent':
                continue
            answer = self.answer(wire, name, end)
            if self.delay_s:
                threading.Timer(self.delay_s, self.socket.sendto, (answer, client)).start()
            else:
                self.socket.sendto(answer, client)

    def answer(self, wire, name, end):
        """t4.www.org.: a TTL of 4; set5.t9...: five addresses; alias...: by way of an alias."""
        question = wire[12:end]
        if self.mode == 'servfail':
            return wire[:2] + b'\x81\x82\0\1\0\0\0\0\0\0' + question
        labels = name.split('.')
        ttl = next((int(x[1:]) for x in labels if x[:1] == 't' and x[1:].isdigit()), 300)
        n = next((int(x[3:]) for x in labels if x[:3] == 'set' and x[3:].isdigit()), 0)
        owner, records = b'\xc0\x0c', []
        if labels[0] == 'alias':
            records = [dns.record(dns.CNAME, ttl, b'\1x\xc0\x0c')]
            owner = struct.pack('!H', 0xc000 | end + 12)
        data = [bytes([198, 51, 100, i]) for i in range(n)] or [
            bytes([10, 0, self.number >> 8, self.number & 255])]
        records += [dns.record(dns.A, ttl, x, owner) for x in data]
        return wire[:2] + struct.pack('!HHHHH', 0x8180, 1, len(records), 0, 0) + question + \
            b''.join(records)

    def asked(self, name):
        return [t for t, n, _ in list(self.log) if n == name]


class Node:
    def __init__(self, percent=30, per_s=1000, rotate=True, workers=1, deadline=1500):
        self.dir = tempfile.mkdtemp(prefix='anypop-refresh-')
        os.mkdir(self.dir + '/run')
        self.upstream, self.port, self.probe = Upstream(), free_port(), free_port(workers)
        self.conf = self.dir + '/resolver.conf'
        with open(self.conf, 'w', encoding='ascii') as f:
            f.write(CONF.format(dir=self.dir, service=SERVICE, port=self.port, probe=self.probe,
                                upstream=self.upstream.port, percent=percent, per_s=per_s,
                                deadline=deadline, rotate=str(rotate).lower()))
        self.log = open(self.dir + '/log', 'w', encoding='ascii')
        self.engine = self.start('engine', 0)
        self.workers = [self.start('worker', n) for n in range(workers)]
        self.clients = []
        for n in range(workers):
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.connect(('127.0.0.1', self.probe + n))
            s.settimeout(PATIENCE)
            self.clients.append(s)
        for n in range(workers):
            eventually(f'worker {n}', lambda n=n: self.first(n))

    def first(self, number):
        """Does it resolve?"""
        try:
            return self.ask(f'first{number}.org.', number).rcode == 0
        except (OSError, struct.error):
            return False

    def start(self, role, number):
        return heldwire.start([BINDIR + '/resolver', '-c', self.conf, role, str(number)],
                              stderr=self.log, stdout=self.log)

    def ask(self, name, worker=0):
        s = self.clients[worker]
        s.send(dns.query(name, edns=dns.opt()))
        return dns.Answer(s.recv(4096))

    def address(self, name, worker=0):
        """Of a good answer that is not past its time."""
        a = self.ask(name, worker)
        expect((a.rcode, a.ede, len(a.answers)), (0, None, 1), name)
        return socket.inet_ntoa(a.answers[0][3])

    def score(self, process):
        data = proc.scoreboard(process.pid)
        if data is None:
            raise Failed('no scoreboard')
        return worker_test.counters(data)

    def layers(self, worker=0):
        return self.score(self.workers[worker])['layer']

    def explain(self, name):
        out = subprocess.run([BINDIR + '/resolver', '-c', self.conf, 'cache', 'explain', name, '--json'],
                             stdout=subprocess.PIPE, stderr=self.log, text=True, check=True).stdout
        return json.loads(out)['entries'][0]

    def keep_asking(self, seconds, names, every=0.01, workers=(0,)):
        """Good answers all the time, in turn; the addresses that were seen, in order."""
        seen, end, i = [], time.monotonic() + seconds, 0
        while time.monotonic() < end:
            for worker in workers:
                address = self.address(names[i % len(names)], worker)
                if address not in seen:
                    seen.append(address)
            i += 1
            time.sleep(every)
        return seen

    def end(self):
        for p in (*self.workers, self.engine):
            if p.poll() is None:
                p.send_signal(signal.SIGTERM)
        codes = [p.wait(PATIENCE) for p in (*self.workers, self.engine)]
        for s in (*self.clients, self.upstream.socket):
            s.close()
        self.log.close()
        return codes

    def text(self):
        with open(self.dir + '/log', encoding='ascii') as f:
            return f.read()[-3000:]


def a_popular_name_is_renewed_and_nobody_waits(node):
    """Over several lives, by one context and the other in turn."""
    n, name, ttl = node(), 't8.www.org.', 8
    contexts = collections.Counter()
    seen = [n.address(name)]
    before = n.layers()
    end = time.monotonic() + 3 * ttl
    while time.monotonic() < end:
        seen += n.keep_asking(0.5, [name])
        contexts[n.explain(name)['context']] += 1
    after, asked = n.layers(), n.upstream.asked(name)
    expect((after[ENGINE] - before[ENGINE], after[STALE]), (0, 0), 'clients that waited, stale answers')
    expect(len(asked) >= 4, True, f'asked {len(asked)} times')
    for last, now in zip(asked, asked[1:]):
        if not now < last + ttl:
            raise Failed(f'renewed {now - last} s after the last: it had ended')
    expect(len(set(seen)) >= 4, True, 'addresses changed')
    expect(min(contexts[0], contexts[1]) > 0, True, f'contexts {contexts}')
    score = n.score(n.engine)['event']
    if not 3 <= score[RENEWED] <= score[ASKED] or score[RENEWED] < len(asked) - 2:
        raise Failed(f'{score[RENEWED]} renewed of {score[ASKED]}, upstream was asked {len(asked)} times')


def without_refresh_answers_end(node):
    n, name, ttl = node(percent=0), 't3.www.org.', 3
    before = n.layers()[ENGINE]
    n.keep_asking(2 * ttl + 1.5, [name])
    asked = n.upstream.asked(name)
    expect(n.layers()[ENGINE] - before >= len(asked) >= 2, True, 'each was waited for')
    for last, now in zip(asked, asked[1:]):
        if not now > last + ttl - 1.1:
            raise Failed(f'asked again after {now - last} s')
    expect(n.explain(name)['context'], 0, 'context')


def workers_share_one_renewal(node):
    n, name, ttl = node(workers=3), 't8.www.org.', 8
    n.keep_asking(2 * ttl, [name], workers=(0, 1, 2))
    asked = n.upstream.asked(name)
    expect(sum(n.layers(i)[ENGINE] for i in range(3)), 4, 'misses: of this name one, of first*.org three')
    expect(len(asked) >= 3, True, 'lives')
    for last, now in zip(asked, asked[1:]):
        if not 0.7 * ttl - 1.1 < now - last < ttl:
            raise Failed(f'renewed {now - last} s after the last')
    expect(n.score(n.engine)['event'][RENEWED] >= 2, True, 'renewed')


def a_failing_renewal_leaves_the_good_answer(node):
    n, name = node(), 't8.www.org.'
    first = n.address(name)
    n.upstream.mode = 'servfail'
    while not n.explain(name)['stale_s']:
        a = n.ask(name)
        expect((a.rcode, socket.inet_ntoa(a.answers[0][3])), (0, first), 'while it lives')
        time.sleep(0.02)
    expect(len(n.upstream.asked(name)) >= 2, True, 'a renewal was asked for')
    before = len(n.upstream.log)
    a = n.ask(name)
    expect((a.rcode, a.ede, len(n.upstream.log)), (0, 3, before), 'then it is stale, at once')
    expect(n.score(n.engine)['event'][RENEWED], 0, 'renewed')


def nothing_is_renewed_while_upstream_is_ill(node):
    n, ttl = node(per_s=10, deadline=300), 30
    names = [f'n{i}.t{ttl}.ill.org.' for i in range(60)]
    for name in names:
        n.address(name)
    filled_at = time.monotonic()
    n.upstream.mode = 'silent'

    def asked():
        return n.score(n.workers[0])['event'][ASKED]
    eventually('renewals begin', lambda: n.keep_asking(0.1, names, 0.001) and asked() > 0, ttl)
    n.keep_asking(1.5, names, 0.001)
    stopped = asked()
    n.keep_asking(1.5, names, 0.001)
    expect(asked(), stopped, 'renewals asked for while upstream is ill')
    expect(time.monotonic() < filled_at + ttl - 1, True, 'all that before they end')
    n.upstream.mode = 'well'
    number = iter(range(1000))
    eventually('upstream is well', lambda: n.ask(f'well{next(number)}.org.').rcode == 0)
    fresh = [f'm{i}.t4.well.org.' for i in range(3)]
    eventually('renewals again', lambda: [n.address(x) for x in fresh] and asked() > stopped)


def the_budget_holds_when_many_end_together(node):
    per_s, ttl = 5, 20
    n = node(per_s=per_s)
    names = [f'n{i}.t{ttl}.many.org.' for i in range(150)]
    filled_at = time.monotonic()
    for name in names:
        n.address(name)
    while time.monotonic() < filled_at + ttl - 1.5:
        n.keep_asking(0.1, names, 0.001)
    asked = [t for t, _, number in n.upstream.log if t > filled_at + 0.7 * ttl - 1.1]
    expect(len(asked) >= 2 * per_s, True, f'{len(asked)} renewals: the budget is used')
    for i, t in enumerate(asked):
        within = len([x for x in asked[i:] if x < t + 1])
        expect(within <= 2 * per_s, True, f'{within} renewals within a second')
    expect(len(asked) <= per_s + per_s * (asked[-1] - asked[0] + 1), True, f'{len(asked)} in all')


def addresses(a):
    return [data[3] for _, rtype, _, data in a.answers if rtype == dns.A]


def addresses_take_turns(node):
    n = node()
    for name, wanted in (('set4.org.', 4), ('alias.set5.org.', 5), ('set1.org.', 1)):
        first = collections.Counter()
        for _ in range(100 * wanted):
            a = n.ask(name)
            got = addresses(a)
            expect(sorted(got), list(range(wanted)), name)
            expect((got * 2)[got.index(0):][:wanted], list(range(wanted)), 'their round')
            first[got[0]] += 1
            expect([x[1] for x in a.answers[:len(a.answers) - wanted]],
                   [dns.CNAME] * (len(a.answers) - wanted), 'what comes before')
        # 100 each, by chance: three are not once in a million runs as far from it as this.
        expect(all(50 <= first[i] <= 160 for i in range(wanted)), True, f'first {first}')
        with socket.create_connection(('127.0.0.1', n.probe), timeout=PATIENCE) as s:
            for _ in range(5):
                s.sendall(frame(dns.query(name)))
                expect(sorted(addresses(unframe(s))), list(range(wanted)), 'by TCP')


def addresses_keep_their_order_where_configured(node):
    n = node(rotate=False)
    order = addresses(n.ask('set8.org.'))
    for _ in range(50):
        expect(addresses(n.ask('set8.org.')), order, 'order')


def run_node(case):
    nodes = []

    def node(**more):
        nodes.append(Node(**more))
        return nodes[-1]
    try:
        case(node)
        problem = None
    except (Failed, OSError, ValueError, struct.error, subprocess.SubprocessError) as e:
        problem = f'{type(e).__name__}: {e}'
    for n in nodes:
        try:
            codes = n.end()
            if any(codes) and problem is None:
                problem = f'exit statuses {codes}'
        finally:
            for p in (*n.workers, n.engine):
                if p.poll() is None:
                    p.kill()
            if problem:
                print(n.text())
            shutil.rmtree(n.dir, ignore_errors=True)
    if problem:
        print(f'FAILED {case.__name__}: {problem}')
    return problem is None


def cases(argument):
    return [f for f in list(globals().values()) if callable(f) and getattr(f, '__code__', None) and
            f.__code__.co_varnames[:1] == (argument,) and f.__code__.co_argcount == 1 and
            f.__module__ == __name__ and (not sys.argv[1:] or f.__name__ in sys.argv[1:])]


def main():
    worker_test.own_network()
    results = [worker_test.run(c) for c in cases('start')] + [run_node(c) for c in cases('node')]
    print(f'{results.count(True)} passed, {results.count(False)} failed')
    sys.exit(0 if results and all(results) else 1)


if __name__ == '__main__':
    main()
