#!/usr/bin/python3
"""Worker and engine together, on the lab's small signed Internet, compared with its zones.

usage: resolver_test.py [CASE ...]     (root; makes its own network and mount namespace; BIN=build/bin)

NSD serves the zones that lab/internet.py signs; whatever the resolver answers is held against what the
zone's own server says of the same question.
"""
import ctypes
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, ROOT + '/lab']
import heldwire  # noqa: E402
import dnswire as dns  # noqa: E402
import proc  # noqa: E402
import internet  # noqa: E402
import scorewire  # noqa: E402
from worker_test import Failed, eventually, expect, frame, mortal, unframe  # noqa: E402

BINDIR = os.path.abspath(os.environ.get('BIN', ROOT + '/build/bin'))
PATIENCE = 10.0
NEG_TTL = 30
SERVERS = {'.': '10.9.0.1', 'test.': '10.9.1.1', 'example.test.': '10.9.2.1',
           'insecure.test.': '10.9.2.1', 'bogus.test.': '10.9.2.1'}
SECURE = {'.', 'test.', 'example.test.', 'bogus.test.'}
BOGUS = {('www.bogus.test.', dns.A)}
TYPES = {'A': 1, 'NS': 2, 'SOA': 6, 'AAAA': 28, 'DS': 43, 'NSEC': 47, 'DNSKEY': 48}
CLONE_NEWNS, CLONE_NEWNET, MS_REC, MS_PRIVATE = 0x20000, 0x40000000, 0x4000, 1 << 18

CONF = '''
pop = "lab"; node = "one"; run_dir = "/run/anypop"; listen = [ "192.0.2.53", "2001:db8:53::53" ];
engines = 2; allow = [ "0.0.0.0/0", "::/0" ];
worker = {{ user = "nobody"; old_ms = 60000; }};
engine = {{ user = "daemon"; root_hints = "{dir}/root.hints"; trust_anchor = "{dir}/anchor.key";
	special = [ "test." ]; }};
'''
libc = ctypes.CDLL(None, use_errno=True)
processes = []
nsd = {}


def must(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    if done.returncode:
        sys.exit(f'{" ".join(command)}: {done.stdout}')


def namespace():
    if libc.unshare(CLONE_NEWNS | CLONE_NEWNET) or \
            libc.mount(None, b'/', None, MS_REC | MS_PRIVATE, None) or \
            libc.mount(b'none', b'/run', b'tmpfs', 0, None):
        sys.exit(f'no namespace: {os.strerror(ctypes.get_errno())}')
    must('ip', 'link', 'set', 'lo', 'up')
    for address in ('10.9.0.1', '10.9.0.2', '10.9.1.1', '10.9.2.1', '10.9.2.2', '192.0.2.53'):
        must('ip', 'address', 'add', address + '/32', 'dev', 'lo')
    for address in ('fd00:9:0::1', 'fd00:9:0::2', 'fd00:9:1::1', 'fd00:9:2::1', 'fd00:9:2::2',
                    '2001:db8:53::53'):
        must('ip', '-6', 'address', 'add', address + '/128', 'dev', 'lo', 'nodad')


def start(*command):
    processes.append(subprocess.Popen(command, preexec_fn=mortal, stderr=log, stdout=log))
    return processes[-1]


def stop(process, how=signal.SIGKILL):
    process.send_signal(how)
    return process.wait(PATIENCE)


class Client:
    """Asks one server: by UDP, and when that is truncated, by TCP."""

    def __init__(self, address, port=53):
        self.at = (address, port)
        self.udp = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET,
                                 socket.SOCK_DGRAM)
        self.udp.settimeout(PATIENCE)
        self.udp.connect(self.at)
        self.id = 0

    def get(self, name, qtype, **more):
        self.id = self.id + 1 & 0xffff
        wire = dns.query(name, qtype, qid=self.id, **more)
        self.udp.send(wire)
        a = dns.Answer(self.udp.recv(65536))
        if a.tc:
            with socket.create_connection(self.at, timeout=PATIENCE) as s:
                s.sendall(frame(wire))
                a = unframe(s)
        expect((a.id, a.question), (self.id, (name, qtype, dns.IN)), 'id and question')
        return a


def zone_of(name, qtype):
    """A DS stands in the parent."""
    below = name if qtype != TYPES['DS'] else name.partition('.')[2] or '.'
    while below not in SERVERS:
        below = below.partition('.')[2] or '.'
    return below


def truth(name, qtype):
    server = SERVERS[zone_of(name, qtype)]
    if server not in authorities:
        authorities[server] = Client(server)
    return authorities[server].get(name, qtype, edns=dns.opt(do=True, payload=4096), rd=False)


def content(a, signatures):
    return sorted((owner.lower(), rtype, a.canonical(rtype, data, at))
                  for (owner, rtype, _, data), at in zip(a.answers, a.places)
                  if signatures or rtype != dns.RRSIG)


def compare(client, name, qtype, do):
    """One answer against the zone's."""
    what = f'{name} type {qtype}{" DO" if do else ""}'
    got = client.get(name, qtype, edns=dns.opt(do=do), ad=True)
    if (name, qtype) in BOGUS:
        expect((got.rcode, got.ede, got.answers), (dns.SERVFAIL, 6, []), what)
        return got
    want = truth(name, qtype)
    expect(got.rcode, want.rcode, what + ': rcode')
    expect(content(got, do), content(want, do), what)
    expect((got.ad, got.ra, got.aa), (zone_of(name, qtype) in SECURE, True, False), what + ': AD RA AA')
    most = {rtype: ttl for _, rtype, ttl, _ in want.answers}
    for _, rtype, ttl, _ in got.answers:
        if not most[rtype] - 60 <= ttl <= most[rtype]:
            raise Failed(f'{what}: TTL {ttl} of type {rtype}, the zone says {most[rtype]}')
    return got


def zone_names():
    """Every name and type of every zone, but what is glue there, and NSEC of aliases: asked for that,
    libunbound follows the alias, and so does Unbound."""
    seen = []
    for zone in SERVERS:
        path = f'{zones}/{zone.rstrip(".") or "root"}.zone'
        with open(path, encoding='ascii') as f:
            for line in f:
                word = line.split()
                if len(word) > 4 and word[3] in TYPES and not word[0].startswith(('*', ';')):
                    pair = (word[0].lower(), TYPES[word[3]])
                    if zone_of(*pair) == zone and pair not in seen and not (
                            pair[1] == TYPES['NSEC'] and 'CNAME' in word):
                        seen.append(pair)
    return seen


def score(process):
    """Answers by layer."""
    return dict(zip(('local', 'l1', 'l2', 'engine', 'stale'),
                    scorewire.words(scoreboard(process), scorewire.LAYER, 5)))


def resolves(engine):
    """It has told a good answer."""
    return scorewire.word(scoreboard(engine), scorewire.RCODE) > 0


def scoreboard(process):
    """Out of its own memory (lib/scoreboard.h)."""
    data = proc.scoreboard(process.pid)
    if data is None:
        raise Failed('no scoreboard')
    return scorewire.check(data)


class Resolver:
    def __init__(self):
        self.looks = 0
        self.engines = [self.engine(n) for n in (0, 1)]
        self.worker = None
        self.start_worker()
        self.ready()

    @staticmethod
    def engine(number):
        return start(BINDIR + '/resolver', '-c', conf, 'engine', str(number))

    def start_worker(self):
        self.worker = start(BINDIR + '/resolver', '-c', conf, 'worker', '0')
        self.client = Client('192.0.2.53')

    def ready(self):
        """Both engines resolve: each has some of these names, which no cache has seen."""
        def look():
            self.looks += 1
            try:
                return all(self.client.get(f'ready{self.looks}x{i}.random.example.test.',
                                           dns.A).rcode == 0
                           for i in range(24)) and all(resolves(e) for e in self.engines)
            except (OSError, Failed):
                return False
        eventually('both engines resolve', look)

    def end(self):
        for p in (*self.engines, self.worker):
            if p.poll() is None:
                stop(p)


# Cases

def every_name_of_every_zone_is_answered_as_it_stands(r):
    names = zone_names()
    if len(names) < 400:
        raise Failed(f'only {len(names)} names; the zones are not read well')
    before = score(r.worker)
    for do in (True, False):
        for _ in range(2):
            for name, qtype in names:
                compare(r.client, name, qtype, do)
    after = score(r.worker)
    # Each second round comes from cache. Failures are told again by the cache, too.
    if after['l1'] - before['l1'] < 2 * len(names):
        raise Failed(f'{before} -> {after}: the second rounds were no hits')


def both_families_and_tcp_agree(r):
    six = Client('2001:db8:53::53')
    for name in ('www7.example.test.', 'www.insecure.test.', 'nothing.example.test.'):
        compare(six, name, dns.A, True)
        with socket.create_connection(('192.0.2.53', 53), timeout=PATIENCE) as s:
            s.sendall(frame(dns.query(name, edns=dns.opt(do=True))))
            expect(content(unframe(s), True), content(truth(name, dns.A), True), name + ' by TCP')


def wildcards_and_negatives_are_as_the_zone_has_them(r):
    for i in range(20):
        for zone in ('example', 'insecure', 'bogus'):
            compare(r.client, f'n{i}.random.{zone}.test.', dns.A, i % 2 == 0)
    for name, qtype, rcode in (('nothing.example.test.', dns.A, dns.NXDOMAIN),
                               ('nothing.insecure.test.', dns.A, dns.NXDOMAIN),
                               ('nothing.', dns.A, dns.NXDOMAIN),
                               ('www1.example.test.', dns.AAAA, dns.NOERROR),
                               ('www.insecure.test.', dns.TXT, dns.NOERROR)):
        for _ in range(2):
            a = compare(r.client, name, qtype, True)
            expect((a.rcode, a.answers), (rcode, []), name)
            ttls = [ttl for _, rtype, ttl, _ in a.sections[1] if rtype == dns.SOA]
            if len(ttls) != 1 or not NEG_TTL - 2 <= ttls[0] <= NEG_TTL:
                raise Failed(f'{name}: SOA {ttls}; 5 s in the zone, {NEG_TTL} s the floor')


def bogus_is_told_but_for_who_checks_himself(r):
    a = r.client.get('www.bogus.test.', dns.A, edns=dns.opt())
    expect((a.rcode, a.ede, a.answers), (dns.SERVFAIL, 6, []), 'bogus')
    a = r.client.get('www.bogus.test.', dns.A, edns=dns.opt(do=True), cd=True)
    expect((a.rcode, a.cd, a.ad), (0, True, False), 'with CD')
    expect(content(a, True), content(truth('www.bogus.test.', dns.A), True), 'its data')
    a = r.client.get('www.bogus.test.', dns.A, edns=dns.opt())
    expect(a.rcode, dns.SERVFAIL, 'what CD brought does not answer others')


def ad_is_for_who_asks(r):
    for more, ad in ((dict(), False), (dict(ad=True), True), (dict(edns=dns.opt(do=True)), True)):
        expect(r.client.get('www9.example.test.', dns.A, **more).ad, ad, f'{more}: AD')


def a_new_worker_is_warm(r):
    names = [(f'www{i}.example.test.', dns.A) for i in range(100)]
    for name, qtype in names:
        compare(r.client, name, qtype, False)
    stop(r.worker)
    r.start_worker()
    eventually('the new worker answers', lambda: answers(r.client))
    for name, qtype in names:
        compare(r.client, name, qtype, False)
    expect({k: v for k, v in score(r.worker).items() if k in ('l2', 'engine')},
           {'l2': 100, 'engine': 0}, 'layers')


def what_a_stand_in_found_is_found_again(r):
    """One engine alone answers for both; when both are back, its answers are hits all the same."""
    names = [(f'www{i}.example.test.', dns.A) for i in range(100)]
    stop(r.engines[1])
    for name, qtype in names:
        compare(r.client, name, qtype, False)
    r.engines[1] = r.engine(1)
    stop(r.worker)
    r.start_worker()
    eventually('the new worker answers', lambda: answers(r.client))
    r.ready()
    before = score(r.worker)
    for name, qtype in names:
        compare(r.client, name, qtype, False)
    after = score(r.worker)
    expect({k: after[k] - before[k] for k in ('l2', 'engine')}, {'l2': 100, 'engine': 0}, 'layers')


def answers(client):
    try:
        client.udp.send(dns.query('id.server', dns.TXT, dns.CH))
        return dns.Answer(client.udp.recv(4096)).rcode == 0
    except OSError:
        return False


def without_engines_the_cache_answers_and_they_come_back(r):
    names = [(f'www{i}.example.test.', dns.A) for i in range(50)]
    for name, qtype in names:
        compare(r.client, name, qtype, True)
    for e in r.engines:
        stop(e)
    for name, qtype in names:
        compare(r.client, name, qtype, True)
    a = r.client.get('new.random.example.test.', dns.A, edns=dns.opt())
    expect((a.rcode, a.ede), (dns.SERVFAIL, 0), 'what is not there')
    r.engines = [r.engine(n) for n in (0, 1)]
    r.ready()
    for i in range(20):
        compare(r.client, f'back{i}.random.example.test.', dns.A, False)


def before_any_engine_has_been_there_that_is_said(r):
    """Not Ready (14), and nothing beside it; once one has been there it is never said again."""
    for e in (*r.engines, r.worker):
        stop(e)
    r.start_worker()
    eventually('the worker answers', lambda: answers(r.client))
    for name in ('www1.example.test.', 'www2.example.test.', 'www1.example.test.'):
        a = r.client.get(name, dns.A, edns=dns.opt())
        expect((a.rcode, a.edes, a.options[dns.EDE][2:], a.answers), (dns.SERVFAIL, [14], b'no engine', []),
               name)
    r.engines = [r.engine(n) for n in (0, 1)]
    r.ready()
    for name in ('www1.example.test.', 'www2.example.test.'):
        expect(compare(r.client, name, dns.A, True).edes, [], f'{name}: what failed before is not remembered')
    for e in r.engines:
        stop(e)
    a = r.client.get('www3.example.test.', dns.A, edns=dns.opt())
    expect((a.rcode, a.edes, a.options[dns.EDE][2:]), (dns.SERVFAIL, [0], b'no engine'), 'later')
    r.engines = [r.engine(n) for n in (0, 1)]


def without_a_way_out_that_is_said(r):
    """At first no authority answered (22); when nothing has for a while, the network is at fault (23)."""
    expect(r.client.get('n.random.insecure.test.', dns.A).rcode, 0, 'the way down is known')
    halt(signal.SIGSTOP)
    try:
        seen, asked, words = set(), 0, {
            22: b'no authority answered', 23: b"no way out: the root's servers do not answer"}

        def look():
            nonlocal asked
            asked += 20
            ids = ask_all(r.client, [f'w{n}.random.insecure.test.' for n in range(asked - 20, asked)])
            for a in ids:
                expect((a.rcode, len(a.edes), a.answers), (dns.SERVFAIL, 1, []), f'{a.question}: {a.edes}')
                expect(a.options[dns.EDE][2:], words.get(a.ede), f'{a.question}: {a.ede}')
                seen.add(a.ede)
            return 23 in seen
        eventually('23', look, 60)
        expect(seen, {22, 23}, 'what was said')
        a = r.client.get('w0.random.insecure.test.', dns.A, edns=dns.opt())
        expect((a.rcode, a.answers), (dns.SERVFAIL, []), 'again')
    finally:
        halt(signal.SIGCONT)
    eventually('the network is back', lambda: [a.rcode for a in ask_all(
        r.client, [f'b{time.monotonic_ns()}.random.insecure.test.'])] == [0], 60)


def halt(how):
    """All of NSD's processes."""
    for server in nsd:
        hang(how, server)


def ask_all(client, names):
    """At once; the answers, as they come."""
    ids = {}
    for name in names:
        client.id = client.id + 1 & 0xffff
        ids[client.id] = name
        client.udp.send(dns.query(name, dns.A, qid=client.id, edns=dns.opt()))
    got = [dns.Answer(client.udp.recv(65536)) for _ in names]
    expect({a.id: a.question[0] for a in got}, ids, 'whose answers')
    return got


def an_engine_is_killed_again_and_again(r):
    """What is asked meanwhile is right or an honest SERVFAIL, and nothing else."""
    wrong = failed = 0
    for i in range(10):
        stop(r.engines[i % 2])
        r.engines[i % 2] = r.engine(i % 2)
        for k in range(20):
            name = f'k{i}x{k}.random.example.test.'
            a = r.client.get(name, dns.A, edns=dns.opt(do=True))
            if a.rcode == dns.SERVFAIL:
                failed += 1
            elif content(a, True) != content(truth(name, dns.A), True) or not a.ad:
                wrong += 1
    expect(wrong, 0, 'wrong answers')
    if failed > 20:
        raise Failed(f'{failed} of 200 failed')


def hold(workers=1, given=None, every_s=-1):
    """What `resolver hold` makes for so many workers of what is given: {name: descriptor}."""
    held, end, status = heldwire.hold([BINDIR + '/resolver', '-c', conf, 'hold', str(workers)], given,
                                      stdout=log, stderr=log)
    expect((status, *end), (0, 'done', f'engines=2 probe=127.0.0.1 5300 snapshot={every_s}'), 'hold')
    return held


def hang(how, server='leaf'):
    """One of NSD's, which has a process for each address."""
    for pid in proc.family(nsd[server].pid):
        os.kill(pid, how)


def what_is_held_outlives_every_process(r):
    """Each is started as root with what is its own, and drops to its user."""
    r.end()
    held, board = hold(), heldwire.Board(1)
    try:
        def start_all():
            for role, number, names in (('engine', 0, ('listen.0', 'shard.0', 'hits.0', 'score.e0')),
                                        ('engine', 1, ('listen.1', 'shard.1', 'hits.1', 'score.e1')),
                                        ('worker', 0, ('udp.0.0', 'udp.0.1', 'tcp.0', 'tcp.1', 'score.w0',
                                                       'shard.0', 'shard.1', 'hits.0', 'hits.1'))):
                given = {n: held[n] for n in names}
                if role == 'worker':
                    given['board'] = board.fd
                processes.append(heldwire.start([BINDIR + '/resolver', '-c', conf, role, str(number)], given,
                                                stdout=log, stderr=log))
            *r.engines, r.worker = processes[-3:]
        start_all()
        r.client = Client('192.0.2.53')
        r.ready()
        names = [(f'www{i}.example.test.', dns.A) for i in range(100)]
        for name, qtype in names:
            compare(r.client, name, qtype, True)
        for p in (*r.engines, r.worker):
            stop(p)
        r.client.id += 1
        r.client.udp.send(dns.query('www0.example.test.', dns.A, qid=r.client.id))  # while nobody is there
        before = counted(held['score.w0'])
        start_all()
        a = dns.Answer(r.client.udp.recv(65536))
        expect(a.id, r.client.id, 'what was asked meanwhile')

        def together():
            return [scorewire.word(os.pread(held[f'score.{n}'], 4096, 0), scorewire.STATE)
                    for n in ('w0', 'e0', 'e1')] == [1, 1, 1]
        eventually('all are there again', together)
        for name, qtype in names:
            compare(r.client, name, qtype, True)
        after = counted(held['score.w0'])
        expect(after[2] - before[2], 100, 'answers out of the shards')
        told = [sum(os.pread(held[f'hits.{e}'], 1 << 20, 0)) for e in (0, 1)]
        expect(min(told) > 10 and sum(told) >= 100, True, f'hits that the engines are told of: {told}')
        expect(scorewire.word(os.pread(held['score.w0'], 4096, 0), scorewire.GENERATION), 2,
               'its generation')
        for p in (r.worker, *r.engines):
            expect(stop(p, signal.SIGTERM), 0, 'exit status')
    finally:
        for fd in held.values():
            os.close(fd)
        board.close()


def counted(fd):
    """Answers by layer, as long as there are readers of that memory."""
    return scorewire.words(scorewire.check(os.pread(fd, 4096, 0)), scorewire.LAYER, 5)


def both_end_well(r):
    for p in (r.worker, *r.engines):
        expect(stop(p, signal.SIGTERM), 0, 'exit status')


def cases(names):
    """The functions of one argument, `r`."""
    return [f for f in names.values()
            if callable(f) and getattr(f, '__code__', None) and f.__code__.co_varnames[:1] == ('r',)
            and f.__code__.co_argcount == 1]


CASES = cases(dict(globals()))


def run(case, make=Resolver):
    at, r = log.tell(), None
    try:
        r = make()
        case(r)
        return True
    except (Failed, OSError, ValueError, struct.error, subprocess.SubprocessError) as e:
        print(f'FAILED {case.__name__}: {type(e).__name__}: {e}')
        log.seek(at)
        print(log.read())
        return False
    finally:
        if r:
            r.end()


def main(those=None, make=Resolver):
    chosen = [c for c in those or CASES if not sys.argv[1:] or c.__name__ in sys.argv[1:]]
    results = [run(c, make) for c in chosen]
    print(f'{results.count(True)} passed, {results.count(False)} failed')
    return 0 if results and all(results) else 1


def serve(server):
    """One of NSD's, by its name in lab/node."""
    return start('nsd', '-d', '-c', f'{ROOT}/lab/node/nsd-{server}.conf')


def served(zone):
    try:
        return truth(zone, dns.SOA).rcode == 0
    except OSError:
        return False


def on_stage(play):
    """Its exit status; around it stands the lab's Internet in a namespace, with resolver.conf."""
    global authorities, log, base, zones, conf
    authorities = {}
    log = tempfile.TemporaryFile('w+')
    base = tempfile.mkdtemp(prefix='anypop-resolver-')
    os.chmod(base, 0o755)
    try:
        internet.make(base)
        zones, conf = base + '/zones', base + '/resolver.conf'
        with open(conf, 'w', encoding='ascii') as f:
            f.write(CONF.format(dir=base))
        namespace()
        shutil.copytree(zones, '/run/lab/zones')
        for server in ('root', 'tld', 'leaf'):
            os.mkdir(f'/run/nsd-{server}')
            nsd[server] = serve(server)
        for zone in SERVERS:
            eventually(f'{zone} is served', lambda z=zone: served(z))
        return play()
    finally:
        for child in processes:
            if child.poll() is None:
                child.kill()
            child.wait()
        shutil.rmtree(base, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(on_stage(main))
