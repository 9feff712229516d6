#!/usr/bin/env python3
"""The fleet's beacons over real BIRD: three nodes, a route reflector, one that lies, and the world.

    fleet_test.py PATH-OF-driver_tool     (as root; by default the one that make built)

n1 and n2 have an iBGP session with each other, and all three one with the reflector `rr`, of which
`liar` is a client too; n1 and n2 leave by eBGP over `ext`, n3 by the reflector (exit = true). Each
node runs the driver and the view. What counts is what a node's view has of the others.
"""
import atexit
import os
import re
import signal
import sys
import tempfile
import types

from bird_test import DRAIN, FULL, Driver, Failed, Router, expect, play, sh, take_down, wait_for

BLOCK = {0: '198.18.0.0/20', 1: 'fd00:53:b::/116'}
SIZE = 1000
VERSION = 1 << 29
D_OUTSIDE, D_ID, D_NUMBER, D_VERSION, D_ABSURD, D_CUT, D_CONFLICT, D_WATCHED = range(8)
VITAL, LOW, SHARED = 4, 2, 1

SITE = '''
node: { name = "%(name)s"; };
bird: { socket = "%(dir)s/%(name)s.ctl"; config = "%(dir)s/%(name)s.conf";
	include = "%(dir)s/%(name)s.inc"; asn = 64500; pipe_master = true; poll_ms = 200;
	timeout_ms = 2000; sessions = ( %(sessions)s ); };
fleet: { size = 1000; id = %(id)d; region = "%(region)s"; max_suspended = %(suspended)s;
	poll_ms = 100; %(watch)s };
services = ( { name = "dns"; prefixes = [ "192.0.2.0/24", "2001:db8:53::/48" ];
	addresses = [ "192.0.2.53", "2001:db8:53::53" ];
	beacons = [ "198.18.0.0/20", "fd00:53:b::/116" ]; } );
'''

HEAD = '''
router id %(address)s;
log "%(dir)s/%(name)s.log" all;
protocol device { scan time 10; }
template bgp neighbour { direct; connect delay time 1; connect retry time 1; error wait time 1, 2;
	hold time 30; graceful restart off; }
'''
NODE = '''
include "%(dir)s/%(name)s.inc";
protocol kernel { ipv4 { import none; export where ! anypop_ours() && ! anypop_beacon(); }; }
protocol kernel { ipv6 { import none; export where ! anypop_ours() && ! anypop_beacon(); }; }
'''
EXIT = '''
protocol bgp up_ext from neighbour { local %(local)s as 64500; neighbor %(peer)s as 64501;
	ipv4 { import none; next hop self; export filter { if anypop_export() then accept; %(careful)s accept; }; };
	ipv6 { import none; next hop self; export filter { if anypop_export() then accept; %(careful)s accept; }; };
}
'''
INSIDE = '''
protocol bgp %(name)s from neighbour { local %(local)s as 64500; neighbor %(peer)s as 64500;
	%(client)s
	ipv4 { gateway recursive; import where %(import)s; %(hop)s export where anypop_ours() || anypop_beacon_export(); };
	ipv6 { gateway recursive; import where %(import)s; %(hop)s export where anypop_ours() || anypop_beacon_export(); };
}
'''
OUTSIDE = '''
protocol bgp %(name)s from neighbour { local %(local)s as 64501; neighbor %(peer)s as 64500;
	ipv4 { import all; export none; };
	ipv6 { import all; export none; };
}
'''


class Node:
    def __init__(self, lab, number, sessions, region, suspended, watch=()):
        self.lab, self.id, self.name = lab, number, f'n{number}'
        self.router = lab.router(self.name)
        self.site = f'{lab.dir}/{self.name}.site'
        self.driver = None
        with open(self.site, 'w', encoding='ascii') as f:
            f.write(SITE % {'name': self.name, 'dir': lab.dir, 'id': number, 'region': region,
                            'suspended': suspended, 'sessions': sessions,
                            'watch': 'watch = (%s);' % ', '.join(
                                f'{{ id = {n}; addresses = [ "10.77.0.{n}" ]; }}'
                                for n in watch) if watch else ''})
        with open(f'{lab.dir}/{self.name}.inc', 'w', encoding='ascii') as f:
            f.write(sh(lab.tool, self.site, 'include'))

    def drive(self):
        self.driver = Driver(types.SimpleNamespace(pop=self.router, tool=self.lab.tool,
                                                   site=self.site, errors=self.lab.errors))
        self.lab.drivers.append(self.driver)
        return self.driver

    def say(self, lane, load=15, flags=0, severity=0, fault=0, request=(0, 0)):
        self.driver.process.stdin.write(
            f'say {lane} {load} {flags} {severity} {fault} {request[0]} {request[1]}\n')

    def rung_beacon(self):
        """That of IPv4, as `ip route` shows it, or ''."""
        return next((line for line in self.beacons() if f'198.18.0.{self.id} ' in f'{line} '), '')

    def judge(self, lane, digits, **words):
        """Its verdicts on whom it watches, a digit each: 0 not known, 1 well, 2 failed."""
        self.driver.process.stdin.write(f'judge {lane} {digits}\n')
        self.say(lane, **words)

    def verdicts(self, lane):
        """Of the last view: what our filter names, and {who: {of whom: verdict}} of the others."""
        told, own = {}, None
        for line in reversed(self.driver.log):
            if line.startswith(f'verdicts {lane} '):
                for word in line.split()[2:]:
                    if word.startswith('own='):
                        own = [int(n) for n in word.split('/')[1].split(',')] if '/' in word else None
                        continue
                    of, verdict = word.split('=')
                    who, whom = map(int, of.split(':'))
                    told.setdefault(who, {})[whom] = int(verdict)
                break
        return own, told

    def view(self, lane):
        """The last view: conflict, foreign, dropped (list), and peers by id."""
        for line in reversed(self.driver.log):
            if line.startswith(f'view {lane} '):
                pairs = dict(word.split('=') for word in line.split()[2:])
                peers = {int(k): tuple(map(int, v.split('/'))) for k, v in pairs.items()
                         if k.isdigit()}
                return {'conflict': pairs['conflict'] == '1', 'foreign': int(pairs['foreign']),
                        'dropped': [int(n) for n in pairs['dropped'].split(',')],
                        'n': int(pairs['n']), 'peers': peers}
        return {'conflict': False, 'foreign': 0, 'dropped': [0] * 8, 'n': -1, 'peers': {}}

    def sees(self, other, lane, **wanted):
        """Waits until our view has these of the other's words."""
        names = ('rung', 'load', 'flags', 'severity', 'fault', 'region', 'suspended')

        def check():
            peer = self.view(lane)['peers'].get(other.id if isinstance(other, Node) else other)
            return peer is not None and all(peer[names.index(k)] == v for k, v in wanted.items())
        wait_for(f'{self.name} to see {wanted} of {getattr(other, "name", other)} in lane {lane} '
                 f'(has {self.view(lane)})', check)

    def hears(self, other, lane, request):
        """Waits until our view has the other ask for this drain: (region, expiry), () none."""
        number = other.id if isinstance(other, Node) else other

        def check():
            peer = self.view(lane)['peers'].get(number)
            return peer is not None and peer[7:] == request
        wait_for(f'{self.name} to hear {request} of {number} in lane {lane} (has '
                 f'{self.view(lane)})', check)

    def misses(self, other, lane):
        number = other.id if isinstance(other, Node) else other
        wait_for(f'{self.name} not to see {number} in lane {lane}',
                 lambda: self.view(lane)['n'] >= 0 and number not in self.view(lane)['peers'])

    def views(self):
        return sum(line.startswith('view 0 ') for line in list(self.driver.log))

    def looks_again(self, times=2):
        """Two whole views from now: what they do not have is not there."""
        end = self.views() + times
        wait_for(f'new views of {self.name}', lambda: self.views() >= end)

    def beacons(self, family='-4'):
        """Of the kernel's table."""
        return sh('ip', '-n', self.router.ns, family, 'route', 'show', 'table', '5310',
                  check=False).strip().splitlines()


class Lab:
    def __init__(self, tool):
        self.tag = f'apf{os.getpid()}'
        self.dir = tempfile.mkdtemp(prefix='anypop-fleet-')
        self.tool = tool
        self.errors = open(f'{self.dir}/driver.log', 'w', encoding='utf-8')
        self.routers, self.drivers = [], []
        atexit.register(self.down)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        ext, mesh = '{ name = "up_ext"; }', '{ name = "up_mesh"; fleet = true; }'
        self.n1 = Node(self, 1, f'{ext}, {mesh}, {{ name = "up_rr"; fleet = true; }}', 'eu', '3',
                       watch=(3, 2))
        self.n2 = Node(self, 2, f'{ext}, {mesh}, {{ name = "up_rr"; fleet = true; }}', 'us', '"1%"')
        self.n3 = Node(self, 3, '{ name = "up_rr"; fleet = true; exit = true; }', '', '5')
        self.nodes = (self.n1, self.n2, self.n3)
        self.rr, self.ext, self.liar = (self.router(name) for name in ('rr', 'ext', 'liar'))
        self.link()
        self.configure()

    def router(self, name):
        made = Router(self, name)
        self.routers.append(made)
        return made

    def link(self):
        n1, n2, n3 = (node.router for node in self.nodes)
        for a, b, subnet in ((n1, n2, 1), (n1, self.rr, 2), (n2, self.rr, 3), (n3, self.rr, 4),
                             (self.liar, self.rr, 5), (n1, self.ext, 6), (n2, self.ext, 7)):
            a.link(b, subnet)

    def inside(self, name, subnet, host, client='', careless=False):
        return INSIDE % {
            'name': name, 'local': f'10.77.{subnet}.{host}', 'peer': f'10.77.{subnet}.{3 - host}',
            'client': client, 'hop': '' if client else 'next hop self;',
            'import': 'true' if careless else 'anypop_ours() || anypop_beacon_export()'}

    def configure_nodes(self, careful='if anypop_beacon() then reject;'):
        """Without `careful` the filters towards the world are as some operators' may be."""
        head = {'dir': self.dir}
        ways = {1: self.inside('up_mesh', 1, 1) + self.inside('up_rr', 2, 1),
                2: self.inside('up_mesh', 1, 2) + self.inside('up_rr', 3, 1),
                3: self.inside('up_rr', 4, 1)}
        for node, subnet in ((self.n1, 6), (self.n2, 7), (self.n3, 0)):
            names = dict(head, name=node.name, address=f'10.77.0.{node.id}')
            exit_ = EXIT % {'local': f'10.77.{subnet}.1', 'peer': f'10.77.{subnet}.2',
                            'careful': careful} if subnet else ''
            node.router.configure(HEAD % names + NODE % names + exit_ + ways[node.id])
            if node.router.process:
                node.router.birdc('configure')

    def configure(self):
        head = {'dir': self.dir}
        self.configure_nodes()
        edge = sh(self.tool, self.n1.site, 'edge')
        self.rr.configure(HEAD % dict(head, name='rr', address='10.77.0.9') + edge +
                          self.inside('n1', 2, 2, 'rr client;') +
                          self.inside('n2', 3, 2, 'rr client;') +
                          self.inside('n3', 4, 2, 'rr client;') +
                          self.inside('liar', 5, 2, 'rr client;', careless=True))
        self.ext.configure(HEAD % dict(head, name='ext', address='10.77.0.8') + ''.join(
            OUTSIDE % {'name': f'n{n}', 'local': f'10.77.{n + 5}.2', 'peer': f'10.77.{n + 5}.1'}
            for n in (1, 2)))
        self.lie([])

    def lie(self, routes, preferred=False):
        """`routes`: (network, [large communities]) that the liar sends."""
        text = HEAD % {'dir': self.dir, 'name': 'liar', 'address': '10.77.0.7'}
        for family in (4, 6):
            text += f'protocol static lies{family} {{ ipv{family};\n'
            for net, numbers in routes:
                if (':' in net) == (family == 6):
                    adds = 'bgp_local_pref = 200; ' if preferred else ''
                    adds += ''.join(f'bgp_large_community.add({n});' for n in numbers)
                    text += f'route {net} blackhole {{ {adds} }};\n'
            text += '}\n'
        text += '''protocol bgp reflector from neighbour { local 10.77.5.1 as 64500; neighbor 10.77.5.2 as 64500;
	ipv4 { import none; export where source = RTS_STATIC; };
	ipv6 { import none; export where source = RTS_STATIC; }; }\n'''
        self.liar.configure(text)
        if self.liar.process:
            answer = self.liar.birdc('configure')
            expect(f'the liar reads its lies: {answer}', 'Reconfigured' in answer)

    def start(self):
        for router in self.routers:
            router.start()
        for router, n in ((self.rr, 4), (self.ext, 2)):
            wait_for(f'{n} sessions at {router.name}', lambda r=router, k=n: r.birdc(
                'show', 'protocols').count('Established') == k)

    def down(self):
        take_down(self)


def number(payload, nonce=77):
    return f'(64500, 5300, {VERSION | nonce << 16 | payload})'


def net(kind, ident, lane=0):
    low = kind << 10 | ident
    if lane:
        return f'fd00:53:b::{low:x}/128'
    return f'198.18.{low >> 8}.{low & 255}/32'


# Each test begins with three nodes at drain, in both lanes, and nothing said or lied.

def all_see_all_in_both_families(lab):
    for lane in (0, 1):
        for node in lab.nodes:
            for other in lab.nodes:
                if node is not other:
                    node.sees(other, lane, rung=DRAIN, load=15, flags=0, severity=0)
            expect(f'{node.name} does not see itself', node.id not in node.view(lane)['peers'])
            expect('nothing else', node.view(lane)['n'] == 2)


def the_generated_example_is_accepted(lab):
    path = f'{lab.dir}/example.conf'
    for node in lab.nodes:
        with open(path, 'w', encoding='ascii') as f:
            f.write(sh(lab.tool, node.site, 'example'))
        sh('bird', '-p', '-c', path)


def constants_come_along(lab):
    lab.n3.sees(lab.n1, 0, suspended=3)
    lab.n3.sees(lab.n2, 0, suspended=10)
    lab.n1.sees(lab.n3, 0, suspended=5, region=0)
    regions = [lab.n3.view(0)['peers'][n][5] for n in (1, 2)]
    expect(f'two regions: {regions}', 0 not in regions and regions[0] != regions[1])


def words_follow_within_a_view(lab):
    lab.n1.say(0, load=7, flags=9, severity=LOW, fault=171)
    for node in (lab.n2, lab.n3):
        node.sees(lab.n1, 0, rung=DRAIN, load=7, flags=9, severity=LOW, fault=171)
        expect('of this lane alone', node.view(1)['peers'][1][1:5] == (15, 0, 0, 0))
    lab.n1.say(0, load=7, flags=9, severity=VITAL)
    lab.n3.sees(lab.n1, 0, severity=VITAL, fault=0)
    lab.n1.say(0)
    lab.n3.sees(lab.n1, 0, severity=0, load=15, flags=0)
    expect('rung and verdicts are left', len(lab.n1.beacons()) == 2)


def requests_come_and_go(lab):
    """Beside the rung and the intent, of one lane alone, over the mesh and the reflector."""
    lab.n2.say(0, severity=LOW, request=(4711, 8191))
    for node in (lab.n1, lab.n3):
        node.hears(lab.n2, 0, (4711, 8191))
        node.sees(lab.n2, 0, rung=DRAIN, severity=LOW)
        node.hears(lab.n2, 1, ())
    expect('it is a blackhole', sum(line.startswith('blackhole') for line in lab.n2.beacons()) == 2)
    lab.n2.say(0, severity=LOW, request=(4711, 0))
    lab.n3.hears(lab.n2, 0, (4711, 0))
    lab.n2.say(0)
    for node in (lab.n1, lab.n3):
        node.hears(lab.n2, 0, ())
        node.sees(lab.n2, 0, rung=DRAIN, severity=0)


def forged_requests_are_told_as_they_are_and_no_more(lab):
    """Hundreds, and one in the name of n1: none without a rung is in view, one per id, none of ours."""
    def asks(region, expiry):
        return f'(64500, 5300, {VERSION | region << 13 | expiry})'
    lies = [(net(3, ident), [asks(ident, 77)]) for ident in range(300, 900)]
    lies += [(net(3, 950), [asks(0, 5)]), (net(3, 1), [asks(7, 7)]), (net(3, 3), [asks(8, 8)]),
             (net(0, 951), [number(1 << 12)]), (net(3, 951), [asks(9, 9)])]
    before = lab.n1.view(0)['dropped']
    lab.lie(lies)
    lab.n1.hears(951, 0, (9, 9))
    lab.n1.looks_again()
    view = lab.n1.view(0)
    expect(f'who tells no rung is not in view: {view}', set(view['peers']) == {2, 3, 951})
    expect('a request for no region is counted', view['dropped'][D_ABSURD] > before[D_ABSURD])
    expect('nobody asks in our name here', not view['conflict'])
    lab.n1.hears(lab.n3, 0, (8, 8)) # ... but in n3's, which n3's rung says nothing against
    lab.n3.sees(lab.n1, 0, rung=DRAIN)
    lab.lie([])
    lab.n1.misses(951, 0)
    lab.n1.hears(lab.n3, 0, ())


def rungs_are_told(lab):
    for rung in (FULL, DRAIN):
        for node in lab.nodes:
            node.driver.go(rung)
        for node in lab.nodes:
            for other in lab.nodes:
                if node is not other:
                    node.sees(other, 0, rung=rung)
    lab.n2.driver.go(0)
    lab.n1.sees(lab.n2, 0, rung=0)
    lab.n3.sees(lab.n2, 0, rung=0)
    expect('a silent one is a blackhole', lab.n2.beacons()[0].startswith('blackhole 198.18.0.2'))
    expect('others are through their gate', 'dev apdns4.1' in lab.n1.rung_beacon())


def a_climb_is_told_when_it_is_out_and_a_fall_before(lab):
    """No exit session: the rung is ordered, and stays untold."""
    for node in (lab.n1, lab.n2):
        node.driver.go(DRAIN)
    lab.n1.router.birdc('disable', 'up_ext')
    lab.n3.sees(lab.n1, 0, rung=0)
    lab.n1.driver.order(0, FULL)
    lab.n1.driver.proven(FULL)
    lab.n1.looks_again()
    lab.n3.looks_again()
    expect('not told without an exit', lab.n3.view(0)['peers'][1][0] == 0)
    lab.n1.router.birdc('enable', 'up_ext')
    lab.n3.sees(lab.n1, 0, rung=FULL)
    # A BIRD that hangs cannot hold back the fall's word in the kernel, nor a climb be told by it.
    os.kill(lab.n1.router.process.pid, signal.SIGSTOP)
    try:
        lab.n1.driver.order(0, DRAIN)
        wait_for('drain in the kernel', lambda: 'dev apdns4.1' in lab.n1.rung_beacon())
        lab.n1.driver.order(0, FULL)
        lab.n1.driver.process.stdin.write('told 0\n')
        wait_for('an answer', lambda: any(line.startswith('told') for line in lab.n1.driver.log))
        expect('still drain', [line for line in lab.n1.driver.log if line.startswith('told')][-1]
               .startswith('told lane=0 rung=1 '))
    finally:
        os.kill(lab.n1.router.process.pid, signal.SIGCONT)
    lab.n3.sees(lab.n1, 0, rung=FULL)


def a_gate_down_takes_the_beacon_along(lab):
    """By whosever hand, with nobody there to help."""
    lab.n1.driver.stop()
    for lane, gate in ((0, 'apdns4.1'), (1, 'apdns6.1')):
        sh('ip', '-n', lab.n1.router.ns, 'link', 'set', gate, 'down')
        lab.n2.misses(lab.n1, lane)
        lab.n3.misses(lab.n1, lane)
    lab.n1.drive().go(DRAIN)
    lab.n3.sees(lab.n1, 0, rung=DRAIN)


def a_driver_that_follows_is_the_same_node(lab):
    lab.n2.say(0, severity=LOW, fault=9)
    lab.n1.sees(lab.n2, 0, severity=LOW)
    before = lab.n2.beacons()
    lab.n2.driver.stop()
    driver = lab.n2.drive()
    wait_for('a look', lambda: driver.number('shown') == DRAIN)
    lab.n2.looks_again()
    expect('what stood is let be', lab.n2.beacons() == before)
    driver.go(DRAIN)
    lab.n2.looks_again()
    expect('nor is it lost by the first order', lab.n2.beacons() == before)
    lab.n1.sees(lab.n2, 0, rung=DRAIN, severity=LOW, fault=9)
    lab.n2.say(0)
    lab.n1.sees(lab.n2, 0, rung=DRAIN, severity=0)
    metric = re.search(r'metric (\d+)', lab.n2.beacons()[0])[1]
    expect('the nonce is kept', int(metric) >> 16 == int(
        re.search(r'metric (\d+)', before[0])[1]) >> 16)
    expect('no conflict', not lab.n1.view(0)['dropped'][D_CONFLICT] and
           not lab.n2.view(0)['conflict'])


def the_kernels_table_is_put_right(lab):
    ns, own = lab.n1.router.ns, lab.n1.beacons()
    sh('ip', '-n', ns, 'route', 'add', 'blackhole', '198.18.0.1', 'table', '5310', 'proto', '99',
       'metric', str(VERSION))
    sh('ip', '-n', ns, 'route', 'add', 'blackhole', '198.18.9.9', 'table', '5310', 'proto', '99',
       'metric', str(VERSION))
    wait_for('rubbish gone', lambda: lab.n1.beacons() == own)
    sh('ip', '-n', ns, 'route', 'flush', 'table', '5310')
    wait_for('written anew', lambda: lab.n1.beacons() == own)
    sh('ip', '-n', ns, 'route', 'add', 'blackhole', '198.18.9.9', 'table', '5310', 'proto', '98',
       'metric', str(VERSION))
    lab.n3.looks_again(4)
    expect('others are let be', len(lab.n1.beacons()) == 3)
    expect('and go nowhere', 'lies' not in lab.rr.birdc('show', 'route', '198.18.9.9/32') and
           'n1' not in lab.rr.birdc('show', 'route', '198.18.9.9/32'))
    sh('ip', '-n', ns, 'route', 'flush', 'table', '5310', 'proto', '98')
    lab.n3.sees(lab.n1, 0, rung=DRAIN)


def beacons_stay_inside(lab):
    """Those of others are held by NO_EXPORT whatever the filter says; ours need the filter."""
    lab.configure_nodes(careful='')
    wait_for('our own at the edge', lambda: '198.18.0.1/32' in lab.ext.birdc('show', 'route'))
    found = lab.ext.birdc('show', 'route', 'protocol', 'n1')
    expect(f'but not others: {found}', not re.search(r'198\.18\.0\.[23]/', found))
    doctor = sh(lab.tool, lab.n1.site, 'doctor')
    expect(f'which the doctor says: {doctor}', re.search('fail beacon: up_ext .*198.18.0.1/32', doctor))
    lab.configure_nodes()
    wait_for('none at the edge', lambda: '198.18.' not in lab.ext.birdc('show', 'route'))
    for prefix in ('198.18.0.0/16', 'fd00:53:b::/48'):
        found = lab.ext.birdc('show', 'route', 'in', prefix)
        expect(f'none at the edge: {found}', not re.search('^(198.18|fd00)', found, re.M))
        for node in lab.nodes:
            expect('they are in its BIRD', re.search(
                '^(198.18|fd00)', node.router.birdc('show', 'route', 'in', prefix), re.M))
            main = sh('ip', '-n', node.router.ns, '-6' if ':' in prefix else '-4', 'route', 'show',
                      'table', 'main')
            expect(f'none in the main table: {main}', '198.18.' not in main and 'fd00:53' not in main)


def forged_and_malformed_are_dropped_by_reason(lab):
    before = lab.n1.view(0)['dropped']
    lies = [
        (net(0, 900), [number(1 << 12)]),                    # forged, and well formed
        (net(0, 901), [number(1 << 12), number(2 << 12)]),  # two numbers
        (net(0, 902), ['(64500, 5300, 5)']),                    # another version
        (net(0, 903), [number(9 << 12)]),                    # a rung that is none
        (net(1, 904), [number(7 << 12)]),                    # a severity that is none
        (net(1, 905), [number(2 << 12 | 1)]),                # bits that must be zero
        (net(0, 0), [number(1 << 12)]),                      # nobody's id
        (net(0, 1001), [number(1 << 12)]),                   # above the fleet's size
        (net(0, 906), ['(64500, 5301, 1)']),                    # no number
        ('198.18.0.0/24', [number(1 << 12)]),                # no host route
        ('203.0.113.7/32', [number(1 << 12)]),               # outside
        # ... and the second number at the end of a list that BIRD breaks into lines
        (net(0, 907), [number(1 << 12)] + [f'(64500, {n}, 4294967295)' for n in range(6000, 6100)] +
         [number(3 << 12)]),
    ]
    lab.lie(lies)
    lab.n1.sees(900, 0, rung=1)
    lab.n1.looks_again()
    dropped = [now - was for now, was in zip(lab.n1.view(0)['dropped'], before)]
    for why in (D_ID, D_NUMBER, D_VERSION, D_ABSURD):
        expect(f'reason {why} counted: {dropped}', dropped[why] > 0)
    expect('nothing else is believed', set(lab.n1.view(0)['peers']) == {2, 3, 900})
    lab.n1.sees(lab.n2, 0, rung=DRAIN)
    lab.lie([])
    lab.n1.misses(900, 0)


def verdicts_are_told_with_their_ids(lab):
    """n1 watches 3 and 2, in that order; its beacon names them by its filter's word, and it reads that
    back; who watches nobody has no such beacon."""
    wait_for('n1 to read its own places', lambda: lab.n1.verdicts(0)[0] == [3, 2, 0, 0, 0, 0, 0, 0])
    for digits, told in (('21', {3: 2, 2: 1}), ('01', {3: 0, 2: 1}), ('12', {3: 1, 2: 2})):
        lab.n1.judge(0, digits)
        for node in (lab.n2, lab.n3):
            wait_for(f'{node.name} to hear {told}', lambda n=node, t=told: n.verdicts(0)[1] == {1: t})
        expect('of this lane alone', lab.n2.verdicts(1)[1] == {1: {3: 0, 2: 0}})
    expect('a blackhole', any(line.startswith('blackhole 198.18.8.1 ') for line in lab.n1.beacons()))
    expect('none of n2', not any('198.18.8.2' in line for line in lab.n2.beacons()))
    # Silent or not, it goes on seeing.
    lab.n1.driver.go(0)
    lab.n3.sees(lab.n1, 0, rung=0)
    expect('still told', lab.n3.verdicts(0)[1] == {1: {3: 1, 2: 2}})
    # When nobody looks any more the keeper takes them back, and nothing else; and whoever is next does
    # not know what was known.
    lab.n1.driver.stop()
    sh('ip', 'netns', 'exec', lab.n1.router.ns, lab.tool, lab.n1.site, 'forget')
    for node in (lab.n2, lab.n3):
        wait_for(f'{node.name} to hear nothing', lambda n=node: n.verdicts(0)[1] == {}
                 and n.verdicts(1)[1] == {} and 1 in n.view(0)['peers'])
    lab.n1.drive().go(DRAIN)
    wait_for('n3 to hear that nothing is known', lambda: lab.n3.verdicts(0)[1] == {1: {3: 0, 2: 0}})


def forged_verdicts_are_dropped_by_place(lab):
    def watched(*ids):
        return [f'(64500, {5310 + n}, {i})' for n, i in enumerate(ids)]
    before = lab.n2.view(0)['dropped']
    lab.lie([(net(0, n), [number(1 << 12)]) for n in (900, 901, 902)] + [
        (net(2, 900), [number(0xa000)] + watched(900, 2)),        # of itself, and of n2: failed both
        (net(2, 901), [number(0xa400)] + watched(2, 2, 3)),       # n2 twice, n3 well
        (net(2, 902), [number(0xe000)] + watched(2, 3)),          # a verdict that is none
    ])
    wait_for('n2 to hear the rest', lambda: lab.n2.verdicts(0)[1] == {
        1: {3: 0, 2: 0}, 900: {2: 2}, 901: {3: 1}})
    dropped = [now - was for now, was in zip(lab.n2.view(0)['dropped'], before)]
    expect(f'counted: {dropped}', dropped[D_WATCHED] > 0 and dropped[D_ABSURD] > 0)
    lab.lie([])
    lab.n2.misses(900, 0)


def the_doctor_finds_who_is_not_there(lab):
    doctor = sh(lab.tool, lab.n1.site, 'doctor')
    expect(f'all are: {doctor}', 'node 3, which fleet.watch names, is in view of dns/v4' in doctor
           and 'fail watch' not in doctor)
    lab.n3.driver.stop()
    sh('ip', '-n', lab.n3.router.ns, 'route', 'flush', 'table', '5310', check=False)
    lab.n1.misses(lab.n3, 0)
    doctor = sh(lab.tool, lab.n1.site, 'doctor')
    expect(f'n3 is not: {doctor}', re.search(
        r'fail watch: fleet.watch names node 3, and dns/v4 has no beacon 198.18.0.3/32', doctor))
    lab.n3.drive().go(DRAIN)
    lab.n1.sees(lab.n3, 0, rung=DRAIN)


def thousands_of_absurd_beacons_wedge_nobody(lab):
    lies = [(net(kind, i, lane), [number(0xffff)])
            for kind in range(4) for i in range(4, 1024) for lane in (0, 1)]
    lab.lie(lies)
    wait_for('thousands to arrive', lambda: lab.n3.view(0)['dropped'][D_ABSURD] > 2000)
    for rung in (FULL, DRAIN):
        lab.n1.driver.go(rung)
        lab.n3.sees(lab.n1, 0, rung=rung)
    expect('nobody is believed', set(lab.n3.view(0)['peers']) == {1, 2})
    lab.lie([])
    wait_for('they are gone', lambda: lab.n3.view(0)['n'] == 2)


def a_foreign_nonce_is_a_conflict(lab):
    """Where the id is ours: alarm. Where it is another's: that node is out of view."""
    lab.lie([(net(0, 1), [number(3 << 12)])], preferred=True)
    lab.n3.misses(1, 0) # its verdicts are its own yet, with its nonce: that does not go together
    lab.lie([(net(0, 1), [number(3 << 12)]), (net(2, 1), [number(0)])], preferred=True)
    lab.n3.sees(1, 0, rung=3) # whom the reflector prefers is believed behind it
    wait_for('n1 to see somebody in its place', lambda: lab.n1.view(0)['conflict'])
    expect('with that nonce', lab.n1.view(0)['foreign'] == 77)
    lab.n3.looks_again()
    lab.n2.misses(lab.n1, 0) # it hears both over the mesh and the reflector
    expect('counted', lab.n2.view(0)['dropped'][D_CONFLICT] > 0)
    expect('the other lane is well', not lab.n1.view(1)['conflict'])
    lab.lie([])
    wait_for('an end of it', lambda: not lab.n1.view(0)['conflict'])
    lab.n2.sees(lab.n1, 0, rung=DRAIN)


def without_bird_there_is_no_view(lab):
    lab.n3.router.stop(signal.SIGKILL)
    wait_for('n3 to say so', lambda: any(line.startswith('blind') for line in lab.n3.driver.log))
    lab.n1.misses(lab.n3, 0)
    lab.n3.router.start()
    lab.n1.sees(lab.n3, 0, rung=DRAIN)
    lab.n3.sees(lab.n1, 0, rung=DRAIN)


TESTS = [
    all_see_all_in_both_families, the_generated_example_is_accepted, constants_come_along, words_follow_within_a_view,
    requests_come_and_go, forged_requests_are_told_as_they_are_and_no_more, rungs_are_told,
    a_climb_is_told_when_it_is_out_and_a_fall_before, a_gate_down_takes_the_beacon_along,
    a_driver_that_follows_is_the_same_node, the_kernels_table_is_put_right, beacons_stay_inside,
    verdicts_are_told_with_their_ids, forged_verdicts_are_dropped_by_place,
    the_doctor_finds_who_is_not_there, forged_and_malformed_are_dropped_by_reason, thousands_of_absurd_beacons_wedge_nobody,
    a_foreign_nonce_is_a_conflict, without_bird_there_is_no_view,
]


def run(lab, test):
    for node in lab.nodes:
        node.drive()
    try:
        for node in lab.nodes:
            for lane in (0, 1):
                node.say(lane)
                node.driver.go(DRAIN, lane)
        for node in lab.nodes:
            for lane in (0, 1):
                for other in lab.nodes:
                    if node is not other:
                        node.sees(other, lane, rung=DRAIN, severity=0)
        test(lab)
        return None
    except Failed as failure:
        return f'{failure}\n' + '\n'.join(
            f'{node.name}: {line}' for node in lab.nodes for line in node.driver.log[-4:])
    finally:
        for node in lab.nodes:
            node.driver.stop()


def started(tool):
    lab = Lab(tool)
    lab.start()
    return lab


if __name__ == '__main__':
    sys.exit(play(TESTS, started, run))
