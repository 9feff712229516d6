"""The servers of the private Internet, our resolver, and those of others that it is compared with."""
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time

import dnswire as dns
import world

BINDIR = os.path.abspath(os.environ.get('BIN', 'build/bin'))
PATIENCE = 20.0
OURS, UNBOUND, KNOT, BIND = 'ours', 'unbound', 'knot', 'bind'
RESOLVERS = {OURS: '192.0.2.1', UNBOUND: '192.0.2.2', KNOT: '192.0.2.3', BIND: '192.0.2.4'}
CLIENT = '192.0.2.100'
CLONE_NEWNS, CLONE_NEWNET, MS_REC, MS_PRIVATE = 0x20000, 0x40000000, 0x4000, 1 << 18
libc = ctypes.CDLL(None, use_errno=True)

NSD = '''
server:
	ip-address: {address}
	server-count: 1
	username: ""
	chroot: ""
	database: ""
	zonesdir: "{base}/zones"
	zonelistfile: "{dir}/zone.list"
	xfrdfile: "{dir}/xfrd.state"
	xfrdir: "{dir}"
	pidfile: "{dir}/pid"
	rrl-ratelimit: 0
	rrl-whitelist-ratelimit: 0
	tcp-count: 200
remote-control:
	control-enable: no
'''
OURS_CONF = '''
pop = "lab"; node = "one"; run_dir = "{dir}"; listen = [ "{address}" ]; allow = [ "192.0.2.0/24" ];
engine = {{ root_hints = "{base}/root.hints"; trust_anchor = "{base}/anchor.key"; }};
log_level = "warn";
'''
# Debian's defaults, but for where the root is; the rest lets the same be compared: EDE told, and the
# limit of the payload ours.
UNBOUND_CONF = '''
server:
	interface: {address}
	access-control: 192.0.2.0/24 allow
	chroot: ""
	username: ""
	directory: "{dir}"
	pidfile: ""
	use-syslog: no
	root-hints: "{base}/root.hints"
	trust-anchor-file: "{base}/anchor.key"
	aggressive-nsec: yes
	ede: yes
	num-threads: 1
	max-udp-size: 1232
remote-control:
	control-enable: no
'''
KNOT_CONF = '''
net.listen('{address}', 53, {{ kind = 'dns' }})
modules.unload('ta_update') modules.unload('ta_signal_query') modules.unload('priming')
modules.unload('detect_time_skew')
trust_anchors.remove('.')
trust_anchors.add_file('{base}/anchor.key', true)
modules.load('hints > iterate')
hints.root_file('{base}/root.hints')
cache.size = 100 * MB
net.ipv6 = false
'''
BIND_CONF = '''
options {{
	directory "{dir}";
	pid-file none; session-keyfile none; managed-keys-directory "{dir}";
	listen-on {{ {address}; }};
	listen-on-v6 {{ none; }};
	allow-query {{ 192.0.2.0/24; }};
	recursion yes;
	dnssec-validation yes;
	minimal-responses yes;
	max-udp-size 1232;
}};
trust-anchors {{ . static-key {anchor}; }};
zone "." {{ type hint; file "{base}/root.hints"; }};
controls {{ }};
'''


class Failed(Exception):
    pass


def must(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        sys.exit(f'differential: {" ".join(command)}: {done.stdout}')


def namespace():
    """A network of our own, with an address for everybody."""
    if libc.unshare(CLONE_NEWNS | CLONE_NEWNET) or \
            libc.mount(None, b'/', None, MS_REC | MS_PRIVATE, None) or \
            libc.mount(b'none', b'/run', b'tmpfs', 0, None):
        sys.exit(f'differential: no namespace: {os.strerror(ctypes.get_errno())}; run as root')
    must('ip', 'link', 'set', 'lo', 'up')
    for address in (*world.ADDRESSES, world.DEAD, *RESOLVERS.values(), CLIENT):
        must('ip', 'address', 'add', address + '/32', 'dev', 'lo')


def mortal():
    libc.prctl(1, signal.SIGKILL)


class Cast:
    """Everybody on stage; end() stops them all."""

    def __init__(self, base):
        self.base, self.processes, self.logs = base, [], {}

    def start(self, name, *command):
        os.makedirs(f'{self.base}/{name}', exist_ok=True)
        self.logs[name] = f'{self.base}/{name}/log'
        with open(self.logs[name], 'ab') as log:
            self.processes.append(subprocess.Popen(command, preexec_fn=mortal, stdout=log, stderr=log,
                                                   stdin=subprocess.DEVNULL, cwd=f'{self.base}/{name}'))

    def end(self):
        for p in self.processes:
            if p.poll() is None:
                p.kill()
            p.wait()

    def authorities(self):
        for level, address in (('root', world.ROOT), ('tld', world.TLD), ('leaf', world.LEAF),
                               ('deep', world.DEEP), ('refusing', world.REFUSING)):
            directory = f'{self.base}/nsd-{level}'
            os.makedirs(directory)
            text = NSD.format(address=address, base=self.base, dir=directory)
            zones = [z.name for z in (*world.ZONES, *world.TLDS) if z.server == address and z.flaw != 'lame']
            for name in ['.'] if level == 'root' else zones:
                file = 'root.zone' if name == '.' else name + 'zone'
                text += f'zone:\n\tname: "{name}"\n\tzonefile: "{file}"\n'
            world.write(f'{directory}/nsd.conf', text)
            self.start(f'nsd-{level}', 'nsd', '-d', '-c', f'{directory}/nsd.conf')

    def resolver(self, name):
        directory = f'{self.base}/{name}'
        os.makedirs(directory)
        anchor = world.read(f'{self.base}/anchor.key').split()
        text = {OURS: OURS_CONF, UNBOUND: UNBOUND_CONF, KNOT: KNOT_CONF, BIND: BIND_CONF}[name].format(
            address=RESOLVERS[name], base=self.base, dir=directory,
            anchor=' '.join([*anchor[3:6], f'"{"".join(anchor[6:7])}"']))
        world.write(f'{directory}/conf', text)
        conf = f'{directory}/conf'
        if name == OURS:
            for role in ('engine', 'worker'):
                self.start(name, BINDIR + '/resolver', '-c', conf, role, '0')
        elif name == UNBOUND:
            self.start(name, 'unbound', '-d', '-p', '-c', conf)
        elif name == KNOT:
            self.start(name, 'kresd', '-n', '-c', conf, directory)
        else:
            self.start(name, 'named', '-g', '-n', '1', '-c', conf)

    def wait(self, address, name='www.a.nsec.', ad=False):
        """Until it answers, and validates."""
        end = time.monotonic() + PATIENCE
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect((address, 53))
            s.settimeout(1.0)
            while time.monotonic() < end:
                try:
                    s.send(dns.query(name, dns.A if ad else dns.SOA, edns=dns.opt(do=True), rd=ad))
                    a = dns.Answer(s.recv(65536))
                    if a.rcode == 0 and a.ad == ad:
                        return
                except OSError:
                    pass
                time.sleep(0.05)
        raise Failed(f'{address} does not answer as it should for {name}; logs: ' +
                     ', '.join(f'{n}: {world.read(p)[-600:]}' for n, p in self.logs.items()))

    def all(self):
        self.authorities()
        for address, name in ((world.ROOT, '.'), (world.TLD, 'nsec.'), (world.LEAF, 'a.nsec.'),
                              (world.DEEP, 'sec.a.nsec.')):
            self.wait(address, name)
        for name in RESOLVERS:
            self.resolver(name)
        for address in RESOLVERS.values():
            self.wait(address, ad=True)
