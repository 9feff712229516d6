#!/usr/bin/env python3
"""The driver against real BIRD: three routers in network namespaces, seen from the neighbours.

    bird_test.py PATH-OF-driver_tool     (as root; by default the one that make built)

`pop` runs the driver; `ext` hears it over eBGP with BFD, `int` over iBGP. What counts is what the
neighbours have: `ext`'s kernel routes by `ip monitor`, and both BIRDs' tables. "Sees nothing" is
judged after a fence, a route of another kind that pop's BIRD sends after the event in question.
"""
import atexit
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DRAIN, BACKUP, FULL = 1, 2, 3
PREFIX, PREFIX6 = '192.0.2.0/24', '2001:db8:53::/48'
A_BIRD, A_UNPROVEN, A_COVERED, A_ATTRIBUTES, A_HAND = 1, 16, 32, 64, 512
WITHIN = 15  # seconds; how long anything may take before it is a failure

SITE = '''
node: { name = "pop"; };
bird: { socket = "%(dir)s/pop.ctl"; config = "%(dir)s/pop.conf"; include = "%(dir)s/anypop.conf";
	asn = 64500; pipe_master = true; poll_ms = 200; timeout_ms = 500;
	sessions = ( { name = "up_ext"; }, { name = "up_int"; } ); };
services = ( { name = "dns"; prefixes = [ "192.0.2.0/24", "2001:db8:53::/48" ];
	addresses = [ "192.0.2.53", "2001:db8:53::53" ]; } );
'''

POP = '''
router id 10.77.0.1;
log "%(dir)s/pop.log" all;
protocol device { scan time 10; }
protocol bfd { interface "to_*" { interval 300 ms; multiplier 10; }; }
include "%(dir)s/anypop.conf";
protocol static fence { disabled; ipv4; route 203.0.113.0/24 blackhole; }
protocol static backup4 { disabled; ipv4; route 192.0.2.0/24 blackhole; }
function others() { return proto = "fence" || proto = "backup4"; }
template bgp neighbour { local as 64500; direct; bfd on; connect delay time 1; connect retry time 1;
	error wait time 1, 2; hold time 30; graceful restart off; }
protocol bgp up_ext from neighbour { neighbor 10.77.1.2 as 64501;
	ipv4 { import none; next hop self; export filter { %(filter)s if others() then accept; reject; }; };
	ipv6 { import none; next hop self; export where anypop_export(); };
}
protocol bgp up_int from neighbour { neighbor 10.77.2.2 as 64500;
	ipv4 { import none; next hop self; export where %(internal)s || others(); };
	ipv6 { import none; next hop self; export where anypop_ours(); };
}
'''

NEIGHBOUR = '''
router id %(address)s;
log "%(dir)s/%(name)s.log" all;
protocol device { scan time 10; }
protocol bfd { interface "to_*" { interval 300 ms; multiplier 10; }; }
protocol kernel { ipv4 { import none; export all; }; }
protocol kernel { ipv6 { import none; export all; }; }
protocol bgp pop { local %(address)s as %(asn)d; neighbor %(peer)s as 64500; direct; bfd on;
	connect delay time 1; connect retry time 1; error wait time 1, 2; hold time 30;
	graceful restart off;
	ipv4 { import all; export none; };
	ipv6 { import all; export none; };
}
'''


class Failed(Exception):
    """A promise was not kept."""


def sh(*words, check=True):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    if check and done.returncode != 0:
        raise Failed(f'{" ".join(words)}: {done.stdout.strip()}')
    return done.stdout


def wait_for(what, check, within=WITHIN):
    """Polls until check() is true; what it returned."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        value = check()
        if value:
            return value
        time.sleep(0.01)
    raise Failed(f'did not come within {within} s: {what}')


def expect(what, ok):
    if not ok:
        raise Failed(what)


class Router:
    """A namespace with a BIRD in it."""

    def __init__(self, lab, name):
        self.lab, self.name, self.ns = lab, name, f'{lab.tag}{name}'
        self.control = f'{lab.dir}/{name}.ctl'
        self.process = None
        sh('ip', 'netns', 'add', self.ns)
        sh('ip', '-n', self.ns, 'link', 'set', 'lo', 'up')

    def link(self, other, subnet):
        a, b = f'to_{other.name}', f'to_{self.name}'
        sh('ip', '-n', self.ns, 'link', 'add', a, 'type', 'veth', 'peer', 'name', b, 'netns', other.ns)
        for router, port, host in ((self, a, 1), (other, b, 2)):
            sh('ip', '-n', router.ns, 'addr', 'add', f'10.77.{subnet}.{host}/24', 'dev', port)
            sh('ip', '-n', router.ns, 'addr', 'add', f'fd77:{subnet}::{host}/64', 'dev', port, 'nodad')
            sh('ip', '-n', router.ns, 'link', 'set', port, 'up')

    def configure(self, text):
        with open(f'{self.lab.dir}/{self.name}.conf', 'w', encoding='ascii') as f:
            f.write(text)

    def start(self):
        self.process = subprocess.Popen(
            ['ip', 'netns', 'exec', self.ns, 'bird', '-f', '-c', f'{self.lab.dir}/{self.name}.conf',
             '-s', self.control, '-P', f'{self.lab.dir}/{self.name}.pid'],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(f'BIRD {self.name} to answer', lambda: 'is up' in self.birdc('show', 'status'))

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
            self.process.wait()

    def birdc(self, *words):
        return sh('birdc', '-s', self.control, *words, check=False)

    def rung(self, prefix=PREFIX):
        """The rung of the route this router has, by its large community; None without one."""
        found = re.search(r'large_community: .*\(64500, 1, (\d)\)',
                          self.birdc('show', 'route', prefix, 'primary', 'all'))
        return int(found[1]) if found else None

    def attribute(self, name, prefix=PREFIX):
        found = re.search(rf'BGP.{name}: (.*)', self.birdc('show', 'route', prefix, 'all'))
        return found[1].strip() if found else None


class Monitor:
    """The kernel routes of a router, as they change."""

    def __init__(self, router):
        self.lines = []
        self.process = subprocess.Popen(['ip', '-n', router.ns, 'monitor', 'route'],
                                        stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, daemon=True).start()
        # It listens once it shows a route made for that purpose.
        def probe():
            sh('ip', '-n', router.ns, 'route', 'replace', 'blackhole', '203.0.114.0/24')
            sh('ip', '-n', router.ns, 'route', 'del', 'blackhole', '203.0.114.0/24')
            return any('203.0.114.0/24' in line for line in self.lines)
        wait_for('ip monitor', probe)

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.strip())

    def mark(self):
        return len(self.lines)

    def about(self, prefix, since):
        return [line for line in self.lines[since:] if prefix in line]

    def lost(self, prefix, since):
        return [line for line in self.about(prefix, since)
                if line.startswith('Deleted') or line.startswith('unreachable')]


class Driver:
    """driver_tool: orders in, what it sees and claims out."""

    def __init__(self, lab, *words):
        self.lanes, self.bird, self.log = {}, {}, []
        self.process = subprocess.Popen(
            ['ip', 'netns', 'exec', lab.pop.ns, lab.tool, lab.site, *words], text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=lab.errors)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.log.append(line.strip())
            words = line.split()
            pairs = dict(word.split('=', 1) for word in words if '=' in word)
            if words[0] == 'lane':
                self.lanes[int(words[1])] = pairs
            elif words[0] == 'bird':
                self.bird = pairs

    def order(self, lane, rung):
        self.process.stdin.write(f'{lane} {rung}\n')

    def number(self, key, lane=0):
        return int(self.lanes.get(lane, {}).get(key, '-9'), 0)

    def locks(self, lane=0):
        return self.lanes[lane]['locks'].split(',')

    def proven(self, rung, lane=0, within=WITHIN):
        wait_for(f'rung {rung} proven (is {self.lanes.get(lane)})',
                 lambda: self.number('order', lane) == self.number('proven', lane) == rung, within)

    def settled(self, rung, lane=0):
        """Proven, and each rung's two locks (protocol, gate; 3 open, 2 closed) as they should be."""
        want = ['33' if k == rung else '22' for k in (DRAIN, BACKUP, FULL)]
        self.proven(rung, lane)
        wait_for(f'locks {want} (are {self.locks(lane)})', lambda: self.locks(lane) == want)

    def go(self, rung, lane=0):
        self.order(lane, rung)
        self.settled(rung, lane)

    def alarm(self, bits, lane=0):
        wait_for(f'alarm {bits} (has {self.lanes.get(lane)})',
                 lambda: self.number('alarms', lane) > 0 and self.number('alarms', lane) & bits)

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait()


class Lab:
    def __init__(self, tool):
        self.tag = f'apb{os.getpid()}'
        self.dir = tempfile.mkdtemp(prefix='anypop-bird-')
        self.tool = tool
        self.errors = open(f'{self.dir}/driver.log', 'w', encoding='utf-8')
        self.routers, self.drivers, self.monitors = [], [], []
        atexit.register(self.down)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        self.site = f'{self.dir}/site.conf'
        with open(self.site, 'w', encoding='ascii') as f:
            f.write(SITE % {'dir': self.dir})
        self.pop, self.ext, self.int = (self.router(name) for name in ('pop', 'ext', 'int'))
        self.pop.link(self.ext, 1)
        self.pop.link(self.int, 2)
        with open(f'{self.dir}/anypop.conf', 'w', encoding='ascii') as f:
            f.write(sh(tool, self.site, 'include'))
        self.configure_pop()
        for router, subnet, asn in ((self.ext, 1, 64501), (self.int, 2, 64500)):
            router.configure(NEIGHBOUR % {
                'dir': self.dir, 'name': router.name, 'asn': asn, 'address': f'10.77.{subnet}.2',
                'peer': f'10.77.{subnet}.1'})

    def router(self, name):
        made = Router(self, name)
        self.routers.append(made)
        return made

    def configure_pop(self, ext='if anypop_export() then accept;', internal='anypop_ours()'):
        self.pop.configure(POP % {'dir': self.dir, 'filter': ext, 'internal': internal})

    def start(self):
        for router in self.routers:
            router.start()
        self.monitor = Monitor(self.ext)
        self.monitors.append(self.monitor)
        self.established()

    def established(self):
        wait_for('both sessions up',
                 lambda: self.pop.birdc('show', 'protocols').count('Established') == 2)

    def drive(self, *words):
        driver = Driver(self, *words)
        self.drivers.append(driver)
        return driver

    def fence(self):
        """Returns when `ext`'s kernel has what pop's BIRD sent before."""
        for verb, sign in (('enable', True), ('disable', False)):
            since = self.monitor.mark()
            self.pop.birdc(verb, 'fence')
            wait_for(f'the fence ({verb})', lambda s=since, g=sign: any(
                line.startswith('Deleted') != g for line in self.monitor.about('203.0.113.0/24', s)))

    def gate_up(self, name):
        return 'UP' in sh('ip', '-n', self.pop.ns, '-br', 'link', 'show', name).split('<')[1]

    def down(self):
        take_down(self, self.monitors)


def take_down(lab, monitors=()):
    for watcher in (*lab.drivers, *monitors):
        watcher.process.kill()
    for router in lab.routers:
        router.stop(signal.SIGKILL)
        sh('ip', 'netns', 'del', router.ns, check=False)
    lab.errors.close()
    if not os.environ.get('KEEP'):
        shutil.rmtree(lab.dir, ignore_errors=True)


# Each test gets the lab and a running driver, and starts at silent.

def accepts_generated_configuration(lab, _):
    path = f'{lab.dir}/example.conf'
    with open(path, 'w', encoding='ascii') as f:
        f.write(sh(lab.tool, lab.site, 'example'))
    sh('bird', '-p', '-c', path)
    edge = sh(lab.tool, lab.site, 'edge')
    with open(path, 'w', encoding='ascii') as f:
        f.write('router id 1.1.1.1; protocol device {}\n' + edge)
    sh('bird', '-p', '-c', path)


def every_rung_reaches_both_neighbours_without_withdrawal(lab, driver):
    driver.go(DRAIN)
    driver.go(DRAIN, lane=1)
    for name in ('ext', 'int'):
        wait_for(f'drain at {name}', lambda n=name: getattr(lab, n).rung() == DRAIN)
    wait_for('IPv6 at ext', lambda: lab.ext.rung(PREFIX6) == DRAIN)
    since = lab.monitor.mark()
    for rung in (BACKUP, FULL, DRAIN, FULL, BACKUP, DRAIN, BACKUP, FULL):
        driver.go(rung)
        wait_for(f'rung {rung} at ext', lambda r=rung: lab.ext.rung() == r)
        wait_for(f'rung {rung} at int', lambda r=rung: lab.int.rung() == r)
        path = '64500 ' * {FULL: 1, BACKUP: 2, DRAIN: 4}[rung]
        expect(f'path {path}', lab.ext.attribute('as_path') == path.strip())
        preference = {FULL: '200', BACKUP: '150', DRAIN: '50'}[rung]
        expect(f'local preference {preference}', lab.int.attribute('local_pref') == preference)
        expect('GRACEFUL_SHUTDOWN at drain only',
               (lab.ext.attribute('community') == '(65535,0)') == (rung == DRAIN))
    lab.fence()
    expect(f'no withdrawal: {lab.monitor.lost(PREFIX, since)}', not lab.monitor.lost(PREFIX, since))
    expect('no alarm', driver.number('alarms') == 0)


def orders_in_quick_succession_keep_the_route(lab, driver):
    driver.go(DRAIN)
    wait_for('drain at ext', lambda: lab.ext.rung() == DRAIN)
    since = lab.monitor.mark()
    for rung in (FULL, DRAIN, BACKUP, DRAIN, FULL, BACKUP, FULL, DRAIN, FULL):
        driver.order(0, rung)
    driver.settled(FULL)
    wait_for('full at ext', lambda: lab.ext.rung() == FULL)
    lab.fence()
    expect(f'no withdrawal: {lab.monitor.lost(PREFIX, since)}', not lab.monitor.lost(PREFIX, since))


def silent_is_withdrawn_and_proven(lab, driver):
    driver.go(FULL)
    wait_for('route at ext', lambda: lab.ext.rung() == FULL)
    since = lab.monitor.mark()
    driver.go(0)
    wait_for('withdrawal', lambda: lab.monitor.lost(PREFIX, since))
    for router in (lab.ext, lab.int):
        wait_for('no route', lambda r=router: r.rung() is None)
    expect('IPv6 stays as it was', driver.number('order', 1) in (-1, 0))


def reconfigurations(lab):
    yield 'configure', lambda: lab.pop.birdc('configure')
    yield 'configure undo', lambda: lab.pop.birdc('configure', 'undo')

    def timeout():
        def expired():
            with open(f'{lab.dir}/pop.log', encoding='utf-8') as f:
                return f.read().count('Config timeout expired')
        before = expired()
        said = lab.pop.birdc('configure', 'timeout', '1')
        expect(f'configure timeout took place: {said}', 'econfigur' in said)
        wait_for('expiry', lambda: expired() > before)
    yield 'configure timeout', timeout


def foreign_configure_moves_nothing(lab, driver):
    for rung in (0, DRAIN):
        driver.go(rung)
        wait_for(f'rung {rung} at ext', lambda r=rung: lab.ext.rung() == (r or None))
        for name, act in reconfigurations(lab):
            lab.fence()
            since = lab.monitor.mark()
            before = driver.number('corrections')
            act()
            wait_for(f'{name}: corrected', lambda b=before: driver.number('corrections') > b)
            driver.settled(rung)
            lab.fence()
            seen = lab.monitor.about(PREFIX, since)
            expect(f'{name} at {rung}: ext saw {seen}', not seen)
            expect(f'{name}: still {rung}', lab.ext.rung() == (rung or None))


def bird_restarted_comes_back_at_the_same_rung(lab, driver):
    driver.go(DRAIN)
    wait_for('drain at ext', lambda: lab.ext.rung() == DRAIN)
    lab.pop.stop(signal.SIGKILL)
    driver.alarm(A_BIRD)
    expect('nothing claimed without BIRD', driver.number('proven') == -1)
    lab.pop.start()
    lab.established()
    driver.settled(DRAIN)
    wait_for('drain at ext', lambda: lab.ext.rung() == DRAIN)
    driver.go(0)
    wait_for('no route', lambda: lab.ext.rung() is None)
    since = lab.monitor.mark()
    lab.pop.stop()
    lab.pop.start()
    lab.established()
    driver.settled(0)
    lab.fence()
    expect(f'silent over a restart: {lab.monitor.about(PREFIX, since)}',
           not lab.monitor.about(PREFIX, since))


def hung_bird_never_climbs_and_falls_by_the_gate(lab, driver):
    driver.go(DRAIN)
    lab.pop.process.send_signal(signal.SIGSTOP)
    driver.alarm(A_BIRD)
    driver.order(0, FULL)
    driver.alarm(A_UNPROVEN)
    expect('climb not claimed', driver.number('proven') == -1)
    driver.order(0, 0)
    for k in (DRAIN, BACKUP, FULL):
        wait_for('gates down', lambda n=k: not lab.gate_up(f'apdns4.{n}'))
    expect('silent not claimed', driver.number('proven') == -1)
    lab.pop.process.send_signal(signal.SIGCONT)
    lab.established()
    driver.settled(0)
    lab.fence()
    expect('silent afterwards', lab.ext.rung() is None)


def hand_downward_is_respected(lab, driver):
    driver.go(FULL)
    lab.pop.birdc('disable', 'anypop_dns_v4_full')
    driver.alarm(A_HAND)
    expect('whose hand', driver.number('hand') == FULL)
    wait_for('withdrawn', lambda: lab.ext.rung() is None)
    seen = len(driver.log)
    lab.fence()
    expect('not enabled again', driver.locks()[FULL - 1][0] == '2' and not any(
        'proven=3' in line for line in driver.log[seen:]))
    driver.order(0, 0)
    driver.settled(0)
    before = driver.number('corrections')
    lab.pop.birdc('enable', 'anypop_dns_v4_full')
    wait_for('hand gone', lambda: driver.number('hand') == -1)
    driver.settled(0)
    expect('closed again and counted', driver.number('corrections') > before)


def hand_upward_is_corrected(lab, driver):
    driver.go(DRAIN)
    lab.fence()
    since, before = lab.monitor.mark(), driver.number('corrections')
    lab.pop.birdc('enable', 'anypop_dns_v4_full')
    wait_for('corrected', lambda: driver.number('corrections') > before)
    driver.settled(DRAIN)
    lab.fence()
    expect('ext saw nothing', not lab.monitor.about(PREFIX, since))


def foreign_route_is_named(lab, driver):
    driver.go(DRAIN)
    lab.pop.birdc('enable', 'backup4')
    driver.go(0)
    driver.alarm(A_COVERED)
    expect('by name', driver.lanes[0]['covered_by'] == 'backup4')
    lab.pop.birdc('disable', 'backup4')
    wait_for('alarm gone', lambda: driver.number('alarms') == 0)


def filter_that_rejects_is_unproven(lab, driver):
    lab.configure_pop(ext='if anypop_ours() then reject;', internal='false')
    lab.pop.birdc('configure')
    driver.order(0, FULL)
    driver.alarm(A_UNPROVEN)
    expect('enabled, gate up, and not claimed',
           driver.number('proven') == -1 and driver.locks()[FULL - 1] == '33')
    lab.configure_pop()
    lab.pop.birdc('configure')
    driver.settled(FULL)


def filter_without_our_function_is_told(lab, driver):
    lab.configure_pop(ext='if anypop_ours() then accept;')
    lab.pop.birdc('configure')
    driver.order(0, DRAIN)
    driver.proven(DRAIN)
    driver.alarm(A_ATTRIBUTES)
    lab.configure_pop()
    lab.pop.birdc('configure')
    wait_for('dressed again', lambda: driver.number('alarms') == 0)


def broken_configuration_does_not_hold_a_fall(lab, driver):
    driver.go(FULL)
    lab.pop.configure('this is no configuration of BIRD;')
    try:
        expect('refused', 'syntax error' in lab.pop.birdc('configure'))
        driver.go(0)
        wait_for('withdrawn', lambda: lab.ext.rung() is None)
    finally:
        lab.configure_pop()


def driver_restarted_finds_the_rung(lab, driver):
    driver.go(BACKUP)
    since = lab.monitor.mark()
    driver.stop()
    again = lab.drive()
    wait_for('shown rung', lambda: again.number('shown') == BACKUP)
    again.go(BACKUP)
    lab.fence()
    expect('nothing moved', not lab.monitor.about(PREFIX, since))
    expect('nothing written', again.number('corrections') == 0)
    again.stop()


def observing_writes_nothing(lab, driver):
    driver.go(DRAIN)
    driver.stop()
    watcher = lab.drive('observe')
    wait_for('shown rung', lambda: watcher.number('shown') == DRAIN)
    watcher.order(0, 0)
    watcher.process.stdin.write('kick\n')
    wait_for('order ignored', lambda: 'ordered 0 0' in watcher.log)
    lab.fence()
    expect('route stands', lab.ext.rung() == DRAIN and lab.gate_up('apdns4.1'))
    watcher.stop()


def gates_carry_no_address(lab, driver):
    driver.go(FULL)
    driver.go(FULL, lane=1)
    for gate in ('apdns4.3', 'apdns6.3', 'apdns4.1'):
        shown = sh('ip', '-n', lab.pop.ns, 'addr', 'show', gate)
        shown += sh('ip', '-n', lab.pop.ns, '-d', 'link', 'show', gate)
        expect(f'{gate}: {shown}', 'inet' not in shown and 'addrgenmode none' in shown)


def apply_installs_and_refuses(lab, driver):
    driver.go(DRAIN)
    include = f'{lab.dir}/anypop.conf'
    with open(include, encoding='ascii') as f:
        good = f.read()
    with open(include, 'w', encoding='ascii') as f:
        f.write(good.replace('preference 303', 'preference 304'))
    since = lab.monitor.mark()
    expect('a difference', '- \tipv4 { table anypop4; preference 304; };\n'
           '+ \tipv4 { table anypop4; preference 303; };\n' in
           sh(lab.tool, lab.site, 'diff', check=False))
    said = sh('ip', 'netns', 'exec', lab.pop.ns, lab.tool, lab.site, 'apply')
    expect(f'proof: {said}', 'protocols of ours are in force' in said)
    with open(include, encoding='ascii') as f:
        expect('installed', f.read() == good)
    driver.settled(DRAIN)
    lab.fence()
    expect('nothing moved', not lab.monitor.about(PREFIX, since))
    with open(include, 'a', encoding='ascii') as f:
        f.write('# older\n')
    lab.pop.configure('nonsense;')
    try:
        said = sh(lab.tool, lab.site, 'apply', check=False)
        expect(f'refused: {said}', 'failed: nothing was changed' in said)
        with open(include, encoding='ascii') as f:
            expect('old file put back', f.read() == good + '# older\n')
    finally:
        lab.configure_pop()
        with open(include, 'w', encoding='ascii') as f:
            f.write(good)


def doctor_finds_what_is_wrong(lab, driver):
    driver.go(DRAIN)
    doctor = ('ip', 'netns', 'exec', lab.pop.ns, lab.tool, lab.site, 'doctor')
    said = sh(*doctor)
    expect(f'well: {said}', 'fail filter' not in said and 'ok filter: up_ext sends 192.0.2.0/24' in
           said and 'ok protocol' in said and 'hold:' not in said)
    lab.pop.birdc('configure', 'timeout', '60')
    expect('the pending undo is told', 'not confirmed: undo in' in sh(*doctor))
    wait_for('the driver to tell it', lambda: driver.bird.get('undo') == '1')
    expect('by asking it is not ended', 'not confirmed: undo in' in sh(*doctor))
    lab.pop.birdc('configure', 'confirm')
    wait_for('its end to be told', lambda: driver.bird.get('undo') == '0')
    expect('a confirmed configuration is well', 'not confirmed' not in sh(*doctor))
    lab.configure_pop(ext='if anypop_ours() then accept;', internal='anypop_export()')
    lab.pop.birdc('configure')
    wait_for('undressed at eBGP, dressed at iBGP', lambda: sh(*doctor).count('fail filter') == 2)
    lab.configure_pop()
    lab.pop.birdc('configure')
    wait_for('well again', lambda: 'fail filter' not in sh(*doctor))


TESTS = [
    accepts_generated_configuration, every_rung_reaches_both_neighbours_without_withdrawal,
    orders_in_quick_succession_keep_the_route, silent_is_withdrawn_and_proven,
    foreign_configure_moves_nothing, bird_restarted_comes_back_at_the_same_rung,
    hung_bird_never_climbs_and_falls_by_the_gate, hand_downward_is_respected,
    hand_upward_is_corrected, foreign_route_is_named, filter_that_rejects_is_unproven,
    filter_without_our_function_is_told, broken_configuration_does_not_hold_a_fall,
    driver_restarted_finds_the_rung, gates_carry_no_address, observing_writes_nothing, apply_installs_and_refuses,
    doctor_finds_what_is_wrong,
]


def run(lab, test):
    driver = lab.drive()
    try:
        for lane in (0, 1):
            driver.go(0, lane)
        wait_for('a clean start', lambda: lab.ext.rung() is None)
        test(lab, driver)
        return None
    except Failed as failure:
        return f'{failure}\n' + '\n'.join(driver.log[-12:])
    finally:
        driver.stop()


def play(tests, make, run):
    """The exit status of a test program: in the lab of `make(driver_tool)` those of `tests` that ONLY
    matches, each by `run(lab, test)`, which returns what went wrong, or None."""
    if os.geteuid() != 0:
        print('1..0\nnot ok - it makes network namespaces: run it as root')
        return 1
    build = os.environ.get('B', f'{ROOT}/build/*')
    tools = sys.argv[1:2] or sorted(glob.glob(f'{build}/tests/integration/driver_tool'),
                                    key=os.path.getmtime)
    if not tools:
        print('1..0\nnot ok - there is no driver_tool: run `make tools` first')
        return 1
    lab = make(os.path.abspath(tools[-1]))
    only = os.environ.get('ONLY')
    tests = [test for test in tests if not only or re.search(only, test.__name__)]
    failed = 0
    print(f'1..{len(tests)}', flush=True)
    for number, test in enumerate(tests, 1):
        why = run(lab, test)
        print(f'{"not ok" if why else "ok"} {number} - {test.__name__.replace("_", " ")}', flush=True)
        if why:
            failed += 1
            print('# ' + why.replace('\n', '\n# '), flush=True)
    print(f'{len(tests) - failed} passed, {failed} failed')
    return 1 if failed else 0


def started(tool):
    lab = Lab(tool)
    lab.start()
    return lab


if __name__ == '__main__':
    sys.exit(play(TESTS, started, run))
