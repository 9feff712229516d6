#!/usr/bin/python3
"""The root's key rolls (RFC 5011), and `resolver anchor` and the engines follow: over the lab's small Internet.

usage: anchor_test.py [CASE ...]     (root; makes its own network and mount namespace; BIN=build/bin)

NSD serves a root whose keys change as the case says; time is faketime's, for what looks at the keys alone.
healthd, workers and engines are real, and live in the present: it is in observe mode, without BIRD.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import resolver_test as rt
from resolver_test import BINDIR, dns, expect
from worker_test import Failed, eventually, mortal

DAY = 86400
USER = 'daemon'
ENGINES = 2
WITHIN = 60  # seconds; how long anything may take before it is a failure
RESOLVER = rt.CONF.replace('trust_anchor =', 'followed_anchor = "{dir}/anchor/root.key"; trust_anchor =')
SITE = '''
node = {{ name = "one"; pop = "lab"; }};
paths = {{ run_dir = "{dir}/run"; state_dir = "{dir}/state"; control_group = ""; }};
user = ""; mode = "observe";
bird = {{ socket = "{dir}/bird.ctl"; asn = 64500; sessions = ( {{ name = "transit"; }} ); }};
services = ( {{ name = "dns"; prefixes = [ "192.0.2.0/24" ]; addresses = [ "192.0.2.53" ]; }} );
workers = {{ count = 1; resolver = "{dir}/resolver.conf"; }};
'''


def run(*command, **more):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False, timeout=120, **more)


class Key:
    """A key of the root's."""

    def __init__(self, work, name=None, tag=None):
        self.work = work
        self.name = name or self.tool('ldns-keygen', '-a', 'ECDSAP256SHA256', '-k', '.').split()[-1]
        self.tag = int(tag or self.name.rpartition('+')[2])

    def tool(self, *command):
        done = run(*command, cwd=self.work)
        if done.returncode:
            raise Failed(f'{" ".join(command)}: {done.stderr or done.stdout}')
        return done.stdout

    def revoked(self):
        """The same key with its flag, as ldns-revoke would make it, and under a name of its own."""
        name = self.name + '-revoked'
        with open(f'{self.work}/{self.name}.key', encoding='ascii') as f:
            line = f.read()
        expect('257 3 13' in line, True, f'flags that can be changed: {line}')
        with open(f'{self.work}/{name}.key', 'w', encoding='ascii') as f:
            f.write(line.replace('257 3 13', '385 3 13'))
        shutil.copy(f'{self.work}/{self.name}.private', f'{self.work}/{name}.private')
        return Key(self.work, name, self.tag)


class Root:
    """Its zone, signed by these keys, on its servers."""

    def __init__(self):
        self.work = rt.base + '/work'
        with open(rt.base + '/anchor.key', encoding='ascii') as f:
            material = f.read().split()[6]
        self.first = Key(self.work, self.named(material))

    def named(self, material):
        """The files of that key."""
        for name in os.listdir(self.work):
            if name.startswith('K.+') and name.endswith('.key') and 'revoked' not in name:
                with open(f'{self.work}/{name}', encoding='ascii') as f:
                    if material in f.read():
                        return name[:-4]
        raise Failed('the root has no key')

    def new_key(self):
        return Key(self.work)

    def publish(self, *keys):
        keys[0].tool('ldns-signzone', '-i', '20200101000000', '-e', '20370101000000', '-o', '.', '-f',
                     '/run/lab/zones/root.zone', 'root.plain', *[k.name for k in keys])
        self.away()
        rt.nsd['root'] = rt.serve('root')
        rt.authorities.clear()
        eventually('the root is served', lambda: rt.served('.'), WITHIN)

    @staticmethod
    def away():
        if rt.nsd['root'].poll() is None:
            rt.nsd['root'].send_signal(signal.SIGTERM)
            rt.nsd['root'].wait(WITHIN)


class Place:
    """A directory with nothing followed yet, and the root as it was at first."""

    def __init__(self):
        self.days, self.names, self.healthd = 0, 0, None
        self.dir = rt.base + '/anchor'
        shutil.rmtree(self.dir, ignore_errors=True)
        os.mkdir(self.dir)
        shutil.chown(self.dir, USER)
        self.key, self.state = self.dir + '/root.key', self.dir + '/root.key.state'
        self.conf()
        with open(rt.base + '/healthd.conf', 'w', encoding='ascii') as f:
            f.write(SITE.format(dir=rt.base))
        self.root = Root()
        self.root.publish(self.root.first)

    @staticmethod
    def conf(**changes):
        text = RESOLVER.format(dir=rt.base)
        for before, after in changes.values():
            text = text.replace(before, after)
        with open(rt.conf, 'w', encoding='ascii') as f:
            f.write(text)

    def update(self):
        """`resolver anchor update` so many days from now, by somebody who is nobody."""
        return run('setpriv', f'--reuid={USER}', f'--regid={USER}', '--clear-groups', 'faketime', '-f',
                   f'+{self.days}d', BINDIR + '/resolver', '-c', rt.conf, 'anchor', 'update')

    def follow(self, days=0):
        """Goes well; what it says."""
        self.days += days
        done = self.update()
        if done.returncode:
            raise Failed(f'exit status {done.returncode}: {done.stderr}')
        return done.stderr

    def refused(self, *words):
        """Fails, says so, and changes nothing."""
        before = self.files()
        done = self.update()
        expect(done.returncode, 1, 'exit status')
        for word in ('anchor_failed', 'nothing was changed', *words):
            if word not in done.stderr:
                raise Failed(f'"{word}" is not in {done.stderr}')
        expect(self.files(), before, 'the files')
        expect(word in self.status()['failed'], True, 'that it is kept for doctor')

    def files(self):
        found = {}
        for name in os.listdir(self.dir):
            if name.endswith(('.key', '.state', '.work')):
                with open(f'{self.dir}/{name}', encoding='ascii', errors='replace') as f:
                    found[name] = (f.read(), os.stat(f'{self.dir}/{name}').st_mtime_ns)
        return found

    def status(self):
        done = run(BINDIR + '/resolver', '-c', rt.conf, 'anchor', 'status', '--json')
        expect((done.returncode, done.stderr), (0, ''), 'status')
        return json.loads(done.stdout)

    def stands(self, *keys, pending=()):
        """These are in force, and no others, as files and as told."""
        with open(self.key, encoding='ascii') as f:
            tags = [int(line.rpartition(';')[2]) for line in f if 'DNSKEY' in line]
        said = self.status()
        expect((sorted(tags), sorted(said['keys']), sorted(said['pending'])),
               (sorted(k.tag for k in keys), sorted(k.tag for k in keys), sorted(k.tag for k in pending)),
               'keys in the file, told in force, pending')
        expect(os.stat(self.key).st_mode & 0o777, 0o644, 'who may read it')

    # healthd, with an engine or two

    def start(self):
        os.makedirs(rt.base + '/run', exist_ok=True)
        os.makedirs(rt.base + '/state', exist_ok=True)
        self.healthd = subprocess.Popen([BINDIR + '/healthd', '-c', rt.base + '/healthd.conf'],
                                        preexec_fn=mortal, stderr=rt.log, stdout=rt.log)
        rt.processes.append(self.healthd)
        eventually('engines are ready', lambda: len(self.engines()) == ENGINES, WITHIN)
        self.client = rt.Client('192.0.2.53')
        eventually('an answer', lambda: rt.answers(self.client), WITHIN)

    def bgpctl(self, *words):
        return run(BINDIR + '/bgpctl', '-c', rt.base + '/healthd.conf', *words)

    def engines(self):
        """The pids of those that are ready."""
        done = self.bgpctl('workers', '--json')
        if done.returncode:
            return []
        return [e['pid'] for e in json.loads(done.stdout)['engines'] if e['state'] == 'ready']

    def upgrade(self, replaced):
        before = self.engines()
        done = self.bgpctl('upgrade', '--anchor')
        expect(done.returncode, 0, f'upgrade --anchor: {done.stdout}{done.stderr}')
        eventually('engines are ready', lambda: len(self.engines()) == ENGINES, WITHIN)
        expect(len(set(before) & set(self.engines())), 0 if replaced else ENGINES, f'of {before} left')

    def finds(self, *levels, word=''):
        """What doctor finds of the anchor, by its level, with a word that is in it."""
        found = [f for f in json.loads(self.bgpctl('doctor', '--json').stdout) if f['about'] == 'anchor']
        expect([f['level'] for f in found], list(levels), f'doctor: {found}')
        expect(any(word in f['text'] for f in found), True, f'"{word}" in {found}')
        expect(all(f['mend'] for f in found if f['level'] != 'ok'), True, f'a mend in each of {found}')

    def asked(self):
        """(rcode, AD) of a name that no cache has."""
        self.names += 1
        a = self.client.get(f'a{self.names}.random.example.test.', dns.A, edns=dns.opt(do=True))
        return a.rcode, a.ad

    def end(self):
        if self.healthd and self.healthd.poll() is None:
            self.healthd.send_signal(signal.SIGTERM)
            try:
                self.healthd.wait(1)
            except subprocess.TimeoutExpired:
                self.healthd.send_signal(signal.SIGTERM)  # at once
                self.healthd.wait(WITHIN)


# Cases

def without_a_roll_nothing_changes(r):
    said = r.status()
    expect((said['followed'], said['reads'], said['keys']),
           (False, rt.base + '/anchor.key', [r.root.first.tag]), 'before')
    r.finds('warn', word='nobody follows')
    r.follow()
    r.finds('ok')
    r.stands(r.root.first)
    expect(os.stat(r.key).st_mtime_ns, os.stat(rt.base + '/anchor.key').st_mtime_ns,
           'the time of a file that has the same keys')
    before = r.files()['root.key']
    for _ in range(3):
        if 'anchor_followed' not in r.follow(40):
            raise Failed('it did not say that all is as before')
    r.stands(r.root.first)
    expect(r.files()['root.key'], before, 'the file for engines')
    expect(r.status()['looked'] > time.time() + 119 * DAY, True, 'when it has looked')


def a_roll_is_followed_by_the_file_and_by_the_engines(r):
    old, new = r.root.first, r.root.new_key()
    r.follow()
    r.start()
    expect(r.asked(), (0, True), 'an answer')
    r.finds('ok', word='root.key: looked at')
    r.upgrade(False)

    r.root.publish(old, new)
    for days in (0, 1, 28):
        r.follow(days)
        r.stands(old, pending=[new])
    r.upgrade(False)

    if 'anchor_changed' not in r.follow(2):
        raise Failed('it did not say that the keys have changed')
    r.stands(old, new)
    r.finds('ok', 'warn', word='older keys')
    r.upgrade(True)
    r.upgrade(False)
    r.finds('ok')

    # The old one goes without a word: only who has the new one can validate.
    r.root.publish(new)
    r.follow(1)
    r.stands(old, new)
    expect(r.status()['missing'], [old.tag], 'what is trusted, and not there')
    for _ in range(20):
        expect(r.asked(), (0, True), 'an answer under the new key')
    expect(r.bgpctl('upgrade', '--engines').returncode, 0, 'engines that know nothing')
    eventually('engines that know nothing answer', lambda: r.asked() == (0, True), WITHIN)

    r.root.publish(old.revoked(), new)
    r.follow(1)
    r.stands(new)
    r.upgrade(True)
    eventually('an answer', lambda: r.asked() == (0, True), WITHIN)
    r.root.publish(old)
    r.refused('has signed')  # signed by what was revoked
    r.finds('warn', word='has signed')
    r.stands(new)


def a_key_that_is_pending_is_not_trusted(r):
    """Nor is it when it was taken back, and came again."""
    old, new = r.root.first, r.root.new_key()
    r.follow()
    r.root.publish(old, new)
    r.follow(1)
    r.stands(old, pending=[new])
    r.root.publish(new)
    r.days += 28
    r.refused('has signed')
    r.start()
    expect(r.asked(), (dns.SERVFAIL, False), 'an answer that only the pending key would validate')
    r.root.publish(old)
    r.follow()
    r.stands(old)
    r.root.publish(old, new)
    r.follow(30)
    r.stands(old, pending=[new])
    r.upgrade(False)


def garbage_changes_nothing(r):
    with open(rt.base + '/anchor.key', encoding='ascii') as f:
        sound = f.read()
    try:
        for broken, word in (('', 'libunbound'), ('nothing\n', 'libunbound'), (sound[:60] + '\n', 'has signed')):
            with open(rt.base + '/anchor.key', 'w', encoding='ascii') as f:
                f.write(broken)
            r.refused(word)
            expect(os.path.exists(r.key), False, 'a file of garbage')
    finally:
        with open(rt.base + '/anchor.key', 'w', encoding='ascii') as f:
            f.write(sound)
    r.follow()
    with open(r.state, encoding='ascii') as f:
        state = f.read()
    for broken, word in (('', 'does not say'), (state[:-200], 'line'), (state + 'x\n', 'line'),
                         (re.sub('^\\..*\n', '', state, flags=re.M), 'no key'),
                         (state.replace('state=2', 'state=1'), 'no key'),
                         (state.replace(';;id: .', ';;REVOKED\n;;id: .'), 'revoked')):
        with open(r.state, 'w', encoding='ascii') as f:
            f.write(broken)
        r.refused(word, 'remove it')
    os.unlink(r.state)
    r.follow(1)
    r.stands(r.root.first)
    with open(r.key, 'w', encoding='ascii') as f:
        f.write('nothing\n')
    r.refused('has not written it', 'remove it')
    expect(('has not written it' in r.status()['error'], r.status()['reads']), (True, rt.base + '/anchor.key'),
           'what engines read')
    r.finds('fail', 'warn', word='has not written it')
    os.unlink(r.key)
    r.follow()
    r.stands(r.root.first)
    expect('failed' in r.status(), False, 'the failure before')
    with open(r.state, encoding='ascii') as f:
        state = f.read()
    with open(r.state, 'w', encoding='ascii') as f:
        f.write(re.sub('last_success: .*', f'last_success: {int(time.time()) - 5 * DAY}', state))
    r.finds('warn', word='for 5 days')


def an_unreachable_root_changes_nothing(r):
    r.follow()
    r.root.away()
    r.refused('do not tell')
    shutil.rmtree(r.dir)
    r.root.publish(r.root.first)
    done = r.update()
    expect((done.returncode, 'systemd-tmpfiles' in done.stderr), (1, True), f'without a directory: {done.stderr}')


def another_trust_anchor_is_begun_with_anew(r):
    r.follow()
    shutil.copy(rt.base + '/anchor.key', rt.base + '/other.key')
    r.conf(anchor=('/anchor.key"', '/other.key"'))
    said = r.status()
    expect((said['reads'], said['followed'], 'another' in said['error']),
           (rt.base + '/other.key', False, True), 'what engines read')
    r.follow(1)
    r.stands(r.root.first)
    # A DS is as good to begin with.
    with open(rt.base + '/other.key', 'w', encoding='ascii') as f:
        f.write(run('ldns-key2ds', '-n', '-2', f'{r.root.work}/{r.root.first.name}.key').stdout)
    r.conf(anchor=('/anchor.key"', '/other.key"'), more=('anchor/root.key', 'anchor/ds.key'))
    r.follow(1)
    expect(r.status()['keys'], [r.root.first.tag], 'the key of that DS')


def what_is_off_says_so(r):
    for key, word in (('followed_anchor', 'say where'), ('trust_anchor', 'nothing is validated')):
        text = re.sub(key + ' = "[^"]*"', key + ' = ""', RESOLVER.format(dir=rt.base))
        with open(rt.conf, 'w', encoding='ascii') as f:
            f.write(text)
        done = r.update()
        expect((done.returncode, word in done.stderr), (1, True), done.stderr)
    for words in (('anchor',), ('anchor', 'update', '--json'), ('anchor', 'nothing'), ('anchor', 'status', '-x')):
        expect(run(BINDIR + '/resolver', '-c', rt.conf, *words).returncode, 2, ' '.join(words))
    expect(run(BINDIR + '/resolver', 'anchor', '--help').returncode, 0, '--help')


CASES = rt.cases(dict(globals()))

if __name__ == '__main__':
    sys.exit(rt.on_stage(lambda: rt.main(CASES, Place)))
