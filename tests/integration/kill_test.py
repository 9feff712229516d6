#!/usr/bin/python3
"""Our own resolver under the keeper, killed over and over: kill -9 of workers, engines, the probation
engine, brains and keepers under load, each kind for itself and then in any order, with every answer held
against the lab's signed zones.

usage: kill_test.py [KILLS]     (root; makes its own network and mount namespace; BIN=build/bin)

The keeper runs under its unit (lab/init), so that its sockets and memory outlive it in the descriptor
store. The brain is the test's (fake_brain.py): it starts what has ended at once, since the real one
lets a crash loop wait.

Clients ask by UDP and TCP (lab/client.py --mixed): addresses of both families, other names' names, denials,
signed zones and one that is not, the health name, and one that must fail. Every answer is right, or right and
stale, or SERVFAIL, or wrong; whatever is none of the first three is wrong.

What a kill may cost, and what each one is held to:

- worker: the batch that it has read (BATCH datagrams) and what waits in it for an engine, which its
  scoreboard says. What is queued in its sockets is its successor's, or a neighbour's. Over TCP nothing: a
  client whose connection ends asks again.
- keeper: all workers end with it: that of each of them.
- engine, probation engine, brain: nothing. Who waits for an engine is asked again elsewhere; one that was
  in the hands of two that were killed may fail, so at most what an engine had in hand may.

A question that is lost is on the account of the first kill after it was sent (of a worker or keeper, where
kinds are mixed: by themselves the others cost nothing). One that no kill explains is a failure.
"""
import bisect
import collections
import mmap
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
import proc
import resolver_test as stage
from keeper_test import Failed, eventually, expect

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, ROOT + '/lab')
import asked  # noqa: E402
import client  # noqa: E402
import internet  # noqa: E402
import scorewire  # noqa: E402
import stall  # noqa: E402

BINDIR = keeper_test.BINDIR
KILLS = 250 if os.path.dirname(os.path.realpath(BINDIR)).endswith('-san') else 2500
WORKERS, ENGINES, ENGINE_SLOT, PROBATION_SLOT = 4, 2, 64, 72
BATCH = 32
# What the next kill has taken can have been asked before this one, in another worker's queue: a few.
BESIDE = 4
RATE, MANY = 1000, 8000
PACE_S = 0.02
FILL_S = 0.025  # shorter than until the keeper steers around a worker that does not read
PATIENCE = 60
STALL_S = 0.2
AT_ONCE = 32
MIX = ('--local', '5', '--bogus', '2', '--mixed', '25', '--tcp', '20')
LOAD, ENGINES_LOAD = (*MIX, '--miss', '10'), (*MIX, '--miss', '50')
MANY_LOAD = ('--miss', '2', '--local', '5')
HEALTHD = keeper_test.CONF.replace('command = [ {command} ];', 'resolver = "{dir}/resolver.conf";').replace(
    'drain_ms = 60000', 'drain_ms = 1000')
RESOLVER = '''
pop = "lab"; node = "one"; run_dir = "{dir}/engines"; listen = [ "192.0.2.53", "2001:db8:53::53" ];
engines = {engines}; allow = [ "0.0.0.0/0", "::/0" ]; health_name = "health.anypop.test.";
worker = {{ user = "nobody"; l1_mib = 2; l2_mib = 8; }};
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
        self.probation = False

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
        return [*range(WORKERS), *range(ENGINE_SLOT, ENGINE_SLOT + self.engines),
                *[PROBATION_SLOT] * self.probation]

    def of(self, kind):
        """{slot: pid} of those that run."""
        kinds = {'worker': range(WORKERS), 'engine': range(ENGINE_SLOT, PROBATION_SLOT),
                 'probation engine': (PROBATION_SLOT,)}
        return {slot: pid for slot, pid in self.pids.items() if slot in kinds[kind]}

    def take(self, m):
        kind, slot = m.get('type'), m.get('slot')
        if kind == 'roster' and slot == -1:
            self.engines, self.waiting = m['status'], False
            self.probation = bool(m['ready'])
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


class Scores:
    """The scoreboards that keepers hold, by the process that writes each."""

    def __init__(self):
        self.maps, self.base = {}, {}

    def take(self, keeper):
        for n, what in proc.descriptors(keeper).items():
            if 'anypop-scoreboard' in what:
                with open(f'/proc/{keeper}/fd/{n}', 'rb') as f:
                    number = os.fstat(f.fileno()).st_ino
                    if number not in self.maps:
                        self.maps[number] = scorewire.check(
                            mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ))

    def read(self, pid, at):
        """Of a process that has one; else 0."""
        for m in self.maps.values():
            if scorewire.word(m, scorewire.PID) == pid:
                return scorewire.word(m, at)
        return 0

    def old(self):
        """Datagrams that were dropped for their age, by all of them so far."""
        return sum(scorewire.word(m, scorewire.DROP_OLD) for m in self.maps.values())

    def resolves(self, pid):
        """It has told a good answer since it was seen for the first time."""
        good = self.read(pid, scorewire.RCODE)
        return good > self.base.setdefault(pid, good)


# gone_us: when it, and whoever ends with it, was seen to run no more. may_lose: so many questions.
# may_fail: so many of those that an engine had in hand. old: datagrams dropped for their age before it.
Kill = collections.namedtuple('Kill', 'kind gone_us may_lose may_fail old')


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
        self.scores, self.waited = Scores(), 0
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
        return eventually(what, look, PATIENCE)

    def keeper(self):
        done = subprocess.run([ROOT + '/lab/init', 'status', '--dir', self.dir + '/init'],
                              stdout=subprocess.PIPE, check=True)
        return keeper_test.json.loads(done.stdout)['main_pid']

    def whole(self):
        """Waits until everybody is there."""
        self.follow_until('everybody to be there', self.brains.whole)
        self.scores.take(self.keeper())

    def follow(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.brains.follow()
            time.sleep(0.001)

    def drained(self):
        """Waits until nothing that was asked before waits any more: each worker has turned, and has been
        seen with nothing that waits for an engine."""
        now, left = client.now_us(), set(self.brains.of('worker').values())

        def look():
            left.difference_update({p for p in left if self.scores.read(p, scorewire.HEARTBEAT) > now
                                    and self.scores.read(p, scorewire.IN_FLIGHT) == 0})
            return not left
        self.follow_until('nobody to wait for an engine', look)

    def kill(self, kind, pid):
        """A Kill, or None where it had ended already."""
        workers = {'worker': [pid], 'keeper': list(self.brains.of('worker').values())}.get(kind, [])

        def waiting(pids):
            return sum(self.scores.read(p, scorewire.IN_FLIGHT) for p in pids)
        hands = [pid] if 'engine' in kind else []
        lose, fail, old = waiting(workers), waiting(hands), self.scores.old()
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return None
        # What stands there now was there when it was killed, and maybe more than a moment before.
        batches = WORKERS if kind == 'keeper' else len(workers)  # one of its may just have begun
        lose = max(lose, waiting(workers)) + self.waited + BATCH * batches
        self.waited = 0
        fail = max(fail, waiting(hands))
        end = time.monotonic() + PATIENCE
        while any(proc.alive(p) for p in [pid, *workers]):
            expect(time.monotonic() < end, f'an end of {kind} {pid}')
        if kind in ('keeper', 'brain'):
            self.brains.brain = None
        return Kill(kind, client.now_us(), lose, fail, old)

    def end(self):
        self.init.terminate()
        try:
            self.init.wait(30)
        except subprocess.TimeoutExpired:
            self.init.kill()


def worker(node, dice, _):
    """Each of these chooses a victim: its kind and its pid, None when none of it runs now."""
    pids = list(node.brains.of('worker').values())
    return 'worker', dice.choice(pids) if pids else None


def leaf(how):
    """All of the processes of the server of the leaf zones."""
    for pid in proc.family(stage.processes[-1].pid):
        os.kill(pid, how)


def engine(node, dice, number):
    """In any order, but so that answers are found: when each has told one. Every second time their server
    stands still before (and goes on after the kill), so that an engine has many questions in hand."""
    pids = list(node.brains.of('engine').values())
    ready = [pid for pid in pids if node.scores.resolves(pid)]
    if not len(ready) == len(pids) == ENGINES:
        return 'engine', None
    if number % 2:
        leaf(signal.SIGSTOP)
        node.follow(FILL_S)
    return 'engine', dice.choice(pids)


def brain_or_keeper(node, _, number):
    """The keeper lets a brain that dies often wait, up to a second. Another keeper has forgotten that.
    What was asked before a brain was killed is not lost with the keeper."""
    if number % 7 == 6:
        node.drained()
        return 'keeper', node.keeper()
    return 'brain', node.brains.brain and node.brains.brain.pid


def anybody(node, dice, number):
    if number % 40 == 39:
        return 'keeper' if number % 80 == 79 else 'brain', (
            node.keeper() if number % 80 == 79 else node.brains.brain and node.brains.brain.pid)
    kind = dice.choices(('worker', 'engine', 'probation engine'), (70, 25, 5))[0]
    pids = list(node.brains.of(kind).values())
    return kind, dice.choice(pids) if pids else None


def as_it_reads(node, dice, number):
    """A worker that has a full queue, and begins to read it."""
    node.waited = 0
    kind, pid = worker(node, dice, number)
    if pid:
        try:
            os.kill(pid, signal.SIGSTOP)
            node.follow(FILL_S)
            # The engines' answers may be read before the queue, and leave after it.
            node.waited = node.scores.read(pid, scorewire.IN_FLIGHT)
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            return kind, None
        until = time.monotonic() + dice.random() * 0.0005
        while time.monotonic() < until:
            pass
    return kind, pid


def kill_again_and_again(node, kills, victim):
    """The Kills, in the order of time. Whoever stands still for a kill goes on after it."""
    dice, done = random.Random(1), []
    end = time.monotonic() + PATIENCE
    while len(done) < kills:
        expect(time.monotonic() < end, f'another one to be killed, after {len(done)}')
        node.follow(PACE_S)
        try:
            kind, pid = victim(node, dice, len(done))
            kill = node.kill(kind, pid) if pid else None
        finally:
            if victim is engine:
                leaf(signal.SIGCONT)
        if kill:
            done.append(kill)
            end = time.monotonic() + PATIENCE
        if kind in ('keeper', 'brain'):
            # Nobody else starts workers: that is the keeper's rule, and not what is counted here.
            node.whole()
    return done


class Asking:
    """A client at work, with what it was answered."""

    def __init__(self, node, *options, rate=RATE):
        self.node = node
        self.path = f'{node.dir}/client-{client.now_us()}.log'
        with open(self.path + '.err', 'wb') as err:
            self.process = subprocess.Popen(
                [sys.executable, ROOT + '/lab/client.py', '--log', self.path, '--rate', str(rate), *options],
                stderr=err, preexec_fn=stage.mortal)
        try:
            eventually('the client\'s first answers', lambda: os.path.exists(self.path)
                       and os.path.getsize(self.path) > 0, PATIENCE)
        except BaseException:
            self.end()
            raise
        self.t0 = client.now_us()

    def rows(self):
        """All that was asked until now; the last questions have their two seconds."""
        end = client.now_us()
        self.node.follow_until('the last answers',
                               lambda: client.now_us() > end + client.LOST_US + 500_000)
        if self.process.poll() is not None:
            with open(self.path + '.err', encoding='utf-8', errors='replace') as f:
                raise Failed(f'the client has ended: {f.read()}')
        return client.read(self.path, self.t0, end)

    def end(self):
        self.process.kill()
        self.process.wait()


def overflown():
    """Datagrams that found a full queue, here, of whoever."""
    with open('/proc/net/snmp', encoding='ascii') as f:
        names, values = [line.split() for line in f if line.startswith('Udp:')]
    with open('/proc/net/snmp6', encoding='ascii') as f:
        six = dict(line.split() for line in f)
    return int(values[names.index('RcvbufErrors')]) + int(six['Udp6RcvbufErrors'])


def sort_of(row):
    """right, stale (and right), failed (SERVFAIL), lost, or wrong: all else."""
    if row.rtt_us < 0:
        return 'lost'
    if row.rcode == asked.SERVFAIL and row.kind != 'local':
        return 'right' if row.kind == 'bogus' else 'failed'
    return {'ok': 'right', 'stale': 'stale'}.get(row.truth, 'wrong')


def blamed(moments, kills, after):
    """[(kill, how many)]: of each moment, the first kill after it, or the last before it; and moments that
    no kill explains."""
    gone, counts, unexplained = [k.gone_us for k in kills], collections.Counter(), []
    for us in moments:
        i = bisect.bisect_left(gone, us) if after else bisect.bisect_right(gone, us) - 1
        if not 0 <= i < len(kills) or abs(gone[i] - us) > client.LOST_US:
            unexplained.append(us)
        else:
            counts[i] += 1
    return [(k, counts[i]) for i, k in enumerate(kills)], unexplained


def account(node, rows, kills, mixed=False):
    """Prints what it has cost, by kind, for docs/figures.md. Holds every answer and every kill against
    what is promised; where they are mixed, losses against those that may cost something."""
    sorts = collections.defaultdict(list)
    for row in rows:
        sorts[sort_of(row)].append(row)
    lost, unexplained = blamed([r.sent_us for r in sorts['lost']],
                               [k for k in kills if k.may_lose or not mixed], True)
    failed, causeless = blamed([r.sent_us + r.rtt_us for r in sorts['failed']],
                               [k for k in kills if 'engine' in k.kind or not mixed], False)
    print(f'  {len(rows)} questions, {sum(r.family.startswith("tcp") for r in rows)} of them by TCP: '
          + ', '.join(f'{len(sorts[s])} {s}' for s in ('right', 'stale', 'failed', 'lost', 'wrong'))
          + f'; {sum(r.cuts > 0 for r in rows)} asked again when their connection ended; '
          f'{node.scores.old() - kills[0].old} datagrams dropped for their age')
    for kind in dict.fromkeys(k.kind for k in kills):
        may = [k.may_lose for k in kills if k.kind == kind]
        mine = [n for k, n in lost if k.kind == kind]
        print(f'  {kind}: {len(may)} kills, {sum(mine)} lost, at most {max(mine, default=0)} at one of '
              f'them where a batch and what waited are {min(may)} to {max(may)}; '
              f'{sum(n for k, n in failed if k.kind == kind)} SERVFAIL of '
              f'{sum(k.may_fail for k in kills if k.kind == kind)} that were in hand')
    expect(not sorts['wrong'], f'no wrong answer, got {sorts["wrong"][:3]}')
    expect(not unexplained, f'a kill before each loss; there are {len(unexplained)} without')
    for kill, n in lost:
        most = kill.may_lose + (BESIDE if kill.may_lose else 0)
        expect(n <= most, f'at most {most} lost by one {kill.kind}, not {n}')
    known = [r for r in sorts['failed'] if r.kind in asked.KNOWN]
    expect(not known, f'what is cached to be answered, not SERVFAIL: {len(known)}, {known[:3]}')
    may_fail = sum(k.may_fail for k in kills)
    expect(len(sorts['failed']) <= may_fail,
           f'{len(sorts["failed"])} SERVFAIL, of {may_fail} that engines had in hand as they were killed')
    expect(not causeless, f'an engine killed before each SERVFAIL; there are {len(causeless)} without')
    return lost


def under_load(node, kills, victim, load=LOAD, rate=RATE, mixed=False):
    """[(Kill, how many were lost)]"""
    asking = Asking(node, *load, rate=rate)
    try:
        done = kill_again_and_again(node, kills, victim)
        node.whole()
        rows = asking.rows()
    finally:
        asking.end()
    expect(len(rows) > len(done) * PACE_S * rate / 4, 'the load to have been there')
    return account(node, rows, done, mixed)


def workers_are_killed(node, kills):
    under_load(node, kills * 34 // 100, worker)


def engines_are_killed(node, kills):
    under_load(node, kills * 12 // 100, engine, ENGINES_LOAD)


def brains_and_keepers_are_killed(node, kills):
    under_load(node, kills * 6 // 100, brain_or_keeper)


def anybody_is_killed(node, kills):
    under_load(node, kills * 40 // 100, anybody, mixed=True)


def workers_are_killed_as_they_read_a_full_queue(node, kills):
    """Then a batch holds more than one, and the queue more than a batch."""
    most = 0
    for _ in range(10):
        lost = under_load(node, kills * 8 // 100, as_it_reads, MANY_LOAD, MANY)
        most = max(n for _, n in lost)
        if most > 1:
            return
    raise Failed(f'a batch of more than one to be hit: of {most} at most')


def sweep(questions):
    """Counter of what becomes of each, some asked at a time."""
    rest, waiting, became = list(enumerate(questions)), {}, collections.Counter()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(PATIENCE)
        s.connect((client.ANYCAST['v4'][1], 53))
        while rest or waiting:
            while rest and len(waiting) < AT_ONCE:
                number, question = rest.pop()
                waiting[number] = question
                s.send(number.to_bytes(2, 'big') + question.wire)
            answer = s.recv(4096)
            question = waiting.pop(int.from_bytes(answer[:2], 'big'), None)
            if question:
                became[asked.verdict(question, answer)] += 1
    return became


def all_is_cached(node, _):
    """Before anything is killed."""
    questions = [*asked.HIT, *asked.OTHERS, asked.LOCAL]
    node.follow_until('right answers to all', lambda: sweep(questions) == {'ok': len(questions)})


def the_cache_was_kept(node, _):
    """After all that, and a last round for each of them, when there is nobody left to ask: what the zones'
    servers have said is known."""
    for server in stage.processes:
        for pid in proc.family(server.pid):
            os.kill(pid, signal.SIGKILL)
    dice = random.Random(2)
    # What the engines know of the zone proves some fresh names for as long as it lives.
    node.follow_until('fresh names to fail', lambda: sweep(
        asked.fresh(dice) for _ in range(10)) == {'-': 10})
    for kind in ('worker', 'engine', 'probation engine'):
        for pid in list(node.brains.of(kind).values()):
            node.kill(kind, pid)
        node.whole()
    node.kill('keeper', node.keeper())
    node.whole()
    known = [q for q in [*asked.HIT, *asked.OTHERS, asked.LOCAL] if q.kind in asked.KNOWN]
    became = sweep(known)
    print(f'  of {len(known)} names, without their servers: {dict(became)}')
    expect(became == {'ok': len(known)}, f'all of them, and none stale: {became}')
    expect(sweep(asked.fresh(dice) for _ in range(10)) == {'-': 10}, 'no server to have answered')


def one_of_four_in_a_crash_loop(node, _):
    """A worker that dies at each start black-holes nobody."""
    asking, kills, t0 = Asking(node, *LOAD), [], client.now_us()

    def kill_it():
        pid = node.brains.pids.get(1)
        kill = node.kill('worker', pid) if pid else None
        if kill:
            kills.append(kill)
        return client.now_us() > t0 + 3_000_000 and len(kills) > 20
    try:
        node.follow_until('a loop of crashes, for seconds', kill_it)
        node.whole()
        rows = asking.rows()
    finally:
        asking.end()
    account(node, rows, kills)


CASES = (all_is_cached, workers_are_killed, engines_are_killed, brains_and_keepers_are_killed,
         anybody_is_killed, workers_are_killed_as_they_read_a_full_queue, one_of_four_in_a_crash_loop,
         the_cache_was_kept)


def played(case, node, kills):
    """Why it failed, or ''."""
    try:
        case(node, kills)
        return ''
    except (Failed, OSError, ValueError) as e:
        return f'{type(e).__name__}: {e}'


def main(directory, kills):
    node, stalls = Node(directory), stall.Stalls(directory + '/stalls')
    good = bad = 0
    try:
        node.whole()
        for case in CASES:
            t, full = time.monotonic(), overflown()
            failure = played(case, node, kills)
            still, full = stalls.longest(t), overflown() - full
            if failure and (still > STALL_S or full):
                # No doing of ours; a defect that fills a queue shows again.
                print(f'{failure}; but the machine stood still for {still:.2f} s, and {full} datagrams '
                      'found no room: once more', flush=True)
                failure = played(case, node, kills)
            if failure:
                print(failure)
            good, bad, ok = good + (not failure), bad + bool(failure), 'FAIL' if failure else 'ok  '
            print(f'{ok} kill: {case.__name__.replace("_", " ")} ({time.monotonic() - t:.1f} s)',
                  flush=True)
        if bad:
            with open(directory + '/healthd.log', encoding='utf-8', errors='replace') as f:
                print(f.read()[-6000:])
    finally:
        stalls.stop()
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
