#!/usr/bin/python3
"""Who asks too much, whose address is forged and who has a cookie: worker and engines on the lab's
small Internet, clients of many networks.

usage: limits_test.py [CASE ...]     (root; makes its own network and mount namespace; BIN=build/bin)

A flood is sent at once, so that what a rate allows meanwhile is little beside it; how much that was is
reckoned from the time it took. What is lost in sockets on the way is told by the worker's counters.
"""
import contextlib
import os
import select
import signal
import socket
import struct
import sys
import time

import heldwire  # noqa: I001  (first: it keeps the low descriptors)
import resolver_test as rt
from resolver_test import BINDIR, PATIENCE, dns, expect, must, stop
from worker_test import Failed, counters, eventually, frame, is_closed, unframe

SERVICE, BADCOOKIE, COOKIE, SO_RCVBUFFORCE = '192.0.2.53', 23, 10, 33
FLOODER, OTHER, NEIGHBOUR = '10.60.1.1', '10.60.2.1', '10.60.1.2'
SIX = 'fd00:60:1::1'
DROP_FULL, DROP_RATE = 3, 5
SLIPPED, CACHE_ONLY, GOOD, BAD = range(4)
BURST = 512  # at a time, so that no socket's buffer overflows


def score(who):
    return counters(rt.scoreboard(who.worker))


def client(source=FLOODER):
    six = ':' in source
    s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
    s.bind((source, 0))
    s.connect(('2001:db8:53::53' if six else SERVICE, 53))
    s.settimeout(PATIENCE)
    return s


def ask(s, name, qid=1, cookie=None, **more):
    options = dns.option(COOKIE, cookie) if cookie else b''
    s.send(dns.query(name, qid=qid, edns=dns.opt(options=options), **more))
    return dns.Answer(s.recv(65536))


def by_tcp(name, source=FLOODER, **more):
    with connected(source) as s:
        s.sendall(frame(dns.query(name, **more)))
        return unframe(s)


def connected(source=FLOODER):
    return socket.create_connection((SERVICE, 53), timeout=PATIENCE, source_address=(source, 0))


def asked(who):
    return score(who)['udp']


class Flood:
    """Queries sent as fast as they go, whatever comes back, and how long that took."""

    def __init__(self, r, wires, source=FLOODER, meanwhile=lambda: None):
        self.answers, self.sent, before = [], len(wires), score(r)
        begun = time.monotonic()
        with client(source) as s:
            seen = before['udp']
            for i in range(0, len(wires), BURST):
                for wire in wires[i:i + BURST]:
                    s.send(wire)
                seen += len(wires[i:i + BURST])
                eventually('the worker has read it', lambda n=seen: asked(r) >= n)
                seen = asked(r)
                meanwhile()
                seen = asked(r)
            self.seconds = time.monotonic() - begun
            # Misses come later; what is not answered is dropped at once.
            eventually('nothing is in flight', lambda: score(r)['in_flight'] == 0)
            while select.select([s], [], [], 0)[0]:
                self.answers.append(dns.Answer(s.recv(65536)))
        after = score(r)
        self.drops = after['drop'][DROP_RATE] - before['drop'][DROP_RATE]
        self.events = [b - a for a, b in zip(before['event'], after['event'])]

    def count(self, **wanted):
        return sum(all(getattr(a, k) == v for k, v in wanted.items()) for a in self.answers)

    @property
    def good(self):
        return sum(a.rcode == 0 and not a.tc and bool(a.answers) for a in self.answers)


def same(n, name='www1.example.test', **more):
    return [dns.query(name, qid=i, **more) for i in range(n)]


def between(low, value, high, what):
    if not low <= value <= high:
        raise Failed(f'{what}: {value}, not within {low} and {high}')


def cookie_of(s, name='www1.example.test'):
    """A cookie of this client's own."""
    a = ask(s, name, cookie=b'clientco')
    got = a.options.get(COOKIE, b'')
    expect((len(got), got[:8], got[8:12]), (24, b'clientco', b'\1\0\0\0'), 'a cookie')
    return got


# Limits of clients

def over_the_limit_it_is_cache_then_tc_then_nothing(r):
    """limits = { queries_per_s = 100; };"""
    ask(client(OTHER), 'www1.example.test')
    f = Flood(r, same(4000))
    allowed = 100 * (1 + f.seconds)
    between(200, f.good, 2 * allowed + 2, 'answered, from an engine or only from cache')
    between(100, f.count(tc=True), allowed + 1, 'TC')
    expect(f.count(tc=True), f.events[SLIPPED], 'counted as slipped')
    between(100, f.events[CACHE_ONLY], allowed + 1, 'counted as from cache only')
    expect(f.sent - len(f.answers), f.drops, 'counted as dropped')
    between(4000 - 3 * allowed - 3, f.drops, 3700, 'dropped')


def a_flood_of_one_leaves_the_others_alone(r):
    """limits = { queries_per_s = 100; prefix_queries_per_s = 2000; };"""
    ask(client(OTHER), 'www1.example.test')
    told = []
    with client(OTHER) as far, client(NEIGHBOUR) as near, client(SIX) as six:
        def others():
            for s in (far, near, six):
                told.append(ask(s, 'www1.example.test'))
                told.append(ask(s, f'm{len(told)}x.random.example.test'))
        f = Flood(r, same(8000), meanwhile=others)
    between(4000, f.drops, 8000, 'dropped of the flood')
    expect({(a.rcode, a.tc, bool(a.answers)) for a in told}, {(0, False, True)}, 'others are told')
    between(6 * 8000 // BURST, len(told), 8000, 'others')


def tc_brings_the_owner_of_the_address_back_by_tcp(r):
    """limits = { queries_per_s = 100; misses_per_s = 50; };"""
    f = Flood(r, same(2000))
    between(1, f.count(tc=True), 2000, 'TC')
    for i in range(5):
        a = by_tcp(f't{i}.random.example.test')
        expect((a.rcode, a.tc, bool(a.answers)), (0, False, True), 'by TCP, even a miss')


def a_cookie_tells_the_owner_from_the_flood(r):
    """limits = { queries_per_s = 100; };"""
    with client() as s:
        cookie, told = cookie_of(s), []
        f = Flood(r, same(4000), meanwhile=lambda: told.append(
            ask(s, f'c{len(told)}.random.example.test', cookie=cookie)))
        between(2000, f.drops, 4000, 'dropped of the flood')
        expect({(a.rcode, a.tc, bool(a.answers)) for a in told}, {(0, False, True)}, 'with a cookie')
        expect(f.events[GOOD], len(told), 'counted as good')


def who_speaks_of_cookies_gets_one_instead_of_tc(r):
    """limits = { queries_per_s = 100; };"""
    f = Flood(r, same(2000, edns=dns.opt(options=dns.option(COOKIE, b'clientco'))))
    expect(f.count(tc=True), 0, 'TC')
    between(100, f.count(rcode=BADCOOKIE), 2000, 'BADCOOKIE')
    expect(score(r)['rcode'][BADCOOKIE], f.count(rcode=BADCOOKIE), 'counted as that')
    bad = [a for a in f.answers if a.rcode == BADCOOKIE]
    expect({(len(a.options[COOKIE]), len(a.answers)) for a in bad}, {(24, 0)}, 'with a cookie')
    with client() as s:
        a = ask(s, 'www1.example.test', cookie=bad[-1].options[COOKIE])
        expect((a.rcode, bool(a.answers)), (0, True), 'which is good')


def exempt_are_loopback_probes_service_addresses_and_who_is_named(r):
    """limits = { queries_per_s = 1; exempt = [ "10.60.2.0/24" ]; }; rrl = { responses_per_s = 1; };"""
    for source in (OTHER, SERVICE):
        f = Flood(r, same(300), source=source)
        expect((f.good, f.drops), (300, 0), source)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((FLOODER, 0))
        s.connect(('127.0.0.1', 5300))
        s.settimeout(PATIENCE)
        for i in range(50):
            expect(ask(s, 'www1.example.test', qid=i).rcode, 0, 'by the probe listener')
    f = Flood(r, same(300))
    between(290, f.drops + f.count(tc=True), 300, 'anybody else')


def a_flood_of_made_up_names_does_not_starve_hits(r):
    """limits = { misses_per_s = 20; prefix_misses_per_s = 60; };"""
    names = [f'www{i}.example.test' for i in range(50)]
    with client(OTHER) as s, client() as own:
        for name in names:
            ask(s, name)
            time.sleep(0.05)  # these are misses, 20 of them a second
        told = []

        def hits():
            for i, who in enumerate((s, own) * 5):
                told.append(ask(who, names[(len(told) + i) % 50]))
        before = score(r)['layer'][3]
        f = Flood(r, [dns.query(f'f{i}.random.example.test', qid=i) for i in range(3000)],
                  meanwhile=hits)
        engine = score(r)['layer'][3] - before
        expect({(a.rcode, bool(a.answers)) for a in told}, {(0, True)}, 'hits meanwhile')
        between(20, engine, 20 * (1 + f.seconds) + 1, 'questions of the flood that an engine answered')
        refused = [a for a in f.answers if a.rcode == dns.REFUSED]
        between(2000, len(refused), 3000 - engine, 'refused')
        expect(f.events[CACHE_ONLY], len(refused), 'counted as from cache only')
        a = ask(s, 'fresh.random.example.test')
        expect((a.rcode, bool(a.answers)), (0, True), 'a miss of somebody else')


def one_slow_name_leaves_places_for_others(r):
    """worker = { user = "nobody"; old_ms = 60000; in_flight = 64; deadline_ms = 60000; };"""
    slow, before = 'slow.random.example.test', score(r)
    with client() as own, client(OTHER) as far, client(NEIGHBOUR) as near, connected() as proven:
        for engine in r.engines:
            engine.send_signal(signal.SIGSTOP)
        for i in range(1, 5):
            for wire in same(250, slow):
                own.send(wire)
            eventually('the worker has read it', lambda n=before['udp'] + 250 * i: asked(r) >= n)
        # Half of the 256 places; whoever is there is brought to TCP, where he has as many again.
        told = [dns.Answer(own.recv(65536)) for _ in range(1000 - 128)]
        expect({(a.tc, a.rcode) for a in told}, {(True, 0)}, 'beyond its share')
        now = score(r)
        expect((now['joined'] - before['joined'], now['event'][SLIPPED] - before['event'][SLIPPED]),
               (127, 1000 - 128), 'counted')
        proven.sendall(frame(dns.query(slow)))
        for who in (far, near):
            for _ in range(3):  # as a stub asks again
                who.send(dns.query(slow))
            who.send(dns.query(f'{who.getsockname()[0]}.random.example.test'))
        eventually('all are waited for', lambda: score(r)['joined'] - before['joined'] == 127 + 1 + 6)
        for engine in r.engines:
            engine.send_signal(signal.SIGCONT)
        for who, n in ((own, 128), (far, 4), (near, 4)):
            told = [dns.Answer(who.recv(65536)) for _ in range(n)]
            expect({(a.rcode, a.tc, bool(a.answers)) for a in told}, {(0, False, True)}, who.getsockname())
        expect(unframe(proven).rcode, 0, 'by TCP')
        expect(sum(score(r)['drop']) - sum(before['drop']), 0, 'dropped')
        # What waits no more is not counted any more.
        for i in range(3):
            for wire in same(100, f'later{i}.random.example.test'):
                own.send(wire)
            told = [dns.Answer(own.recv(65536)) for _ in range(100)]
            expect({(a.rcode, a.tc, bool(a.answers)) for a in told}, {(0, False, True)}, 'afterwards')


def connections_of_one_client_are_bounded(r):
    """limits = { tcp_clients = 4; prefix_tcp_clients = 6; };"""
    before = score(r)['drop'][DROP_RATE]
    with contextlib.ExitStack() as stack:
        def more(source=FLOODER, busy=True):
            s = stack.enter_context(connected(source))
            if busy:  # a query has begun: the answer to the one before it tells that it was read
                s.sendall(frame(dns.query('www1.example.test')) + b'\0')
                unframe(s)
            return s
        busy = [more() for _ in range(3)]
        idle = more(busy=False)
        idle.sendall(frame(dns.query('www1.example.test')))
        expect(unframe(idle).rcode, 0, 'the fourth one')
        fifth = more()
        expect(is_closed(idle), True, 'the idle one made room')
        expect(is_closed(more(busy=False)), True, 'five that are busy')
        near = [more(NEIGHBOUR) for _ in range(2)]
        expect(is_closed(more(NEIGHBOUR, busy=False)), True, 'seven of a prefix')
        expect(score(r)['drop'][DROP_RATE] - before, 2, 'counted')
        rest = dns.query('www1.example.test')
        for s in (*busy, fifth, *near):
            s.sendall(frame(rest)[1:])
            expect(unframe(s).rcode, 0, 'those that are there')
        expect(by_tcp('www1.example.test', OTHER).rcode, 0, 'another prefix')
    # All have gone, and are not counted any more.
    expect([by_tcp('www1.example.test').rcode for _ in range(8)], [0] * 8, 'afterwards')


# Response rate limiting

def a_forged_flood_slips_and_falls(r):
    """rrl = { responses_per_s = 50; slip = 2; };"""
    with client(OTHER) as far, client() as own:
        cookie, told, proven = cookie_of(own), [], []

        def others():
            told.append(ask(far, 'www1.example.test'))
            proven.append(ask(own, 'www1.example.test', cookie=cookie))
        f = Flood(r, same(8000), source=NEIGHBOUR, meanwhile=others)
    allowed = 50 * (1 + f.seconds)
    between(50, f.good, allowed + 2, 'answered')
    beyond = 8000 - f.good
    between(0.45 * beyond, f.count(tc=True), 0.55 * beyond, f'TC of {beyond} beyond')
    expect((f.count(tc=True), f.drops), (f.events[SLIPPED], 8000 - len(f.answers)), 'counted')
    expect({(a.rcode, a.tc) for a in told}, {(0, False)}, 'another prefix')
    expect({(a.rcode, a.tc) for a in proven}, {(0, False)}, 'the same prefix, with a cookie')
    a = by_tcp('www1.example.test', NEIGHBOUR)
    expect((a.rcode, a.tc, bool(a.answers)), (0, False, True), 'by TCP')


def denials_count_together(r):
    """rrl = { responses_per_s = 20; slip = 0; };"""
    with client() as s:
        for i in range(20):
            r.client.get(f'x{i}.nothing.example.test.', dns.A)
        f = Flood(r, [dns.query(f'x{i % 20}.nothing.example.test') for i in range(2000)])
        between(20, len(f.answers), 20 * (1 + f.seconds) + 2, 'denials')
        expect(f.drops, 2000 - len(f.answers), 'dropped')
        expect(ask(s, 'www1.example.test').rcode, 0, 'an answer is of another kind')


# Cookies

def cookies_are_answered_and_judged(r):
    """cookies = { require = true; };"""
    with client() as s:
        expect(ask(s, 'www1.example.test').options.get(COOKIE), None, 'nobody asked for one')
        a = ask(s, 'www1.example.test', cookie=b'clientco')
        expect((a.rcode, a.answers), (BADCOOKIE, []), 'one is required')
        good = a.options[COOKIE]
        a = ask(s, 'www1.example.test', cookie=good)
        expect((a.rcode, bool(a.answers), a.options[COOKIE]), (0, True, good), 'with it')
        for what, bad in (('another octet', good[:-1] + bytes([good[-1] ^ 1])),
                          ('others\'', b'clientco' + b'x' * 16), ('of eight', b'clientco' + b'x' * 8),
                          ('of 32', b'clientco' + b'x' * 32)):
            a = ask(s, 'www1.example.test', cookie=bad)
            expect((a.rcode, len(a.options[COOKIE])), (BADCOOKIE, 24), what)
        for length in (1, 7, 9, 15, 41):
            expect(ask(s, 'www1.example.test', cookie=b'x' * length).rcode, dns.FORMERR,
                   f'a cookie of {length}')
        before = score(r)['event']
        with client(NEIGHBOUR) as thief:
            expect(ask(thief, 'www1.example.test', cookie=good).rcode, BADCOOKIE, 'a stolen one')
        expect(score(r)['event'][BAD] - before[BAD], 1, 'counted')
        for cookie, rcode in ((b'clientco', 0), (good, 0), (good[:-1] + b'?', BADCOOKIE)):
            s.send(struct.pack('!HHHHHH', 7, 0x100, 0, 0, 0, 1) +
                   dns.opt(options=dns.option(COOKIE, cookie)))
            a = dns.Answer(s.recv(4096))
            if cookie == b'clientco':
                expect((a.question, a.answers, len(a.options[COOKIE])), (None, [], 24), 'no question')
                continue  # `require` speaks first
            expect((a.rcode, a.question), (rcode, None), 'a cookie alone')
    a = by_tcp('www1.example.test', edns=dns.opt(options=dns.option(COOKIE, b'clientco')))
    expect((a.rcode, len(a.options[COOKIE])), (0, 24), 'by TCP there is nothing to prove')


def workers_of_a_secret_believe_each_other(r):
    """cookies = { secret_file = "{dir}/secret"; };"""
    with client() as s:
        cookie = cookie_of(s)

        def renewed(text):
            with open(rt.base + '/secret', 'w', encoding='ascii') as f:
                f.write(text)
            stop(r.worker, signal.SIGTERM)
            r.start_worker()
            r.ready()
            a = ask(s, 'www1.example.test', cookie=cookie)
            return a.options[COOKIE], score(r)['event'][GOOD]
        expect(renewed(SECRET), (cookie, 1), 'the same secret')
        got, good = renewed(f'{SECRET_2}\n{SECRET}\n')
        expect((got != cookie, good), (True, 1), 'the secret of before is believed, and renewed')
        expect(renewed(f'{SECRET_2}\n')[1], 0, 'a secret that is gone is not')


def a_file_that_is_no_secret_stops_the_start(r):
    """cookies = { secret_file = "{dir}/bad"; };"""
    path = rt.base + '/bad'
    for text, mode, why in (('', 0o600, 'openssl rand -hex 16'), ('12\n', 0o600, 'line 1'),
                            (SECRET, 0o644, 'chmod 640'), (None, 0, 'cannot open')):
        if os.path.exists(path):
            os.unlink(path)
        if text is not None:
            with open(path, 'w', encoding='ascii') as f:
                f.write(text)
            os.chmod(path, mode)
        for command in (('worker', '1'), ('-t',)):
            process = heldwire.start([BINDIR + '/resolver', '-c', rt.conf, *command], None,
                                     stderr=heldwire.subprocess.PIPE, text=True)
            said = process.communicate(timeout=PATIENCE)[1]
            expect((process.returncode, why in said, 'cookies.secret_file' in said), (1, True, True),
                   said)


def workers_of_a_node_share_a_held_secret(r):
    """cookies = { answer = true; };"""
    held = heldwire.memory(bytes(range(16)), 16)
    cookies = []
    with client() as s:
        for _ in range(2):
            stop(r.worker, signal.SIGTERM)
            r.worker = heldwire.start([BINDIR + '/resolver', '-c', rt.conf, 'worker', '0'],
                                      {'secret': held}, stderr=rt.log)
            rt.processes.append(r.worker)
            r.client = rt.Client(SERVICE)
            r.ready()
            cookies.append(cookie_of(s) if not cookies else
                           ask(s, 'www1.example.test', cookie=cookies[0]).options[COOKIE])
        expect((cookies[0], score(r)['event'][GOOD]), (cookies[1], 1), 'after a restart')


SECRET, SECRET_2 = 'e5e973e5a6b2a43f48e7dc849e37bfcf', '445536bcd2513298075a5d379663c962'


class Resolver(rt.Resolver):
    """Begins with names in its cache."""

    def ready(self):
        super().ready()
        self.client.get('www1.example.test.', dns.A)
        self.client.get('www1.example.test.', dns.A, edns=dns.opt())


def play():
    for address in (FLOODER, OTHER, NEIGHBOUR):
        must('ip', 'address', 'add', address + '/32', 'dev', 'lo')
    must('ip', '-6', 'address', 'add', SIX + '/128', 'dev', 'lo', 'nodad')
    with open(rt.conf, encoding='ascii') as f:
        plain = f.read()
    results = []
    for case in rt.cases(globals()):
        if sys.argv[1:] and case.__name__ not in sys.argv[1:]:
            continue
        mine = case.__doc__.replace('{dir}', rt.base)
        with open(rt.conf, 'w', encoding='ascii') as f:
            f.writelines(line for line in plain.splitlines(keepends=True)
                         if not (line.startswith('worker =') and mine.startswith('worker =')))
            f.write(mine)
        for name in ('secret', 'bad'):
            with open(f'{rt.base}/{name}', 'w', encoding='ascii') as f:
                f.write(SECRET)
            os.chmod(f.name, 0o600)
        results.append(rt.run(case, Resolver))
    print(f'{results.count(True)} passed, {results.count(False)} failed')
    return 0 if results and all(results) else 1


if __name__ == '__main__':
    sys.exit(rt.on_stage(play))
