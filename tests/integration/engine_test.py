#!/usr/bin/env python3
"""The engine against a little signed Internet of its own, in a network namespace (as root).

    engine_test.py          (B=build/cc-san: another build)

NSD serves root, TLD and leaf zones on addresses of the namespace's loopback; engine_tool plays the
worker. What counts is what the engine tells, what stands in its shard, and how long it took.
"""
import atexit
import ctypes
import fcntl
import glob
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'lab'))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import heldwire  # noqa: E402
import proc  # noqa: E402
import internet  # noqa: E402  (how the lab signs its zones)

WITHIN = 15  # seconds; how long anything may take before it is a failure
DEADLINE_MS = 3000
BUILD = os.environ.get('B', os.path.join(ROOT, 'build/cc'))
SANITISED = BUILD.endswith('-san')
UPSTREAM, BOGUS, INTERNAL = 0, 1, 2
EDE_BOGUS, EDE_EXPIRED, EDE_NO_DNSKEY, EDE_UNREACHABLE = 6, 7, 9, 22

NS = '{zone} 3600 IN NS ns.{zone}\nns.{zone} 3600 IN A {server}\n'
EXAMPLE = NS + '''\
www.{zone} 300 IN A 203.0.113.5
www.{zone} 300 IN AAAA 2001:db8::5
alias.{zone} 200 IN CNAME www.{zone}
astray.{zone} 200 IN CNAME www.bogus.test.
loop.{zone} 200 IN CNAME pool.{zone}
pool.{zone} 200 IN CNAME loop.{zone}
*.random.{zone} 5 IN A 203.0.113.3
hop20.{zone} 300 IN A 203.0.113.20
link20.{zone} 300 IN A 203.0.113.20
''' + ''.join(f'hop{i}.{{zone}} 300 IN CNAME hop{i + 1}.{{other}}\n' for i in range(20)) + \
    ''.join(f'link{i}.{{zone}} 300 IN CNAME link{i + 1}.{{zone}}\n' for i in range(20)) + ''.join(f'big.{{zone}} 300 IN TXT "{i:03d} {"x" * 200}"\n' for i in range(60))
LEAVES = ('example', 'insecure', 'bogus', 'expired', 'unsigned')
SILENT, SLOW = '10.9.3.1', '10.9.4.1'
SLOW_S = 0.25
FIRST, WIDER_S = 64, 0.5  # resolver/slowstart.h
SO_TIMESTAMPNS = 35

NSD = '''
server:
	ip-address: {address}
	server-count: 1
	username: ""
	chroot: ""
	database: ""
	zonesdir: "{zones}"
	zonelistfile: "{dir}/{name}.list"
	xfrdfile: "{dir}/{name}.xfrd"
	xfrdir: "{dir}"
	pidfile: "{dir}/{name}.pid"
	logfile: "{dir}/{name}.log"
	rrl-ratelimit: 0
remote-control:
	control-enable: no
'''

CONF = '''
pop = "lab"; node = "one"; run_dir = "{dir}/run"; listen = [ "192.0.2.53" ]; engines = {engines};
worker = {{ l2_mib = 4; deadline_ms = 60000; user = "{worker}"; }};
engine = {{ mode = "{mode}"; trust_anchor = "{anchor}"; special = [ "test." ]; {more}
	deadline_ms = {deadline}; in_flight = {in_flight}; user = "{user}"; }};
'''

children, failures, passed, finished = [], [], 0, False
leaf = []  # the process that was started last
silent = []  # the socket of the server that says nothing


def make_internet(base):
    """Zones under base/zones; base/anchor.key and base/root.hints beside them."""
    zones = f'{base}/zones'
    os.makedirs(f'{base}/work')
    os.makedirs(zones)
    work, delegations = f'{base}/work', ''
    for n, leaf in enumerate(LEAVES):
        zone = f'{leaf}.test.'
        other = 'example.test.' if leaf == 'insecure' else 'insecure.test.'
        text, out = EXAMPLE.format(zone=zone, server='10.9.2.1', other=other), f'../zones/{leaf}.zone'
        delegations += NS.format(zone=zone, server='10.9.2.1')
        if leaf == 'insecure':
            with open(f'{zones}/{leaf}.zone', 'w', encoding='ascii') as f:
                f.write(internet.SOA.format(zone=zone, host=zone) + text)
            continue
        lasts, internet.EXPIRATION = internet.EXPIRATION, '20210101000000' if leaf == 'expired' \
            else internet.EXPIRATION
        ds, _ = internet._sign(work, zone, text, out)
        internet.EXPIRATION = lasts
        delegations += ds
        if leaf == 'bogus':
            internet._break(f'{zones}/{leaf}.zone', zone)
        if leaf == 'unsigned':  # a zone whose parent promised signatures
            with open(f'{zones}/{leaf}.zone', 'w', encoding='ascii') as f:
                f.write(internet.SOA.format(zone=zone, host=zone) + text)
    for name, server in (('silent.test.', SILENT), ('deaf.test.', SILENT), ('slow.test.', SLOW)):
        delegations += NS.format(zone=name, server=server)
    delegations += f'deaf.test. 3600 IN DS 1 13 2 {"0" * 64}\n'  # signed, and of no use
    ds, _ = internet._sign(work, 'test.', NS.format(zone='test.', server='10.9.1.1') + delegations,
                           '../zones/test.zone')
    root = '. 3600 IN NS a.root-server.\na.root-server. 3600 IN A 10.9.0.1\n' + \
        NS.format(zone='test.', server='10.9.1.1') + ds
    _, anchor = internet._sign(work, '.', root, '../zones/root.zone')
    with open(f'{base}/anchor.key', 'w', encoding='ascii') as f:
        f.write(anchor)
    with open(f'{base}/root.hints', 'w', encoding='ascii') as f:
        f.write('. 3600000 NS a.root-server.\na.root-server. 3600000 A 10.9.0.1\n')


def start(*command, **more):
    """A child that dies with us."""
    def mortal():
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    process = subprocess.Popen(command, preexec_fn=mortal, **more)
    children.append(process)
    return process


def serve_zones(base):
    for name, address, zones in (('root', '10.9.0.1', [('.', 'root')]),
                                 ('tld', '10.9.1.1', [('test', 'test')]),
                                 ('leaf', '10.9.2.1', [(f'{x}.test', x) for x in LEAVES])):
        with open(f'{base}/{name}.conf', 'w', encoding='ascii') as f:
            f.write(NSD.format(address=address, zones=f'{base}/zones', dir=base, name=name))
            for zone, file in zones:
                f.write(f'zone:\n\tname: "{zone}"\n\tzonefile: "{file}.zone"\n')
        leaf[:] = [start('nsd', '-d', '-c', f'{base}/{name}.conf', stderr=subprocess.DEVNULL)]
        wait_for(lambda a=address: answers(a), f'{name} serves')


def answers(address):
    with socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.2)
        try:
            s.sendto(b'\1\2\0\0\0\1\0\0\0\0\0\0\0\0\6\0\1', (address, 53))
            return len(s.recv(4096)) > 12
        except OSError:
            return False


class nobody_home:
    """The leaf zones' server is stopped, and its children with it; what is sent to it waits."""

    def __enter__(self):
        self.send(signal.SIGSTOP)

    def __exit__(self, *_):
        self.send(signal.SIGCONT)

    @staticmethod
    def send(how):
        for pid in proc.family(leaf[0].pid):
            os.kill(pid, how)


def serve_nothing():
    """A server that takes questions in and never answers: what a dead host looks like."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    s.bind((SILENT, 53))
    return s


def silence_heard(names):
    """How many names stand in `names`, {name: when it came first, as time.time() tells it}, with the h...
    that the silent server has been asked since. The kernel has noted when: we may be late."""
    while True:
        try:
            question, extra, _, _ = silent[0].recvmsg(4096, 100, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return len(names)
        if question[13:14] == b'h':
            seconds, nanoseconds = struct.unpack('@qq', extra[0][2])
            names.setdefault(question[12:question.index(b'\0', 12)], seconds + nanoseconds / 1e9)


def silence_asked():
    """What the silent server has been asked since: names as in a message, and types."""
    asked = set()
    while True:
        try:
            question = silent[0].recv(4096, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return asked
        end = question.index(b'\0', 12) + 1
        asked.add((question[12:end].lower(), question[end + 1]))


def serve_slowly():
    """A server that takes SLOW_S for each answer: an address, whatever was asked; of crooked... one
    of five octets."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((SLOW, 53))

    def answer(question, client):
        end = question.index(b'\0', 12) + 5
        address = b'\xcb\0\x71\7' + (b'\7' if question[13:20] == b'crooked' else b'')
        s.sendto(question[:2] + b'\x84\0\0\1\0\1\0\0\0\0' + question[12:end] +
                 b'\xc0\x0c\0\1\0\1\0\0\0\x3c\0' + bytes([len(address)]) + address, client)

    def loop():
        while True:
            question, client = s.recvfrom(4096)
            threading.Timer(SLOW_S, answer, (question, client)).start()
    threading.Thread(target=loop, daemon=True).start()


def wait_for(what, name, within=WITHIN):
    until = time.monotonic() + within
    while time.monotonic() < until:
        if what():
            return
        time.sleep(0.005)
    raise AssertionError(f'{name}: not within {within} s')


class Engine:
    def __init__(self, base, program, number, mode='root', more='', deadline=DEADLINE_MS, in_flight=256,
                 anchor=None, user='nobody', worker='', held=None, after='', engines=16):
        self.base, self.number = base, number
        self.conf = f'{base}/resolver-{number}.conf'
        self.log = f'{base}/engine-{number}.log'
        if mode == 'root':
            more += f' root_hints = "{base}/root.hints";'
        with open(self.conf, 'w', encoding='ascii') as f:
            f.write(CONF.format(dir=base, anchor=f'{base}/anchor.key' if anchor is None else anchor, engines=engines,
                                mode=mode, more=more, deadline=deadline, in_flight=in_flight, user=user,
                                worker=worker) + after)
        self.command = program + ['-c', self.conf, 'engine', str(number)]
        self.held = held
        self.start()

    def start(self):
        with open(self.log, 'a', encoding='ascii') as log:
            self.process = heldwire.start(self.command, self.held, stdout=log, stderr=log)
        children.append(self.process)

    def logged(self):
        with open(self.log, encoding='ascii') as f:
            return f.read()

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(WITHIN)


class Told(dict):
    """What one line said: keys as numbers, `none`, and records by section."""

    def __init__(self, line, ms):
        words = re.findall(r'([a-z]+)=((?:[A-Z0-9]+/(?:"[^"]*"|[^"=])+?|\S+))(?= [a-z]+=|$)', line)
        super().__init__((k, int(v)) for k, v in words if v.isdigit())
        self.records = [(k, v) for k, v in words if not v.isdigit()]
        self.none = line.endswith('none')
        self.ms, self.line = ms, line

    def section(self, name):
        return [v for k, v in self.records if k == name]


class Worker:
    """engine_tool, and what it printed so far."""

    def __init__(self, base, tool, number, within=WITHIN):
        self.begun, self.lines, self.id = {}, [], 0
        self.condition = threading.Condition()
        until = time.monotonic() + within
        while True:
            self.process = start(tool, f'{base}/run', str(number), stdin=subprocess.PIPE, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=1)
            first = self.process.stdout.readline()
            if first == 'hello\n':
                break
            self.process.wait()
            if time.monotonic() > until:
                raise AssertionError(f'no engine {number}: {first}{self.process.stderr.read()}')
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self.condition:
                self.lines.append((line.rstrip('\n'), time.monotonic()))
                self.condition.notify_all()

    def say(self, text):
        self.process.stdin.write(text + '\n')
        self.process.stdin.flush()

    def line(self, start, within=WITHIN):
        """The first line that starts so; taken out."""
        def find():
            return next((x for x in self.lines if x[0].startswith(start)), None)
        with self.condition:
            if not self.condition.wait_for(find, within):
                raise AssertionError(f'no line "{start}..." within {within} s')
            found = find()
            self.lines.remove(found)
            return found

    def ask(self, name, rrtype='A', flags=''):
        self.id += 1
        self.begun[self.id] = time.monotonic()
        self.say(f'ask {self.id} {name} {rrtype} {flags}')
        return self.id

    def told(self, number):
        line, at = self.line(f'told {number} ')
        return Told(line, (at - self.begun[number]) * 1000)

    def get(self, name, rrtype='A', flags=''):
        return self.told(self.ask(name, rrtype, flags))

    def find(self, name, rrtype='A', flags=''):
        self.say(f'find {name} {rrtype} {flags}')
        return Told(self.line('found ')[0], 0)

    def close(self):
        self.process.stdin.close()
        self.process.wait(WITHIN)


def expect(told, **wanted):
    for key, value in wanted.items():
        if told.get(key) != value:
            raise AssertionError(f'{key} is {told.get(key)}, not {value}: {told.line}')


def expect_records(told, section, *wanted):
    if sorted(told.section(section)) != sorted(wanted):
        raise AssertionError(f'{section} is not {wanted}: {told.line}')


# Cases. Each promise is a function; `w` asks engine 1.

def a_secure_answer_is_secure_and_in_the_shard(w):
    t = w.get('www.example.test')
    expect(t, rcode=0, secure=1, failure=0, negative=0, ttl=300)
    expect_records(t, 'an', 'A/203.0.113.5')
    expect(w.find('www.example.test'), rcode=0, secure=1)
    assert w.find('www.example.test', 'A', 'do').none, 'one key filled another'


def signatures_are_told_to_those_who_want_them(w):
    t = w.get('www.example.test', 'A', 'do')
    expect(t, rcode=0, secure=1)
    expect_records(t, 'an', 'A/203.0.113.5', 'RRSIG/...')


def a_cached_answer_comes_at_once(w):
    with nobody_home():
        expect(w.get('www.example.test'), rcode=0, secure=1)


def an_insecure_answer_is_not_secure(w):
    t = w.get('www.insecure.test')
    expect(t, rcode=0, secure=0, failure=0)
    expect_records(t, 'an', 'A/203.0.113.5')


def a_bogus_answer_is_a_failure_by_bogus(w):
    t = w.get('www.bogus.test')
    expect(t, rcode=2, failure=1, secure=0, cause=BOGUS, ede=EDE_BOGUS, ttl=5)
    assert not t.records, 'bogus data was told'
    expect(w.get('www.bogus.test'), rcode=2, cause=BOGUS, ede=EDE_BOGUS)
    expect(w.get('www.bogus.test', 'AAAA'), rcode=0, secure=1)


def bogus_data_is_for_those_who_disable_checking(w):
    t = w.get('www.bogus.test', 'A', 'cd')
    expect(t, rcode=0, secure=0, failure=0)
    expect_records(t, 'an', 'A/203.0.113.66')
    expect(w.get('www.bogus.test'), rcode=2, cause=BOGUS)


def an_expired_signature_is_told_apart(w):
    expect(w.get('www.expired.test'), rcode=2, cause=BOGUS, ede=EDE_EXPIRED)


def a_zone_without_the_promised_signatures_is_bogus(w):
    expect(w.get("www.unsigned.test"), rcode=2, cause=BOGUS, ede=EDE_NO_DNSKEY)


def a_chain_into_bogus_is_bogus(w):
    expect(w.get('astray.example.test'), rcode=2, cause=BOGUS)


def nxdomain_is_negative_with_its_soa(w):
    t = w.get('none.example.test')
    expect(t, rcode=3, secure=1, negative=1, failure=0, ttl=30)
    assert [x[:4] for x in t.section('ns')] == ['SOA/'], t.line
    t = w.get('none.example.test', 'A', 'do')
    expect(t, rcode=3, secure=1, negative=1)
    assert any(x.startswith('NSEC') for x in t.section('ns')), t.line


def nodata_is_negative(w):
    t = w.get('www.example.test', 'MX')
    expect(t, rcode=0, secure=1, negative=1, ttl=30)
    assert not t.section('an') and [x[:4] for x in t.section('ns')] == ['SOA/'], t.line


def an_alias_is_followed(w):
    t = w.get('alias.example.test')
    expect(t, rcode=0, secure=1, ttl=200)
    expect_records(t, 'an', 'CNAME/www.example.test.', 'A/203.0.113.5')
    t = w.get('alias.example.test', 'CNAME')
    expect_records(t, 'an', 'CNAME/www.example.test.')


def a_loop_of_aliases_ends(w):
    t = w.get('loop.example.test')
    assert t['rcode'] == 2 or t['negative'], t.line


def a_chain_of_aliases_has_a_last_link(w):
    """Eleven are followed, from zone to zone or within one: libunbound's max-query-restarts. What it
    does not follow is a failure of whoever made the chain."""
    for name, secure in (('hop', 0), ('link', 1)):
        t = w.get(f'{name}8.example.test')  # the twelfth leads to the address
        expect(t, rcode=2, failure=1, cause=UPSTREAM, ede=EDE_UNREACHABLE)
        t = w.get(f'{name}9.example.test')
        expect(t, rcode=0, failure=0, secure=secure)
        assert len(t.section('an')) == 12 and t.section('an')[-1] == 'A/203.0.113.20', t.line


def a_wildcard_answers(w):
    t = w.get('anything.random.example.test')
    expect(t, rcode=0, secure=1, ttl=5)
    expect_records(t, 'an', 'A/203.0.113.3')


def what_a_proof_denies_is_not_asked_for(w):
    """RFC 8198: one NSEC denies all names in its gap. The zone's server hears nothing meanwhile."""
    for name in ('none.example.test', 'zzz.example.test'):
        expect(w.get(name, 'A', 'do'), rcode=3, secure=1)
    with nobody_home():
        for name in ('nobody.example.test', 'nodes.example.test', 'zzzz.example.test'):
            for flags in ('', 'do'):
                t = w.get(name, 'A', flags)
                expect(t, rcode=3, secure=1, negative=1)
                assert t.ms < DEADLINE_MS, t.ms
        # The gap between "big" and "loop" was not told yet: it takes the server to deny these.
        expect(w.get('child.example.test'), rcode=2, cause=UPSTREAM)
    # libunbound may have taken the server for dead meanwhile, which is no concern of the next case.
    wait_for(lambda: w.get(f'{time.monotonic_ns()}.random.insecure.test')['rcode'] == 0,
             'the server is asked again', 4 * WITHIN)


def a_large_answer_comes_by_tcp(w):
    t = w.get('big.example.test', 'TXT')
    expect(t, rcode=0, secure=1)
    assert len(t.section('an')) == 60, t.line


def the_root_itself_resolves(w):
    t = w.get('.', 'NS')
    expect(t, rcode=0, secure=1)
    assert 'NS/a.root-server.' in t.section('an'), t.line


def what_is_no_data_is_not_resolved(w):
    for kind in ('TYPE251', 'TYPE41', 'TYPE0', 'TYPE128'):
        expect(w.get('www.example.test', kind), rcode=2, cause=INTERNAL)


def what_is_no_sound_answer_is_upstreams_fault(w):
    """Whoever owns a zone can send such; it must not speak against this node."""
    expect(w.get('good.slow.test'), rcode=0)
    expect(w.get('crooked.slow.test'), rcode=2, failure=1, cause=UPSTREAM)


def many_at_once_each_get_their_own(w):
    ids = {w.ask(f'n{i}.random.example.test', 'A', 'do' if i % 2 else ''): i for i in range(100)}
    for number, i in ids.items():
        t = w.told(number)
        expect(t, rcode=0, secure=1)
        assert 'A/203.0.113.3' in t.section('an'), t.line
        assert any(x.startswith('RRSIG') for x in t.section('an')) == bool(i % 2), t.line


def a_dead_upstream_is_told_within_the_deadline(w):
    t = w.get('www.silent.test')
    expect(t, rcode=2, failure=1, cause=UPSTREAM, ede=EDE_UNREACHABLE)
    assert t.ms < 2 * DEADLINE_MS, t.ms  # libunbound would go on for more than twenty seconds
    expect(w.find('www.silent.test'), failure=1, cause=UPSTREAM)
    expect(w.get('www.example.test'), rcode=0)


def status_of(pid):
    with open(f'/proc/{pid}/status', encoding='ascii') as f:
        status = dict(line.split(':\t', 1) for line in f)
    return status


def state_of(pid):
    return status_of(pid)['State'][0]


class Rest:
    """Promises that need engines of their own."""

    def __init__(self, base, program, tool):
        self.base, self.program, self.tool = base, program, tool

    def engine(self, number, **more):
        return Engine(self.base, self.program, number, **more)

    def worker(self, number):
        return Worker(self.base, self.tool, number)

    def the_engine_has_no_rights(self, first):
        status = status_of(first.process.pid)
        assert status['Uid'].split() == ['65534'] * 4, status['Uid']
        assert int(status['CapPrm'], 16) == 0 and status['NoNewPrivs'].strip() == '1'
        assert status['Seccomp'].strip() == '2', status['Seccomp']

    def one_user_for_both_is_said(self, first):
        e = self.engine(15, worker='nobody')
        self.worker(15).close()
        assert 'event=engine_user' in e.logged() and 'event=engine_root' not in e.logged(), e.logged()
        assert e.stop() == 0
        e = self.engine(15, user='')
        self.worker(15).close()
        assert 'event=engine_root' in e.logged(), e.logged()
        assert e.stop() == 0
        assert 'event=engine_user' not in first.logged(), first.logged()

    def killed_and_started_again_in_milliseconds(self, first):
        w = self.worker(1)
        spent = []
        for _ in range(3):
            first.process.kill()
            w.line('closed')
            begun = time.monotonic()
            first.process.wait()
            first.start()
            w = self.worker(1)
            connected = (time.monotonic() - begun) * 1000
            expect(w.get('www.example.test'), rcode=0, secure=1)
            spent.append((round(connected), round((time.monotonic() - begun) * 1000)))
        print(f'# killed to connected, to first cold answer: {spent} ms')
        assert min(x for x, _ in spent) < 250, spent
        w.close()

    def more_than_the_cap_is_refused_at_once(self, _):
        e = self.engine(2, in_flight=4, deadline=1500)
        w = self.worker(2)
        expect(w.get('www.example.test'), rcode=0)
        ids = [w.ask(f'n{i}.silent.test') for i in range(8)]
        told = [w.told(i) for i in ids]
        refused = [t for t in told if t.none]
        assert len(refused) == 4 and told.index(refused[0]) == 4, [t.line for t in told]
        assert max(t.ms for t in refused) < min(t.ms for t in told[:4]), [t.ms for t in told]
        for t in told[:4]:
            expect(t, rcode=2, cause=UPSTREAM)
            assert t.ms < 6000, t.ms
        # libunbound lets go of them in its own time; then there is room again.
        wait_for(lambda: not w.get('www.example.test').none, 'room again')
        w.close()
        assert e.stop() == 0

    def what_nobody_waits_for_any_more_takes_no_place_of_others(self, _):
        """Told at its deadline, it is libunbound's for a while yet; whoever asks next is not to pay."""
        e = self.engine(2, in_flight=4, deadline=500)
        w = self.worker(2)
        wait_for(lambda: w.get('www.example.test').get('rcode') == 0, 'the way down is known')
        for number in [w.ask(f'n{i}.silent.test') for i in range(4)]:
            expect(w.told(number), rcode=2, cause=UPSTREAM)
        expect(w.get('www.example.test'), rcode=0)
        expect(w.get('other.random.insecure.test'), rcode=0)
        w.close()
        assert e.stop() == 0

    def one_that_has_just_begun_asks_for_few_names_at_a_time(self, _):
        e = self.engine(15, deadline=6000)  # so that those which wait for a place still get one
        w = self.worker(15)
        good = [w.ask(f'h{i}.random.example.test') for i in range(100)]
        for number in good:
            expect(w.told(number), rcode=0)
        w.close()
        assert e.stop() == 0
        e.start()
        w = self.worker(15)
        silence_heard({})
        names, begun = {}, time.time()
        bad = [w.ask(f'h{i}.silent.test') for i in range(200)]
        wait_for(lambda: silence_heard(names) > FIRST, 'more than the first')
        for number in bad:  # also those that had to wait
            expect(t := w.told(number), rcode=2, cause=UPSTREAM)
            assert t.ms < 12000, t.ms
        silence_heard(names)
        came = sorted(names.values())
        assert came[FIRST] - begun > WIDER_S, came[FIRST] - begun
        # Unless the server was taken for dead before, which after a pause of seconds it may be.
        wider = [came[2 * FIRST] - came[FIRST]] if len(came) > 2 * FIRST else []
        assert all(s > 0.8 * WIDER_S for s in wider), wider
        w.close()
        assert e.stop() == 0

    def keys_are_asked_for_beside_the_answer(self, _):
        """Not after it: here there is none."""
        e = self.engine(15)
        w = self.worker(15)
        silence_asked()
        asked = set()
        w.ask('www.deaf.test')
        for name, qtype in ((b'\3www\4deaf\4test\0', 1), (b'\4deaf\4test\0', 48)):
            wait_for(lambda n=name, t=qtype: asked.update(silence_asked()) or (n, t) in asked,
                     f'type {qtype} is asked for')
        w.close()
        assert e.stop() == 0

    def an_answer_after_the_deadline_is_kept(self, _):
        e = self.engine(3, deadline=int(SLOW_S * 1000) - 100)
        w = self.worker(3)
        wait_for(lambda: w.get('www.example.test')['rcode'] == 0, 'the way down is known')
        wait_for(lambda: w.get('ns.slow.test', 'MX')['rcode'] in (0, 2), 'the zone is known')
        t = w.get('www.slow.test')
        expect(t, rcode=2, cause=UPSTREAM, ede=EDE_UNREACHABLE)
        wait_for(lambda: w.find('www.slow.test').get('rcode') == 0, 'the late answer')
        w.close()
        assert e.stop() == 0

    def what_is_no_question_ends_the_connection(self, _):
        e = self.engine(4)
        good = bytes.fromhex('01000000 07000000 0100 0100 00 0500') + b'\0' + b'\3www\0'
        for bad in (b'', good[:-1], good + b'\0', b'\2' + good[1:], b'\0' * 16, good[:4] + b'\0' * 4 +
                    good[8:], good[:-4] + b'WWW\0', good[:12] + b'\x08' + good[13:], b'\xff' * 1500):
            if not bad:
                continue
            w = self.worker(4)
            w.say('raw ' + bad.hex())
            w.line('closed')
        w = self.worker(4)
        w.say('pass 1 www.example.test A')
        w.line('closed')
        w = self.worker(4)
        expect(w.get('www.example.test'), rcode=0)
        assert 'engine_peer_cut' in e.logged()
        w.close()
        assert e.stop() == 0

    def who_does_not_read_is_not_read_either(self, _):
        e = self.engine(5)
        w, other = self.worker(5), self.worker(5)
        expect(w.get('big.example.test', 'TXT'), rcode=0)
        w.say('flood 100000 9 big.example.test TXT')
        line, _ = w.line('flooded')
        assert int(line.split('=')[1]) > 0, 'all of it was taken in'
        expect(other.get('www.example.test'), rcode=0)
        with open(f'/proc/{e.process.pid}/status', encoding='ascii') as f:
            rss = int(re.search(r'VmRSS:\s+(\d+)', f.read())[1])
        assert rss < 100000, f'{rss} kB'
        w.process.kill()
        other.close()
        assert e.stop() == 0

    def a_drain_answers_what_was_asked(self, _):
        e = self.engine(6)
        w = self.worker(6)
        expect(w.get('ns.slow.test'), failure=0)  # the way down is known from here on
        pending = w.ask('www.slow.test')
        wait_for(lambda: self.counted(w), 'the question is in')
        e.process.send_signal(signal.SIGTERM)
        expect(w.told(pending), rcode=0)
        assert e.process.wait(WITHIN) == 0
        w.line('closed')

    def the_only_engine_leaves_what_is_asked_to_the_next(self, _):
        """It declines nothing, since nobody else would take it, and keeps nobody waiting for long."""
        e = self.engine(0, engines=1, deadline=10000)
        w = self.worker(0)
        expect(w.get('www.example.test'), rcode=0)
        with nobody_home():
            pending = w.ask('none.insecure.test')
            wait_for(lambda: self.counted(w), 'the question is in')
            e.process.send_signal(signal.SIGTERM)
            wait_for(lambda: 'event=engine_stopping' in e.logged(), 'it stops')
            new = w.ask('www.example.test')
            begun = time.monotonic()
            assert e.process.wait(WITHIN) == 0
            assert time.monotonic() - begun < 5, 'it ends at the deadline'
            w.line('closed')
        assert not [x for x, _ in w.lines if x.startswith((f'told {pending} ', f'told {new} '))], w.lines

    @staticmethod
    def counted(w):
        """A question asked behind another and answered: the other is in flight."""
        return w.get('www.example.test')['rcode'] == 0

    def forwarders_are_asked_and_checked(self, _):
        conf = f'{self.base}/forward.conf'
        with open(conf, 'w', encoding='ascii') as f:
            f.write(f'server:\n\tinterface: 10.9.5.1\n\taccess-control: 10.0.0.0/8 allow\n'
                    f'\tdo-daemonize: no\n\tusername: ""\n\tchroot: ""\n\tpidfile: ""\n'
                    f'\troot-hints: "{self.base}/root.hints"\n\tmodule-config: "iterator"\n'
                    f'\tlocal-zone: "test." nodefault\n')
        unbound = start('unbound', '-d', '-c', conf, stderr=subprocess.DEVNULL)
        wait_for(lambda: answers('10.9.5.1'), 'the forwarder serves')
        e = self.engine(7, mode='forward', more='forwarders = [ "10.9.5.1@53" ];')
        w = self.worker(7)
        expect(w.get('www.example.test'), rcode=0, secure=1)
        expect(w.get('www.bogus.test'), rcode=2, cause=BOGUS)
        unbound.kill()
        t = w.get('other.example.test', 'MX')
        expect(t, rcode=2, cause=UPSTREAM)
        w.close()
        assert e.stop() == 0

    def without_an_anchor_nothing_is_secure(self, _):
        e = self.engine(8, anchor='')
        w = self.worker(8)
        expect(w.get('www.example.test'), rcode=0, secure=0)
        expect(w.get('www.bogus.test'), rcode=0, secure=0)
        assert 'without validation' in e.logged()
        w.close()
        assert e.stop() == 0

    def a_renewal_by_the_other_context_is_as_secure(self, _):
        """The first one would tell what is left of the answer that it has cached."""
        e = self.engine(15, after='refresh = { percent = 30; };')
        w, name = self.worker(15), 'r.random.example.test'
        t = w.get(name)
        expect(t, rcode=0, secure=1, origin=0, ttl=5)
        contexts = []
        while len(contexts) < 4:
            t = w.get(name, 'A', 'refresh')
            expect(t, rcode=0, secure=1, ttl=5)
            expect_records(t, 'an', 'A/203.0.113.3')
            if t['origin'] not in contexts[-1:]:
                contexts.append(t['origin'])
            time.sleep(0.05)
        assert contexts == [0, 16, 0, 16], contexts
        w.close()
        assert e.stop() == 0
        e = self.engine(15, after='refresh = { percent = 0; };')
        w = self.worker(15)
        expect(w.get(name), rcode=0, origin=0)
        wait_for(lambda: w.get(name, 'A', 'refresh').none, 'near its end, and it has one context only')
        w.close()
        assert e.stop() == 0

    def broken_files_are_told_at_the_start(self, _):
        broken = f'{self.base}/broken.key'
        with open(broken, 'w', encoding='ascii') as f:
            f.write('this is no key\n')
        e = self.engine(9, anchor=broken)
        assert e.process.wait(WITHIN) == 1
        assert 'does not start' in e.logged() and "could not parse the RR's type" in \
            e.logged().splitlines()[-1], e.logged()

    def descriptors_may_be_handed_in(self, _):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.bind(f'{self.base}/run/engine-10.sock')
            os.chmod(f'{self.base}/run/engine-10.sock', 0o600)
            s.listen(8)
            e = self.engine(10, held={'listen.10': s.fileno()})
            w = self.worker(10)
            expect(w.get('www.example.test'), rcode=0)
            e.process.kill()
            e.process.wait()
            # The socket outlives the engine: a worker that connects meanwhile is served by the next.
            later = start(self.tool, f'{self.base}/run', '10', stdin=subprocess.PIPE, text=True,
                          stdout=subprocess.PIPE, bufsize=1)
            e.start()
            assert later.stdout.readline() == 'hello\n'
            later.kill()
            assert e.stop() == 0

    def a_shard_outlives_the_engine(self, _):
        e = self.engine(12, held={'shard.12': heldwire.memory(b'', 4 << 20)})
        w = self.worker(12)
        expect(w.get('www.example.test'), rcode=0)
        e.stop(signal.SIGKILL)
        e.held['hits.12'] = heldwire.memory(b'', 4096)  # of no shard's size: it goes on without
        e.start()
        w = self.worker(12)
        assert 'event=hits_unusable' in e.logged(), e.logged()
        expect(w.find('www.example.test'), rcode=0, secure=1)
        w.close()
        assert e.stop() == 0

    def the_scoreboard_tells_of_it(self, _):
        e = self.engine(13)  # its configuration; the next one is started with a scoreboard
        w = self.worker(13)
        w.close()
        e.stop(signal.SIGKILL)
        with open(e.log, 'a', encoding='ascii') as log:
            scored = start(self.tool, 'scored', *e.command, stdin=subprocess.PIPE, text=True,
                           stdout=subprocess.PIPE, stderr=log, bufsize=1)

        def score():
            scored.stdin.write('\n')
            return {k: int(v) for k, v in re.findall(r'(\w+)=(\d+)', scored.stdout.readline())}
        w = self.worker(13)
        assert score()['state'] == 1 and score()['generation'] == 1, score()
        expect(w.get('www.example.test'), rcode=0)
        begun = time.monotonic()
        expect(w.get('www.bogus.test'), rcode=2)
        expect(w.get('www.example.test', 'TYPE251'), rcode=2)
        pending = [w.ask(f'n{i}.silent.test') for i in range(8)]
        wait_for(lambda: score()['in_flight'] == 8, 'eight in flight')
        for number in pending:
            expect(w.told(number), rcode=2)
        wait_for(lambda: score()['in_flight'] == 0, 'none in flight')
        s = score()
        assert (s['good'], s['servfail'], s['upstream'], s['bogus'], s['internal'], s['state']) == \
            (1, 10, 8, 1, 1, 1), s

        def fails():
            """Asked in vain once more, at least 20 times and 5 seconds long."""
            number = w.ask(f'm{time.monotonic_ns()}.silent.test')
            expect(w.told(number), rcode=2)
            return score()['state'] == 3
        wait_for(fails, 'it says that it fails', 4 * WITHIN)
        assert score()['servfail'] >= 20 and time.monotonic() - begun > 4.9, score()
        expect(w.get('www.example.test'), rcode=0)
        assert score()['state'] == 1, score()
        wait_for(lambda: score()['heartbeat'] > s['heartbeat'], 'the heart beats')
        os.kill(s['pid'], signal.SIGSTOP)
        wait_for(lambda: state_of(s['pid']) == 'T', 'it is stopped')
        s = score()
        time.sleep(0.2)  # four beats that must not come
        assert score()['heartbeat'] == s['heartbeat'], 'a stopped engine has a heartbeat'
        scored.stdin.close()
        scored.wait(WITHIN)

    def a_wrong_descriptor_is_said(self, _):
        e = self.engine(14)
        e.stop()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as deaf, \
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            for name, fd, why in (('listen.14', deaf.fileno(), 'no listening SEQPACKET'),
                                  ('listen.14', other.fileno(), 'no listening SEQPACKET'),
                                  ('listen.14', heldwire.memory(b'x'), 'no listening SEQPACKET'),
                                  ('shard.14', heldwire.memory(b'', 4096), 'which no shard has'),
                                  ('shard.14', heldwire.memory(b'', 4 << 20, 0), 'not sealed'),
                                  ('shard.14', other.fileno(), 'shard.14: '),
                                  ('score.e14', heldwire.memory(b'', 704), 'score.e14: '),
                                  ('score.e14', heldwire.scoreboard(self.tool, 'w'),
                                   'another kind')):
                e.held = {name: fd}
                e.start()
                assert e.process.wait(WITHIN) == 1
                assert why in e.logged().splitlines()[-1], e.logged()

    def a_successor_takes_the_place_over(self, _):
        old = self.engine(11)
        w = self.worker(11)
        expect(w.get('www.example.test'), rcode=0)
        new = Engine(self.base, self.program, 11)
        wait_for(lambda: new.logged().count('engine_started') == 2, 'the successor serves')
        expect(w.get('www.insecure.test'), rcode=0)
        other = self.worker(11)
        assert old.stop() == 0
        w.line('closed')
        expect(other.get('www.example.test'), rcode=0)
        other.close()
        assert new.stop() == 0


def case(name, function, *arguments):
    global passed
    begun = time.monotonic()
    try:
        function(*arguments)
        passed += 1
        print(f'ok   {name} ({(time.monotonic() - begun) * 1000:.0f} ms)', flush=True)
    except Exception as e:  # noqa: BLE001  (every failure is one of the case)
        failures.append(name)
        print(f'FAIL {name}: {type(e).__name__}: {e}', flush=True)


def clean_up(base):
    for process in children:
        if process.poll() is None:
            process.kill()
    for process in children:
        process.wait()
    if failures or not finished:
        for log in sorted(glob.glob(f'{base}/*.log')):
            print(f'---- {log}\n{open(log, encoding="ascii").read()[-2000:]}')
    shutil.rmtree(base, ignore_errors=True)


def main():
    global finished
    if os.environ.get('ENGINE_TEST_INSIDE') is None:
        os.environ['ENGINE_TEST_INSIDE'] = '1'
        os.execvp('unshare', ['unshare', '--net', sys.executable, *sys.argv])
    for command in ('ip link set lo up', *(f'ip address add {a}/32 dev lo' for a in
                    ('10.9.0.1', '10.9.1.1', '10.9.2.1', SILENT, SLOW, '10.9.5.1'))):
        subprocess.run(command.split(), check=True)
    program = os.environ.get('ENGINE_TEST_PROGRAM', f'{BUILD}/bin/resolver').split()
    tool = os.environ.get('ENGINE_TEST_TOOL', f'{BUILD}/tests/integration/engine_tool')
    base = tempfile.mkdtemp(prefix='anypop-engine-')
    os.chmod(base, 0o755)
    atexit.register(clean_up, base)
    make_internet(base)
    serve_zones(base)
    silent.append(serve_nothing())
    serve_slowly()
    first = Engine(base, program, 1)
    w = Worker(base, tool, 1)
    for function in (x for x in globals().copy().values() if callable(x) and
                     getattr(x, '__code__', None) and x.__code__.co_varnames[:1] == ('w',)):
        case(function.__name__.replace('_', ' '), function, w)
    w.close()
    rest = Rest(base, program, tool)
    for name in [x for x in vars(Rest) if not x.startswith('_') and
                 x not in ('engine', 'worker', 'counted')]:
        case(name.replace('_', ' '), getattr(rest, name), first)
    first.stop()
    silent[0].close()
    finished = True
    print(f'{passed} passed, {len(failures)} failed')
    sys.exit(1 if failures else 0)


if __name__ == '__main__':
    main()
