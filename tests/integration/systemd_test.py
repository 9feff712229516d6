#!/usr/bin/python3
"""The unit as it is shipped, under a real systemd: what `make install` installs, with Debian's bird.service beside
it, in pid, mount, cgroup and network namespaces of the test's own, over a copy-on-write view of this host.

usage: systemd_test.py     (root; BIN=build/bin; one boot, cases in order)

Elsewhere lab/init stands in for systemd. Here is what that cannot show: that healthd, its workers and engines can
do all they must in the unit's sandbox, that systemd's descriptor store keeps sockets and cache, and that its
watchdog, its reload and its stop do what the unit says. A host that lets nobody make a cgroup skips it.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import proc
import resolver_test as stage
from resolver_test import ROOT, BINDIR, Failed, dns, internet
from worker_test import eventually

PATIENCE = 60  # seconds; how long anything may take
ALONE = '''
node = { name = "sd"; pop = "lab"; };
bird = { asn = 64500; pipe_master = false; sessions = ( { name = "nobody"; } ); };
services = ( { name = "dns"; prefixes = [ "192.0.2.0/24", "2001:db8:53::/48" ];
	addresses = [ "192.0.2.53", "2001:db8:53::53" ]; } );
workers = { count = 2; resolver = "/etc/anypop/resolver.conf"; };
checks = ( { name = "workers"; kind = "workers"; vital = true; weight = 0; },
	{ name = "id"; kind = "dns"; vital = true; weight = 0; },
	{ name = "addresses"; kind = "link"; addresses = true; vital = true; weight = 0;
	  address_interface = "lo"; },
	{ name = "recursion"; kind = "dns"; qname = "$random.random.example.test"; recursion = true;
	  weight = 1; } );
ladder = { alone = true; };
stop = { drain_ms = 1000; };
metrics = { port = 9477; };
'''
RESOLVER = '''
pop = "lab"; node = "sd"; listen = [ "192.0.2.53", "2001:db8:53::53" ]; engines = 2;
allow = [ "0.0.0.0/0", "::/0" ]; health_name = "health.anypop.test.";
worker = { user = "anypop-worker"; l1_mib = 2; l2_mib = 8; old_ms = 60000; };
engine = { user = "anypop-engine"; root_hints = "/etc/anypop/root.hints";
	trust_anchor = "/etc/anypop/anchor.key"; special = [ "test." ]; };
'''
# Another's resolver by command line, as etc/healthd.conf has it: it drops to its user by itself.
UNBOUND = '''
server:
	interface: 192.0.2.53
	interface: 2001:db8:53::53
	interface: 127.0.0.1@530@SLOT@
	so-reuseport: yes
	use-syslog: no
	username: "unbound"
	chroot: ""
	pidfile: ""
	access-control: 0.0.0.0/0 allow
	access-control: ::/0 allow
	do-not-query-localhost: no
	local-zone: "test." nodefault
	identity: "sd"
	root-hints: "/etc/anypop/root.hints"
	trust-anchor-file: "/etc/anypop/anchor.key"
'''
BIRD = '''
log stderr all;
router id 192.0.2.1;
protocol device { }
include "/etc/bird/anypop.conf";
protocol bgp nobody { local 10.9.0.1 as 64500; neighbor 10.9.9.9 as 64501; passive yes;
	ipv4 { table anypop4; import none; export where anypop_export(); };
	ipv6 { table anypop6; import none; export where anypop_export(); }; }
'''
# The only parts that are not as shipped: where its lines go, and a watchdog that need not be waited for so long.
DROP_IN = '''[Service]
StandardError=append:/run/healthd.log
WatchdogSec=3s
'''
# Its systemd reads units from here alone: nothing else of this host is to start.
TARGET = '''[Unit]
Description=nothing but what is tested
'''
BOOT = r'''
set -e
root=$1
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=/,upperdir=$2/up,workdir=$2/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
for dir in dev run tmp; do mount -t tmpfs -o mode=755 tmpfs "$root/$dir"; done
chmod 1777 "$root/tmp"
for node in null zero full random urandom tty; do
	touch "$root/dev/$node"; mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/shm" "$root/dev/pts" "$root/dev/mqueue" "$root/dev/hugepages"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
if [ -d /sys/fs/cgroup/unified ]; then
	mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
	mkdir "$root/sys/fs/cgroup/unified" "$root/sys/fs/cgroup/systemd"
	mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup/unified"
	mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
else
	mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
fi
mkdir "$root/run/units"
cp -r "$2/units/." "$root/run/units/"
cd /
exec chroot "$root" env -i container=anypop-test SYSTEMD_UNIT_PATH=/run/units \
	PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --log-target=console
'''


class Host:
    """A systemd of its own on this host's files, with anypop installed."""

    def __init__(self, base, cgroups):
        self.root, self.work, self.cgroups = base + '/root', base + '/cow', cgroups
        for path in (self.root, self.work):
            os.mkdir(path)
        stage.must('mount', '-t', 'tmpfs', 'tmpfs', self.work)
        for name in ('up', 'work', 'units'):
            os.mkdir(f'{self.work}/{name}')
        up = self.work + '/up'
        stage.must('make', '-s', '-C', ROOT, 'install', 'DESTDIR=' + up,
                   'B=' + os.path.dirname(os.path.realpath(BINDIR)))
        self.write('up/etc/anypop/healthd.conf', ALONE)
        self.write('up/etc/anypop/resolver.conf', RESOLVER)
        self.write('up/etc/bird/bird.conf', BIRD)
        for name in ('root.hints', 'anchor.key'):
            shutil.copy(f'{base}/{name}', f'{up}/etc/anypop/')
        units = self.work + '/units'
        shutil.copy(f'{up}/usr/lib/systemd/system/healthd.service', units)
        shutil.copy('/lib/systemd/system/bird.service', units)
        for name in ('network', 'shutdown', 'sysinit', 'basic', 'multi-user'):
            self.write(f'units/{name}.target', TARGET)
        self.write('units/default.target', TARGET)
        os.mkdir(units + '/healthd.service.d')
        self.write('units/healthd.service.d/here.conf', DROP_IN)
        os.mkdir(units + '/bird.service.d')
        self.write('units/bird.service.d/here.conf', '[Service]\nStandardError=append:/run/bird.log\n')
        self.log = open(base + '/systemd.log', 'wb')
        self.boot = subprocess.Popen(
            ['unshare', '--pid', '--fork', '--mount', '--uts', '--ipc', '--cgroup', '--kill-child',
             'sh', '-c', BOOT, 'boot', self.root, self.work],
            stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, preexec_fn=self.enter)
        self.pid = None
        eventually('systemd to be up', self.is_up, PATIENCE)

    def write(self, path, text):
        path = f'{self.work}/{path}'
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='ascii') as f:
            f.write(text)

    def put(self, path, text):
        with open(f'/proc/{self.pid}/root{path}', 'w', encoding='ascii') as f:
            f.write(text)

    def enter(self):
        """In the child: a cgroup of its own in each hierarchy that systemd uses, and ends with us."""
        stage.mortal()
        for path in self.cgroups:
            with open(path + '/cgroup.procs', 'w', encoding='ascii') as f:
                f.write(str(os.getpid()))

    def is_up(self):
        if self.boot.poll() is not None:
            raise Failed(f'systemd does not boot: status {self.boot.returncode}')
        try:
            self.pid = proc.children(self.boot.pid)[0]
        except (IndexError, *proc.GONE):
            return False
        with open(f'/proc/{self.pid}/comm', encoding='ascii') as f:
            if f.read().strip() != 'systemd':
                return False
        return self.run('systemctl', 'is-active', 'default.target').returncode == 0

    def run(self, *command):
        return subprocess.run(
            ['nsenter', '-t', str(self.pid), '-m', '-p', '-C', '-r', '-w', 'env', 'SYSTEMD_PAGER=',
             *command], capture_output=True, text=True, check=False, timeout=PATIENCE,
            stdin=subprocess.DEVNULL)

    def must(self, *command):
        done = self.run(*command)
        if done.returncode:
            raise Failed(f'{" ".join(command)}: status {done.returncode}: {done.stdout}{done.stderr}')
        return done.stdout

    def show(self, *names):
        """Properties of the unit."""
        text = self.must('systemctl', 'show', 'healthd.service', '-p', ','.join(names))
        return dict(line.split('=', 1) for line in text.splitlines())

    def told(self, verb):
        done = self.run('bgpctl', verb, '--json')
        return json.loads(done.stdout) if done.stdout else None

    def lines(self):
        done = self.run('cat', '/run/healthd.log')
        return done.stdout.splitlines()

    def gates(self):
        """Those that are up: the links are of this network namespace."""
        links = json.loads(subprocess.run(['ip', '-j', 'link'], stdout=subprocess.PIPE, text=True,
                                          check=True).stdout)
        return {x['ifname'] for x in links if x['ifname'].startswith('apdns') and 'UP' in x['flags']}

    def end(self):
        self.boot.kill()
        self.boot.wait()
        for path in self.cgroups:
            eventually('what ran in it to end', lambda p=path: not busy(p), PATIENCE)
        stage.must('umount', self.work)
        self.log.close()


def busy(path):
    for directory, _, _ in os.walk(path):
        with open(directory + '/cgroup.procs', encoding='ascii') as f:
            if f.read().strip():
                return True
    return False


def cgroup_paths():
    """Of this test, in the unified hierarchy, and in systemd's own where both are."""
    hybrid = os.path.isdir('/sys/fs/cgroup/unified')
    return [f'/sys/fs/cgroup/{hierarchy}anypop-test-{os.getpid()}'
            for hierarchy in (('unified/', 'systemd/') if hybrid else ('',))]


def expect(condition, what):
    if not condition:
        raise Failed(what)


def status_of(pid):
    with open(f'/proc/{pid}/status', encoding='ascii') as f:
        return dict(line.rstrip('\n').split(':\t', 1) for line in f if ':\t' in line)


def whole(host, engines=2):
    """Everybody there and ready, and at drain, since nobody else announces."""
    def look():
        status = host.told('status')
        return (status and status['workers']['ready'] == 2 and status['engines']['ready'] == engines
                and all(lane['rung'] == 'drain' for lane in status['lanes'])
                and {'apdns4.1', 'apdns6.1'} <= host.gates())
    eventually('the node to be whole', look, PATIENCE)


def outer(host):
    """Pids, as this test sees them, by the name of the program."""
    found = {}
    for pid in proc.family(host.pid):
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as f:
                words = f.read().decode().split('\0')
        except proc.GONE:
            continue
        name = os.path.basename(words[0])
        if name == 'resolver':
            name = next((w for w in words if w in ('worker', 'engine')), name)
        found.setdefault(name, []).append(pid)
    return found


def keeper(host):
    return outer(host)['healthd'][0]


def ask(name):
    return stage.Client('192.0.2.53').get(name, dns.A, edns=dns.opt(do=True), ad=True)


def it_starts_and_is_whole(host):
    # What README tells to do.
    host.must('systemd-sysusers')
    host.must('sh', '-c', 'bgpctl bird >/etc/bird/anypop.conf && healthd -c /etc/anypop/healthd.conf -n')
    host.must('systemctl', 'start', 'bird.service', 'healthd.service')
    whole(host)
    shown = host.show('ActiveState', 'SubState', 'NRestarts', 'StatusText')
    expect(shown['ActiveState'] == 'active' and shown['NRestarts'] == '0', f'active: {shown}')
    a = ask('canary.example.test.')
    expect((a.rcode, a.ad) == (0, True), f'a validated answer: {a.rcode} {a.ad}')


def nobody_complains(host):
    """In the sandbox nothing is refused that is needed."""
    done = host.must('bgpctl', 'events', '--json', '--level', 'warn')
    # The one session is nobody's, so that it is down is right.
    bad = [line for line in done.splitlines() if 'session' not in line]
    expect(not bad, 'complaints:\n' + '\n'.join(bad[:10]))
    done = host.run('bgpctl', 'doctor', '--json')
    broken = [f for f in json.loads(done.stdout) if f['level'] == 'fail']
    expect(not broken, f'doctor: {broken}')


def each_has_its_rights_and_no_more(host):
    all_ = outer(host)
    users = {}
    for name in ('healthd', 'healthd-brain', 'worker', 'engine'):
        for pid in all_[name]:
            s = status_of(pid)
            expect(s['NoNewPrivs'] == '1' and s['Seccomp'] == '2', f'{name}: not caged: {s}')
            users.setdefault(name, set()).add(s['Uid'].split('\t')[1])
            if name in ('worker', 'engine'):
                expect(int(s['CapEff'], 16) == 0, f'{name} has capabilities: {s["CapEff"]}')
    expect(users['healthd'] == {'0'}, f'users: {users}')
    expect(len(set.union(*users.values())) == 4, f'not each a user of its own: {users}')


def a_keeper_that_dies_leaves_sockets_and_cache(host):
    ask('www1.example.test.')
    before, restarts = memory(host), int(host.show('NRestarts')['NRestarts'])
    stored = int(host.show('NFileDescriptorStore')['NFileDescriptorStore'])
    expect(stored > len(before) > 8, f'{stored} descriptors in the store, {len(before)} shards and sockets')
    os.kill(keeper(host), signal.SIGKILL)
    eventually('another keeper', lambda: int(host.show('NRestarts')['NRestarts']) > restarts, PATIENCE)
    whole(host)
    expect(memory(host) == before, 'other shards or sockets than before')
    expect(stored == int(host.show('NFileDescriptorStore')['NFileDescriptorStore']), 'another store')
    with no_authority():
        expect(ask('www1.example.test.').rcode == 0, 'the cache was not kept')


def memory(host):
    """Shards and sockets of clients that the keeper holds: what they are, by inode."""
    return sorted({os.stat(f'/proc/{keeper(host)}/fd/{n}').st_ino
                   for n, what in proc.descriptors(keeper(host)).items()
                   if 'anypop-cache' in what or is_ours(what)})


def is_ours(what):
    if not what.startswith('socket:['):
        return False
    inode = what[8:-1]
    for table in ('udp', 'udp6', 'tcp', 'tcp6'):
        with open('/proc/net/' + table, encoding='ascii') as f:
            for line in f:
                word = line.split()
                if len(word) > 9 and word[9] == inode:
                    return word[1].endswith(':0035')
    return False


class no_authority:
    """Upstream's servers stand still."""

    def __enter__(self):
        for p in stage.processes:
            p.send_signal(signal.SIGSTOP)

    def __exit__(self, *_):
        for p in stage.processes:
            p.send_signal(signal.SIGCONT)


def a_keeper_that_hangs_is_replaced(host):
    restarts = int(host.show('NRestarts')['NRestarts'])
    os.kill(keeper(host), signal.SIGSTOP)
    eventually('the watchdog', lambda: int(host.show('NRestarts')['NRestarts']) > restarts, PATIENCE)
    whole(host)


def reload_keeps_the_service(host):
    shown, brain = host.show('MainPID', 'NRestarts'), outer(host)['healthd-brain']
    workers = outer(host)['worker']
    host.must('systemctl', 'reload', 'healthd.service')
    eventually('another brain', lambda: not set(outer(host).get('healthd-brain', brain)) & set(brain),
               PATIENCE)
    whole(host)
    expect(host.show('MainPID', 'NRestarts') == shown, 'the keeper was restarted')
    expect(outer(host)['worker'] == workers, 'workers were restarted')


def restart_keeps_the_cache(host):
    ask('www2.example.test.')
    before = memory(host)
    host.must('systemctl', 'restart', 'healthd.service')
    whole(host)
    expect(memory(host) == before, 'other shards or sockets than before')
    with no_authority():
        expect(ask('www2.example.test.').rcode == 0, 'the cache was not kept')


def stop_ends_in_order(host):
    host.must('systemctl', 'stop', 'healthd.service')
    shown = host.show('ActiveState', 'Result', 'ExecMainStatus')
    expect(shown == {'ActiveState': 'inactive', 'Result': 'success', 'ExecMainStatus': '0'},
           f'not in order: {shown}')
    expect(not host.gates(), f'gates are up: {host.gates()}')
    left = set(outer(host)) & {'healthd', 'healthd-brain', 'worker', 'engine'}
    expect(not left, f'left behind: {left}')


def another_resolver_works_in_it_too(host):
    host.put('/etc/anypop/healthd.conf', ALONE.replace(
        'resolver = "/etc/anypop/resolver.conf"',
        'command = [ "/usr/sbin/unbound", "-d", "-p", "-c", "/etc/anypop/unbound-%i.conf" ]'))
    for slot in '012':
        host.put(f'/etc/anypop/unbound-{slot}.conf', UNBOUND.replace('@SLOT@', slot))
    host.must('systemctl', 'start', 'healthd.service')
    whole(host, engines=0)
    a = ask('canary.example.test.')
    expect((a.rcode, a.ad) == (0, True), f'a validated answer: {a.rcode} {a.ad}')
    host.must('systemctl', 'stop', 'healthd.service')
    expect(not host.gates(), f'gates are up: {host.gates()}')


def nothing_was_refused_all_along(host):
    """What a restart gives anew (directories and who owns them) is ours to use as at the first start."""
    bad = [line for line in host.lines() if 'not permitted' in line or 'denied' in line
           or 'event=cannot_start' in line or 'event=state' in line]
    expect(len(host.lines()) > 50 and not bad, 'refused:\n' + '\n'.join(bad[:10]))


CASES = (it_starts_and_is_whole, nobody_complains, each_has_its_rights_and_no_more,
         a_keeper_that_dies_leaves_sockets_and_cache, a_keeper_that_hangs_is_replaced,
         reload_keeps_the_service, restart_keeps_the_cache, stop_ends_in_order,
         another_resolver_works_in_it_too, nothing_was_refused_all_along)


def play(host):
    good = bad = 0
    for case in CASES:
        t = time.monotonic()
        try:
            case(host)
            good, ok = good + 1, 'ok  '
        except (Failed, OSError, ValueError, KeyError, subprocess.TimeoutExpired) as e:
            print(f'{type(e).__name__}: {e}')
            bad, ok = bad + 1, 'FAIL'
        print(f'{ok} systemd: {case.__name__.replace("_", " ")} ({time.monotonic() - t:.1f} s)',
              flush=True)
    if bad:
        print('\n'.join(host.lines()[-400:]))
        print(host.run('cat', '/run/bird.log').stdout[-2000:])
        print(host.run('bgpctl', 'why').stdout)
        print(host.run('systemctl', 'status', '-l', 'healthd.service').stdout)
    print(f'{good} passed, {bad} failed')
    return 1 if bad or not good else 0


def on_a_host(base, cgroups):
    internet.make(base)
    stage.namespace()
    shutil.copytree(base + '/zones', '/run/lab/zones')
    for server in ('root', 'tld', 'leaf'):
        os.mkdir(f'/run/nsd-{server}')
        stage.start('nsd', '-d', '-c', f'{ROOT}/lab/node/nsd-{server}.conf')
    host = Host(base, cgroups)
    try:
        return play(host)
    finally:
        host.end()


def main(base):
    cgroups = cgroup_paths()
    try:
        for path in cgroups:
            os.mkdir(path)
    except OSError as e:
        print(f'skip systemd: {e}: it takes cgroups\n0 passed, 0 failed')
        return 0
    try:
        return on_a_host(base, cgroups)
    finally:
        for path in cgroups:
            for directory, _, _ in os.walk(path, topdown=False):
                os.rmdir(directory)


if __name__ == '__main__':
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what is made here ends
    stage.authorities, stage.log = {}, tempfile.TemporaryFile('w+')
    top = tempfile.mkdtemp(prefix='anypop-systemd-')
    os.chmod(top, 0o755)
    try:
        result = main(top)
    finally:
        for process in stage.processes:
            process.kill()
        shutil.rmtree(top, ignore_errors=True)
    sys.exit(result)
