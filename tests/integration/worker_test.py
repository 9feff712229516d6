#!/usr/bin/python3
"""The worker's promises, with an engine of the test's making behind it.

usage: worker_test.py [CASE ...]     (any user; on loopback, root's in a network of its own; BIN=build/bin)

Each case has a worker of its own. The engine here answers what a case says, when it says so, and
notes what it was asked. Times are asserted as order, or with wide bounds.
"""
import array
import ctypes
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, HERE + '/../../lab']
import heldwire  # noqa: E402
import dnswire as dns  # noqa: E402
import proc  # noqa: E402
import scorewire  # noqa: E402

BINDIR = os.path.abspath(os.environ.get('BIN', HERE + '/../../build/bin'))
TOOL = os.environ.get('ENGINE_TEST_TOOL', os.path.dirname(os.path.realpath(BINDIR))
                      + '/tests/integration/engine_tool')
PATIENCE = 10.0  # for what must come, at some time
STRAY = os.path.dirname(TOOL) + '/stray_tool'
SANITISED = os.path.basename(os.path.dirname(os.path.realpath(BINDIR))).endswith('-san')
SERVICE, CLIENT, STRANGER = '127.0.0.53', '127.0.0.1', '127.9.9.9'
CLONE_NEWNET = 0x40000000
UPSTREAM, BOGUS, INTERNAL = 0, 1, 2
SECURE, NEGATIVE, FAILURE = 1, 2, 4

CONF = '''
pop = "lab"; node = "one"; run_dir = "{dir}/run"; listen = [ "{service}", "::1" ]; port = {port};
probe_port = {probe}; allow = [ {allow} ]; {more} engines = {engines};
worker = {{ deadline_ms = {deadline}; l1_mib = 1; tcp_idle_ms = {idle}; tcp_clients = {clients};
	old_ms = {old}; in_flight = {in_flight}; max_udp_bytes = {udp}; seccomp = {seccomp}; }};
engine = {{ root_hints = ""; trust_anchor = ""; deadline_ms = 100; }};
ttl = {{ failure_s = {failure}; }};
'''


class Failed(Exception):
    pass


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f'{what}: {got!r}, not {wanted!r}')


def eventually(what, predicate, patience=PATIENCE):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        value = predicate()
        if value:
            return value
        time.sleep(0.005)
    raise Failed('did not come: ' + what)


def boottime():
    return int(time.clock_gettime(time.CLOCK_BOOTTIME))


def own_network():
    """Nobody else's sockets are in the way. Whoever may not make one shares the machine's."""
    if os.geteuid() == 0:
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
            sys.exit(f'no network namespace: {os.strerror(ctypes.get_errno())}')
        subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)


def free_port(n=1):
    """The first of so many that are free for UDP and TCP on the addresses used here."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as t:
            t.bind((SERVICE, 0))
            port = t.getsockname()[1]
            if port > 60000:
                continue
            try:
                for family, address in ((socket.AF_INET, SERVICE), (socket.AF_INET6, '::1'),
                                        (socket.AF_INET, '127.0.0.1')):
                    for i in range(n):
                        with socket.socket(family, socket.SOCK_DGRAM) as u:
                            u.bind((address, port + i))
                return port
            except OSError:
                continue


class Ask:
    def __init__(self, packet):
        version, self.id, self.type, self.cls, self.flags, length, zero = \
            struct.unpack_from('=IIHHBBH', packet)
        expect((version, zero), (1, 0), 'version of an ask')
        self.name = packet[16:]
        expect(len(self.name), length, 'length of its name')

    @property
    def key(self):
        return (self.name, self.type, self.flags)


def entry(ask, records=(), ttl=300, rcode=0, flags=0, cause=UPSTREAM, ede=0, stored=None, authority=()):
    """What an engine tells: see resolver/entry.h."""
    message = struct.pack('!HHHHHH', 0, 0x8180 | rcode | (0x10 if ask.flags & 2 else 0), 1,
                          len(records), len(authority), 0)
    message += ask.name + struct.pack('!HH', ask.type, ask.cls)
    offsets = []
    for r in (*records, *authority):
        owner_end = 2 if r[0] >= 0xc0 else r.index(b'\0') + 1
        offsets.append(len(message) + owner_end + 4)
        message += r
    head = struct.pack('=IIqHHHBBBBHHBB', 0, ttl, boottime() if stored is None else stored,
                       len(message), len(offsets), ede, flags, rcode, cause, 0, ask.type, ask.cls,
                       ask.flags, len(ask.name))
    body = head + b''.join(struct.pack('=H', o) for o in offsets) + message
    body += b'\0' * (-len(body) % 8)
    return struct.pack('=I', len(body)) + body[4:]


def told(ask_id, body=b''):
    return struct.pack('=IIII', 1, ask_id, len(body), 0) + body


def address_entry(ask, address='203.0.113.9', ttl=300, **more):
    return entry(ask, [dns.record(dns.A, ttl, socket.inet_aton(address))], ttl=ttl, **more)


class Engine:
    """One engine's socket; at most one worker connects."""

    def __init__(self, run_dir, number=0):
        self.path = f'{run_dir}/engine-{number}.sock'
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(self.path)
        self.listener.listen(4)
        self.link = None
        self.asked = []

    def accept(self):
        self.listener.settimeout(PATIENCE)
        self.link, _ = self.listener.accept()
        self.link.settimeout(PATIENCE)
        self.link.send(told(0))
        return self

    def ask(self, patience=PATIENCE):
        """The next question."""
        self.link.settimeout(patience)
        packet = self.link.recv(4096)
        if not packet:
            raise Failed('the worker hung up')
        self.asked.append(Ask(packet))
        return self.asked[-1]

    def quiet(self, seconds=0.05):
        """Nothing has been asked."""
        if select.select([self.link], [], [], seconds)[0]:
            raise Failed(f'was asked {Ask(self.link.recv(4096)).key}')

    def tell(self, ask, body=None):
        self.link.send(told(ask.id, address_entry(ask) if body is None else body))

    def hang_up(self):
        self.link.close()
        self.link = None

    def close(self):
        if self.link:
            self.hang_up()
        self.listener.close()
        if os.path.exists(self.path):
            os.unlink(self.path)


class Worker:
    """What makes a difference by time is far away, unless a case is about it: this machine may be slow."""

    def __init__(self, engines=1, deadline=60000, idle=10000, clients=64, old=60000, in_flight=64,
                 udp=1232, failure=5, allow='"127.0.0.0/24", "::1/128"', more='', held=None,
                 start_engine=True, seccomp=True, binary=BINDIR + '/resolver'):
        self.dir = tempfile.mkdtemp(prefix='anypop-worker-')
        os.mkdir(self.dir + '/run')
        self.port, self.probe = free_port(), free_port()
        self.conf = f'{self.dir}/resolver.conf'
        with open(self.conf, 'w', encoding='ascii') as f:
            f.write(CONF.format(dir=self.dir, service=SERVICE, port=self.port, probe=self.probe,
                                engines=engines, deadline=deadline, idle=idle, clients=clients,
                                old=old, in_flight=in_flight, udp=udp, failure=failure,
                                allow=allow, more=more,
                                seccomp=str(seccomp).lower()))
        self.log = open(f'{self.dir}/log', 'w+', encoding='utf-8')
        self.engine = Engine(self.dir + '/run') if start_engine else None
        self.sockets, self.ends = [], 0
        self.process = heldwire.start([binary, '-c', self.conf, 'worker', '0'], held,
                                      stderr=self.log)
        if self.engine:
            self.engine.accept()
        self.said('worker_ready')

    def text(self):
        with open(self.dir + '/log', encoding='utf-8') as f:
            return f.read()

    def said(self, event):
        def look():
            if self.process.poll() is not None and f'event={event}' not in self.text():
                raise Failed(f'the worker ended:\n{self.text()}')
            return f'event={event}' in self.text()
        return eventually(f'event {event}', look)

    def udp(self, source=CLIENT):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((source, 0))
        s.connect((SERVICE, self.port))
        s.settimeout(PATIENCE)
        self.sockets.append(s)
        return s

    def tcp(self, port=None):
        s = socket.create_connection((SERVICE if port is None else '127.0.0.1', port or self.port),
                                     timeout=PATIENCE)
        self.sockets.append(s)
        return s

    def get(self, *args, **more):
        """One query by UDP; its answer."""
        s = self.udp()
        s.send(dns.query(*args, **more))
        return dns.Answer(s.recv(65536))

    def score(self):
        """The counters, out of the worker's own memory."""
        data = proc.scoreboard(self.process.pid)
        if data is None:
            raise Failed('no scoreboard')
        return counters(data)

    def end(self):
        for s in self.sockets:
            s.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.close()
        if self.engine:
            self.engine.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def counters(data):
    """What a scoreboard says."""
    at = scorewire
    at.check(data)
    return {'udp': at.word(data, at.QUERIES), 'tcp': at.word(data, at.QUERIES + 8),
            'rcode': at.words(data, at.RCODE, at.RCODES), 'layer': at.words(data, at.LAYER, at.LAYERS),
            'cause': at.words(data, at.CAUSE, at.CAUSES), 'drop': at.words(data, at.DROP, at.DROPS),
            'latency': at.words(data, at.LATENCY, at.BUCKETS),
            'in_flight': at.word(data, at.IN_FLIGHT), 'joined': at.word(data, at.JOINED),
            'truncated': at.word(data, at.TRUNCATED), 'event': at.words(data, at.EVENT, at.EVENTS),
            'state': at.word(data, at.STATE), 'heartbeat': at.word(data, at.HEARTBEAT),
            'generation': at.word(data, at.GENERATION), 'pid': at.word(data, at.PID)}


def mortal():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def frame(message):
    return struct.pack('!H', len(message)) + message


def read_exactly(s, n):
    data = b''
    while len(data) < n:
        part = s.recv(n - len(data))
        if not part:
            raise Failed('the connection was closed')
        data += part
    return data


def unframe(s):
    return dns.Answer(read_exactly(s, struct.unpack('!H', read_exactly(s, 2))[0]))


def is_closed(s, patience=PATIENCE):
    s.settimeout(patience)
    try:
        return s.recv(1) == b''
    except (ConnectionResetError, BrokenPipeError):
        return True
    except socket.timeout:
        return False


# What needs nobody else

def local_names_are_answered_without_an_engine(start):
    w = start(start_engine=False)
    for name, text in (('id.server', b'lab/one/0'), ('HOSTNAME.bind', b'lab/one/0'),
                       ('version.server', b'anypop 0.1.0'), ('version.bind', b'anypop 0.1.0')):
        a = w.get(name, dns.TXT, dns.CH)
        expect((a.rcode, a.aa, a.data()), (0, True, [bytes([len(text)]) + text]), name)
        expect(a.question[0], name + '.', 'the question, in its own case')
    expect(w.get('id.server', dns.A, dns.CH).answers, [], 'another type')
    expect(w.get('whoami.server', dns.TXT, dns.CH).rcode, dns.REFUSED, 'another name of CHAOS')
    a = w.get('health.anypop', dns.A)
    expect((a.rcode, a.data()), (0, [bytes([192, 0, 2, 1])]), 'health name, A')
    a = w.get('Health.AnyPop', dns.AAAA, rd=False)
    expect(a.data(), [socket.inet_pton(socket.AF_INET6, '2001:db8::1')], 'health name, AAAA')
    expect(w.get('health.anypop', dns.TXT).answers, [], 'health name, TXT')
    a = w.get('example.test', dns.ANY)
    expect([x[1] for x in a.answers], [13], 'ANY (RFC 8482)')


def as_root_it_says_so(start):
    """By default it stays who it was started as; etc/resolver.conf says whom it had better become."""
    w = start(start_engine=False)
    expect('event=worker_root' in w.text(), os.geteuid() == 0, w.text())


def the_version_may_be_hidden(start):
    for version, wanted in (('', (dns.REFUSED, [])), ('it resolves', (0, [b'\x0bit resolves']))):
        w = start(more=f'version = "{version}";')
        for name in ('version.bind', 'VERSION.server'):
            a = w.get(name, dns.TXT, dns.CH)
            expect((a.rcode, a.data()), wanted, f'{name} with version "{version}"')
        expect(w.get('id.server', dns.TXT, dns.CH).data(), [b'\x09lab/one/0'], 'who it is')


def every_listener_answers_and_says_who(start):
    w = start()
    asked = dns.query('id.server', dns.TXT, dns.CH, edns=dns.opt(options=dns.option(dns.NSID)))
    for family, address, port in ((socket.AF_INET, SERVICE, w.port), (socket.AF_INET6, '::1', w.port),
                                  (socket.AF_INET, '127.0.0.1', w.probe)):
        with socket.socket(family, socket.SOCK_DGRAM) as s:
            s.settimeout(PATIENCE)
            s.connect((address, port))
            s.send(asked)
            expect(dns.Answer(s.recv(4096)).nsid, 'lab/one/0', f'NSID by UDP of {address} {port}')
        with socket.create_connection((address, port), timeout=PATIENCE) as s:
            s.sendall(frame(asked))
            expect(unframe(s).nsid, 'lab/one/0', f'NSID by TCP of {address} {port}')
    expect(w.get('id.server', dns.TXT, dns.CH, edns=dns.opt()).nsid, '', 'NSID that was not asked for')


def malformed_queries_get_what_they_deserve(start):
    w = start()
    s = w.udp()
    good = dns.query('www.example.test')
    for what, wire, rcode in (
            ('octets behind', good + b'x', dns.FORMERR),
            ('two questions', good[:4] + b'\0\2' + good[6:] + good[12:], dns.FORMERR),
            ('two OPT', good[:10] + b'\0\2' + good[12:] + dns.opt() * 2, dns.FORMERR),
            ('no question', good[:4] + b'\0\0' + good[6:12], dns.FORMERR),
            ('NOTIFY', good[:2] + b'\x20\0' + good[4:], dns.NOTIMP),
            ('EDNS version 1', dns.query('www.example.test', edns=dns.opt(version=1)), dns.BADVERS),
            ('AXFR', dns.query('example.test', 252), dns.REFUSED),
            ('without RD', dns.query('www.example.test', rd=False), dns.REFUSED)):
        s.send(wire)
        a = dns.Answer(s.recv(4096))
        expect((a.rcode, a.id, a.qr), (rcode, 0x1234, True), what)
    expect({i: n for i, n in enumerate(w.score()['rcode']) if n},
           {dns.FORMERR: 4, dns.NOTIMP: 1, dns.REFUSED: 2, dns.BADVERS: 1}, 'counted as what they are')
    before = w.score()['drop'][1]
    for wire in (b'', b'x' * 11, good[:2] + b'\x81\0' + good[4:]):
        s.send(wire)
    s.send(dns.query('id.server', dns.TXT, dns.CH, qid=7))
    expect(dns.Answer(s.recv(4096)).id, 7, 'only the last one is answered')
    expect(w.score()['drop'][1] - before, 3, 'the others are counted')
    w.engine.quiet()


def strangers_are_refused(start):
    w = start()
    s = w.udp(STRANGER)
    for asked in (dns.query('www.example.test', edns=dns.opt()),
                  dns.query('id.server', dns.TXT, dns.CH, edns=dns.opt())):
        s.send(asked)
        a = dns.Answer(s.recv(4096))
        expect((a.rcode, a.ede, a.answers), (dns.REFUSED, 18, []), 'a stranger gets')
    expect(w.score()['drop'][2], 2, 'counted as refused')
    w.engine.quiet()


def strangers_are_refused_by_every_way(start):
    """By TCP as by UDP, over IPv6 as over IPv4; and nobody else is."""
    v4, v6 = '"127.0.0.0/24"', '"::1/128"'
    for allow, service, source, refused in (
            (f'{v4}, {v6}', SERVICE, STRANGER, True), (f'{v4}, {v6}', SERVICE, CLIENT, False),
            (v4, '::1', '::1', True), (v6, '::1', '::1', False), (v6, SERVICE, CLIENT, True)):
        w = start(allow=allow)
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(socket.AF_INET6 if ':' in service else socket.AF_INET, kind) as s:
                s.settimeout(PATIENCE)
                s.bind((source, 0))
                s.connect((service, w.port))
                for name, rtype, rclass in (('id.server', dns.TXT, dns.CH),
                                            *((('www.test', dns.A, 1),) if refused else ())):
                    asked = dns.query(name, rtype, rclass, edns=dns.opt())
                    s.sendall(frame(asked) if kind == socket.SOCK_STREAM else asked)
                    a = unframe(s) if kind == socket.SOCK_STREAM else dns.Answer(s.recv(4096))
                    expect((a.rcode, a.ede, len(a.answers)),
                           (dns.REFUSED, 18, 0) if refused else (0, None, 1),
                           f'{source} of {service} by {kind.name} for {name}, allow {allow}')
        expect(w.score()['drop'][2], 4 if refused else 0, f'refused, {source}, allow {allow}')
        w.engine.quiet()


# Hits and misses

def a_miss_is_asked_once_and_then_a_hit(start):
    w = start()
    s = w.udp()
    s.send(dns.query('wWw.Example.TEST', qid=1, edns=dns.opt()))
    ask = w.engine.ask()
    expect(ask.key, (dns.name_wire('www.example.test'), dns.A, 0), 'the key')
    w.engine.tell(ask, address_entry(ask, ttl=300, flags=SECURE))
    a = dns.Answer(s.recv(4096))
    expect((a.id, a.rcode, a.ra, a.rd, a.ad, a.question[0]),
           (1, 0, True, True, False, 'wWw.Example.TEST.'), 'the answer')
    expect((a.answers[0][2], a.data()), (300, [socket.inet_aton('203.0.113.9')]), 'its record')
    a = w.get('WWW.example.test', qid=2, ad=True)
    expect((a.id, a.ad, a.question[0], a.edns), (2, True, 'WWW.example.test.', None), 'a hit')
    w.engine.quiet()
    score = w.score()
    expect((score['layer'][1], score['layer'][3], score['udp']), (1, 1, 2), 'layers')
    expect(sum(score['latency']), 2, 'latencies')


def answers_age(start):
    w = start()
    s = w.udp()
    s.send(dns.query('old.example.test'))
    ask = w.engine.ask()
    stored = boottime() - 100
    w.engine.tell(ask, address_entry(ask, ttl=300, stored=stored))
    s.recv(4096)
    ttl = w.get('old.example.test').answers[0][2]
    if not 300 - (boottime() - stored) <= ttl <= 200:
        raise Failed(f'a TTL of 300 that is 100 s old is {ttl}')


def identical_misses_share_one_question(start):
    w = start()
    sockets = [w.udp() for _ in range(20)]
    for i, s in enumerate(sockets):
        s.send(dns.query('www.example.test' if i % 2 else 'WWW.EXAMPLE.test', qid=i))
    eventually('20 queries', lambda: w.score()['udp'] == 20)
    ask = w.engine.ask()
    w.engine.quiet()
    w.engine.tell(ask)
    for i, s in enumerate(sockets):
        a = dns.Answer(s.recv(4096))
        expect((a.id, len(a.answers)), (i, 1), 'each has its own answer')
        expect(a.question[0], 'www.example.test.' if i % 2 else 'WWW.EXAMPLE.test.', 'in its case')
    expect((w.score()['joined'], w.score()['in_flight']), (19, 0), 'joined, in flight')


def do_cd_and_type_are_other_questions(start):
    w = start()
    s = w.udp()
    asked = [dict(), dict(edns=dns.opt(do=True)), dict(cd=True), dict(qtype=dns.AAAA)]
    for more in asked:
        s.send(dns.query('www.example.test', **more))
    keys = {w.engine.ask().key for _ in asked}
    expect(keys, {(dns.name_wire('www.example.test'), t, f) for t, f in
                  ((dns.A, 0), (dns.A, 1), (dns.A, 2), (dns.AAAA, 0))}, 'keys')


def a_full_table_drops_and_counts(start):
    w = start(in_flight=4)
    s = w.udp()
    for i in range(6):
        s.send(dns.query(f'n{i}.test', qid=i))
    asks = [w.engine.ask() for _ in range(4)]
    eventually('2 dropped', lambda: w.score()['drop'][3] == 2)
    t = w.tcp()
    t.sendall(frame(dns.query('n9.test', edns=dns.opt())))
    a = unframe(t)
    expect((a.rcode, a.ede), (dns.SERVFAIL, 0), 'by TCP it is said')
    expect(w.score()['cause'], (1, 0, 0), 'who fills the places waits for upstream')
    for ask in asks:
        w.engine.tell(ask)
    expect({dns.Answer(s.recv(4096)).id for _ in asks}, {0, 1, 2, 3}, 'the others')


# Failures

def a_failure_is_told_with_its_cause_and_not_asked_again(start):
    w = start(failure=3)  # whole seconds by the clock: one may be over at once
    for cause, ede, name in ((UPSTREAM, 22, 'gone.test'), (BOGUS, 6, 'bogus.test')):
        s = w.udp()
        s.send(dns.query(name, edns=dns.opt()))
        ask = w.engine.ask()
        w.engine.tell(ask, entry(ask, rcode=2, flags=FAILURE, cause=cause, ede=ede, ttl=3))
        a = dns.Answer(s.recv(4096))
        expect((a.rcode, a.ede, a.answers), (dns.SERVFAIL, ede, []), name)
        expect(a.edes, [ede], 'nothing else is said')
        a = w.get(name, edns=dns.opt())
        expect((a.rcode, a.edes), (dns.SERVFAIL, [ede, 13]), name + ' again')
        w.engine.quiet()
    expect(w.score()['cause'], (2, 2, 0), 'causes')

    def again():
        s = w.udp()
        s.send(dns.query('gone.test'))
        return select.select([w.engine.link], [], [], 0.05)[0]
    eventually('it is asked again after its time', again)


def an_engine_that_is_silent_is_not_waited_for_for_ever(start):
    w = start(deadline=2000)
    s = w.udp()
    s.send(dns.query('www.test', edns=dns.opt()))
    w.engine.ask()
    a = dns.Answer(s.recv(4096))
    expect((a.rcode, a.ede), (dns.SERVFAIL, 0), 'the engine told nothing: our own fault')
    expect(w.score()['cause'], (0, 0, 1), 'causes')
    s.send(dns.query('slow.test', edns=dns.opt()))
    s.send(dns.query('quick.test', qid=2))
    slow, quick = w.engine.ask(), w.engine.ask()
    w.engine.tell(quick)
    expect(dns.Answer(s.recv(4096)).id, 2, 'the quick one')
    a = dns.Answer(s.recv(4096))
    expect((a.rcode, a.ede), (dns.SERVFAIL, 22), 'it told another: what is slow lies beyond it')
    expect(w.score()['cause'], (1, 0, 1), 'causes')
    w.engine.tell(slow)
    a = w.get('slow.test')
    expect(a.rcode, dns.SERVFAIL, 'what comes late is nobody\'s')


def a_full_engine_is_no_fault_of_this_node(start):
    """Its places are full of what upstream has not answered. As `internal` it would prove that the
    fault is here, and take a node that is merely asked a lot out of the fleet."""
    w = start()
    s = w.udp()
    s.send(dns.query('full.test', edns=dns.opt()))
    w.engine.tell(w.engine.ask(), b'')
    a = dns.Answer(s.recv(4096))
    expect((a.rcode, a.options[dns.EDE]), (dns.SERVFAIL, b'\0\0the engine is full'), 'declined')
    expect(w.score()['cause'], (1, 0, 0), 'causes')
    a = w.get('full.test', edns=dns.opt())
    expect((a.rcode, a.edes), (dns.SERVFAIL, [0, 13]), 'again')
    expect(w.score()['cause'], (2, 0, 0), 'causes of the second')


def every_failed_answer_has_one_cause(start):
    w = start(deadline=2000, in_flight=2, failure=1)
    s, t = w.udp(), w.tcp()
    told = (dict(rcode=2, flags=FAILURE, cause=UPSTREAM, ede=22), dict(rcode=2, flags=FAILURE, cause=BOGUS),
            dict(rcode=2, flags=FAILURE, cause=INTERNAL), dict(rcode=5, flags=FAILURE, cause=UPSTREAM),
            dict(rcode=2, flags=FAILURE, cause=200), dict(rcode=2), dict(rcode=3, flags=NEGATIVE), dict())
    for i, more in enumerate(told):
        for _ in range(2):  # told, and again from cache
            s.send(dns.query(f'n{i}.test'))
            if w.engine.link in select.select([w.engine.link, s], [], [], PATIENCE)[0]:
                ask = w.engine.ask()
                w.engine.tell(ask, entry(ask, ttl=300, **more))
            s.recv(4096)
    for name in ('silent1.test', 'silent2.test'):
        s.send(dns.query(name))
        w.engine.ask()
    t.sendall(frame(dns.query('full.test')))
    expect(unframe(t).rcode, dns.SERVFAIL, 'no room to wait')
    for _ in range(2):
        expect(dns.Answer(s.recv(4096)).rcode, dns.SERVFAIL, 'the engine says nothing')
    w.engine.close()
    w.said('engine_lost')
    expect(w.get('away.test').rcode, dns.SERVFAIL, 'no engine')
    for asked, rcode in ((dns.query('x.test', rd=False), dns.REFUSED), (dns.query('x.test', 252), dns.REFUSED),
                         (dns.query('x.test') + b'x', dns.FORMERR)):
        s.send(asked)
        expect(dns.Answer(s.recv(4096)).rcode, rcode, 'what is no failure')
    score = w.score()
    refused_by_upstream = 2
    expect(sum(score['cause']), score['rcode'][2] + refused_by_upstream, f'causes of {score}')
    expect(score['cause'][1], 2, 'bogus')
    expect(sum(score['layer']), sum(score['rcode']), 'one layer each')
    w.engine = None


def make_stale(w, name='stale.test'):
    s = w.udp()
    s.send(dns.query(name))
    ask = w.engine.ask()
    w.engine.tell(ask, address_entry(ask, ttl=300, stored=boottime() - 400, flags=SECURE))
    expect(len(dns.Answer(s.recv(4096)).answers), 1, 'while it was fresh')


def is_stale(a):
    expect((a.rcode, a.ede, len(a.answers)), (0, 3, 1), 'a stale answer')
    expect((a.answers[0][2], a.ad), (30, False), 'its TTL and AD')


def past_its_time_is_better_than_nothing(start):
    w = start()
    make_stale(w)
    s = w.udp()
    began = time.monotonic()
    s.send(dns.query('stale.test', edns=dns.opt(), ad=True))
    ask = w.engine.ask()
    is_stale(dns.Answer(s.recv(4096)))
    took = time.monotonic() - began  # by far less than the deadline, or there was no answer
    if took < 1.7:
        raise Failed(f'the first asker waited {took:.1f} s, not 1.8')
    w.engine.tell(ask)
    eventually('the question went on and refreshed it', lambda: w.score()['in_flight'] == 0)
    a = w.get('stale.test', edns=dns.opt())
    expect((a.ede, a.answers[0][2]), (None, 300), 'after it')
    expect(w.score()['layer'][4], 1, 'stale answers counted')


def after_a_failure_stale_comes_at_once(start):
    w = start()
    make_stale(w)
    s = w.udp()
    s.send(dns.query('stale.test', edns=dns.opt()))
    ask = w.engine.ask()
    w.engine.tell(ask, entry(ask, rcode=2, flags=FAILURE, ede=22, ttl=5))
    is_stale(dns.Answer(s.recv(4096)))
    is_stale(w.get('stale.test', edns=dns.opt()))
    w.engine.quiet()
    expect(w.score()['cause'], (0, 0, 0), 'nobody failed')


def while_the_engine_is_cut_off_stale_comes_at_once(start):
    w = start()
    make_stale(w)
    s = w.udp()
    w.engine.link.send(struct.pack('=IIII', 1, 0, 0, 1))
    s.send(dns.query('known.test'))  # its answer is read behind the hello
    w.engine.tell(w.engine.ask())
    s.recv(4096)
    is_stale(w.get('stale.test', edns=dns.opt()))
    w.engine.quiet()
    # What nothing is known of is asked all the same: the engine has backups.
    s.send(dns.query('other.test'))
    w.engine.tell(w.engine.ask())
    expect(len(dns.Answer(s.recv(4096)).answers), 1, 'another name')
    w.engine.link.send(told(0))
    s.send(dns.query('one.test'))  # it is read behind the hello
    w.engine.tell(w.engine.ask())
    s.recv(4096)
    s.send(dns.query('stale.test', edns=dns.opt()))
    w.engine.tell(w.engine.ask())
    expect(dns.Answer(s.recv(4096)).ede, None, 'what was stale is asked again')


def the_end_of_an_outage_is_noticed_at_once(start):
    w = start()
    make_stale(w)
    s = w.udp()
    for i in range(6):
        s.send(dns.query(f'n{i}.test' if i else 'stale.test', edns=dns.opt()))
        ask = w.engine.ask()
        w.engine.tell(ask, entry(ask, rcode=2, flags=FAILURE, ede=22, ttl=60))
        dns.Answer(s.recv(4096))
    is_stale(w.get('stale.test', edns=dns.opt()))
    w.engine.quiet()
    s.send(dns.query('other.test'))
    w.engine.tell(w.engine.ask())
    s.recv(4096)
    s.send(dns.query('stale.test', edns=dns.opt()))
    w.engine.tell(w.engine.ask())
    expect(dns.Answer(s.recv(4096)).ede, None, 'what was stale is asked again')


def while_all_fails_stale_comes_at_once_and_is_asked_meanwhile(start):
    w = start()
    make_stale(w)
    s = w.udp()
    for i in range(5):
        s.send(dns.query(f'n{i}.test', edns=dns.opt()))
        ask = w.engine.ask()
        w.engine.tell(ask, entry(ask, rcode=2, flags=FAILURE, ede=22, ttl=60))
        expect(dns.Answer(s.recv(4096)).rcode, dns.SERVFAIL, 'nothing is known of it')
    is_stale(w.get('stale.test', edns=dns.opt()))
    ask = w.engine.ask()
    is_stale(w.get('stale.test', edns=dns.opt()))
    w.engine.quiet()
    expect(w.score()['joined'], 0, 'nobody waits for the engine')
    w.engine.tell(ask)
    eventually('it to be fresh', lambda: w.score()['in_flight'] == 0)
    expect(w.get('stale.test', edns=dns.opt()).ede, None, 'after it')
    # What ends the row of failures ends this as well.
    make_stale(w, 'other.test')
    s.send(dns.query('other.test', edns=dns.opt()))
    w.engine.tell(w.engine.ask())
    expect(dns.Answer(s.recv(4096)).ede, None, 'the first asker waits again')


def bogus_is_not_covered_by_stale(start):
    w = start()
    make_stale(w)
    s = w.udp()
    s.send(dns.query('stale.test', edns=dns.opt()))
    ask = w.engine.ask()
    w.engine.tell(ask, entry(ask, rcode=2, flags=FAILURE, cause=BOGUS, ede=6, ttl=5))
    a = dns.Answer(s.recv(4096))
    expect((a.rcode, a.ede, a.answers), (dns.SERVFAIL, 6, []), 'bogus')


# Engines that come and go

def keep(shard, *entries):
    """Puts them into the shard, as its engine does."""
    tool = heldwire.start([TOOL, 'keep'], {'shard.0': shard}, stdin=subprocess.PIPE)
    tool.communicate(b''.join(entries), timeout=PATIENCE)
    expect(tool.returncode, 0, 'what keeps entries')


def asked_for(name, flags=0):
    """What an engine would be asked."""
    name = dns.name_wire(name)
    return Ask(struct.pack('=IIHHBBH', 1, 1, dns.A, dns.IN, flags, len(name), 0) + name)


def failure(ask, cause=UPSTREAM, ede=22):
    return entry(ask, rcode=2, flags=FAILURE, cause=cause, ede=ede, ttl=60)


def who_waits_for_the_same_gets_the_same(start):
    """Also where the first answers let more queries in, which are looked up in between."""
    shard = heldwire.memory(b'', 1 << 20)
    w = start(in_flight=256, held={'shard.0': shard})
    others = {f'n{i}.test': f'198.51.100.{i}' for i in range(40)}
    keep(shard, address_entry(asked_for('stale.test'), stored=boottime() - 400),
         *(address_entry(asked_for(name), address) for name, address in others.items()))
    t, s = w.tcp(), w.udp()
    t.sendall(b''.join([frame(dns.query('stale.test', qid=i)) for i in range(64)]
                       + [frame(dns.query(name, qid=100 + i)) for i, name in enumerate(others)]))
    eventually('as many wait as may', lambda: w.score()['joined'] == 63)
    s.send(dns.query('stale.test', qid=64))
    eventually('one more waits', lambda: w.score()['joined'] == 64)
    ask = w.engine.ask()
    w.engine.tell(ask, failure(ask))
    got = {}
    for _ in range(64 + len(others)):
        a = unframe(t)
        got[a.id] = a.data()
    a = dns.Answer(s.recv(4096))
    got[a.id] = a.data()
    wanted = dict.fromkeys(range(65), [socket.inet_aton('203.0.113.9')])
    wanted.update((100 + i, [socket.inet_aton(a)]) for i, a in enumerate(others.values()))
    expect(got, wanted, 'answers')
    os.close(shard)


def a_failure_that_another_kept_hides_no_stale_answer(start):
    """The one in the shard of an engine that stands in, or by another worker's question; bogus does."""
    shards = [heldwire.memory(b'', 1 << 20) for _ in range(2)]
    w = start(engines=2, start_engine=False, held={f'shard.{n}': fd for n, fd in enumerate(shards)})
    engines = [Engine(w.dir + '/run', n).accept() for n in (0, 1)]
    s = w.udp()

    def asked(name):
        s.send(dns.query(name, edns=dns.opt()))
        ready = select.select([e.link for e in engines], [], [], PATIENCE)[0]
        by = engines[0] if engines[0].link in ready else engines[1]
        return by, by.ask()
    try:
        eventually('both are there', lambda: w.text().count('event=engine_there') == 2)
        names = {f'{own}{n}.test': own for own in (0, 1) for n in 'abc'}
        for name, own in names.items():  # whichever of the two is its engine
            keep(shards[own], address_entry(asked_for(name), stored=boottime() - 400))
            keep(shards[1 - own], failure(asked_for(name)))
        for name in names:
            by, ask = asked(name)
            by.tell(ask, failure(ask))
            is_stale(dns.Answer(s.recv(4096)))
        by, ask = asked('own.test')
        by.tell(ask, address_entry(ask, ttl=300, stored=boottime() - 299, flags=SECURE))
        s.recv(4096)
        for shard in shards:
            keep(shard, failure(ask))
        over = boottime() + 2
        eventually('its time is over', lambda: boottime() >= over)
        by, ask = asked('own.test')
        by.tell(ask, failure(ask))
        is_stale(dns.Answer(s.recv(4096)))
        for own in (0, 1):
            keep(shards[1 - own], failure(asked_for(f'{own}a.test'), cause=BOGUS, ede=6))
            a = w.get(f'{own}a.test', edns=dns.opt())
            expect((a.rcode, a.ede, a.answers), (dns.SERVFAIL, 6, []), 'bogus')
    finally:
        for e in engines:
            e.close()
        for fd in shards:
            os.close(fd)


def without_an_engine_stale_comes_at_once_and_the_rest_fails(start):
    w = start()
    make_stale(w)
    s = w.udp()
    s.send(dns.query('fresh.test'))
    w.engine.tell(w.engine.ask())
    s.recv(4096)
    w.engine.close()
    w.said('engine_lost')
    expect(w.score()['state'], 2, 'its state')
    is_stale(w.get('stale.test', edns=dns.opt()))
    expect(len(w.get('fresh.test').answers), 1, 'a hit')
    a = w.get('new.test', edns=dns.opt())  # which does not wait until its deadline for an engine
    expect((a.rcode, a.ede), (dns.SERVFAIL, 0), 'a miss')
    expect(w.score()['cause'], (0, 0, 1), 'it is our own fault')
    w.engine = Engine(w.dir + '/run').accept()
    eventually('its hello is heard', lambda: w.score()['state'] == 1)
    s.send(dns.query('new.test'))
    w.engine.tell(w.engine.ask())
    expect(len(dns.Answer(s.recv(4096)).answers), 1, 'with the next engine')
    expect(w.score()['state'], 1, 'its state')


def a_question_survives_its_engine_once(start):
    w = start()
    s = w.udp()
    s.send(dns.query('www.test', edns=dns.opt()))
    first = w.engine.ask()
    w.engine.hang_up()
    w.engine.accept()
    second = w.engine.ask()
    expect(second.key, first.key, 'asked again')
    w.engine.tell(second)
    expect(len(dns.Answer(s.recv(4096)).answers), 1, 'and answered')

    s.send(dns.query('poison.test', edns=dns.opt()))
    for _ in range(2):
        expect(w.engine.ask().name, dns.name_wire('poison.test'), 'the poison')
        w.engine.hang_up()
        w.engine.accept()
    a = dns.Answer(s.recv(4096))
    expect((a.rcode, a.ede), (dns.SERVFAIL, 0), 'after two engines')
    a = w.get('poison.test')
    expect(a.rcode, dns.SERVFAIL, 'nobody else asks it')
    w.engine.quiet()


def another_engine_steps_in(start):
    w = start(engines=2, start_engine=False)
    engines = [Engine(w.dir + '/run', n).accept() for n in (0, 1)]
    try:
        s = w.udp()
        owner = []
        for i in range(12):
            s.send(dns.query(f'n{i}.test', qid=i))
            ready = select.select([e.link for e in engines], [], [], PATIENCE)[0]
            owner.append(0 if engines[0].link in ready else 1)
            engines[owner[-1]].tell(engines[owner[-1]].ask())
            s.recv(4096)
        expect(set(owner), {0, 1}, 'both have keys')
        engines[0].close()
        w.said('engine_lost')
        s.send(dns.query(f'm{owner.index(0)}.test'))
        for i in range(12):
            s.send(dns.query(f'k{i}.test', qid=i))
        for _ in range(13):
            engines[1].tell(engines[1].ask())
            expect(dns.Answer(s.recv(4096)).rcode, 0, 'all by the other one')
        engines[0] = Engine(w.dir + '/run', 0)
        engines[0].accept()
        s.send(dns.query('declined.test'))
        ready = select.select([e.link for e in engines], [], [], PATIENCE)[0]
        by = engines[0] if engines[0].link in ready else engines[1]
        other = engines[1] if by is engines[0] else engines[0]
        by.tell(by.ask(), b'')
        other.tell(other.ask())
        expect(dns.Answer(s.recv(4096)).rcode, 0, 'what one declined')
    finally:
        for e in engines:
            e.close()


def what_full_engines_do_not_take_is_sent_later(start):
    """Each question once, though both sockets are full meanwhile."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)  # as the worker does
        room = s.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    n = 2 * (room // 512) + 200  # a packet takes more of it
    w = start(engines=2, start_engine=False, in_flight=4 * n, deadline=60000)
    engines = [Engine(w.dir + '/run', i) for i in range(2)]
    try:
        for engine in engines:
            engine.accept()
        eventually('both are there', lambda: w.text().count('event=engine_there') == 2)
        s = w.udp()
        for i in range(n):
            s.send(dns.query(f'n{i}.test'))
            if i % 50 == 49 or i == n - 1:
                eventually('it took them', lambda sent=i + 1: w.score()['in_flight'] == sent)
        keys, links = [], {engine.link: engine for engine in engines}
        while len(keys) < n:
            ready = select.select(list(links), [], [], PATIENCE)[0]
            expect(bool(ready), True, f'more than {len(keys)} of {n}')
            keys += [links[link].ask().key for link in ready]
        expect(len(set(keys)), n, 'different questions')
        for engine in engines:
            engine.quiet()
        engines[0].tell(engines[0].asked[-1])
        expect(len(dns.Answer(s.recv(4096)).answers), 1, 'the answer')
    finally:
        for engine in engines:
            engine.close()


def an_engine_that_talks_nonsense_is_cut_off(start):
    w = start()
    s = w.udp()
    s.send(dns.query('www.test', edns=dns.opt()))
    ask = w.engine.ask()
    wrong = Ask(struct.pack('=IIHHBBH', 1, ask.id, dns.A, dns.IN, 0, 9, 0) + dns.name_wire('abc.org'))
    w.engine.tell(ask, address_entry(wrong))
    a = dns.Answer(s.recv(4096))
    expect((a.rcode, a.ede), (dns.SERVFAIL, 0), 'an answer to another question')
    s.send(dns.query('two.test'))
    ask = w.engine.ask()
    w.engine.link.send(b'\xff' * 40)
    w.engine.accept()
    expect(w.engine.ask().key, ask.key, 'asked again by a new connection')
    w.said('engine_lost')


def a_descriptor_that_is_no_shard_does_no_harm(start):
    w = start()
    fd = os.memfd_create('nonsense')
    os.ftruncate(fd, 4096)
    w.engine.link.sendmsg([told(0)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [fd]))])
    os.close(fd)
    w.said('shard_unusable')
    s = w.udp()
    s.send(dns.query('www.test'))
    w.engine.tell(w.engine.ask())
    expect(len(dns.Answer(s.recv(4096)).answers), 1, 'it goes on without')


def empty_packets_leave_no_descriptors(start):
    w = start()

    def descriptors():
        return len(os.listdir(f'/proc/{w.process.pid}/fd'))
    before = descriptors()
    for i in range(1, 6):
        w.engine.link.sendmsg([b''], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                       array.array('i', [w.log.fileno()]))])
        eventually('it hangs up', lambda n=i: w.text().count('event=engine_lost') == n)
        w.engine.accept()
        eventually('it meets the next', lambda n=i: w.text().count('event=engine_there') == n + 1)
    expect(descriptors(), before, 'descriptors')


LAST = struct.Struct('=IIHHBBH')


def last_words(ask, number=signal.SIGSEGV):
    return LAST.pack(0x6c770001, number, ask.type, ask.cls, ask.flags, len(ask.name), 0) + ask.name


def meet_probation(w):
    probation = Engine(w.dir + '/run', 'probation').accept()
    eventually('it is there', lambda: 'engine probation is there' in w.text())
    return probation


def who_is_cleared_by_anothers_trial_is_asked(start):
    """A suspect is a name and a type: asked with DO and without, one trial does for both."""
    w = start(deadline=60000)
    probation = meet_probation(w)
    try:
        s = w.udp()
        for i, more in enumerate((dict(), dict(edns=dns.opt(do=True)), dict(cd=True))):
            s.send(dns.query('suspect.test', qid=i, **more))
        asks = [w.engine.ask() for _ in range(3)]
        w.engine.link.send(last_words(asks[0]))
        w.engine.hang_up()
        ask = probation.ask()
        w.engine.accept()
        w.engine.quiet()
        probation.quiet()
        probation.tell(ask)
        others = [w.engine.ask(), w.engine.ask()]
        expect({a.key for a in (ask, *others)}, {a.key for a in asks}, 'asked again')
        for a in others:
            w.engine.tell(a)
        got = [dns.Answer(s.recv(4096)) for _ in range(3)]
        expect(sorted((a.id, a.rcode) for a in got), [(0, 0), (1, 0), (2, 0)], 'all are answered')
    finally:
        probation.close()


def who_was_not_tried_has_not_passed(start):
    w = start(deadline=60000)
    probation = meet_probation(w)
    try:
        s = w.udp()
        s.send(dns.query('suspect.test'))
        ask = w.engine.ask()
        w.engine.link.send(last_words(ask))
        w.engine.hang_up()
        probation.tell(probation.ask(), b'')  # it has no room
        w.engine.accept()
        again = probation.ask()
        expect(again.key, ask.key, 'asked again of the probation engine')
        w.engine.quiet()
        probation.tell(again)
        expect(dns.Answer(s.recv(4096)).rcode, 0, 'it passes')
    finally:
        probation.close()


# Sizes

def answers_are_truncated_to_what_the_client_takes(start):
    w = start()
    s, t = w.udp(), w.tcp()
    texts = [dns.record(dns.TXT, 60, b'\xc8' + bytes([i]) * 200) for i in range(8)]  # 1.7 KB
    s.send(dns.query('big.test', dns.TXT, edns=dns.opt(payload=4096)))
    ask = w.engine.ask()
    w.engine.tell(ask, entry(ask, texts))
    a = dns.Answer(s.recv(65536))
    expect((a.tc, a.answers, a.edns), (True, [], 1232), 'never over the configured size')
    for payload in (None, 0, 512, 1232):
        s.send(dns.query('big.test', dns.TXT, edns=payload is not None and dns.opt(payload) or None))
        wire = s.recv(65536)
        expect((dns.Answer(wire).tc, len(wire) <= max(payload or 0, 512)), (True, True), payload)
    t.sendall(frame(dns.query('big.test', dns.TXT, edns=dns.opt())))
    a = unframe(t)
    expect((a.tc, len(a.answers)), (False, 8), 'whole by TCP')
    expect(w.score()['truncated'], 5, 'counted')
    s.send(dns.query('mid.test', dns.TXT, edns=dns.opt(payload=1200)))
    ask = w.engine.ask()
    w.engine.tell(ask, entry(ask, texts[:5]))
    wire = s.recv(65536)
    expect((dns.Answer(wire).tc, len(dns.Answer(wire).answers)), (False, 5), 'what fits is whole')
    s.send(dns.query('mid.test', dns.TXT))
    expect(dns.Answer(s.recv(65536)).tc, True, 'and not without EDNS')


def the_largest_answer_passes_by_tcp(start):
    w = start()
    t = w.tcp()
    texts = [dns.record(dns.TXT, 60, b'\xff' + bytes([i]) * 255) for i in range(243)]
    t.sendall(frame(dns.query('huge.test', dns.TXT, edns=dns.opt())))
    ask = w.engine.ask()
    w.engine.tell(ask, entry(ask, texts))
    a = unframe(t)
    expect((a.tc, len(a.answers)), (False, 243), '65 KB')


# TCP

def tcp_answers_as_they_are_known(start):
    w = start()
    t = w.tcp()
    t.sendall(b''.join(frame(dns.query(f'n{i}.test', qid=i)) for i in range(5)))
    asks = [w.engine.ask() for _ in range(5)]
    for i in (3, 0):
        w.engine.tell(next(x for x in asks if x.name == dns.name_wire(f'n{i}.test')))
        expect(unframe(t).id, i, 'out of order')
    t.sendall(frame(dns.query('id.server', dns.TXT, dns.CH, qid=77)))
    expect(unframe(t).id, 77, 'while others wait')
    for i in (1, 2, 4):
        w.engine.tell(next(x for x in asks if x.name == dns.name_wire(f'n{i}.test')))
    expect({unframe(t).id for _ in range(3)}, {1, 2, 4}, 'the rest')


def tcp_takes_queries_in_any_pieces(start):
    w = start()
    t = w.tcp()
    t.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream = b''.join(frame(dns.query('id.server', dns.TXT, dns.CH, qid=i)) for i in range(3))
    for i in range(len(stream)):
        t.sendall(stream[i:i + 1])
    expect([unframe(t).id for _ in range(3)], [0, 1, 2], 'octet by octet')
    many = b''.join(frame(dns.query('id.server', dns.TXT, dns.CH, qid=i)) for i in range(1000))
    t.sendall(many)
    expect([unframe(t).id for _ in range(1000)], list(range(1000)), 'a thousand at once')


def tcp_pipelines_beyond_what_may_wait(start):
    w = start(in_flight=1024)
    t = w.tcp()
    t.sendall(b''.join(frame(dns.query(f'n{i}.test', qid=i)) for i in range(200)))
    seen = set()
    for _ in range(200):
        w.engine.tell(w.engine.ask())
        seen.add(unframe(t).id)
    expect(len(seen), 200, 'all are answered')


def tcp_answers_who_has_said_all(start):
    w = start()
    t = w.tcp()
    t.sendall(frame(dns.query('www.test')))
    t.shutdown(socket.SHUT_WR)
    w.engine.tell(w.engine.ask())
    expect(len(unframe(t).answers), 1, 'after the client\'s end')
    expect(is_closed(t), True, 'and then closed')


def tcp_closes_what_is_no_query(start):
    w = start()
    for what, data in (('a response', frame(dns.query('x.test')[:2] + b'\x81\0' + b'\0' * 8)),
                       ('a length of 0', b'\0\0'),
                       ('an endless query', b'\xff\xff' + b'x' * 4200)):
        t = w.tcp()
        t.sendall(data)
        expect(is_closed(t), True, what)
    t = w.tcp()
    t.sendall(frame(dns.query('www.test') + b'x'))
    expect(unframe(t).rcode, dns.FORMERR, 'but FORMERR is told')


def tcp_silence_ends(start):
    w = start(idle=2000)
    idle, slow, waiting = w.tcp(), w.tcp(), w.tcp()
    waiting.sendall(frame(dns.query('www.test')))
    ask = w.engine.ask()
    message = frame(dns.query('id.server', dns.TXT, dns.CH))
    began = time.monotonic()
    for octet in message:  # an octet now and then does not make it any less slow
        slow.sendall(bytes([octet]))
        time.sleep(0.1)
        if select.select([slow], [], [], 0)[0]:
            break
    expect(is_closed(slow), True, 'a query that takes too long')
    expect(is_closed(idle), True, 'a silent connection')
    if time.monotonic() - began < 1:
        raise Failed('idle for 2 s, closed after %.1f s' % (time.monotonic() - began))
    w.engine.tell(ask)
    expect(len(unframe(waiting).answers), 1, 'who waits for an answer is not idle')


def tcp_cuts_off_who_does_not_read(start):
    w = start(idle=500)
    t = socket.socket()
    w.sockets.append(t)
    t.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    t.connect((SERVICE, w.port))
    s = w.udp()
    texts = [dns.record(dns.TXT, 600, b'\xff' + bytes([i]) * 255) for i in range(40)]
    s.send(dns.query('large.test', dns.TXT))
    ask = w.engine.ask()
    w.engine.tell(ask, entry(ask, texts))
    s.recv(4096)
    t.setblocking(False)
    asked = frame(dns.query('large.test', dns.TXT))

    def cut():
        try:
            t.send(asked)
        except BlockingIOError:
            return False
        except (ConnectionResetError, BrokenPipeError):
            return True
        return False
    eventually('the reader that does not read is cut off', cut)
    expect(w.get('id.server', dns.TXT, dns.CH).rcode, 0, 'and others are served')


def tcp_places_go_to_who_uses_them(start):
    w = start(clients=8)
    idle = [w.tcp() for _ in range(8)]
    for t in idle:
        t.sendall(frame(dns.query('id.server', dns.TXT, dns.CH)))
        unframe(t)
    new = w.tcp()
    new.sendall(frame(dns.query('id.server', dns.TXT, dns.CH)))
    expect(unframe(new).rcode, 0, 'a new client is served')
    expect([is_closed(t, 0.05) for t in idle], [True] + [False] * 7, 'for whoever was idle longest')
    for t in [*idle[1:], new]:
        t.sendall(frame(dns.query('www.test')))
    w.engine.ask()
    eventually('all wait', lambda: w.score()['joined'] == 7)
    expect(is_closed(w.tcp()), True, 'when all are busy nobody is let in')


def tcp_tells_how_long_it_keeps_a_connection(start):
    w = start(idle=3000)
    t = w.tcp()
    t.sendall(frame(dns.query('id.server', dns.TXT, dns.CH,
                              edns=dns.opt(options=dns.option(dns.KEEPALIVE)))))
    expect(unframe(t).options.get(dns.KEEPALIVE), struct.pack('!H', 30), 'tenths of a second')
    t.sendall(frame(dns.query('id.server', dns.TXT, dns.CH, edns=dns.opt())))
    expect(dns.KEEPALIVE in unframe(t).options, False, 'only when asked')
    a = w.get('id.server', dns.TXT, dns.CH, edns=dns.opt(options=dns.option(dns.KEEPALIVE)))
    expect(dns.KEEPALIVE in a.options, False, 'never by UDP (RFC 7828)')


def tcp_clients_may_leave_while_they_wait(start):
    w = start()
    for i in range(3):
        t = w.tcp()
        t.sendall(frame(dns.query('www.test')))
        if i == 0:
            ask = w.engine.ask()
        t.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        eventually('it waits', lambda n=i: w.score()['joined'] == n)
        t.close()
        other = w.tcp()  # may get the same place
        other.sendall(frame(dns.query('id.server', dns.TXT, dns.CH)))
        unframe(other)
    w.engine.tell(ask)
    eventually('the question ends', lambda: w.score()['in_flight'] == 0)
    other.setblocking(False)
    try:
        raise Failed(f'somebody else\'s answer: {other.recv(100)!r}')
    except BlockingIOError:
        pass


# Its life

def sigterm_answers_who_waits_and_ends(start):
    w = start()
    s, waiting, idle = w.udp(), w.tcp(), w.tcp()
    s.send(dns.query('www.test', qid=1))
    waiting.sendall(frame(dns.query('www.test', qid=2)))
    ask = w.engine.ask()
    eventually('both wait', lambda: w.score()['joined'] == 1)
    idle.sendall(frame(dns.query('id.server', dns.TXT, dns.CH)))
    unframe(idle)
    w.process.send_signal(signal.SIGTERM)
    expect(is_closed(idle), True, 'who waits for nothing is closed')
    expect(w.get('id.server', dns.TXT, dns.CH).rcode, 0, 'it answers meanwhile')
    w.engine.tell(ask)
    expect(dns.Answer(s.recv(4096)).id, 1, 'by UDP')
    expect(unframe(waiting).id, 2, 'by TCP')
    expect(w.process.wait(PATIENCE), 0, 'its exit status')


def sigterm_answers_what_tcp_has_brought(start):
    w = start()
    connections = [w.tcp() for _ in range(8)]
    for t in connections:  # accepted
        t.sendall(frame(dns.query('id.server', dns.TXT, dns.CH)))
        unframe(t)
    w.process.send_signal(signal.SIGSTOP)
    for i, t in enumerate(connections):
        t.sendall(frame(dns.query('id.server', dns.TXT, dns.CH, qid=i)))
    w.process.send_signal(signal.SIGTERM)
    w.process.send_signal(signal.SIGCONT)
    for i, t in enumerate(connections):
        expect((unframe(t).id, is_closed(t)), (i, True), 'an answer, and then the end')
    expect(w.process.wait(PATIENCE), 0, 'its exit status')


def sigterm_does_not_wait_for_ever(start):
    w = start()
    s = w.udp()
    s.send(dns.query('www.test'))
    w.engine.ask()
    w.process.send_signal(signal.SIGTERM)
    expect(w.process.wait(PATIENCE), 0, 'its exit status')  # long before the question's deadline
    if '"1 clients were left' not in w.text():
        raise Failed('it does not say who was left alone')


def sighup_changes_nothing_and_says_so(start):
    w = start()
    w.process.send_signal(signal.SIGHUP)
    w.said('not_reloaded')
    expect(w.get('id.server', dns.TXT, dns.CH).rcode, 0, 'it answers')


def what_lay_too_long_is_dropped(start):
    w = start(old=2000)
    s = w.udp()
    w.process.send_signal(signal.SIGSTOP)
    for i in range(3):
        s.send(dns.query('id.server', dns.TXT, dns.CH, qid=i))
    time.sleep(2.5)  # the age is what is tested
    s.send(dns.query('id.server', dns.TXT, dns.CH, qid=9))
    w.process.send_signal(signal.SIGCONT)
    expect(dns.Answer(s.recv(4096)).id, 9, 'only the young one is answered')
    expect(w.score()['drop'][0], 3, 'counted as old')


def cpu_ticks(pid):
    with open(f'/proc/{pid}/stat', encoding='ascii') as f:
        fields = f.read().rpartition(')')[2].split()
    return int(fields[11]) + int(fields[12])


def a_long_queue_is_read_to_its_end_and_then_it_sleeps(start):
    w = start(old=60000)
    s, t = w.udp(), w.tcp()
    w.process.send_signal(signal.SIGSTOP)
    for i in range(200):  # enough for it to stay with the socket for turns
        s.send(dns.query('id.server', dns.TXT, dns.CH, qid=i))
    t.sendall(frame(dns.query('id.server', dns.TXT, dns.CH, qid=7)))
    w.process.send_signal(signal.SIGCONT)
    expect([dns.Answer(s.recv(4096)).id for _ in range(200)], list(range(200)), 'all, in order')
    expect(unframe(t).id, 7, 'by TCP, meanwhile')
    expect(sum(w.score()['drop']), 0, 'dropped')
    before = cpu_ticks(w.process.pid)
    time.sleep(1)  # what it does when nobody asks is what is tested
    if cpu_ticks(w.process.pid) - before > os.sysconf('SC_CLK_TCK') // 2:
        raise Failed('it is busy though nobody asks')
    expect(w.get('id.server', dns.TXT, dns.CH).rcode, 0, 'it still answers')


def sockets_may_be_handed_in(start):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u, socket.socket() as t:
        u.bind((SERVICE, 0))
        t.bind((SERVICE, 0))
        t.listen()
        early = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        early.settimeout(PATIENCE)
        early.sendto(dns.query('id.server', dns.TXT, dns.CH, qid=5), u.getsockname())
        w = start(held={'udp.0.0': u.fileno(), 'tcp.0': t.fileno()})
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(PATIENCE)
            s.connect(u.getsockname())
            s.send(dns.query('id.server', dns.TXT, dns.CH, qid=6))
            expect(dns.Answer(s.recv(4096)).id, 6, 'by a UDP socket that was handed in')
        with socket.create_connection(t.getsockname(), timeout=PATIENCE) as s:
            s.sendall(frame(dns.query('id.server', dns.TXT, dns.CH, qid=8)))
            expect(unframe(s).id, 8, 'by a TCP socket that was handed in')
        expect(dns.Answer(early.recv(4096)).id, 5, 'who asked before it started')
        early.close()


def a_wrong_descriptor_is_said(start):
    conf = start().conf
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unbound, socket.socket() as t, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as local, \
            open('/dev/null', 'rb') as file:
        bound.bind((SERVICE, 0))
        t.bind((SERVICE, 0))
        table = [('udp.1.0', s, 'udp.1.0') for s in (file.fileno(), unbound.fileno(), t.fileno(),
                                                     local.fileno())]
        table += [('tcp.0', s, 'tcp.0') for s in (bound.fileno(), t.fileno())]
        table += [('udp.0.0', bound.fileno(), 'none is this worker\'s'),
                  ('score.w1', file.fileno(), 'score.w1: '),
                  ('score.w1', bound.fileno(), 'score.w1: '),
                  ('score.w1', heldwire.memory(b'', 704), 'score.w1: '),
                  ('score.w1', heldwire.scoreboard(TOOL, 'w', less=1), 'score.w1: '),
                  ('score.w1', heldwire.scoreboard(TOOL, 'w', seals=0), 'not sealed'),
                  ('score.w1', heldwire.scoreboard(TOOL, 'e'), 'another kind'),
                  ('board', heldwire.memory(b'', 128), 'board: '),
                  ('board', heldwire.scoreboard(TOOL, 'e'), 'board: ')]
        for name, fd, why in table:
            process = heldwire.start([BINDIR + '/resolver', '-c', conf, 'worker', '1'], {name: fd},
                                     stderr=subprocess.PIPE, text=True)
            said = process.communicate(timeout=PATIENCE)[1]
            expect((process.returncode, why in said, said.count('\n')), (1, True, 1),
                   f'{name} {why!r}: {said}')


def what_nobody_knows_is_not_minded(start):
    w = start(held={'bond': heldwire.memory(b'x'), 'udp.0.x': heldwire.memory(b'x'),
                    'udp.64.0': heldwire.memory(b'x'), 'tcp.00': heldwire.memory(b'x'),
                    'unknown': heldwire.memory(b'x')})
    expect(w.get('id.server', dns.TXT, dns.CH).rcode, 0, 'it makes its own')


def what_it_does_not_need_ends_it(start):
    """A worker that strays: in its cage it is gone, with nothing done; without it lives on."""
    for stray in ('open', 'dial', 'code', 'exec'):
        if not (SANITISED and stray == 'open'):  # a sanitiser opens files itself
            w = start(binary=STRAY)
            expect(caged(w), True, 'the filter')
            w.udp().send(dns.query(f'{stray}-up.example', dns.A))
            expect(w.process.wait(PATIENCE), -signal.SIGSYS, f'its end by {stray}')
            w.ends = -signal.SIGSYS
        if stray != 'exec':
            w = start(binary=STRAY, seccomp=False)
            expect(caged(w), False, 'a filter')
            s = w.udp()
            s.send(dns.query(f'{stray}-up.example', dns.A, qid=7))
            w.engine.tell(w.engine.ask())
            expect(dns.Answer(s.recv(4096)).id, 7, f'it lives on after {stray}')


def caged(w):
    with open(f'/proc/{w.process.pid}/status', encoding='ascii') as f:
        return 'Seccomp:\t2\n' in f.read()


def what_a_sanitiser_finds_in_a_worker_is_in_its_report(start):
    """Where tests/integration/run looks for it. Nothing to see in a build without."""
    where = re.search('log_path=([^:]+)', os.environ.get('ASAN_OPTIONS', ''))
    if not (SANITISED and where):
        return
    for how, what in (('spoil', 'heap-buffer-overflow'), ('lose', '10 object(s)')):
        w = start(binary=STRAY)
        s = w.udp()
        s.send(dns.query(f'{how}-up.example', dns.A))
        if how == 'lose':  # is found at the end
            w.engine.tell(w.engine.ask())
            s.recv(4096)
            w.process.terminate()
        w.ends = w.process.wait(PATIENCE)
        report = f'{where[1]}.stray_tool.{w.process.pid}'
        with open(report, encoding='ascii') as f:
            said = f.read()
        expect((what in said, ' in stray ' in said), (True, True), said)
        os.unlink(report)  # it was wanted


def a_flush_is_told_of_an_engine_that_says_hello_again(start):
    """As it does when its way out is lost or found while its questions end."""
    w = start()
    shard = heldwire.memory(b'', 1 << 20)

    def visit():
        link, _ = w.engine.listener.accept()
        link.settimeout(PATIENCE)
        link.sendmsg([told(0)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [shard]))])
        return link
    with subprocess.Popen([BINDIR + '/resolver', '-c', w.conf, 'cache', 'flush', 'www.test'],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as p:
        with visit() as link:
            expect(struct.unpack_from('=II', link.recv(4096)), (0x70750001, 1), 'a purge')
            link.send(struct.pack('=IIII', 1, 0, 0, 1))
            link.send(struct.pack('=IIII', 0x70750001, 1, 0, 7))
        with visit():
            out = p.communicate(timeout=PATIENCE)[0]
    expect((p.returncode, 'dropped 7 of its entries' in out), (0, True), out)
    os.close(shard)


def the_command_line_is_checked(start):
    conf = start().conf
    for arguments, status, where in ((('--help',), 0, 'usage:'), ((), 2, 'usage:'),
                                     (('-c', conf, 'cook', '1'), 2, 'usage:'),
                                     (('-c', conf, 'worker', 'x'), 2, 'usage:'),
                                     (('-c', conf, 'engine', '1'), 2, 'no engine 1'),
                                     (('-c', '/nowhere', 'worker', '0'), 1, '/nowhere'),
                                     (('-c', '/nowhere', 'hold', '1'), 1, '/nowhere'),
                                     (('-c', conf, 'hold', 'x'), 1, '1 to 64'),
                                     (('-c', conf, 'hold', '65'), 1, '1 to 64')):
        done = subprocess.run([BINDIR + '/resolver', *arguments], timeout=PATIENCE, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        expect((done.returncode, where in done.stdout), (status, True), f'{arguments}: {done.stdout}')
    once = subprocess.run([BINDIR + '/resolver', '-c', conf, '-n', 'worker', '0'], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    with open(conf + '.again', 'w', encoding='ascii') as f:
        f.write(once)
    twice = subprocess.run([BINDIR + '/resolver', '-c', conf + '.again', '-n'], check=True,
                           stdout=subprocess.PIPE, text=True).stdout
    expect(twice, once, 'the printed configuration reads to the same')


CASES = [f for name, f in list(globals().items())
         if callable(f) and getattr(f, '__code__', None) and f.__code__.co_varnames[:1] == ('start',)
         and f.__code__.co_argcount == 1]


def run(case):
    workers = []

    def start(**more):
        workers.append(Worker(**more))
        return workers[-1]
    try:
        case(start)
        for w in workers:
            if w.process.poll() not in (None, w.ends):
                raise Failed(f'a worker ended with {w.process.returncode}')
        return True
    except (Failed, OSError, ValueError, struct.error, subprocess.SubprocessError) as e:
        print(f'FAILED {case.__name__}: {type(e).__name__}: {e}')
        for w in workers:
            print(w.text())
        return False
    finally:
        for w in workers:
            w.end()


def main():
    own_network()
    chosen = [c for c in CASES if not sys.argv[1:] or c.__name__ in sys.argv[1:]]
    results = [run(c) for c in chosen]
    print(f'{results.count(True)} passed, {results.count(False)} failed')
    sys.exit(0 if results and all(results) else 1)


if __name__ == '__main__':
    main()
