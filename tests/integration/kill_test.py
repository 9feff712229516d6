#!/usr/bin/python3
"""Our own resolver under the keeper, killed over and over: kill -9 of workers, engines, brains and
keepers under load, in any order, with every answer held against the lab's signed zones.

usage: kill_test.py [KILLS]     (root; makes its own network and mount namespace; BIN=build/bin)

The keeper runs under its unit (lab/init), so that its sockets and memory outlive it in the descriptor
store. The brain is the test's (fake_brain.py): it starts what has ended at once, since the real one
lets a crash loop wait. What it costs is counted and printed.
"""
import collections
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import keeper_test
import resolver_test as stage
from keeper_test import Failed, eventually, expect

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, ROOT + '/lab')
import client  # noqa: E402
import internet  # noqa: E402

BINDIR = keeper_test.BINDIR
KILLS = 200 if os.path.dirname(os.path.realpath(BINDIR)).endswith('-san') else 2000
WORKERS, ENGINES, ENGINE_SLOT = 4, 2, 64
RATE = 1000
PACE_S = 0.02
# A worker dies with the batch that it has read (32 datagrams at the most; at this rate seldom more
# than one) and with the questions that wait for an engine.
BATCH = 32
HEALTHD = keeper_test.CONF.replace('command = [ {command} ];', 'resolver = "{dir}/resolver.conf";').replace(
    'drain_ms = 60000', 'drain_ms = 1000')
RESOLVER = '''
pop = "lab"; node = "one"; run_dir = "{dir}/engines"; listen = [ "192.0.2.53", "2001:db8:53::53" ];
engines = {engines}; allow = [ "0.0.0.0/0", "::/0" ]; health_name = "health.anypop.test.";
worker = {{ user = "nobody"; l1_mib = 2; l2_mib = 8; old_ms = 60000; }};
engine = {{ user = "daemon"; root_hints = "{dir}/root.hints"; trust_anchor = "{dir}/anchor.key";
	special = [ "test." ]; }};
'''


class Brains:
    """Whoever is the brain now: starts every slot that is empty, at once."""

    def __init__(self, directory):
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.server.bind(directory + '/brain.sock')
        os.chmod(directory + '/brain.sock', 0o777)
        self.server.listen(16)
        self.server.setblocking(False)
        self.brain, self.pids, self.waiting = None, {}, True
        self.engines = self.starts = 0

    def follow(self):
        """Whatever has happened since; never waits."""
        try:
            sock, _ = self.server.accept()
        except BlockingIOError:
            pass
        else:
            self.pids, self.waiting = {}, True
            try:
                self.brain = keeper_test.Brain(sock)
                self.brain.send(type='hello')
            except (OSError, Failed):  # it is dead already: there will be another
                self.brain = None
        if self.brain is None:
            return
        try:
            self.brain.lines.poll(0)
            while self.brain.lines.seen:
                self.take(self.brain.lines.seen.pop(0).get('bond', {}))
        except OSError:
            self.brain = None

    def slots(self):
        return [*range(WORKERS), *range(ENGINE_SLOT, ENGINE_SLOT + self.engines)]

    def take(self, m):
        kind, slot = m.get('type'), m.get('slot')
        if kind == 'roster' and slot == -1:
            self.engines, self.waiting = m['status'], False
            self.brain.tell(lease=0)
            for empty in set(self.slots()) - set(self.pids):
                self.brain.send(type='start', slot=empty)
        elif kind in ('roster', 'started'):
            self.pids[slot] = m['pid']
            self.starts += kind == 'started'
        elif kind in ('exited', 'failed'):
            self.pids.pop(slot, None)
            self.brain.send(type='start', slot=slot)

    def whole(self):
        return self.brain and not self.waiting and set(self.pids) == set(self.slots())


class Node:
    """The keeper under its unit, and its brains."""

    def __init__(self, directory):
        self.dir = directory
        os.mkdir(directory + '/bin')
        for name in ('healthd', 'bgpctl', 'resolver'):
            shutil.copy(f'{BINDIR}/{name}', directory + '/bin/')
        shutil.copy(HERE + '/fake_brain.py', directory + '/bin/healthd-brain')
        os.chmod(directory + '/bin/healthd-brain', 0o755)
        self.write('resolver.conf', RESOLVER.format(dir=directory, engines=ENGINES))
        self.write('healthd.conf', HEALTHD.format(
            dir=directory, user='', mode='observe', lease=5000, dead_man='hold', count=WORKERS,
            worker_user='', stop_timeout=1000).replace('spare = 1', 'spare = 0'))
        self.brains = Brains(directory)
        self.log = open(directory + '/healthd.log', 'wb')
        self.init = subprocess.Popen(
            [ROOT + '/lab/init', 'run', '--dir', directory + '/init', '--bin', directory + '/bin',
             '--config', directory + '/healthd.conf', ROOT + '/systemd/healthd.service'],
            stdout=self.log, stderr=self.log, preexec_fn=stage.mortal)

    def write(self, name, text):
        with open(f'{self.dir}/{name}', 'w', encoding='ascii') as f:
            f.write(text)

    def follow_until(self, what, condition):
        def look():
            self.brains.follow()
            return condition()
        return eventually(what, look, 60)

    def keeper(self):
        done = subprocess.run([ROOT + '/lab/init', 'status', '--dir', self.dir + '/init'],
                              stdout=subprocess.PIPE, check=True)
        return keeper_test.json.loads(done.stdout)['main_pid']

    def end(self):
        self.init.terminate()
        try:
            self.init.wait(30)
        except subprocess.TimeoutExpired:
            self.init.kill()


def killed(pid):
    try:
        os.kill(pid, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False


def victim(node, number, dice):
    """A kind of process, and its pid; None when none of it runs now."""
    if number % 200 == 199:
        return 'keeper', node.keeper()
    if number % 20 == 19:
        return 'brain', node.brains.brain and node.brains.brain.pid
    engine = dice.random() < 0.25
    slots = [s for s in node.brains.pids if (s >= ENGINE_SLOT) == engine]
    return ('engine' if engine else 'worker',
            node.brains.pids[dice.choice(slots)] if slots else None)


def kill_again_and_again(node, kills):
    """Counter of what was killed."""
    dice, done = random.Random(1), collections.Counter()
    while sum(done.values()) < kills:
        until = time.monotonic() + PACE_S
        while time.monotonic() < until:
            node.brains.follow()
            time.sleep(0.001)
        kind, pid = victim(node, sum(done.values()), dice)
        if pid and killed(pid):
            done[kind] += 1
        if kind in ('keeper', 'brain'):
            # The keeper lets a brain that dies often wait up to a second, and nobody else starts
            # workers: that is its rule, and not what is counted here.
            node.brains.brain = None
            node.follow_until('the next brain', node.brains.whole)
    return done


def start_client(directory, name, *more):
    path = f'{directory}/{name}'
    with open(f'{directory}/{name}.err', 'wb') as err:
        process = subprocess.Popen(
            [sys.executable, ROOT + '/lab/client.py', '--log', path, '--rate', str(RATE), '--miss',
             '10', '--local', '5', '--bogus', '2', *more], stderr=err, preexec_fn=stage.mortal)
    eventually('the client\'s first answers',
               lambda: os.path.exists(path) and os.path.getsize(path) > 0)
    return process, path


def account(rows, done):
    lost = [row for row in rows if row.rtt_us < 0]
    failed = [row for row in rows if row.rcode == 2 and row.kind != 'bogus']
    wrong = [row for row in rows if row.truth == 'wrong']
    print(f'killed: {dict(done)}; {len(rows)} questions, {len(lost)} lost '
          f'({len(lost) / sum(done.values()):.2f} a kill), {len(failed)} SERVFAIL, {len(wrong)} wrong')
    return lost, failed, wrong


def no_wrong_answer_and_few_lost(node, kills):
    process, path = start_client(node.dir, 'client.log')
    t0 = client.now_us()
    done = kill_again_and_again(node, kills)
    node.follow_until('everybody back', node.brains.whole)
    end = client.now_us()
    # The last questions have their two seconds.
    node.follow_until('the last answers', lambda: client.now_us() > end + client.LOST_US + 500_000)
    expect(process.poll() is None, 'the client to be alive')
    rows = client.read(path, t0, end)
    lost, failed, wrong = account(rows, done)
    expect(len(rows) > kills * PACE_S * RATE / 4, 'the load to have been there')
    expect(not wrong, f'no wrong answer, got {wrong[:3]}')
    # A killed keeper takes all workers along.
    batches = done['worker'] + done['engine'] + WORKERS * done['keeper']
    expect(len(lost) <= BATCH * batches, f'{len(lost)} lost with {batches} processes')
    expect(len(lost) <= len(rows) // 20, f'at most one in twenty of {len(rows)} lost: {len(lost)}')
    known = [row for row in failed if row.kind in ('hit', 'local')]
    expect(len(known) <= len(rows) // 100, f'what is cached to be answered: {len(known)} SERVFAIL')


def the_cache_was_kept(node):
    """After all that, what was popular is a hit in the shared cache: nobody asks for it again."""
    process, path = start_client(node.dir, 'after.log', '--miss', '0')
    t0 = client.now_us()
    node.follow_until('a second of answers', lambda: client.now_us() > t0 + 1_000_000)
    end = client.now_us()
    node.follow_until('the last ones', lambda: client.now_us() > end + client.LOST_US + 500_000)
    rows = client.read(path, t0, end)
    process.kill()
    process.wait()
    lost = [row for row in rows if row.rtt_us < 0]
    expect(len(rows) > RATE // 2 and not lost, f'all answered when all is well: {len(lost)} lost')


def one_of_four_in_a_crash_loop(node):
    """A worker that dies at each start black-holes nobody."""
    process, path = start_client(node.dir, 'loop.log')
    t0, kills = client.now_us(), 0

    def kill_it():
        nonlocal kills
        pid = node.brains.pids.get(1)
        kills += bool(pid and killed(pid))
        return client.now_us() > t0 + 3_000_000 and kills > 20
    node.follow_until('a loop of crashes, for seconds', kill_it)
    end = client.now_us()
    node.follow_until('the last answers', lambda: client.now_us() > end + client.LOST_US + 500_000)
    rows = client.read(path, t0, end)
    lost, _, wrong = account(rows, {'worker 1': kills})
    process.kill()
    process.wait()
    expect(not wrong, 'no wrong answer')
    expect(len(lost) <= BATCH * kills and len(lost) <= len(rows) // 20,
           f'{len(lost)} of {len(rows)} lost')


def main(directory, kills):
    node = Node(directory)
    good = bad = 0
    try:
        node.follow_until('the node to be whole', node.brains.whole)
        for case, more in ((no_wrong_answer_and_few_lost, (kills,)), (the_cache_was_kept, ()),
                           (one_of_four_in_a_crash_loop, ())):
            t = time.monotonic()
            try:
                case(node, *more)
                good, ok = good + 1, 'ok  '
            except (Failed, OSError, ValueError) as e:
                print(f'{type(e).__name__}: {e}')
                bad, ok = bad + 1, 'FAIL'
            print(f'{ok} kill: {case.__name__.replace("_", " ")} ({time.monotonic() - t:.1f} s)',
                  flush=True)
        if bad:
            with open(directory + '/healthd.log', encoding='utf-8', errors='replace') as f:
                print(f.read()[-6000:])
    finally:
        node.end()
    print(f'{good} passed, {bad} failed')
    return 1 if bad or not good else 0


if __name__ == '__main__':
    stage.authorities, stage.log = {}, tempfile.TemporaryFile('w+')
    base = tempfile.mkdtemp(prefix='anypop-kill-')
    os.chmod(base, 0o755)
    try:
        internet.make(base)
        stage.namespace()
        stage.libc.mount(b'none', b'/var/lib', b'tmpfs', 0, None)
        shutil.copytree(base + '/zones', '/run/lab/zones')
        for server in ('root', 'tld', 'leaf'):
            os.mkdir(f'/run/nsd-{server}')
            stage.start('nsd', '-d', '-c', f'{ROOT}/lab/node/nsd-{server}.conf')
        status = main(base, int(sys.argv[1]) if len(sys.argv) > 1 else KILLS)
    finally:
        for p in stage.processes:
            p.kill()
        shutil.rmtree(base, ignore_errors=True)
    sys.exit(status)
