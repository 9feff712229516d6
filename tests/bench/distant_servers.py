"""Ours and Unbound before the Internet of distant.py, begun and begun again, and clients that ask them.

Import it before anything opens descriptors (heldwire.py).
"""

import array
import json
import os
import socket
import subprocess
import time

import heldwire

import distant
import hits_servers as servers
import nodes
import stage

NAMES = 20000
LOST, WRONG = -1, -2  # of hits_load; all names exist, so what is wrong is a failure
BINARY = f'{nodes.REPOSITORY}/build/bin/resolver'
ON_SERVERS_CORE = ('taskset', '-c', str(servers.SERVER_CORE))
OURS = '''
pop = "bench"; node = "one"; run_dir = "{dir}"; listen = [ "{address}" ]; port = 53;
probe_port = {probe}; allow = [ "127.0.0.0/8" ]; engines = 1;
worker = {{ l1_mib = 32; l2_mib = 256; }};
engine = {{ root_hints = "{internet}/root.hints"; trust_anchor = "{internet}/anchor.key";
	probation = false; }};
refresh = {{ percent = {percent}; }};
log_level = "alarm";
'''
UNBOUND = '''
server:
	num-threads: 1
	interface: {address}
	access-control: 127.0.0.0/8 allow
	username: ""
	chroot: ""
	directory: "{dir}"
	pidfile: "{dir}/pid"
	use-syslog: no
	logfile: "{dir}/log"
	verbosity: 0
	module-config: "validator iterator"
	root-hints: "{internet}/root.hints"
	trust-anchor-file: "{internet}/anchor.key"
	msg-cache-size: 64m
	rrset-cache-size: 128m
	prefetch: yes
	prefetch-key: yes
	minimal-responses: yes
	so-rcvbuf: 4m
	so-sndbuf: 4m
	outgoing-range: 4096
	num-queries-per-thread: 2048
remote-control:
	control-enable: yes
	control-use-cert: no
	control-interface: "{dir}/control"
'''


class Ours(servers.Server):
    """Worker and engine, with what outlives them held here, as the keeper holds it."""

    def __init__(self, name, address, percent=10):
        super().__init__(name, address)
        self.conf = self.file('resolver.conf', OURS, probe=5300, percent=percent,
                              internet=distant.DIR)
        self.held = self._hold()

    def _hold(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        process = heldwire.start([BINARY, '-c', self.conf, 'hold', '1'], {'reply': theirs.fileno()})
        theirs.close()
        held = {}
        with ours:
            while (got := heldwire.receive(ours)) is not None:
                name, fd, note = got
                if fd is not None:
                    held[name] = fd
                elif name == 'error':
                    raise nodes.LabError(f'resolver hold: {note}')
        process.wait()
        return held

    def _start(self, role, names):
        given = {name: fd for name, fd in self.held.items() if name.startswith(names)}
        if role == 'worker':  # it may only read what the engine keeps
            given['shard.0'] = os.open(f'/proc/self/fd/{self.held["shard.0"]}',
                                       os.O_RDONLY | os.O_CLOEXEC)
        with open(f'{self.dir}/output', 'a', encoding='utf-8') as out:
            process = heldwire.start([*ON_SERVERS_CORE, BINARY, '-c', self.conf, role, '0'], given,
                                     stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        if role == 'worker':
            os.close(given['shard.0'])
        self.processes.append(process)
        return process

    def begin(self):
        self.engine = self._start('engine', ('listen.0', 'shard.0', 'hits.0', 'score.e0'))
        self.worker = self._start('worker', ('udp.', 'tcp.', 'hits.0', 'score.w0', 'secret'))

    def again(self, *which):
        for process in which:
            process.terminate()
        for process in which:
            process.wait()
            self.processes.remove(process)
        if self.engine in which:
            self.engine = self._start('engine', ('listen.0', 'shard.0', 'hits.0', 'score.e0'))
        self.worker = self._start('worker', ('udp.', 'tcp.', 'hits.0', 'score.w0', 'secret'))

    def stop(self):
        super().stop()
        for fd in self.held.values():
            os.close(fd)
        self.held = {}


class Unbound(servers.Server):
    def __init__(self, name, address):
        super().__init__(name, address)
        self.conf = self.file('unbound.conf', UNBOUND, internet=distant.DIR)
        self.dump_s = self.load_s = None

    def begin(self):
        self.start('unbound', '-d', '-c', self.conf)

    def control(self, command, **more):
        began = time.monotonic()
        done = subprocess.run(['unbound-control', '-c', self.conf, command], check=False,
                              stderr=subprocess.DEVNULL, **more)
        return time.monotonic() - began if done.returncode == 0 else None

    def again(self):
        process = self.processes.pop()
        process.terminate()
        process.wait()
        self.begin()

    def dump(self):
        with open(f'{self.dir}/dump', 'wb') as f:
            self.dump_s = self.control('dump_cache', stdout=f)

    def load(self):
        self.again()
        nodes.wait_for(lambda: self.control('status', stdout=subprocess.DEVNULL), 30, 'Unbound\'s control')
        with open(f'{self.dir}/dump', 'rb') as f:
            self.load_s = self.control('load_cache', stdin=f, stdout=subprocess.DEVNULL)


class Clients:
    """hits_load at work; what it kept, once it has ended."""

    def __init__(self, server, rate, seconds, seed):
        read, write = os.pipe()
        os.set_inheritable(write, True)
        self.read = os.fdopen(read, 'rb')

        def child():
            os.sched_setaffinity(0, {servers.CLIENT_CORE})
            os.dup2(write, 3)
        self.process = subprocess.Popen(
            [f'{stage.OUT}/hits_load', server.address, '53', f'names={NAMES}', f'rate={rate}',
             f'seconds={seconds}', f'seed={seed}', 'window=512', 'wait_ms=2000', 'samples=1'],
            stdout=subprocess.PIPE, preexec_fn=child, close_fds=False)
        os.close(write)

    def samples(self):
        """(when, in ns of CLOCK_MONOTONIC; microseconds, or under 0) of each question."""
        with self.read:
            kept = array.array('i', self.read.read())
        told, _ = self.process.communicate()
        if self.process.returncode:
            raise nodes.LabError(f'hits_load: exit {self.process.returncode}')
        began = json.loads(told)['began_ns']
        return [(began + at * 1000, took) for at, took in zip(kept[::2], kept[1::2])]


def ready(server):
    """Does it answer the first name right?"""
    server.check()
    done = subprocess.run([f'{stage.OUT}/hits_load', server.address, '53', 'names=1', 'each=1', 'ports=1',
                           'window=1', 'wait_ms=2000'], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)['right'] == 1
