"""The lab as the bench raises it, and what every measure needs: a clock, a rested lab, the moment at
which the transit's kernel route moved, and what the client saw meanwhile.

The topology is the lab's with a node more (`exa`), the configuration is the lab's with Unbound as
workers, as the peer has it, and with other waits: checks, windows and the supervisor's first waits,
which make the figures, stay as they are; holds and the flap budget, which bound how soon a node
climbs back, are shortened so that a run takes seconds.
"""

import contextlib
import os
import random
import re
import socket
import subprocess
import time

import clab
import client
import monitor
import nodes
import raise_lab
import story
import talk
import watch

BENCH = os.path.dirname(os.path.abspath(__file__))
OUT = f'{nodes.REPOSITORY}/build/bench'
INSIDE = '/srv/anypop/tests/bench'
RATE = 1000
BFD_MS = 50
STABLE_S = 2.5  # a worker that has run so long is no new one any more
PATIENCE = 20  # seconds for an end to come
SHORTER = {'fall_hold_ms': 300, 'latch_ms': 300, 'hold_ms': 100, 'hold_cap_ms': 100, 'relapse_ms': 0,
           'heal_ms': 100, 'preflight_warm_ms': 300, 'emergency_min_ms': 50, 'emergency_max_ms': 50,
           'emergency_relapse_ms': 0, 'quarantine_ms': 500, 'half_life_ms': 1000}
FORGETFUL = ('id_tcp', 'worker_answers', 'recursion', 'validation')  # each second: forgive = 3, not 10
SERVICE_LINK = '''
	{ name = "service_link"; kind = "link"; interfaces = ["svc0"]; vital = true; weight = 0; },
'''


def now_us():
    return client.now_us()


def _replaced(text, what, by):
    if text.count(what) != 1:
        raise nodes.LabError(f'the bench changes {what!r} in a file of the lab, and finds it '
                             f'{text.count(what)} times')
    return text.replace(what, by)


def topology():
    """The bench's topology file, made from the lab's."""
    with open(f'{nodes.LAB}/topology.clab.yml', encoding='utf-8') as f:
        text = f.read()
    start = '        - /srv/anypop/lab/node/start\n'
    for pop in clab.Topology(nodes.LABS['pops']).pops():
        head = f'    {pop}:\n      kind: linux\n      exec:\n'
        text = _replaced(text, head, f'{head}        - {INSIDE}/node/service-link\n')
    head, tail = text.split('    edge3:\n', 1)
    net = '        - /srv/anypop/lab/node/net exa 10.0.5.1/30 fd00:0:0:5::1/64\n'
    head = _replaced(head, start, f'{net}{start}        - {INSIDE}/node/transit\n')
    node = ('    exa:\n      kind: linux\n      exec:\n'
            '        - /srv/anypop/lab/node/net eth1 10.0.5.2/30 fd00:0:0:5::2/64\n'
            f'        - {INSIDE}/node/exa\n')
    text = f'{head}{node}    edge3:\n{tail}    - endpoints: ["exa:eth1", "transit:exa"]\n'
    path = f'{OUT}/topology.clab.yml'
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)
    return path


def one_pop():
    """The topology file with pop1 alone, made from the lab's: less else runs on the same cores."""
    with open(f'{nodes.LAB}/topology.clab.yml', encoding='utf-8') as f:
        text = f.read()
    for away in ('pop2', 'pop3', 'edge3'):
        text = re.sub(rf'    {away}:\n(?: {{6,}}.*\n)+', '', text)
        text = re.sub(rf'.*(?:/net {away} |"{away}:).*\n', '', text)
    text = _replaced(text, '    pop1:\n      kind: linux\n      exec:\n', '    pop1:\n      kind: linux\n'
                     f'      exec:\n        - {INSIDE}/node/service-link\n')
    path = f'{OUT}/one-pop.clab.yml'
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)
    return path


def configuration(workers, unbound=True):
    """healthd.conf of the bench, made from the lab's: with Unbound as workers, or our own resolver."""
    with open(f'{nodes.REPOSITORY}/etc/lab-fast.conf', encoding='utf-8') as f:
        text = f.read()
    if unbound:
        text = raise_lab.by_unbound(text)
    for key, value in SHORTER.items():
        text, found = re.subn(rf'\b{key} = \d+;', f'{key} = {value};', text)
        if found != 1:
            raise nodes.LabError(f'etc/lab-fast.conf sets {key} {found} times')
    text = _replaced(text, 'count = 2;', f'count = {workers};')
    text = _replaced(text, '\n\t# What may fail at every site', f'{SERVICE_LINK}\n'
                     '\t# What may fail at every site')
    for name in FORGETFUL:
        text = _replaced(text, f'name = "{name}"; ', f'name = "{name}"; forgive = 3; ')
    path = f'{OUT}/healthd-{workers}{"" if unbound else "-ours"}.conf'
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)
    return path


class Trigger:
    """A fault that waits inside a node for its word."""

    def __init__(self, node, *words):
        self.process = subprocess.Popen(
            node.command('python3', f'{INSIDE}/trigger.py', *words), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=nodes.ENVIRONMENT)
        if self.process.stdout.readline().strip() != 'ready':
            raise nodes.LabError(f'{node.name}: trigger {words}: did not start')

    def pull(self, wait=True):
        """Does it, and returns when it began."""
        self.process.stdin.write('\n')
        self.process.stdin.flush()
        t0 = int(self.process.stdout.readline())
        if not wait:
            return t0
        if self.process.wait(10):
            raise nodes.LabError(f'trigger: exit {self.process.returncode}')
        return t0

    def answered(self):
        """Of "ask": when the first answer came."""
        return int(self.process.stdout.readline())


class Bench:
    """A raised lab, its watchers, and the verbs of the faults."""

    def __init__(self, live, lives, say):
        self.lab = story.Lab(live, say)
        self.nodes = live
        self.lives = lives
        self.say = say
        self.random = random.Random(1)

    def close(self):
        self.lab.close()

    def account(self):
        """What every node thought, into a file, for whoever reads a failure."""
        with open(f'{OUT}/failure.log', 'w', encoding='utf-8') as f, \
                contextlib.suppress(Exception):  # the cause matters more than its account
            self.lab.out = lambda text: print(text, file=f)
            self.lab.dump()
        self.lab.out = self.say
        self.say(f'what the nodes thought is in {os.path.relpath(OUT)}/failure.log')

    # ---- the machine's own ids -------------------------------------------------------------

    def outer(self, pop, pids):
        """Ids on the machine of processes inside a PoP."""
        found = watch.inside(self.nodes[pop])
        return [found[pid] for pid in pids]

    def alive(self, pids):
        """Those ids on the machine that are processes still, not yet ended."""
        return [pid for pid in pids if watch.running(pid)]

    def signal(self, pids, number):
        """To processes by their ids on the machine; when the first was sent."""
        t0 = now_us()
        for pid in pids:
            os.kill(pid, number)
        return t0

    def wall_to_us(self, wall_us):
        return wall_us - (time.time_ns() // 1000 - now_us())

    def happened(self, pop, since_us, name, **fields):
        """Events of a node since then with these fields: (time, fields)."""
        wall = since_us + (time.time_ns() // 1000 - now_us())
        found = []
        for event in self.lab.events(pop, wall):
            f = story._fields(event['line'])
            if event['name'] == name and all(f.get(k) == str(v) for k, v in fields.items()):
                found.append((self.wall_to_us(event['wall_us']), f))
        return found

    # ---- waiting ---------------------------------------------------------------------------

    def wait(self, what, condition, within=PATIENCE):
        return nodes.wait_for(condition, within, what)

    def unrested(self, pop):
        why = self.lab.unwell(pop)
        if why:
            return why
        told = self.lab.ask(pop, 'workers')
        if told['failed_starts'] or any(
                w['failed_starts'] or (w['pid'] and w['up_s'] < STABLE_S)
                for w in told['workers'] + told['engines']):
            return 'a start not forgotten'
        for check in self.lab.ask(pop, 'checks')['checks']:
            if any(target['fails'] for target in check['targets']):
                return f'failures of {check["name"]} not forgotten'
        return ''

    def rest(self, home='pop1', pops=None, families=story.FAMILIES):
        """Until all these PoPs are well, have forgotten their faults, and transit prefers `home`: no
        run inherits from the one before."""
        def why():
            for pop in pops or self.lab.pops:
                ill = self.unrested(pop)
                if ill:
                    return f'{pop}: {ill}'
            for family in families:
                if self.route(family) != home:
                    return f'{family} route at {self.route(family)}'
            return ''
        until = time.monotonic() + 60
        while True:
            try:
                ill = why()
            except talk.TalkError as e:
                ill = str(e)
            if not ill:
                break
            if time.monotonic() > until:
                raise nodes.LabError(f'the lab does not come to rest: {ill}')
            time.sleep(0.1)
        # Faults come at any phase of the probes.
        time.sleep(self.random.uniform(0, 0.2))

    def route(self, family):
        """Where the transit's kernel sends the prefix, by its monitor: asking it costs no process."""
        at = None
        with open(self.lab.routes_log, encoding='ascii') as f:
            for line in f:
                _, event, of, device = line.split()
                if of == family:
                    at = None if event == 'del' else device
        return at

    def moved(self, t0, to, families=story.FAMILIES, within=PATIENCE):
        """When the kernel's routes at transit had all moved to `to` after t0; None: not in time."""
        until = time.monotonic() + within
        while True:
            at = {}
            for change in self.lab.changes(t0):
                if change.device == to and change.event != 'del' and change.family in families:
                    at.setdefault(change.family, change.us)
            if len(at) == len(families):
                return max(at.values())
            if time.monotonic() > until:
                return None
            time.sleep(0.01)

    def stayed(self, t0):
        changes = self.lab.changes(t0)
        if changes:
            raise nodes.LabError(f'routes moved and should not have: {changes}')

    # ---- faults ----------------------------------------------------------------------------

    def unbound(self, node, slot, *commands):
        """Orders to a running Unbound by its control socket, without a process a command."""
        for command in commands:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
                s.settimeout(5)
                s.connect(self.nodes[node].path(f'/run/lab/unbound-{slot}.ctl'))
                s.sendall(f'UBCT1 {command}\n'.encode())
                answer = b''
                while data := s.recv(4096):
                    answer += data
            if not answer.startswith(b'ok'):
                raise nodes.LabError(f'{node}: unbound: {command}: {answer.decode().strip()}')

    @contextlib.contextmanager
    def health_name_doomed(self, node, slots):
        """Unbound will ask a server that refuses for the health name, once it does not know it by
        itself; until then nothing is different."""
        for slot in slots:
            self.unbound(node, slot, 'forward_add anypop.test. 10.9.2.1')
        try:
            yield
        finally:
            for slot in slots:
                self.unbound(node, slot, 'forward_remove anypop.test.')

    def health_name_fails(self, node, slots):
        """SERVFAIL on the health name, and only there; when it began."""
        t0 = now_us()
        for slot in slots:
            self.unbound(node, slot, 'local_zone_remove anypop.test.')
        return t0

    def health_name_mended(self, node, slots):
        for slot in slots:
            self.unbound(node, slot, 'local_zone anypop.test. static',
                         'local_data health.anypop.test. 60 IN A 192.0.2.1',
                         'flush_zone anypop.test.')


@contextlib.contextmanager
def raised(workers, lives, say, unbound=True, made=topology):
    """The bench's lab, taken down at the end whatever happens. `made`: makes its topology file."""
    os.makedirs(OUT, exist_ok=True)
    nodes.choose('pops')
    nodes.TOPOLOGY = made()
    raise_lab.BFD_MS = BFD_MS
    bench = None
    try:
        bench = Bench(raise_lab.up(configuration(workers, unbound), True, say), lives, say)
        yield bench
    except Exception as e:
        if bench:
            bench.account()
        if isinstance(e, (story.StoryFailed, talk.TalkError)):
            raise nodes.LabError(str(e)) from e
        raise
    finally:
        if bench:
            bench.close()
        nodes.down()
