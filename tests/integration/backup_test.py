#!/usr/bin/env python3
"""Backup resolvers and circuit breakers: the engine against a little Internet that goes away.

    backup_test.py          (B=build/cc-san: another build)

As engine_test.py, in a network namespace of its own (as root): NSD serves root, TLD and leaves, real
Unbounds are the backups, by UDP, TCP and TLS, with a certificate authority made here. nftables drops
what goes to the authorities; a small server lies in every way there is.
"""
import atexit
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import engine_test as et  # noqa: E402
from engine_test import UPSTREAM, BOGUS, expect, expect_records, start, wait_for  # noqa: E402

CUT = ('10.9.0.1', '10.9.1.1', '10.9.2.1')
WELL, PLAIN, SIGNED, LIAR, DEAD = '10.9.7.1', '10.9.5.1', '10.9.6.1', '10.9.8.1', '10.9.9.1'
PLAIN6, SIGNED6, DEAD6 = 'fd00:9:5::1', 'fd00:9:6::1', 'fd00:9:9::1'
FORWARDER, FAILING = '10.9.10.1', '10.9.11.1'
NAME = 'dns.backup.test'
EDE_NETWORK = 23
PATIENCE = 60  # seconds, of what waits for a half-open breaker
UNBOUND = '''
server:
	interface: {address}@53
	interface: {address}@853
	tls-service-key: "{base}/server.key"
	tls-service-pem: "{base}/server.pem"
	access-control: 10.0.0.0/8 allow
	access-control: fd00::/8 allow
	do-daemonize: no
	username: ""
	chroot: ""
	pidfile: ""
	logfile: "{base}/unbound-{address}.log"
	use-syslog: no
	module-config: "{modules}"
	ede: yes
	{anchor}
	local-zone: "test." nodefault
	do-not-query-localhost: no
stub-zone:
	name: "."
	stub-addr: {well}
remote-control:
	control-enable: no
'''


def nft(*words):
    subprocess.run(['nft', *words], check=True)


def cut(yes, those=CUT):
    """Nothing reaches the authorities, or others."""
    nft('flush', 'chain', 'inet', 'cut', 'in')
    if yes:
        nft('add', 'rule', 'inet', 'cut', 'in', 'ip', 'daddr', '{ %s }' % ', '.join(those), 'drop')


def make_certificates(base):
    def openssl(*words):
        subprocess.run(['openssl', *words], cwd=base, check=True, stderr=subprocess.DEVNULL)
    for ca in ('ca', 'other'):
        openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
                '-keyout', f'{ca}.key', '-out', f'{ca}.pem', '-days', '30', '-subj', f'/CN={ca}')
    openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout',
            'server.key', '-out', 'server.csr', '-subj', f'/CN={NAME}')
    with open(f'{base}/ext', 'w', encoding='ascii') as f:
        f.write(f'subjectAltName=DNS:{NAME}\n')
    openssl('x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-days', '30',
            '-CAcreateserial', '-out', 'server.pem', '-extfile', 'ext')


def serve_well(base):
    """All zones on one address that is never cut, for the backups."""
    with open(f'{base}/well.conf', 'w', encoding='ascii') as f:
        f.write(et.NSD.format(address=WELL, zones=f'{base}/zones', dir=base, name='well'))
        for zone, file in [('.', 'root'), ('test', 'test')] + [(f'{x}.test', x) for x in et.LEAVES]:
            f.write(f'zone:\n\tname: "{zone}"\n\tzonefile: "{file}.zone"\n')
    start('nsd', '-d', '-c', f'{base}/well.conf', stderr=subprocess.DEVNULL)
    wait_for(lambda: et.answers(WELL), 'the other root serves')


def serve_backup(base, address, validates):
    conf = f'{base}/unbound-{address}.conf'
    anchor = f'trust-anchor-file: "{base}/anchor.key"' if validates else ''
    with open(conf, 'w', encoding='ascii') as f:
        f.write(UNBOUND.format(base=base, address=address, well=WELL, anchor=anchor,
                               modules='validator iterator' if validates else 'iterator'))
    start('unbound', '-d', '-c', conf, stderr=subprocess.DEVNULL)
    wait_for(lambda: et.answers(address), f'{address} serves')


class Liar:
    """Answers in the manner that `how` says, by UDP and by TCP."""

    def __init__(self):
        self.how, self.asked, self.connections = 'garbage', 0, 0
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.udp.bind((LIAR, 53))
        self.tcp.bind((LIAR, 53))
        self.tcp.listen(16)
        threading.Thread(target=self._udp, daemon=True).start()
        threading.Thread(target=self._tcp, daemon=True).start()

    def lie(self, q):
        end = q.index(b'\0', 12) + 5
        record = b'\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x06\6\6\6'
        head = b'\x81\x80\0\1\0\1\0\0\0\0'
        return {
            'garbage': b'\xff' * 100,
            'short': q[:5],
            'wrong id': bytes([q[0] ^ 1]) + q[1:2] + head + q[12:end] + record,
            'wrong question': q[:2] + head + b'\3xxx' + q[12 + 1 + q[12]:end] + record,
            'a query': q,
            'a loop': q[:2] + head + q[12:end] + b'\xc0' + bytes([end]) + record[2:],
            'trailing': q[:2] + head + q[12:end] + record + b'more',
            'refused': q[:2] + b'\x81\x85\0\1\0\0\0\0\0\0' + q[12:end],
            'truncated': q[:2] + b'\x83\x80\0\1\0\0\0\0\0\0' + q[12:end],
        }[self.how]

    def _udp(self):
        while True:
            q, client = self.udp.recvfrom(4096)
            self.asked += 1
            self.udp.sendto(self.lie(q), client)

    def _tcp(self):
        while True:
            s, _ = self.tcp.accept()
            self.connections += 1
            threading.Thread(target=self._serve, args=(s,), daemon=True).start()

    def _serve(self, s):
        """By TCP: what never ends."""
        try:
            s.recv(4096)
            while True:
                s.sendall(b'\0\x20' + b'\xee' * 32 if self.connections % 2 else b'\xff\xff' + b'\0' * 90)
        except OSError:
            pass


class Failing:
    """A forwarder that fails whatever it is asked, but for who the root's servers are where it knows."""

    def __init__(self):
        self.knows, self.trials = False, 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((FAILING, 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            q, client = self.socket.recvfrom(4096)
            end = q.index(b'\0', 12) + 5
            root = q[12:end] == b'\0\0\2\0\1'
            self.trials += root
            if root and self.knows:
                answer = b'\x81\x80\0\1\0\1\0\0\0\0' + q[12:end] + \
                    b'\0\0\2\0\1\0\0\x0e\x10\0\x0f\1a\x0broot-server\0'
            else:
                answer = b'\x81\x82\0\1\0\0\0\0\0\0' + q[12:end]
            self.socket.sendto(q[:2] + answer, client)


class Rig:
    def __init__(self, base, program, tool):
        self.base, self.program, self.tool, self.number = base, program, tool, 0
        self.template, self.failing = et.CONF, Failing()

    def engine(self, *backups, after=200, **more):
        """An engine with these backups, and a worker of it."""
        groups = ', '.join('{{ ' + b + ' }}' for b in backups)
        et.CONF = self.template + f'\nbackup = ( {groups} );\nbackup_after_ms = {after};\n' + \
            'log_level = "debug";\n'
        self.number = self.number % 15 + 1  # the configuration has 16; earlier ones have ended
        log = f'{self.base}/engine-{self.number}.log'
        if os.path.exists(log):  # what an earlier one has said is not this one's
            os.unlink(log)
        e = et.Engine(self.base, self.program, self.number, **more)
        return e, et.Worker(self.base, self.tool, self.number)

    @staticmethod
    def end(e, w):
        w.close()
        assert e.stop() == 0, e.logged()

    def dot(self, address=SIGNED, name=NAME, ca='ca', more=''):
        return f'address = "{address}"; transport = "dot"; tls_name = "{name}"; ' \
               f'ca_file = "{self.base}/{ca}.pem"; {more}'


def plain(address=PLAIN, transport='udp'):
    return f'address = "{address}"; transport = "{transport}";'


def connections(address, port):
    shown = subprocess.run(['ss', '-Htn', 'state', 'established', 'dst',
                            f'[{address}]:{port}' if ':' in address else f'{address}:{port}'],
                           stdout=subprocess.PIPE, text=True, check=True).stdout
    return len(shown.splitlines())


def from_backup(t, number=1):
    expect(t, rcode=0, failure=0, origin=2 | number << 4)


# Cases; `r` is the rig. Each begins with the Internet there.

def an_outage_from_end_to_end(r):
    e, w = r.engine(plain())
    expect(w.get('www.example.test'), rcode=0, secure=1, origin=0)
    expect(w.get('old.random.example.test'), rcode=0, ttl=5)
    stored = time.monotonic()
    # Bogus is bogus, whatever a backup that does not validate would say.
    expect(w.get('www.bogus.test'), rcode=2, cause=BOGUS, origin=0)
    cut(True)
    t = w.get('www.example.test', 'AAAA')
    from_backup(t)
    expect(t, secure=0, ttl=60)  # 300 in the zone
    expect(w.find('www.example.test', 'AAAA'), rcode=0, ttl=60, origin=2 | 1 << 4)
    t = w.get('none.example.test')
    expect(t, rcode=3, negative=1, secure=0, origin=2 | 1 << 4)
    t = w.get('www.insecure.test', 'AAAA', 'do')
    from_backup(t)
    # Stale comes first: the failure is told, and what is past its time stays in the shard.
    wait_for(lambda: time.monotonic() > stored + 6, 'its time is over')
    expect(w.get('old.random.example.test'), rcode=2, cause=UPSTREAM)
    expect(w.find('old.random.example.test'), rcode=0, failure=0)
    # Failures about one zone, however many, open nothing ...
    for number in [w.ask(f'n{i}.random.example.test') for i in range(12)]:
        from_backup(w.told(number))
    assert 'event=breaker' not in e.logged(), e.logged()
    # ... but of five, and a trial that fails, do.
    for zone in et.LEAVES[1:]:
        w.ask(f'n.random.{zone}.test')
    w.line('again cut=1', PATIENCE)
    assert 'upstream=recursion from=closed to=open' in e.logged(), e.logged()
    t = w.get('m.random.insecure.test')
    from_backup(t)
    assert t.ms < et.DEADLINE_MS, t.ms  # at once, not after recursion
    expect(w.get('www.bogus.test', 'TYPE65280'), rcode=0, origin=2 | 1 << 4, negative=1)
    cut(False)
    w.line('again cut=1', PATIENCE)  # half-open
    w.line('again cut=0', PATIENCE)
    assert 'upstream=recursion from=half-open to=closed' in e.logged(), e.logged()
    wait_for(lambda: w.get(f'{time.monotonic_ns()}.random.insecure.test')['origin'] == 0,
             'recursion answers again', PATIENCE)
    r.end(e, w)


def an_answer_that_is_too_long_comes_by_tcp(r):
    cut(True)
    e, w = r.engine(plain())
    t = w.get('big.example.test', 'TXT')
    from_backup(t)
    assert len(t.section('an')) == 60, t.line
    r.end(e, w)


def by_tcp_one_connection_serves_many(r):
    cut(True)
    e, w = r.engine(plain(transport='tcp'), deadline=10000)
    from_backup(w.get('www.example.test'))
    for number in [w.ask(f'{i}.random.example.test') for i in range(100)]:
        from_backup(w.told(number))
    assert connections(PLAIN, 53) == 1, connections(PLAIN, 53)
    r.end(e, w)


def by_tls_the_certificate_is_checked(r):
    cut(True)
    for backup, why in ((r.dot(), None), (r.dot(name='other.test'), 'hostname mismatch'),
                        (r.dot(ca='other'), 'unable to get local issuer')):
        e, w = r.engine(backup, deadline=10000)
        t = w.get('www.example.test')
        if why is None:
            from_backup(t)
            expect(t, secure=0)
            for number in [w.ask(f'{i}.random.example.test') for i in range(100)]:
                from_backup(w.told(number))
        else:
            expect(t, rcode=2, cause=UPSTREAM)
            for i in range(5):
                expect(w.get(f'{i}.random.example.test'), rcode=2)
            wait_for(lambda e=e, why=why: f'{why}' in e.logged() and 'to=open' in e.logged(),
                     'the breaker opens, and says why')
        r.end(e, w)


def over_ipv6_they_answer_as_well(r):
    cut(True)
    for backup, port in ((plain(PLAIN6), None), (plain(PLAIN6, 'tcp'), 53),
                         (r.dot(SIGNED6, more='trusted = true;'), 853)):
        e, w = r.engine(backup, deadline=10000)
        t = w.get('www.example.test')
        from_backup(t)
        expect(t, secure=1 if port == 853 else 0)
        expect_records(t, 'an', 'A/203.0.113.5')
        for number in [w.ask(f'{i}.random.example.test') for i in range(100)]:
            from_backup(w.told(number))
        if port is not None:
            of = SIGNED6 if port == 853 else PLAIN6
            assert connections(of, port) == 1, connections(of, port)
        t = w.get('big.example.test', 'TXT')  # by UDP it is truncated, and comes by TCP
        from_backup(t)
        assert len(t.section('an')) == 60, t.line
        r.end(e, w)


def over_ipv6_the_certificate_is_checked_and_the_dead_are_passed_over(r):
    cut(True)
    for backup, why in ((r.dot(SIGNED6, name='other.test'), 'hostname mismatch'),
                        (r.dot(SIGNED6, ca='other'), 'unable to get local issuer')):
        e, w = r.engine(backup, deadline=10000)
        for i in range(6):
            expect(w.get(f'{i}.random.example.test'), rcode=2, cause=UPSTREAM)
        wait_for(lambda e=e, why=why: f'upstream={SIGNED6}' in e.logged() and why in e.logged() and
                 'to=open' in e.logged(), 'the breaker opens, and says why')
        r.end(e, w)
    e, w = r.engine(plain(DEAD6), plain(PLAIN6), deadline=6000)
    from_backup(w.get('www.example.test'), 2)
    r.end(e, w)


def a_trusted_one_is_believed_what_it_validated(r):
    cut(True)
    e, w = r.engine(r.dot(more='trusted = true;'), deadline=10000)
    t = w.get('www.example.test', 'AAAA')
    from_backup(t)
    expect(t, secure=1, ttl=300)
    expect_records(t, 'an', 'AAAA/2001:db8::5')
    # It says that it must not be answered, and then nobody else is asked.
    expect(w.get('www.bogus.test'), rcode=2, cause=BOGUS, origin=2 | 1 << 4)
    assert 'event=breaker' not in e.logged(), e.logged()
    r.end(e, w)


def a_liar_is_passed_over(r):
    cut(True)
    liar = Liar()
    e, w = r.engine(plain(LIAR), plain(), deadline=6000)
    liar.how = 'wrong id'
    t = w.get('0.random.example.test')
    expect_records(t, 'an', 'A/203.0.113.3')
    from_backup(t, 2)
    r.end(e, w)
    e, w = r.engine(plain(LIAR), deadline=1000)
    for n, liar.how in enumerate(('garbage', 'short', 'wrong id', 'wrong question', 'a query', 'a loop',
                                  'trailing', 'refused', 'truncated')):
        before = liar.asked
        t = w.get(f'{n}.random.example.test')
        expect(t, rcode=2, cause=UPSTREAM, origin=2 | 1 << 4)
        assert liar.asked > before and not t.records, t.line
    # By TCP: octets without end, and a message that never ends; the engine lives on.
    assert liar.connections > 0
    for n in range(4):
        expect(w.get(f'more{n}.random.example.test'), rcode=2, cause=UPSTREAM)
    assert liar.connections > 2, liar.connections
    r.end(e, w)
    e, w = r.engine(plain(LIAR, 'tcp'), plain(), deadline=6000)
    t = w.get('1.random.example.test')
    expect_records(t, 'an', 'A/203.0.113.3')
    from_backup(t, 2)
    r.end(e, w)


def a_dead_one_is_left_to_its_trials(r):
    cut(True)
    e, w = r.engine(plain(DEAD), plain(), deadline=4000)
    for zone in et.LEAVES:
        from_backup(w.get(f'a.random.{zone}.test'), 2)
    # It failed once, so the other goes first; and as that is well, nobody asks this one again.
    spent = []
    for i in range(3):
        from_backup(t := w.get(f'b{i}.random.example.test'), 2)
        spent.append(t.ms)
    assert min(spent) < 2000, f'it waited for the dead one: {spent} ms'
    r.end(e, w)


def without_any_answer_it_says_so(r):
    cut(True)
    e, w = r.engine(plain(DEAD), deadline=1500)
    t = w.get('www.example.test')
    expect(t, rcode=2, failure=1, cause=UPSTREAM, ede=et.EDE_UNREACHABLE, origin=2 | 1 << 4)
    r.end(e, w)


def without_a_way_out_that_is_said(r):
    """Once recursion's breaker is open, it is not this zone's servers that are away."""
    cut(True)
    e, w = r.engine(deadline=1500)
    for zone in et.LEAVES:
        expect(w.get(f'n.random.{zone}.test'), rcode=2, cause=UPSTREAM, ede=et.EDE_UNREACHABLE)
    w.line('again cut=1', PATIENCE)
    expect(w.get('m.random.insecure.test'), rcode=2, failure=1, cause=UPSTREAM, ede=EDE_NETWORK)
    expect(w.find('m.random.insecure.test'), rcode=2, ede=EDE_NETWORK)
    r.end(e, w)


def forwarders(*those):
    return {'mode': 'forward', 'more': 'forwarders = [ %s ];' % ', '.join(f'"{x}"' for x in those)}


def fail_everywhere(w, turn):
    """Five failures in a row, about five zones."""
    for zone in et.LEAVES:
        w.ask(f'f{turn}.random.{zone}.test')


def forwarders_that_are_silent_open_the_breaker_and_close_it(r):
    e, w = r.engine(plain(), **forwarders(FORWARDER))
    expect(w.get('www.example.test'), rcode=0, secure=1, origin=0)
    cut(True, [FORWARDER])
    fail_everywhere(w, 1)
    w.line('again cut=1', PATIENCE)
    assert 'upstream=recursion from=closed to=open because="a trial had no answer"' in e.logged(), e.logged()
    t = w.get('m.random.insecure.test')
    from_backup(t)
    assert t.ms < et.DEADLINE_MS, t.ms  # at once, not after the forwarder
    cut(False)
    w.line('again cut=1', PATIENCE)  # half-open
    w.line('again cut=0', PATIENCE)
    assert 'from=half-open to=closed because="a trial was answered"' in e.logged(), e.logged()
    wait_for(lambda: w.get(f'{time.monotonic_ns()}.random.insecure.test')['origin'] == 0,
             'the forwarder answers again', PATIENCE)
    r.end(e, w)


def a_forwarder_without_a_way_out_opens_the_breaker(r):
    """It lives, and knows nothing: SERVFAIL to everything, the trial too."""
    r.failing.knows = False
    e, w = r.engine(plain(), **forwarders(FAILING))
    fail_everywhere(w, 1)
    w.line('again cut=1', PATIENCE)
    assert 'to=open because="a trial had rcode 2"' in e.logged(), e.logged()
    from_backup(w.get('m.random.insecure.test'))
    r.end(e, w)


def one_forwarder_that_answers_a_trial_is_enough(r):
    """Names that fail are then not for want of a way out: recursion goes first as before."""
    r.failing.knows = True
    e, w = r.engine(plain(), **forwarders(DEAD, FAILING))
    for turn in (1, 2, 3):
        before = r.failing.trials
        wait_for(lambda b=before: fail_everywhere(w, time.monotonic_ns()) or r.failing.trials > b,
                 f'trial {turn}', PATIENCE)
    from_backup(w.get('m.random.insecure.test'))
    assert 'event=breaker' not in e.logged(), e.logged()
    r.end(e, w)


def a_broken_authority_file_is_told_at_the_start(r):
    with open(f'{r.base}/broken.pem', 'w', encoding='ascii') as f:
        f.write('no certificate\n')
    r.number = r.number % 15 + 1
    et.CONF = r.template + '\nbackup = ( {{ ' + r.dot(ca='broken') + ' }} );\n'
    e = et.Engine(r.base, r.program, r.number)
    assert e.process.wait(et.WITHIN) == 1
    assert 'broken.pem holds no certificates' in e.logged(), e.logged()


def main():
    if os.environ.get('BACKUP_TEST_INSIDE') is None:
        os.environ['BACKUP_TEST_INSIDE'] = '1'
        os.execvp('unshare', ['unshare', '--net', sys.executable, *sys.argv])
    subprocess.run('ip link set lo up'.split(), check=True)
    for a in (*CUT, WELL, PLAIN, SIGNED, LIAR, DEAD, FORWARDER, FAILING, et.SILENT, et.SLOW):
        subprocess.run(f'ip address add {a}/32 dev lo'.split(), check=True)
    for a in (PLAIN6, SIGNED6, DEAD6):
        subprocess.run(f'ip -6 address add {a}/128 dev lo nodad'.split(), check=True)
    nft('add', 'table', 'inet', 'cut')
    nft('add', 'chain', 'inet', 'cut', 'in', '{ type filter hook input priority 0; }')
    program = os.environ.get('ENGINE_TEST_PROGRAM', f'{et.BUILD}/bin/resolver').split()
    tool = os.environ.get('ENGINE_TEST_TOOL', f'{et.BUILD}/tests/integration/engine_tool')
    base = tempfile.mkdtemp(prefix='anypop-backup-')
    os.chmod(base, 0o755)
    atexit.register(et.clean_up, base)
    et.make_internet(base)
    et.serve_zones(base)
    serve_well(base)
    make_certificates(base)
    dead = [socket.socket(f, socket.SOCK_DGRAM) for f in (socket.AF_INET, socket.AF_INET6)]
    dead[0].bind((DEAD, 53))
    dead[1].bind((DEAD6, 53))
    for address in (PLAIN, PLAIN6, FORWARDER):
        serve_backup(base, address, False)
    for address in (SIGNED, SIGNED6):
        serve_backup(base, address, True)
    rig = Rig(base, program, tool)
    wanted = sys.argv[1:]
    for function in [x for x in globals().copy().values() if callable(x) and
                     getattr(x, '__code__', None) and x.__code__.co_varnames[:1] == ('r',)]:
        if wanted and function.__name__ not in wanted:
            continue
        cut(False)
        et.case(function.__name__.replace('_', ' '), function, rig)
    et.finished = True
    print(f'{et.passed} passed, {len(et.failures)} failed')
    sys.exit(1 if et.failures else 0)


if __name__ == '__main__':
    main()
