#!/usr/bin/python3
"""The keeper's promises with our own resolver: real workers, a brain of the test's making.

usage: keeper_own_test.py [CASE ...]     (root; makes its own network namespace; BIN=build/bin)

What keeper_test.py promises of workers of others, where it is the keeper itself that judges who is
there; and what happens to what it holds at a reload.
"""
import errno
import os
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import time

import dnswire as dns
import keeper_test
from keeper_test import alive, descriptors, eventually, expect, gate_up, make_gate

BINDIR = keeper_test.BINDIR
ENGINE_SLOT = 64
ADDRESS = '127.0.0.53'
RELOADS = 12
BATCH = 32  # datagrams that a worker reads at a time
AT_ONCE = 180  # a socket's queue holds more; a third of them are more than a batch
SO_RCVBUFFORCE = 33
HANGS_BUSY = 12
keeper_test.CONF = keeper_test.CONF.replace('command = [ {command} ];',
                                            'resolver = "{dir}/resolver.conf";')
RESOLVER = '''
pop = "lab"; node = "one"; run_dir = "{dir}/engines"; listen = [ {listen} ]; engines = {engines};
allow = [ "127.0.0.0/8" ]; health_name = "health.anypop.test.";
worker = {{ user = "{worker}"; l1_mib = 1; l2_mib = {l2}; old_ms = 60000; }};
engine = {{ user = "{engine}"; root_hints = ""; trust_anchor = ""; }};
snapshot = {{ file = "{snapshot}"; every_s = {every}; }};
'''
# A `hold` that says "done" of a scoreboard that is none.
LIAR = '''#!/usr/bin/python3
import os, socket, subprocess, sys
names = os.environ.pop('LISTEN_FDNAMES', '').split(':')
if 'hold' in sys.argv and 'reply' in names:
    done = subprocess.run(['{real}', *sys.argv[1:]], capture_output=True, check=True).stdout.splitlines()[-1]
    reply = socket.socket(fileno=3 + names.index('reply'))
    socket.send_fds(reply, [b'score.w0'.ljust(32, b'\\0')], [os.open('/dev/null', os.O_RDONLY)])
    reply.send(b'done'.ljust(32, b'\\0') + done + b'\\0')
    sys.exit(0)
os.environ['LISTEN_FDNAMES'] = ':'.join(names)
os.execv('{real}', ['{real}', *sys.argv[1:]])
'''
# In the place of a resolver that is not as this test's: what it does with one verb, else the real one.
STAND_IN = '''#!/bin/sh
case "$* " in *" {verb} "*) {does} ;; esac
exec {real} "$@"
'''


class Keeper(keeper_test.Keeper):
    def __init__(self, **conf):
        subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
        super().__init__(**conf)
        shutil.copy(BINDIR + '/resolver', self.dir + '/bin/resolver')
        self.resolver()

    def resolver(self, listen=(ADDRESS,), engines=1, l2=1, worker='', engine='', snapshot='', every=0):
        with open(self.dir + '/resolver.conf', 'w', encoding='ascii') as f:
            f.write(RESOLVER.format(dir=self.dir, listen=', '.join(f'"{a}"' for a in listen),
                                    engines=engines, l2=l2, worker=worker, engine=engine,
                                    snapshot=snapshot, every=every))

    def stand_in(self, does, verb='hold', text=STAND_IN):
        os.replace(self.dir + '/bin/resolver', self.dir + '/bin/real')
        with open(self.dir + '/bin/resolver', 'w', encoding='ascii') as f:
            f.write(text.format(does=does, verb=verb, real=self.dir + '/bin/real'))
        os.chmod(self.dir + '/bin/resolver', 0o755)

    def start_again(self):
        """Without the descriptors that it told us to keep."""
        self.said('')
        return self.start()

    def reload(self, brain):
        """The brain after it; its roster."""
        os.kill(self.pid, signal.SIGHUP)
        brain.bond('yield')
        brain.leave()
        brain.sock.close()
        following = self.brain()
        return following, following.hello()

    def open(self):
        """{number: what is there}, but for what comes and goes with a brain."""
        return descriptors(self.pid)

    def group(self):
        """The inodes of the UDP sockets at the service's address. Where somebody opens one between two
        reads of the file, its last row comes twice."""
        with open('/proc/net/udp', encoding='ascii') as f:
            rows = [line.split() for line in f][1:]
        return sorted({int(r[9]) for r in rows if r[1] == '3500007F:0035'})


def node(k, slots=(0, 1), lease=0):
    """A brain that holds its lease, and workers that are there. The lease says of nobody that he is
    ready: of our own workers the keeper sees it by itself."""
    b = k.brain()
    b.hello()
    pids = [b.start(s) for s in slots]
    b.lease(lease)
    # Once datagrams are steered nobody's socket is asked for nothing.
    eventually('answers to all', all_answered)
    return b, pids


def client():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(keeper_test.PATIENCE)
    s.connect((ADDRESS, 53))
    return s


QUERY = dns.query('health.anypop.test.')


def answers():
    with client() as s:
        s.settimeout(0.5)
        try:
            s.send(QUERY)
            return s.recv(4096)
        except OSError:
            return None


def all_answered(n=20):
    """Of a socket that nobody reads one of these would hear, sooner or later."""
    return all(answers() for _ in range(n))


def served():
    """By whoever it is, for as long as it takes him: nothing that is sent gets lost."""
    with client() as s:
        s.send(QUERY)
        return s.recv(4096)


def heard_of(slots):
    """Waits for an answer of each of these workers."""
    seen, question = set(), dns.query('id.server.', dns.TXT, dns.CH)
    with client() as s:
        def ask():
            s.send(question)
            answer = s.recv(4096)
            seen.update(w for w in slots if b'lab/one/%d' % w in answer)
            return len(seen) == len(slots)
        eventually(f'an answer of each of {slots}', ask)


# ---- cases: each takes a factory for keepers


def reloads_leave_no_descriptor_behind(make):
    k = make().start()
    b, pids = node(k)
    b, _ = k.reload(b)
    before, group = k.open(), k.group()
    for _ in range(RELOADS):
        b, roster = k.reload(b)
    expect({s: m['pid'] for s, m in roster.items()} == dict(enumerate(pids)), 'the same workers')
    expect(k.group() == group, 'the same sockets')
    eventually(f'as many descriptors as before: {sorted(before.values())}, not {sorted(k.open().values())}',
               lambda: len(k.open()) == len(before))


def reload_loses_no_datagram_in_a_queue(make):
    k = make().start()
    b, pids = node(k)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    with client() as s:
        for qid in range(40):
            s.send(qid.to_bytes(2, 'big') + QUERY[2:])
        b, _ = k.reload(b)
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        got = {int.from_bytes(s.recv(4096)[:2], 'big') for _ in range(40)}
    expect(got == set(range(40)), f'an answer to each: {sorted(got)}')


def reflex_sees_our_own_workers_without_a_brain(make):
    k = make().start()
    b, pids = node(k)
    make_gate(3, True)
    os.kill(b.pid, signal.SIGKILL)
    k.brain()  # comes, and never says HELLO: nobody is in charge
    os.kill(pids[0], signal.SIGSTOP)
    eventually('the one that is stopped to get no more queries', lambda: all_answered(8))
    expect(gate_up(3), 'the gate to stay while one worker is there')
    os.kill(pids[1], signal.SIGKILL)
    eventually('the gate to be down, of one dead and one stopped', lambda: not gate_up(3))


def reflex_leaves_the_gates_while_one_is_alive(make):
    k = make(dead_man='silent').start()
    b, pids = node(k)
    make_gate(3, True)
    os.kill(pids[0], signal.SIGKILL)
    b.bond('exited')
    b, _ = k.reload(b)  # no death of a brain, and no reason for the keeper to act
    expect(gate_up(3), 'the gate to stay over a reload')
    os.kill(b.pid, signal.SIGKILL)
    eventually('dead_man = silent to be kept, workers or not', lambda: not gate_up(3))
    expect(alive(pids[1]), 'the worker to be left alone')


def slots_come_and_go_by_reloads(make):
    k = make().start()
    b, pids = node(k)
    group = k.group()
    expect(len(group) == 3, f'sockets of two workers and a spare: {group}')
    k.write_conf(count=4)
    b, roster = k.reload(b)
    expect({s: m['pid'] for s, m in roster.items()} == dict(enumerate(pids)), 'the same workers')
    expect(len(k.group()) == 5 and set(group) < set(k.group()), 'two sockets more')
    pids += [b.start(2), b.start(3), b.start(4)]
    eventually('answers', answers)
    os.kill(pids[0], signal.SIGKILL)
    b.bond('exited')
    group = k.group()
    k.write_conf(count=1)
    b, roster = k.reload(b)
    expect({s: m['pid'] for s, m in roster.items()} == {1: pids[1]}, 'the one that is still configured')
    eventually('the end of those beyond', lambda: not any(alive(p) for p in pids[2:]))
    expect(k.group() == group, f'all sockets kept, in use or not: {group}, then {k.group()}')
    for _ in range(20):
        served()  # nothing is sent to those that nobody reads


def engines_come_and_go_by_reloads(make):
    k = make().start()
    b, pids = node(k, slots=(0, ENGINE_SLOT))
    k.resolver(engines=3, l2=2)
    b, roster = k.reload(b)
    expect(roster.keys() == {0, ENGINE_SLOT}, 'the same')
    more = [b.start(ENGINE_SLOT + 1), b.start(ENGINE_SLOT + 2)]
    k.resolver(engines=1, l2=1)
    b, roster = k.reload(b)
    expect(roster.keys() == {0, ENGINE_SLOT}, 'the same')
    eventually('the end of those beyond', lambda: not any(alive(p) for p in more))
    expect(all(alive(p) for p in pids) and served(), 'the others untouched')


def an_address_comes_with_the_next_workers(make):
    k = make().start()
    b, pids = node(k, slots=(0,))
    group = k.group()
    k.resolver(listen=('127.0.0.54', ADDRESS))
    b, _ = k.reload(b)
    expect(k.group() == group and served(), 'the old address served on')
    b.send(type='stop', slot=0, pid=pids[0], status=15)
    b.bond('exited')
    b.start(0)
    eventually('the old address', answers)
    with client() as s:
        s.connect(('127.0.0.54', 53))
        s.send(QUERY)
        s.recv(4096)
    expect(k.group() == group, 'on its old sockets')


def what_cannot_be_held_is_said_and_then_forgotten(make):
    k = make().start()
    b, pids = node(k)
    group = k.group()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(('127.0.0.54', 53))
        k.resolver(listen=(ADDRESS, '127.0.0.54'))
        b, roster = k.reload(b)
        note = b.bond('note')['text']
        expect('not in force' in note and '127.0.0.54' in note, f'it to be said: {note}')
        expect(len(roster) == 2 and k.group() == group and served(), 'everything to go on')
        os.kill(pids[0], signal.SIGKILL)
        b.bond('exited')
        pids[0] = b.start(0)
    b, roster = k.reload(b)
    expect(len(roster) == 2 and served(), 'everything to go on')
    b.lease(0)
    expect(not any(m.get('bond', {}).get('type') == 'note' for m in b.lines.seen), 'no note any more')


def a_set_that_cannot_be_used_changes_nothing(make):
    k = make().start()
    b, pids = node(k)
    group = k.group()
    k.stand_in('', text=LIAR)
    b, roster = k.reload(b)
    expect({s: m['pid'] for s, m in roster.items()} == dict(enumerate(pids)), f'the same workers: {roster}')
    note = b.bond('note')['text']
    expect('not in force' in note, f'it to be said: {note}')
    before = k.open()
    os.kill(pids[0], signal.SIGKILL)
    b.bond('exited')
    b.start(0)
    eventually('answers', lambda: k.group() == group and all(answers() for _ in range(20)))
    b, roster = k.reload(b)
    expect(len(roster) == 2, 'everything to go on')
    eventually('as many descriptors as before', lambda: len(k.open()) == len(before))


def an_upgrade_to_another_scoreboard_goes_on_by_the_brains_word(make):
    k = make().start()
    b, pids = node(k)
    make_gate(3, True)
    k.stand_in('export LISTEN_FDNAMES=$(echo "$LISTEN_FDNAMES" | sed s/score/other/g)')
    b, roster = k.reload(b)
    expect(all(m['ready'] for m in roster.values()), f'nobody lost by it: {roster}')
    b.lease(2)
    eventually('the one of whom the brain says that it is ready to answer for both',
               lambda: all_answered(8))
    os.kill(pids[0], signal.SIGKILL)
    b.bond('exited')
    pids[0] = b.start(0)
    b.lease(2)  # the new one is seen by the keeper itself
    heard_of((0, 1))
    os.kill(b.pid, signal.SIGKILL)
    k.brain()  # never says HELLO
    os.kill(pids[1], signal.SIGKILL)
    expect(gate_up(3), 'the gate to stay for the one that is there')
    os.kill(pids[0], signal.SIGKILL)
    eventually('the gate to be down', lambda: not gate_up(3))


def a_heart_that_beat_in_the_future_beats_no_more(make):
    k = make().start()
    _, pids = node(k)
    os.kill(pids[0], signal.SIGSTOP)
    board = next(f'/proc/{pids[0]}/fd/{n}' for n, what in descriptors(pids[0]).items()
                 if 'scoreboard' in what)
    with open(board, 'r+b', buffering=0) as f:
        f.seek(64)
        f.write((1 << 62).to_bytes(8, 'little'))
    eventually('the other to get all', lambda: all_answered(32))


def a_keeper_after_a_killed_one_finds_the_addresses_free(make):
    """Without a store their sockets die with the workers, which takes a moment."""
    k = make().start()
    for _ in range(4):
        b, pids = node(k)
        k.said('')  # takes what was meant for the store, which else would keep the sockets
        os.kill(pids[0], signal.SIGSTOP)
        k.process.kill()
        k.process.wait()
        k.start()
    b, pids = node(k)
    os.kill(k.pid, signal.SIGTERM)
    b.bond('shutdown')


def a_handover_that_is_refused_frees_the_addresses_first(make):
    k = make().start()
    b, pids = node(k)
    k.said('')  # as above
    # The release to come knows another handover: its first line says so.
    os.replace(k.dir + '/bin/healthd', k.dir + '/bin/real')
    with open(k.dir + '/bin/healthd', 'w', encoding='ascii') as f:
        f.write(f'#!/bin/sh\n[ "$1" = -t ] || export ANYPOP_HANDOVER="0,${{ANYPOP_HANDOVER#*,}}"\n'
                f'exec {k.dir}/bin/real "$@"\n')
    os.chmod(k.dir + '/bin/healthd', 0o755)
    _, roster = k.reload(b)
    expect(roster == {} and not any(alive(p) for p in pids), f'a clean start: {roster}')


def shared(pid):
    """{name of a shared memory: may the process write it by the descriptor}"""
    memory = {}
    for n, name in descriptors(pid).items():
        if 'memfd:' in name:
            with open(f'/proc/{pid}/fdinfo/{n}', encoding='ascii') as f:
                flags = next(int(row.split()[1], 8) for row in f if row.startswith('flags'))
            memory.setdefault(name.split(':')[1].split()[0], set()).add(flags & os.O_ACCMODE != os.O_RDONLY)
    return memory


def status(pid):
    with open(f'/proc/{pid}/status', encoding='ascii') as f:
        return {row.split(':')[0]: row.split()[1:] for row in f}


def own_processes_have_no_rights_and_write_what_is_theirs(make):
    k = make()
    k.resolver(worker='nobody', engine='daemon')
    k.start()
    b, pids = node(k, slots=(0, ENGINE_SLOT))
    for pid, user in zip(pids, ('nobody', 'daemon')):
        eventually('its user', lambda: status(pid)['Uid'] == [str(pwd.getpwnam(user).pw_uid)] * 4)
        eventually('its cage', lambda: status(pid)['Seccomp'] == ['2'])
        got = status(pid)
        expect(got['NoNewPrivs'] == ['1'], f'no new privileges for {user}')
        for which in ('CapEff', 'CapPrm', 'CapInh', 'CapAmb'):
            expect(int(got[which][0], 16) == 0, f'{which} of {user}: {got[which]}')
        with open(f'/proc/{pid}/environ', encoding='ascii') as f:
            expect('ANYPOP_HANDOVER' not in f.read(), 'nothing of the keeper in its environment')
    writes = shared(pids[0])
    expect(not any(True in w for n, w in writes.items() if n != 'anypop-scoreboard'),
           f'a worker to write its scoreboard alone: {writes}')
    memory = [f'/proc/{p}/fd/{n}' for p in pids for n, what in descriptors(p).items()
              if 'memfd:' in what]
    expect(memory and all(os.stat(m).st_mode & 0o7777 == 0o600 and os.stat(m).st_uid == 0
                          for m in memory), 'shared memory that only root can reopen')
    expect('anypop-board' not in shared(pids[1]), 'no board for an engine')


def one_client_is_spread_over_all_workers(make):
    """By address and port the kernel would send all of it to one."""
    k = make(count=3).start()
    node(k, slots=(0, 1, 2))
    heard_of((0, 1, 2))


class Steady:
    """One client that asks all along, and who has not been answered yet."""

    def __init__(self):
        self.socket, self.waiting, self.count = client(), set(), 0
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)  # it may be slower than they

    def ask(self, n):
        for _ in range(n):
            self.count = self.count + 1 & 0xffff
            self.waiting.add(self.count)
            self.socket.send(dns.query('health.anypop.test.', qid=self.count))
            self.read()

    def read(self):
        try:
            while True:
                self.waiting.discard(int.from_bytes(self.socket.recv(4096)[:2], 'big'))
        except BlockingIOError:
            pass

    def answered(self, but=0):
        """All have been, but so many at most."""
        self.read()
        return len(self.waiting) <= but


def stopped(pid):
    os.kill(pid, signal.SIGSTOP)
    eventually('it to stand still', lambda: status(pid)['State'][0] == 'T')


def one_that_hangs_is_steered_around_and_its_queue_is_read(make):
    """Of three. It holds the batch that it has read, if it has, and nothing else: what is in its queue, a
    third of what is asked until it is steered around, is more than that."""
    k = make(count=3).start()
    _, pids = node(k, slots=(0, 1, 2))
    steady = Steady()
    with steady.socket:
        for pid in pids:  # as it sleeps
            stopped(pid)
            steady.ask(AT_ONCE)
            eventually('answers to all, without it', steady.answered)
            steady.ask(AT_ONCE)
            eventually('answers to all, around it', steady.answered)
            os.kill(pid, signal.SIGCONT)
            all_back(pids)
        for i in range(HANGS_BUSY):  # as it works
            pid = pids[i % len(pids)]
            steady.ask(AT_ONCE + i)
            os.kill(pid, signal.SIGSTOP)
            steady.ask(AT_ONCE)
            eventually('answers to all but a batch', lambda: steady.answered(BATCH))
            os.kill(pid, signal.SIGCONT)
            eventually('what it had in hand to come, late', steady.answered)
            all_back(pids)


def all_back(pids):
    heard_of(range(len(pids)))


def few_descriptors_by_habit_are_enough(make):
    """A parent's soft limit is for programs that use select(); all that is held twice is more."""
    k = make(count=15)
    k.resolver(listen=[f'127.0.0.{53 + i}' for i in range(8)])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
    try:
        k.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    b, _ = node(k)
    b, roster = k.reload(b)
    expect(len(roster) == 2 and served(), 'a reload with twice as many')


def reload_beside(k, brain, does):
    """A reload whose `resolver hold` does that first; its process."""
    if not os.path.exists(k.dir + '/bin/real'):
        k.stand_in(does)
    os.kill(k.pid, signal.SIGHUP)
    brain.bond('yield')
    brain.leave()
    brain.sock.close()
    return eventually('it to run', lambda: next(
        (pid for name, pid in children_of(k.pid).items() if name in ('sleep', 'sh')), None))


HANGS = 'exec sleep 1000'


def waits_for(path):
    return f'while [ ! -e {path} ]; do sleep 0.05; done'


def touch(path):
    with open(path, 'w', encoding='ascii'):
        pass


def reflex_acts_while_hold_hangs(make):
    k = make().start()
    b, pids = node(k)
    make_gate(3, True)
    hanging = reload_beside(k, b, HANGS)
    os.kill(pids[0], signal.SIGKILL)
    eventually('one death to cost no query', lambda: all(answers() for _ in range(20)))
    expect(gate_up(3) and alive(pids[1]), 'the gate to stay for the one that is there')
    os.kill(pids[1], signal.SIGKILL)
    eventually('the gate to be down', lambda: not gate_up(3))
    expect(alive(hanging), 'all that while it hangs')


def a_brain_does_not_wait_for_a_hold_that_hangs(make):
    k = make(dead_man='silent').start()
    b, pids = node(k)
    make_gate(3, True)
    hanging = reload_beside(k, b, HANGS)
    b = k.brain()
    roster = b.hello()
    expect({s: m['pid'] for s, m in roster.items()} == dict(enumerate(pids)), f'the same workers: {roster}')
    expect(gate_up(3) and answers(), 'all to go on')
    os.kill(pids[0], signal.SIGKILL)
    b.bond('exited')
    pids[0] = b.start(0)
    os.kill(pids[1], signal.SIGKILL)
    eventually('answers of the new one', lambda: all(answers() for _ in range(20)))
    os.kill(b.pid, signal.SIGKILL)
    eventually('dead_man = silent to be kept', lambda: not gate_up(3))
    expect(alive(hanging), 'all that while it hangs')
    b = k.brain()
    b.hello()
    note = b.bond('note')['text']
    expect('has not ended' in note, f'it to be said: {note}')
    eventually('it to be gone', lambda: hanging not in keeper_test.children(k.pid))
    expect(alive(b.pid) and alive(pids[0]) and answers(), 'nobody else to be touched')


def a_slow_hold_is_taken_over_without_a_death(make):
    k = make(dead_man='silent').start()
    b, pids = node(k)
    make_gate(3, True)
    go = k.dir + '/go'
    k.resolver(engines=2, l2=2)
    k.write_conf(count=3)
    reload_beside(k, b, waits_for(go))
    b = k.brain()
    b.hello()
    b.send(type='start', slot=3)
    b.send(type='start', slot=ENGINE_SLOT + 1)
    refused = b.bond('failed')
    expect(refused['slot'] == ENGINE_SLOT + 1 and refused['status'] == errno.EINVAL,
           f'one engine as before, and a worker that waits for its sockets: {refused}')
    touch(go)
    b.bond('yield')  # what it has to know is not what it was started with
    b.leave()
    b = k.brain()
    roster = b.hello()
    expect({s: m['pid'] for s, m in roster.items()} == dict(enumerate(pids)), f'the same workers: {roster}')
    b.start(ENGINE_SLOT + 1)
    b.start(3)
    expect(len(k.group()) == 4 and gate_up(3) and answers(), 'no death, and nothing lost by it')
    os.unlink(go)
    holder = reload_beside(k, b, waits_for(go))
    b = k.brain()
    b.hello()
    touch(go)
    eventually('its end', lambda: holder not in keeper_test.children(k.pid))
    os.kill(pids[0], signal.SIGKILL)
    b.bond('exited')
    expect(not any(m.get('bond', {}).get('type') == 'yield' for m in b.lines.seen),
           'no other brain, where nothing is new')


def sigterm_ends_a_hold_that_hangs(make):
    for slow in (False, True):
        k = make().start()
        b, pids = node(k)
        make_gate(3, True)
        hanging = reload_beside(k, b, HANGS)
        if slow:
            b = k.brain()
            b.hello()
        os.kill(k.pid, signal.SIGTERM)
        if slow:
            b.bond('shutdown')
            expect(all(alive(p) for p in pids) and gate_up(3), 'workers and gate to last through the drain')
            b.send(type='drained')
            b.bond('yield')
            b.leave()
        expect(k.process.wait(5) == 0, 'a clean end')
        eventually('all to be gone', lambda: not any(alive(p) for p in pids + [hanging]))
        expect(keeper_test.gate_flags(3) is None, 'the gate too')
        expect(os.path.exists(k.dir + '/run/clean'), 'the mark of a clean end')
        k.said('')  # takes what was meant for the store, which else would keep the sockets


def a_reload_that_is_asked_for_while_hold_runs_follows_it(make):
    k = make().start()
    b, pids = node(k)
    go = k.dir + '/go'
    reload_beside(k, b, waits_for(go))
    b = k.brain()
    b.hello()
    k.write_conf(count=3)
    os.kill(k.pid, signal.SIGHUP)
    eventually('it to wait', lambda: 'when `resolver hold` has ended' in k.text())
    b.send(type='start', slot=3)
    expect(b.bond('failed')['status'] == errno.EINVAL, 'slots as before')
    touch(go)
    b.bond('yield')
    b.leave()
    b = k.brain()
    expect({s: m['pid'] for s, m in b.hello().items()} == dict(enumerate(pids)), 'the same workers')
    b.start(3)
    expect(len(k.group()) == 4 and answers(), 'its sockets')


def the_cache_is_written_from_time_to_time_and_at_the_end(make):
    k = make()
    path = k.dir + '/cache'
    k.resolver(snapshot=path, every=1, l2=2)
    k.start()
    b, _ = node(k)
    eventually('the first', lambda: os.path.exists(path))
    first = os.stat(path).st_ino
    one = told(b, lambda s: s['written'] > 0, every=1)
    expect(one['entries'] == 0 < one['bytes'] == os.path.getsize(path), f'what is in the file: {one}')
    eventually('the next', lambda: os.stat(path).st_ino != first)
    two = told(b, lambda s: s['written'] == one['written'] + 1, every=1)
    expect(two['written_at'] > one['written_at'] + 500000, f'when: {one}, {two}')
    k.resolver(snapshot=path, every=0, l2=2)
    b, _ = k.reload(b)
    kept = told(b, lambda s: True, every=0)
    expect(kept['written'] >= two['written'] and kept['written_at'] >= two['written_at'] and
           kept['failed'] == 0, f'kept over a reload: {kept}')
    eventually('the last of these to be done', lambda: 'snapshot' not in children_of(k.pid))
    os.unlink(path)
    b.lease(0)
    expect(served() and not os.path.exists(path), 'none while it runs')
    keeper_test.stop(k, b)
    expect(os.path.exists(path), 'one at the end')
    k.start_again()
    b, _ = node(k)
    eventually('it to be taken over', lambda: f'{path}, ' in k.text() and 'taken over' in k.text())
    k.resolver(every=1)
    b, _ = k.reload(b)
    os.unlink(path)
    keeper_test.stop(k, b)
    expect(not os.path.exists(path), 'none, where none is configured')


def told(brain, what, every):
    """What a brain is told of snapshots, once it is as wanted."""
    m = brain.lines.take('word of snapshots', lambda m: m.get('bond', {}).get('type') == 'snapshot'
                         and what(m['bond']['snapshots']))['bond']
    expect(m['status'] == every, f'how often they are due: {m}')
    return m['snapshots']


def a_snapshot_that_fails_is_counted(make):
    k = make()
    k.resolver(snapshot=k.dir + '/cache', every=1)
    k.stand_in(f'test -e {k.dir}/well || exit 1', 'snapshot')
    k.start()
    b, _ = node(k)
    one = told(b, lambda s: s['failed'] > 0, every=1)
    expect(one['written'] == one['written_at'] == 0, f'nothing else: {one}')
    b, _ = k.reload(b)
    told(b, lambda s: s['failed'] > one['failed'], every=1)
    with open(k.dir + '/well', 'w', encoding='ascii'):
        pass
    well = told(b, lambda s: s['written'] == 1, every=1)
    expect(well['bytes'] > 0, f'one that is written after those: {well}')


def a_snapshot_of_before_a_reload_is_counted_after_it(make):
    """How much was in it was said to the keeper before."""
    k = make()
    k.resolver(snapshot=k.dir + '/cache', every=1)
    k.stand_in(f'while ! test -e {k.dir}/go; do sleep 0.1; done', 'snapshot')
    k.start()
    b, _ = node(k)
    eventually('it to be begun', lambda: 'snapshot' in children_of(k.pid))
    b, _ = k.reload(b)
    with open(k.dir + '/go', 'w', encoding='ascii'):
        pass
    first = told(b, lambda s: s['written'] == 1, every=1)
    expect(first['entries'] == first['bytes'] == -1 and first['failed'] == 0, f'its size not known: {first}')
    second = told(b, lambda s: s['written'] == 2, every=1)
    expect(second['bytes'] > 0, f'the next one is known: {second}')


def a_snapshot_that_hangs_delays_nobody_for_long(make):
    k = make()
    k.resolver(snapshot=k.dir + '/cache', every=1)
    k.stand_in('exec sleep 1000', 'snapshot')
    k.start()
    b, pids = node(k)
    eventually('it to hang', lambda: 'sleep' in children_of(k.pid))
    hanging = children_of(k.pid)['sleep']
    b, _ = k.reload(b)
    os.kill(pids[1], signal.SIGKILL)
    b.bond('exited')
    expect(children_of(k.pid).get('sleep') == hanging and served(), 'all to go on, over a reload too')
    begun = time.monotonic()
    os.kill(k.pid, signal.SIGTERM)
    b.bond('shutdown')
    b.send(type='drained')
    b.bond('yield')
    b.leave()
    eventually('the workers to be gone at once', lambda: not alive(pids[0]))
    expect(k.process.wait(40) == 0, 'a clean end, which does not wait for ever')
    took = time.monotonic() - begun
    expect(took > 10, f'an end that waits for it: {took:.1f} s')
    expect(not alive(hanging), 'it to be gone')
    k.start_again()
    b, _ = node(k)
    eventually('it to hang', lambda: 'sleep' in children_of(k.pid))
    os.kill(k.pid, signal.SIGTERM)
    b.bond('shutdown')
    b.send(type='drained')
    b.bond('yield')
    b.leave()
    os.kill(k.pid, signal.SIGTERM)
    expect(k.wait() == 0, 'no wait for it when told twice')


def a_snapshot_of_before_a_reload_delays_nobody_for_long(make):
    k = make()
    k.resolver(snapshot=k.dir + '/cache', every=1)
    k.stand_in('exec sleep 1000', 'snapshot')
    k.start()
    b, _ = node(k)
    eventually('it to hang', lambda: 'sleep' in children_of(k.pid))
    k.resolver()
    b, _ = k.reload(b)
    os.kill(k.pid, signal.SIGTERM)
    b.bond('shutdown')
    b.send(type='drained')
    b.bond('yield')
    b.leave()
    expect(k.process.wait(30) == 0, 'an end, though it hangs and nobody wants it any more')


def children_of(pid):
    """{name: pid}"""
    names = {}
    for child in keeper_test.children(pid):
        try:
            with open(f'/proc/{child}/cmdline', encoding='ascii') as f:
                words = f.read().split('\0')
            names['snapshot' if 'snapshot' in words else os.path.basename(words[0])] = child
        except (FileNotFoundError, ProcessLookupError):
            pass
    return names


def main():
    keeper_test.Keeper = Keeper
    keeper_test.CASES = [v for v in globals().values() if callable(v) and getattr(
        v, '__code__', None) and v.__code__.co_varnames[:v.__code__.co_argcount] == ('make',)]
    keeper_test.main()


if __name__ == '__main__':
    main()
