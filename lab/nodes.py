"""Nodes of the lab: one namespace container each, by the topology file.

A node is its process 1 (lab/node/init, in mount, UTS, PID, IPC and network namespaces of its own).
Nothing has a name on the machine itself: interfaces are made inside the namespaces, so that killing
process 1 removes the node whole, and two labs on one machine do not meet. The processes are found
again by their command line, which names this lab's state directory: also after a crash that left no
notes.
"""

import os
import shlex
import signal
import subprocess
import sys
import time
import zlib

import clab

LAB = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(LAB)
BUILD = f'{REPOSITORY}/build/lab'
RUN = f'{BUILD}/run'
LABS = {'pops': f'{LAB}/topology.clab.yml', 'fleet': f'{LAB}/fleet.clab.yml'}
WHICH = f'{BUILD}/which'  # names the one of them that is, or was last, up
TOPOLOGY = None  # another file may be put here, before up()
ENVIRONMENT = {
    'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'HOME': '/root', 'LANG': 'C.UTF-8', 'TERM': os.environ.get('TERM', 'dumb'),
    **{k: v for k, v in os.environ.items() if k.endswith('SAN_OPTIONS')},
}
CGROUPS = ('/sys/fs/cgroup/memory', '/sys/fs/cgroup/cpu', '/sys/fs/cgroup')


class LabError(Exception):
    """The lab itself cannot go on; the text says why."""


def which():
    """Which lab it is: "pops" or "fleet"."""
    try:
        with open(WHICH, encoding='ascii') as f:
            return f.read().strip()
    except FileNotFoundError:
        return 'pops'


def choose(lab):
    """From now on, and for all commands, it is this one."""
    os.makedirs(BUILD, exist_ok=True)
    with open(WHICH, 'w', encoding='ascii') as f:
        f.write(f'{lab}\n')


def topology():
    return clab.Topology(TOPOLOGY or LABS[which()])


def wait_for(condition, seconds, what):
    """Polls until `condition()` is true (and returns it), or ends with a LabError."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() >= deadline:
            raise LabError(f'{what}: not within {seconds} s')
        time.sleep(0.02)


def _command_line(pid):
    try:
        with open(f'/proc/{pid}/cmdline', 'rb') as f:
            return f.read().decode(errors='replace').split('\0')
    except OSError:
        return []


def _inits():
    """{node name: pid of its process 1, seen from outside} of this lab's live nodes."""
    found = {}
    for pid in filter(str.isdigit, os.listdir('/proc')):
        words = _command_line(pid)
        # "sh .../lab/node/init NAME REPOSITORY STATE", not unshare with the same words behind.
        if len(words) >= 5 and words[1] == f'{LAB}/node/init' and words[4] == f'{RUN}/{words[2]}':
            found[words[2]] = int(pid)
    return found


class Process:
    """A process inside a node, started from outside: nsenter waits, its child is the one meant."""

    def __init__(self, nsenter):
        self.nsenter = nsenter

    def running(self):
        return self.nsenter.poll() is None

    def stop(self):
        """Ends it and waits until it is gone."""
        pid = self.nsenter.pid
        try:
            with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as f:
                for child in f.read().split():
                    os.kill(int(child), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            pass
        self.nsenter.kill()
        self.nsenter.wait()


class Node:
    """One live node."""

    def __init__(self, name, pid):
        self.name = name
        self.pid = pid
        self.state = f'{RUN}/{name}'

    def command(self, *words, interactive=False):
        """The words that run `words` inside the node."""
        return ['nsenter', '-t', str(self.pid), '-m', '-u', '-i', '-n', '-p', '--wdns=/', '--',
                *(['env', '-i'] + [f'{k}={v}' for k, v in ENVIRONMENT.items()]
                  if interactive else []), *words]

    def run(self, *words, check=True, timeout=60, stdin=None):
        """Runs a command in the node to its end; its CompletedProcess with text output."""
        done = subprocess.run(self.command(*words), stdout=subprocess.PIPE, env=ENVIRONMENT,
                              stderr=subprocess.PIPE, text=True, timeout=timeout, check=False,
                              input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL)
        if check and done.returncode:
            raise LabError(f'{self.name}: {shlex.join(words)}: exit {done.returncode}: '
                           f'{(done.stderr or done.stdout).strip()}')
        return done

    def sh(self, script, **how):
        """Runs a shell line in the node; its output."""
        return self.run('sh', '-ec', script, **how).stdout

    def start(self, *words, log):
        """Starts a process that stays, a Process. Output goes to `log` in the node's state."""
        with open(f'{self.state}/{log}', 'ab') as out:
            return Process(subprocess.Popen(self.command(*words), stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=out, env=ENVIRONMENT,
                                            start_new_session=True))

    def path(self, inside):
        """A path in the node as seen from outside; sockets can be connected to through it."""
        return f'/proc/{self.pid}/root{inside}'

    def processes(self, name):
        """Ids, as seen in the node, of its processes with that command name."""
        found = self.run('pgrep', '-x', name, check=False).stdout.split()
        return [int(pid) for pid in found]


def live():
    """{name: Node} of what is up."""
    return {name: Node(name, pid) for name, pid in _inits().items()}


def need_all():
    """The nodes, or an error that says how to get them."""
    nodes = live()
    missing = set(topology().nodes) - set(nodes)
    if missing:
        raise LabError(f'not up: {" ".join(sorted(missing))}; run lab/up')
    return nodes


def cgroup(root, name):
    """The directory of a node's own cgroup below `root`: the one name that a lab has on the machine,
    so it tells this lab from another checkout's.
    """
    return f'{root}/anypop-lab-{zlib.crc32(LAB.encode()):08x}-{name}'


def _enter_cgroups(name, pid):
    """Puts a node into cgroups of its own, where the machine has them."""
    for root in CGROUPS:
        group = cgroup(root, name)
        if not os.path.exists(f'{root}/cgroup.procs'):
            continue
        try:
            os.makedirs(group, exist_ok=True)
            with open(f'{group}/cgroup.procs', 'w', encoding='ascii') as f:
                f.write(str(pid))
        except OSError:
            pass  # a lab without cgroups is still a lab


def _remove_cgroups():
    names = set(topology().nodes).union(*(clab.Topology(path).nodes for path in LABS.values()))
    for root in CGROUPS:
        for name in names:
            try:
                os.rmdir(cgroup(root, name))
            except OSError:
                pass


def _spawn(name):
    state = f'{RUN}/{name}'
    os.makedirs(state, exist_ok=True)
    for old in ('ready', 'init.log'):
        if os.path.exists(f'{state}/{old}'):
            os.unlink(f'{state}/{old}')
    with open(f'{state}/init.log', 'wb') as log:
        starter = subprocess.Popen(
            ['unshare', '--mount', '--propagation', 'private', '--uts', '--ipc', '--net', '--pid',
             '--fork', '--kill-child', 'sh', f'{LAB}/node/init', name, REPOSITORY, state],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=ENVIRONMENT,
            start_new_session=True)

    def ready():
        if starter.poll() is not None:
            with open(f'{state}/init.log', encoding='utf-8', errors='replace') as log:
                raise LabError(f'{name} did not start: {log.read().strip()}')
        return os.path.exists(f'{state}/ready')
    wait_for(ready, 20, f'{name} to start')


def _link(nodes, link):
    (a, a_name), (b, b_name) = link
    subprocess.run(['ip', 'link', 'add', a_name, 'netns', str(nodes[a].pid), 'type', 'veth', 'peer',
                    'name', b_name, 'netns', str(nodes[b].pid)], check=True)


def boot(node, *parts):
    """Runs the topology file's start lines of a node; with `parts`, the last one only in these."""
    lines = [shlex.split(line) for line in topology().nodes[node.name]]
    lines[-1] += parts
    for line in lines:
        node.run(*line)


def up():
    """All nodes with their links, nothing started in them; none of this lab is there before."""
    top = topology()
    os.makedirs(RUN, exist_ok=True)
    for name in top.nodes:
        _spawn(name)
    nodes = live()
    for name, node in nodes.items():
        _enter_cgroups(name, node.pid)
    for link in top.links:
        _link(nodes, link)
    return {name: nodes[name] for name in top.nodes}


def down():
    """Removes every node of this lab, whoever left it."""
    inits = _inits()
    for pid in inits.values():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    wait_for(lambda: not _inits(), 20, 'nodes to end')
    _remove_cgroups()
    return sorted(inits)


def main(verb):
    """Runs a lab command, as root; a LabError is one sentence and exit status 1."""
    if os.geteuid() != 0:
        sys.exit(f'lab: namespaces need root: sudo {sys.argv[0]}')
    try:
        sys.exit(verb(sys.argv[1:]))
    except (LabError, clab.TopologyError) as e:
        sys.exit(f'lab: {e}')
    except KeyboardInterrupt:
        sys.exit(130)
