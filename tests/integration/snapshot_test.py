#!/usr/bin/python3
"""The shared cache over a reboot: real workers and engines on the lab's small Internet.

usage: snapshot_test.py [CASE ...]     (root; makes its own network and mount namespace; BIN=build/bin)

The test plays the keeper, and a reboot: all processes are killed, all that was held for them is let go,
and the kernel's boot id is another one. What is left is the file.
"""
import json
import os
import signal
import subprocess
import sys
import time

import heldwire  # noqa: I001  (first: it keeps the low descriptors)
import cache_test
import resolver_test as rt
from resolver_test import BINDIR, PATIENCE, dns, eventually, expect, stop
from worker_test import Failed

FILE = '/run/anypop/cache.snapshot'
SNAPSHOT = f'\nsnapshot = {{ file = "{FILE}"; }};\n'
BOOT_ID = '/proc/sys/kernel/random/boot_id'
MS_BIND = 4096
NAMES = [f'www{i}.example.test.' for i in range(100)]


class Node(cache_test.Held):
    """Its keeper is the test; all that is held comes from `resolver hold`."""

    def __init__(self):
        self.boots, self.looks, self.held, self.engines, self.worker = 0, 0, {}, [], None
        with open(rt.conf, 'w', encoding='ascii') as f:
            f.write(rt.CONF.format(dir=rt.base) + SNAPSHOT)
        self.site = rt.base + '/healthd.conf'
        with open(self.site, 'w', encoding='ascii') as f:
            f.write(cache_test.SITE.format(conf=rt.conf))
        os.makedirs('/run/anypop', exist_ok=True)
        self.remove()
        self.boot()

    @staticmethod
    def remove():
        for name in os.listdir('/run/anypop'):
            os.unlink('/run/anypop/' + name)

    def hold(self):
        """What `resolver hold` makes of what there is."""
        new = rt.hold(1, self.held, 1800)
        self.let_go()
        self.held = new

    def let_go(self):
        for fd in self.held.values():
            os.close(fd)
        self.held = {}

    def readers(self):
        """{name: descriptor} of the shards, which can only be read; the caller's."""
        return {f'shard.{n}': os.open(f'/proc/self/fd/{self.held[f"shard.{n}"]}',
                                      os.O_RDONLY | os.O_CLOEXEC) for n in (0, 1)}

    def engine(self, number):
        names = [f'{what}{number}' for what in ('listen.', 'shard.', 'hits.', 'score.e')]
        rt.processes.append(heldwire.start([BINDIR + '/resolver', '-c', rt.conf, 'engine', str(number)],
                                           {n: self.held[n] for n in names}, stderr=rt.log,
                                           stdout=rt.log))
        return rt.processes[-1]

    def start_worker(self):
        shards = self.readers()
        given = {n: fd for n, fd in self.held.items() if n.startswith(('udp.', 'tcp.', 'hits.'))}
        self.worker = heldwire.start([BINDIR + '/resolver', '-c', rt.conf, 'worker', '0'],
                                     {**given, **shards, 'score.w0': self.held['score.w0']},
                                     stderr=rt.log, stdout=rt.log)
        rt.processes.append(self.worker)
        for fd in shards.values():
            os.close(fd)
        self.client = rt.Client('192.0.2.53')

    def boot(self):
        """From nothing; engines only listen yet, and need not have resolved anything."""
        self.boots += 1
        path = f'{rt.base}/boot_id.{self.boots}'
        with open(path, 'w', encoding='ascii') as f:
            f.write(f'{self.boots:08x}-1111-2222-3333-444444444444\n')
        if rt.libc.mount(path.encode(), BOOT_ID.encode(), None, MS_BIND, None):
            raise Failed('no boot id of our own')
        self.hold()
        self.engines = [self.engine(n) for n in (0, 1)]
        self.start_worker()
        eventually('the worker answers', lambda: rt.answers(self.client))

    def crash(self):
        for p in (*self.engines, self.worker):
            if p and p.poll() is None:
                stop(p)
        self.let_go()

    def end(self):
        self.crash()
        for _ in range(self.boots):
            rt.libc.umount(BOOT_ID.encode())

    def reboot(self):
        self.crash()
        self.boot()

    def loaded(self):
        return [e['loaded'] for e in self.json('stats')['engines']]

    def layers(self, names):
        """Asks all of them once; {layer: how many it answered}, and the seconds that it took."""
        before, begun = rt.score(self.worker), time.monotonic()
        for name in names:
            cache_test.address_of(self, name)
        took, after = time.monotonic() - begun, rt.score(self.worker)
        return {k: after[k] - before[k] for k in after if after[k] > before[k]}, took


def doctor(node):
    """What `bgpctl doctor` finds of the snapshot: [(level, sentence)]."""
    done = subprocess.run([BINDIR + '/bgpctl', '-c', node.site, 'doctor', '--json'], check=False,
                          stdout=subprocess.PIPE, stderr=rt.log, timeout=60)
    return [(f['level'], f['text']) for f in json.loads(done.stdout) if f['about'] == 'snapshot']


def ttl_of(r, name):
    return r.client.get(name, dns.A, edns=dns.opt()).answers[0][2]


def without_servers(act):
    """All that is upstream hangs meanwhile."""
    for server in rt.nsd:
        rt.hang(signal.SIGSTOP, server)
    try:
        act()
    finally:
        for server in rt.nsd:
            rt.hang(signal.SIGCONT, server)


# Cases

def a_reboot_is_cold_without_a_file_and_warm_with_one(r):
    r.ready()
    expect(r.layers(NAMES)[0], {'engine': 100}, 'layers of names that are new')
    r.reboot()
    expect(r.loaded(), [0, 0], 'loaded of nothing')
    expect(r.json('stats')['snapshot']['error'], 'not written yet', 'snapshot')
    expect(r.layers(NAMES)[0], {'engine': 100}, 'layers after a cold start')
    said = r.json('snapshot')
    if said['entries'] < 100 or said['bytes'] != os.stat(FILE).st_size or said['cut']:
        raise Failed(f'{said}, {os.stat(FILE).st_size} octets')
    expect((os.stat(FILE).st_mode & 0o7777, os.stat(FILE).st_uid), (0o600, 0), 'whose it is')
    ttls = {name: (ttl_of(r, name), time.monotonic()) for name in NAMES[:10]}
    r.reboot()
    expect(sum(r.loaded()), said['entries'], 'loaded')

    def ask():
        layers, took = r.layers(NAMES)
        expect(layers, {'l2': 100}, 'layers after a warm start, and without anybody upstream')
        if took > 10:  # the first one that had to wait for upstream would make it more
            raise Failed(f'100 answers took {took:.1f} s')
        for name, (ttl, at) in ttls.items():
            older, now = ttl - (time.monotonic() - at), ttl_of(r, name)
            if not older - 3 <= now <= older + 2:
                raise Failed(f'{name}: TTL {ttl}, after {time.monotonic() - at:.1f} s {now}')
    without_servers(ask)
    expect(r.json('stats')['snapshot']['entries'], said['entries'], 'what is told of the file')
    found = doctor(r)
    if [level for level, _ in found] != ['ok'] or f'{said["entries"]} entries' not in found[0][1]:
        raise Failed(f'doctor: {found}')
    if f'snapshot  {FILE}: {said["entries"]} entries' not in r.cache('stats'):
        raise Failed(r.cache('stats'))


def what_was_flushed_stays_so(r):
    r.ready()
    r.layers(NAMES)
    r.cache('snapshot')
    r.flush(NAMES[0])
    expect(os.path.exists(FILE), False, 'the file, which has it, to be gone')
    r.cache('snapshot')
    r.reboot()
    expect(r.entry(NAMES[0]), None, 'what was flushed')
    expect(all(r.entry(name) for name in NAMES[1:]), True, 'the others')
    r.ready()
    r.flush(NAMES[1])
    r.reboot()
    expect(r.loaded(), [0, 0], 'no file, since nothing was written after a flush')


def a_file_that_is_spoiled_costs_nothing_but_itself(r):
    r.ready()
    r.layers(NAMES[:20])
    r.cache('snapshot')
    with open(FILE, 'r+b') as f:
        f.seek(-100, os.SEEK_END)
        octet = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([octet[0] ^ 1]))
    at = rt.log.tell()
    r.reboot()
    expect(r.loaded(), [0, 0], 'loaded')
    rt.log.seek(at)
    text = rt.log.read()
    if f'{FILE} is not used' not in text or 'the cache is empty' not in text:
        raise Failed(f'nothing of that is said: {text}')
    expect(r.json('stats')['total']['entries'], 0, 'entries')
    r.ready()
    r.cache('snapshot')
    os.chown(FILE, 65534, 0)
    r.reboot()
    expect(r.loaded(), [0, 0], 'loaded of what is somebody else\'s')
    found = doctor(r)
    if [level for level, _ in found] != ['warn'] or 'somebody else' not in found[0][1]:
        raise Failed(f'doctor: {found}')
    if 'somebody else' not in r.cache('stats'):
        raise Failed(r.cache('stats'))


def what_is_held_is_not_mixed_with_the_file(r):
    """A restart has what was held, which is later than the file."""
    r.ready()
    r.layers(NAMES[:20])
    r.cache('snapshot')
    for p in (*r.engines, r.worker):
        stop(p)
    r.hold()
    r.engines = [r.engine(n) for n in (0, 1)]
    r.start_worker()
    eventually('the worker answers', lambda: rt.answers(r.client))
    expect(r.loaded(), [0, 0], 'loaded')
    expect(r.layers(NAMES[:20])[0], {'l2': 20}, 'layers')


def whoever_writes_it_may_be_killed_at_any_time(r):
    r.ready()
    r.layers(NAMES)
    r.cache('snapshot')
    killed = 0
    for i in range(60):
        shards = r.readers()
        p = heldwire.start([BINDIR + '/resolver', '-c', rt.conf, 'cache', 'snapshot'], shards,
                           stderr=rt.log, stdout=rt.log)
        try:
            p.wait(0.0005 * i)
        except subprocess.TimeoutExpired:
            p.kill()
        killed += p.wait(PATIENCE) == -signal.SIGKILL
        for fd in shards.values():
            os.close(fd)
        got = r.json('stats')['snapshot']
        if got['error'] or got['entries'] < 100:
            raise Failed(f'{got} after {i}')
    if killed < 5:
        raise Failed(f'only {killed} of 60 were killed before their end')
    # The child of the last one dies with it, in its time.
    eventually('one more', lambda: subprocess.run(
        r.command('snapshot'), stdout=rt.log, stderr=rt.log, timeout=60, check=False).returncode == 0)
    r.reboot()
    expect(r.layers(NAMES)[0], {'l2': 100}, 'layers')


if __name__ == '__main__':
    sys.exit(rt.on_stage(lambda: rt.main(rt.cases(dict(globals())), Node)))
