#!/usr/bin/python3
"""`bgpctl cache` and `resolver cache` against worker and engines on the lab's small Internet.

usage: cache_test.py [CASE ...]     (root; makes its own network and mount namespace; BIN=build/bin)

The test plays the engines' keeper: it holds their sockets and shards, and starts the next of an engine
that ended.
"""
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

import heldwire  # noqa: I001  (first: it keeps the low descriptors)
import resolver_test as rt
from resolver_test import BINDIR, PATIENCE, dns, eventually, expect, hang, stop
from worker_test import Failed, mortal

SHARD_BYTES = 16 << 20
PURGE, TREE = 0x70750001, 1
SITE = '''
services = ( {{ name = "dns"; prefixes = [ "192.0.2.0/24" ]; addresses = [ "192.0.2.53" ]; }} );
workers = {{ count = 1; resolver = "{conf}"; }};
'''
OLD, NEW = '203.0.113.5', '203.0.113.77'


def held_listener(number):
    path = f'/run/anypop/engine-{number}.sock'
    os.makedirs('/run/anypop', exist_ok=True)
    if os.path.exists(path):
        os.unlink(path)
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.bind(path)
    shutil.chown(path, 'nobody')
    os.chmod(path, 0o600)
    s.listen(64)
    return s


def held_shard():
    fd = heldwire.memory(b'', SHARD_BYTES)
    os.posix_fallocate(fd, 0, SHARD_BYTES)
    return fd


class Held(rt.Resolver):
    """Its engines' sockets and shards outlive them."""

    def __init__(self):
        self.shards = [held_shard() for _ in (0, 1)]
        self.listeners = [held_listener(n) for n in (0, 1)]
        self.site = rt.base + '/healthd.conf'
        with open(self.site, 'w', encoding='ascii') as f:
            f.write(SITE.format(conf=rt.conf))
        super().__init__()

    def engine(self, number):
        rt.processes.append(heldwire.start(
            [BINDIR + '/resolver', '-c', rt.conf, 'engine', str(number)],
            {f'listen.{number}': self.listeners[number].fileno(),
             f'shard.{number}': self.shards[number]}, stderr=rt.log, stdout=rt.log))
        return rt.processes[-1]

    def command(self, *words):
        return [BINDIR + '/bgpctl', '-c', self.site, 'cache', *words]

    def cache(self, *words, status=0):
        """What `bgpctl cache` prints."""
        done = subprocess.run(self.command(*words), stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, timeout=60, check=False)
        expect(done.returncode, status, f'cache {words}: {done.stdout}exit status')
        return done.stdout

    def json(self, *words, status=0):
        return json.loads(self.cache(*words, '--json', status=status))

    def supervise(self):
        """The next for each engine that has ended, as it should."""
        for n, e in enumerate(self.engines):
            if e.poll() is not None:
                expect(e.returncode, 0, f'exit status of engine {n}')
                self.engines[n] = self.engine(n)

    def flush(self, *words, meanwhile=lambda: time.sleep(0.005), revive=True, status=0):
        """With the engines' supervisor at work."""
        with subprocess.Popen(self.command('flush', *words), stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, preexec_fn=mortal) as p:
            while p.poll() is None:
                if revive:
                    self.supervise()
                meanwhile()
            out = p.stdout.read()
            expect(p.returncode, status, f'flush {words}: {out}exit status')
        return out

    def entry(self, name, qtype='A', do=False):
        """Its entry, or None."""
        done = subprocess.run(self.command('explain', name, qtype, '--json'), timeout=60,
                              stdout=subprocess.PIPE, text=True, stderr=rt.log, check=False)
        found = [e for e in json.loads(done.stdout)['entries'] if (e['do'], e['cd']) == (do, False)]
        expect(done.returncode in (0, 1), True, 'an answer')
        return found[0] if found else None

    def end(self):
        super().end()
        for fd in self.shards:
            os.close(fd)
        for s in self.listeners:
            s.close()


def zone_says(address):
    """www.insecure.test has this address from now on."""
    path = '/run/lab/zones/insecure.test.zone'
    with open(path, encoding='ascii') as f:
        text = f.read()
    with open(path, 'w', encoding='ascii') as f:
        f.write(text.replace(OLD, address).replace(NEW, address))
    stop(rt.nsd['leaf'], signal.SIGTERM)  # with its children, who would go on with what they have
    rt.nsd['leaf'] = rt.serve('leaf')

    def said():
        try:
            return socket.inet_aton(address) in rt.truth('www.insecure.test.', dns.A).data()
        except OSError:
            return False
    eventually('the zone says so', said)


def address_of(r, name, do=False):
    a = r.client.get(name, dns.A, edns=dns.opt(do=do))
    expect(a.rcode, 0, name)
    return [socket.inet_ntoa(data) for _, rtype, _, data in a.answers if rtype == dns.A]


def packets_to(number, *packets):
    """One connection each; what it says after the hello, None: the end."""
    said = []
    for packet in packets:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(PATIENCE)
            s.connect(f'/run/anypop/engine-{number}.sock')
            expect(len(s.recv(100)), 16, 'hello')
            s.send(packet)
            try:
                said.append(s.recv(100) or None)
            except ConnectionResetError:
                said.append(None)
    return said


# Cases

def what_is_kept_is_explained(r):
    for do in (True, False):
        address_of(r, 'www5.example.test.', do)
    r.client.get('nothing.example.test.', dns.A)
    r.client.get('www.bogus.test.', dns.A)
    text = r.cache('explain', 'WWW5.example.test', '--dnssec')
    for part in ("from recursion, context 0\n", "own copies cannot be read",
                 'without DO: NOERROR, secure; ', 'with DO: NOERROR, secure; ', ' s left of 3600 s; ',
                 "in engine ", ' IN A 203.0.113.15\n', ' IN RRSIG '):
        if part not in text:
            raise Failed(f'no {part!r} in {text}')
    if 'RRSIG' in r.cache('explain', 'www5.example.test.'):
        raise Failed('signatures that nobody asked for')
    e = r.entry('www5.example.test.')
    expect((e['rcode'], e['secure'], e['negative'], e['failure'], e['stale_s'], e['ttl_s']),
           ('NOERROR', True, False, None, 0, 3600), 'its marks')
    expect([(x['name'], x['type'], x['data'], x['section']) for x in e['records']],
           [('www5.example.test.', 'A', '203.0.113.15', 'answer')], 'its records')
    if not 3590 <= e['left_s'] <= 3600 or e['records'][0]['ttl'] != e['left_s']:
        raise Failed(f'{e}: what is left')
    e = r.entry('nothing.example.test.')
    expect((e['rcode'], e['negative'], e['secure']), ('NXDOMAIN', True, True), 'a negative one')
    e = r.entry('www.bogus.test.')
    expect((e['rcode'], e['failure'], e['ede']), ('SERVFAIL', 'bogus', 6), 'a bogus one')
    expect((e['validation'], e['origin']), ('bogus', 'recursion, context 0'), 'how and from where')
    if not e['why'] or len(e['why']) > 80 or e['age_s'] > 60:
        raise Failed(f'{e}: why, age')
    if f"EDE 6 ({e['why']})" not in r.cache('explain', 'www.bogus.test'):
        raise Failed('why is not said to people')
    a = r.client.get('www.bogus.test.', dns.A, edns=dns.opt())
    expect((a.edes, a.options[15][2:]), ([6, 13], e['why'].encode()), 'and to clients, from cache')
    expect(r.cache('explain', 'www5.example.test', 'AAAA', status=1),
           'www5.example.test. AAAA: not in the shared cache\n', 'another type')
    r.cache('explain', 'a..b', status=3)
    r.cache('explain', 'www5.example.test', 'NONSENSE', status=3)


def what_a_stand_in_keeps_is_explained(r):
    """It stands in the stand-in's own shard, where workers find it when the engine is back."""
    stop(r.engines[0])
    names = [f'www{i}.example.test.' for i in range(40, 52)]
    for name in names:
        address_of(r, name)
    r.engines[0] = r.engine(0)
    r.ready()
    entries = [r.entry(name) for name in names]
    expect([e and e['engine'] for e in entries], [1] * len(names), 'in whose shard')
    expect({e['home'] for e in entries}, {0, 1}, 'whose keys')
    strange = names[[e['home'] for e in entries].index(0)]
    text = r.cache('explain', strange)
    if "in engine 1's shard, which stood in for engine 0; " not in text:
        raise Failed(text)
    asked = r.client.get(strange, dns.A)  # a worker serves just that
    expect([socket.inet_ntoa(d) for _, t, _, d in asked.answers if t == dns.A],
           [x['data'] for x in r.entry(strange)['records'] if x['section'] == 'answer'], 'what is served')


def the_shards_are_counted(r):
    before = r.json('stats')
    names = [f'www{i}.example.test.' for i in range(60)]
    for name in names:
        address_of(r, name)
    after = r.json('stats')
    expect(after['total']['entries'] - before['total']['entries'], 60, 'entries')
    expect([e['pid'] for e in after['engines']], [e.pid for e in r.engines], 'pids')
    for key in ('entries', 'puts', 'bytes_used', 'bytes'):
        expect(sum(e[key] for e in after['engines']), after['total'][key], key)
    text = r.cache('stats')
    if f'{r.engines[1].pid}, ' not in text or 'total' not in text:
        raise Failed(text)
    stop(r.engines[0])
    expect(r.json('stats', status=1)['total']['entries'], after['engines'][1]['entries'], 'the rest')


def a_flush_brings_new_data_and_leaves_other_names(r):
    asked = [0]

    def misses():
        asked[0] += 1
        address_of(r, f'm{asked[0]}.random.example.test.')

    try:
        for do in (False, True, False, True):
            expect(address_of(r, 'www.insecure.test.', do), [OLD], 'before')
        others = [f'www{i}.example.test.' for i in range(20)]
        for name in others:
            address_of(r, name)
        pids = [e.pid for e in r.engines]
        zone_says(NEW)
        expect(address_of(r, 'www.insecure.test.'), [OLD], 'still cached')
        expect(r.entry('www.insecure.test.')['left_s'] > 200, True, 'far from its end')
        out = r.flush('www.insecure.test', meanwhile=misses)
        expect(sum(int(line.split()[3]) for line in out.splitlines()), 2, out)
        for do in (False, True):
            expect(address_of(r, 'www.insecure.test.', do), [NEW], 'after')
        before = rt.score(r.worker)
        for name in others:
            address_of(r, name)
        after = rt.score(r.worker)
        expect((after['l2'] - before['l2'], after['engine'] - before['engine']), (20, 0),
               'other names out of the shared cache, asked of an engine')
        expect({e.pid for e in r.engines} & set(pids), set(), 'engines that stayed')
        expect([e['purges'] for e in r.json('stats')['engines']], [1, 1], 'purges')
        expect(asked[0] > 0, True, 'questions meanwhile')
    finally:
        zone_says(OLD)


def a_tree_goes_with_all_below_and_nothing_beside(r):
    below = [f'b{i}.random.example.test.' for i in range(30)] + ['example.test.']
    beside = ['www.insecure.test.']
    for name in below + beside:
        address_of(r, name)
    r.flush('random.example.test.')
    expect(all(r.entry(name) for name in below + beside), True, 'a name without its tree')
    r.flush('EXAMPLE.test.', '--tree')
    expect([r.entry(name) for name in below], [None] * len(below), 'below')
    expect(all(r.entry(name) for name in beside), True, 'beside')
    before = rt.score(r.worker)['engine']
    for name in below:
        address_of(r, name)
    expect(rt.score(r.worker)['engine'] - before, len(below), 'the worker asks for them all')
    r.flush('.', '--tree')
    expect(r.json('stats')['total']['entries'], 0, 'entries')


def what_is_in_flight_is_not_lost(r):
    """Servers hang while engine 0 is purged; who asked before gets his answer all the same."""
    names = [f'f{i}.random.example.test.' for i in range(40)]
    pid = r.engines[0].pid

    hang(signal.SIGSTOP)
    try:
        for i, name in enumerate(names):
            r.client.udp.send(dns.query(name, dns.A, qid=1000 + i))
        out = r.flush('www.example.test', meanwhile=lambda: (
            hang(signal.SIGCONT) if r.engines[0].pid != pid else None, time.sleep(0.005)))
    finally:
        hang(signal.SIGCONT)
    got = {}
    while len(got) < len(names):
        a = dns.Answer(r.client.udp.recv(4096))
        got[a.id] = a.rcode
    expect(set(got.values()), {0}, out)


def two_flushes_at_once_both_come_through(r):
    """One of them finds an engine that the other has ended."""
    second = []
    address_of(r, 'www.insecure.test.')
    address_of(r, 'www5.example.test.')

    def other():
        if not second:
            second.append(subprocess.Popen(r.command('flush', 'www5.example.test.'), preexec_fn=mortal,
                                           stdout=rt.log, stderr=rt.log))
        time.sleep(0.005)

    r.flush('www.insecure.test', meanwhile=other)
    while second[0].poll() is None:
        r.supervise()
        time.sleep(0.005)
    expect(second[0].returncode, 0, 'exit status of the second')
    expect([r.entry('www.insecure.test.'), r.entry('www5.example.test.')], [None, None], 'entries')


def a_worker_may_not_purge(r):
    """Its user may connect; that is all."""
    address_of(r, 'www.insecure.test.')
    done = subprocess.run([BINDIR + '/resolver', '-c', rt.conf, 'cache', 'flush', 'www.insecure.test'],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, user='nobody',
                          timeout=60, check=False)
    expect(done.returncode, 1, done.stdout)
    if 'from root' not in done.stdout:
        raise Failed(done.stdout)
    expect([e.poll() for e in r.engines], [None, None], 'engines')
    expect(r.entry('www.insecure.test.') is not None, True, 'the entry')
    expect(r.json('stats')['total']['purges'], 0, 'purges')


def garbage_changes_nothing(r):
    address_of(r, 'www.insecure.test.')
    name = b'\3www\x08insecure\4test\0'
    good = struct.pack('=IIBBH', PURGE, 1, 0, len(name), 0) + name
    before = r.json('stats')['total']
    bad = [good[:-1], good + b'x', good[:4], good[:12], b'',
           struct.pack('=IIBBH', PURGE + 1, 1, 0, len(name), 0) + name,
           struct.pack('=IIBBH', PURGE, 0, 0, len(name), 0) + name,
           struct.pack('=IIBBH', PURGE, 1, 2, len(name), 0) + name,
           struct.pack('=IIBBH', PURGE, 1, 0, len(name), 1) + name,
           struct.pack('=IIBBH', PURGE, 1, TREE, 3, 0) + b'\3ww',
           struct.pack('=IIBBH', PURGE, 1, 0, len(name), 0) + name.upper(),
           b'\xff' * 267, os.urandom(64)]
    for number in (0, 1):
        expect(packets_to(number, *bad), [None] * len(bad), 'what garbage gets')
    expect([e.poll() for e in r.engines], [None, None], 'engines')
    after = r.json('stats')['total']
    expect((after['entries'], after['purges']), (before['entries'], 0), 'the cache')
    expect(r.entry('www.insecure.test.') is not None, True, 'the entry')


def without_a_successor_the_others_stay(r):
    out = r.flush('www.insecure.test', revive=False, status=1)
    expect((r.engines[0].wait(PATIENCE), r.engines[1].poll()), (0, None), 'engines')
    if 'engines 1 to 1 are left as they are' not in out:
        raise Failed(out)
    r.engines[0] = r.engine(0)
    r.ready()


def engines_run_by_hand_are_replaced_as_well(r):
    """They listen and keep their shard by themselves."""
    for e in r.engines:
        stop(e)
    for s in r.listeners:
        s.close()
    r.engine = rt.Resolver.engine
    r.engines = [r.engine(n) for n in (0, 1)]
    r.ready()
    pids = {e.pid for e in r.engines}
    address_of(r, 'www.insecure.test.')
    r.flush('www.insecure.test.')
    expect({e.pid for e in r.engines} & pids, set(), 'engines that stayed')
    expect(r.entry('www.insecure.test.'), None, 'the entry')
    address_of(r, 'www.insecure.test.')


def nobody_to_ask_is_said(r):
    for e in r.engines:
        stop(e)
    for words in (('stats',), ('explain', 'www.insecure.test'), ('flush', 'www.insecure.test')):
        r.cache(*words, status=3)
    r.site = rt.ROOT + '/etc/healthd.conf'
    if 'not our own resolver' not in r.cache('stats', status=3):
        raise Failed('workers of others are not told from ours')


if __name__ == '__main__':
    sys.exit(rt.on_stage(lambda: rt.main(rt.cases(dict(globals())), Held)))
