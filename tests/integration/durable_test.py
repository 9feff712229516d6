#!/usr/bin/env python3
"""A real keeper and brain whose disk hangs: fsync() waits while there is a file.

    durable_test.py     (as root; BIN=build/bin; needs cc)

The node observes, so no namespace is needed. The brain's lease is the default, 1 s, and each case waits
for the alarm that comes after 3 s of the disk's silence: a brain that waited for it would be fenced.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import keeper_test
from keeper_test import Failed, alive, expect

CONF = """
node = {{ name = "pop1"; pop = "lab"; }};
paths = {{ run_dir = "{dir}/run"; state_dir = "{dir}/state"; control_group = ""; }};
user = "{user}";
mode = "observe";
metrics = {{ address = ""; }};
bird = {{ socket = "{dir}/bird.ctl"; asn = 64500; sessions = ( {{ name = "transit"; }} ); }};
services = ( {{ name = "dns"; prefixes = [ "192.0.2.0/24" ]; addresses = [ "192.0.2.1" ]; }} );
workers = {{ count = 1; command = [ "/bin/sleep", "1000" ]; }};
stop = {{ drain_ms = 100; }};
"""


def eventually(what, predicate):
    return keeper_test.eventually(what, predicate, 60)


class Node:
    def __init__(self, user):
        self.dir = tempfile.mkdtemp(prefix='anypop-durable-')
        os.chmod(self.dir, 0o755)
        self.conf, self.disk = self.dir + '/healthd.conf', self.dir + '/hangs'
        with open(self.conf, 'w', encoding='utf-8') as f:
            f.write(CONF.format(dir=self.dir, user=user))
        self.log = open(self.dir + '/log', 'w+', encoding='utf-8')
        self.library = keeper_test.hung_disk(self.disk)
        self.process = None

    def start(self):
        self.process = subprocess.Popen([keeper_test.BINDIR + '/healthd', '-c', self.conf], stderr=self.log,
                                        stdin=subprocess.DEVNULL,
                                        env=dict(os.environ, LD_PRELOAD=self.library))
        eventually('the control socket', lambda: self.status() is not None)

    def hang(self):
        with open(self.disk, 'w', encoding='utf-8'):
            pass

    def bgpctl(self, *words):
        return subprocess.run([keeper_test.BINDIR + '/bgpctl', '-c', self.conf, *words], capture_output=True,
                              text=True, timeout=60, check=False)

    def status(self):
        done = self.bgpctl('status', '--json')
        return json.loads(done.stdout) if done.stdout.strip() else None

    def caps(self):
        return [limit['rung'] for lane in self.status()['lanes'] for limit in lane['limits']
                if limit['owner'] == 'operator']

    def alarms(self):
        return [alarm['name'] for alarm in self.status()['alarms']]

    def on_disk(self):
        try:
            with open(self.dir + '/state/limits.json', encoding='utf-8') as f:
                return [limit['name'] for limits in json.load(f)['lanes'].values() for limit in limits]
        except FileNotFoundError:
            return None

    def text(self):
        with open(self.dir + '/log', encoding='utf-8') as f:
            return f.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        expect(self.process.wait(60) == 0, 'a clean end')
        self.process = None

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def a_limit_is_on_the_disk_when_bgpctl_says_nothing_else(node):
    node.start()
    done = node.bgpctl('drain', '--json')
    expect(done.returncode == 0 and done.stderr == '', done.stderr)
    expect(json.loads(done.stdout)['limits_kept'] == 'disk', done.stdout)
    expect(node.on_disk() == ['drain'], f'limits.json: {node.on_disk()}')
    node.stop()
    node.start()
    eventually('it after a stop and a start', lambda: node.caps() == ['drain'])


def a_disk_that_hangs_costs_the_brain_neither_its_lease_nor_the_limit(node):
    node.start()
    brain = node.status()['brain']['pid']
    node.hang()
    done = node.bgpctl('drain', '--reason', 'kernel')
    expect(done.returncode == 0 and 'a reboot would undo it' in done.stderr, f'{done}')
    eventually('it to be in force', lambda: node.caps() == ['drain'])
    eventually('the alarm', lambda: 'limits' in node.alarms())
    expect(node.status()['brain']['pid'] == brain and 'brain_fenced' not in node.text(),
           'the brain to have kept its lease')
    os.kill(brain, signal.SIGKILL)
    eventually('the next brain', lambda: (node.status() or {'brain': {'pid': brain}})['brain']['pid'] != brain)
    eventually('the limit to outlive the brain', lambda: node.caps() == ['drain'])
    expect(node.on_disk() is None, 'the disk to have nothing yet')
    brain = node.status()['brain']['pid']
    done = node.bgpctl('undrain')
    expect('a reboot would undo it' in done.stderr, done.stderr)
    node.bgpctl('pin', 'silent')
    eventually('the alarm', lambda: 'limits' in node.alarms())
    os.kill(node.process.pid, signal.SIGHUP)
    eventually('the brain after a reload',
               lambda: (node.status() or {'brain': {'pid': brain}})['brain']['pid'] != brain)
    eventually('what was in force to be so after a reload', lambda: node.caps() == ['silent'])
    os.unlink(node.disk)
    eventually('the disk', lambda: node.status()['limits_kept'] == 'disk')
    expect(node.on_disk() == ['silent'], f'limits.json: {node.on_disk()}')
    eventually('the end of the alarm', lambda: 'limits' not in node.alarms())
    expect(not alive(brain), 'the brain of before to be gone')


CASES = [a_limit_is_on_the_disk_when_bgpctl_says_nothing_else,
         a_disk_that_hangs_costs_the_brain_neither_its_lease_nor_the_limit]


def main():
    good = bad = 0
    for case in CASES:
        for user in ('', 'nobody'):
            node = Node(user)
            try:
                case(node)
                good += 1
            except (Failed, subprocess.SubprocessError) as e:
                print(f'FAILED {case.__name__} (user "{user}"): {e}\n{node.text()}')
                bad += 1
            finally:
                node.close()
    print(f'{good} passed, {bad} failed')
    sys.exit(1 if bad or not good else 0)


if __name__ == '__main__':
    main()
