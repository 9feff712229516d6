"""The servers that tests/bench/hits measures, each set up for its best on one core, and started.

All of them forward to one authority, an nsd with the bench's zone, and are asked on addresses of
their own, 127.0.1.N port 53. Validation is off, so is logging; caches hold all that is asked for.
"""

import os
import shutil
import subprocess

import nodes

AUTHORITY = '127.0.2.1'
SERVER_CORE, CLIENT_CORE = 1, 0
ZONE = 'bench.zone'

OURS = '''
pop = "bench"; node = "one"; run_dir = "{dir}"; listen = [ "{address}" ]; port = 53;
probe_port = {probe}; allow = [ "127.0.0.0/8", "10.253.0.0/16" ]; engines = 1;
worker = {{ l1_mib = {l1_mib}; l2_mib = 256; }};
engine = {{ mode = "forward"; forwarders = [ "{authority}" ]; trust_anchor = ""; }};
log_level = "warn";
{more}
'''
UNBOUND = '''
server:
	num-threads: 1
	interface: {address}
	access-control: 127.0.0.0/8 allow
	do-not-query-localhost: no
	username: ""
	chroot: ""
	directory: "{dir}"
	pidfile: "{dir}/pid"
	use-syslog: no
	logfile: "{dir}/log"
	verbosity: 0
	module-config: "iterator"
	minimal-responses: yes
	rrset-roundrobin: no
	msg-cache-size: 256m
	rrset-cache-size: 512m
	so-rcvbuf: 4m
	so-sndbuf: 4m
	so-reuseport: no
	outgoing-range: 4096
	num-queries-per-thread: 2048
	statistics-interval: 0
forward-zone:
	name: "."
	forward-addr: {authority}
remote-control:
	control-enable: no
'''
DNSDIST = '''
setLocal("{address}:53")
setACL("127.0.0.0/8")
newServer({{address = "{authority}:53", healthCheckMode = "up"}})
getPool(""):setCache(newPacketCache(500000, {{maxTTL = 86400, minTTL = 0, numberOfShards = 1}}))
setUDPMultipleMessagesVectorSize({vector})
setMaxUDPOutstanding(65535)
setSecurityPollSuffix("")
'''
RECURSOR = '''
local-address={address}
local-port=53
allow-from=127.0.0.0/8
dont-query=
forward-zones-recurse=.={authority}
threads=1
pdns-distributes-queries=no
reuseport=no
distributor-threads=0
dnssec=off
quiet=yes
loglevel=0
disable-syslog=yes
max-cache-entries=1000000
max-packetcache-entries=500000
packetcache-ttl=86400
refresh-on-ttl-perc=0
root-nx-trust=no
export-etc-hosts=no
security-poll-suffix=
socket-dir={dir}
write-pid=no
daemon=no
hint-file=no
'''
KRESD = '''
net.listen('{address}', 53, {{ kind = 'dns' }})
trust_anchors.remove('.')
modules.unload('ta_update')
modules.unload('ta_signal_query')
modules.unload('ta_sentinel')
modules.unload('edns_keepalive')
modules.unload('refuse_nord')
modules.unload('detect_time_skew')
modules.unload('detect_time_jump')
modules.unload('priming')
modules.load('policy')
cache.open(512 * MB, 'lmdb://{dir}/cache')
cache.min_ttl(0)
policy.add(policy.all(policy.FORWARD('{authority}')))
log_level('crit')
'''
BIND = '''
options {{
	directory "{dir}";
	pid-file "{dir}/pid";
	session-keyfile none;
	lock-file none;
	listen-on {{ {address}; }};
	listen-on-v6 {{ none; }};
	allow-query {{ any; }};
	recursion yes;
	allow-recursion {{ any; }};
	forward only;
	forwarders {{ {authority}; }};
	dnssec-validation no;
	empty-zones-enable no;
	minimal-responses yes;
	max-cache-size 1024m;
	querylog no;
	zone-statistics no;
	prefetch 0;
	rrset-order {{ order none; }};
}};
controls {{ }};
logging {{ category default {{ null; }}; }};
'''
NSD = '''
server:
	server-count: 1
	ip-address: {authority}
	username: "{user}"
	chroot: ""
	zonesdir: "{dir}"
	database: ""
	pidfile: "{dir}/pid"
	zonelistfile: "{dir}/zones"
	xfrdfile: "{dir}/xfrd"
	xfrdir: "{dir}"
	logfile: "{dir}/log"
	rrl-ratelimit: 0
	minimal-responses: yes
	hide-version: yes
remote-control:
	control-enable: no
zone:
	name: "{zone}"
	zonefile: "zone"
'''


def zone(path, names):
    """The names of tests/bench/hits_load.c, each with an address of its own."""
    with open(path, 'w', encoding='ascii') as f:
        f.write(f'$ORIGIN {ZONE}.\n$TTL 86400\n@ SOA ns hostmaster 1 3600 900 604800 86400\n'
                f'@ NS ns\nns A {AUTHORITY}\n')
        for i in range(names):
            f.write(f'h{i:07}.d{i % 100:02} A 10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}\n')


def _children(pid):
    found = [pid]
    for task in os.listdir(f'/proc/{pid}/task'):
        with open(f'/proc/{pid}/task/{task}/children', encoding='ascii') as f:
            for child in f.read().split():
                found += _children(int(child))
    return found


class Server:
    """One that is measured: its processes, and the CPU time of all their threads."""

    def __init__(self, name, address, core=SERVER_CORE, echo=False):
        self.name, self.address, self.core, self.echo = name, address, core, echo
        self.processes = []
        self.dir = f'/run/hits/{name.replace(" ", "-")}'
        os.makedirs(self.dir)
        # BIND listens on what an interface has.
        subprocess.run(['ip', 'address', 'add', f'{address}/32', 'dev', 'lo'], check=False,
                       stderr=subprocess.DEVNULL)

    def file(self, name, text, **more):
        path = f'{self.dir}/{name}'
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text.format(dir=self.dir, address=self.address, authority=AUTHORITY,
                                zone=ZONE, **more))
        return path

    def start(self, *words):
        with open(f'{self.dir}/output', 'a', encoding='utf-8') as out:
            self.processes.append(subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self.dir,
                env=nodes.ENVIRONMENT,
                preexec_fn=lambda: os.sched_setaffinity(0, {self.core})))
        return self

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = []
        shutil.rmtree(self.dir, ignore_errors=True)

    def told(self):
        """The end of what it wrote."""
        with open(f'{self.dir}/output', encoding='utf-8', errors='replace') as f:
            return f.read()[-1000:].strip()

    def check(self):
        for process in self.processes:
            if process.poll() is not None:
                raise nodes.LabError(f'{self.name} ended: {self.told()}')

    def cpu_s(self):
        """CPU seconds so far of all its threads, by the scheduler's own count."""
        total = 0
        for process in self.processes:
            for pid in _children(process.pid):
                for task in os.listdir(f'/proc/{pid}/task'):
                    with open(f'/proc/{pid}/task/{task}/schedstat', encoding='ascii') as f:
                        total += int(f.read().split()[0])
        return total / 1e9


def authority(names):
    server = Server('nsd', AUTHORITY, CLIENT_CORE)
    zone(f'{server.dir}/zone', names)
    conf = server.file('nsd.conf', NSD, user='')
    return server.start('nsd', '-d', '-c', conf)


def echo(name, address, batch):
    tool = f'{nodes.REPOSITORY}/build/bench/hits_echo'
    return Server(name, address, echo=True).start(tool, address, '53', str(batch))


def ours(name, address, l1_mib=64, binary=None, more=''):
    server = Server(name, address)
    conf = server.file('resolver.conf', OURS, l1_mib=l1_mib, more=more,
                       probe=5300 + int(address.split('.')[-1]))
    binary = binary or f'{nodes.REPOSITORY}/build/bin/resolver'
    server.start(binary, '-c', conf, 'engine', '0')
    nodes.wait_for(lambda: os.path.exists(f'{server.dir}/engine-0.sock') or server.check(), 10,
                   'an engine of ours')
    return server.start(binary, '-c', conf, 'worker', '0')


def unbound(name, address):
    server = Server(name, address)
    return server.start('unbound', '-d', '-c', server.file('unbound.conf', UNBOUND))


def dnsdist(name, address, vector=64):
    server = Server(name, address)
    conf = server.file('dnsdist.conf', DNSDIST, vector=vector)
    return server.start('dnsdist', '--supervised', '--disable-syslog', '-C', conf)


def recursor(name, address):
    server = Server(name, address)
    server.file('recursor.conf', RECURSOR)
    return server.start('pdns_recursor', f'--config-dir={server.dir}')


def kresd(name, address):
    server = Server(name, address)
    conf = server.file('kresd.conf', KRESD)
    os.makedirs(f'{server.dir}/cache')
    return server.start('kresd', '-n', '-q', '-c', conf, server.dir)


def bind(name, address):
    server = Server(name, address)
    conf = server.file('named.conf', BIND)
    return server.start('named', '-f', '-n', '1', '-U', '1', '-c', conf)


# name, what starts it; in the order of the table.
PEERS = (
    ('echo', lambda n, a: echo(n, a, 32)),
    ('echo, one by one', lambda n, a: echo(n, a, 1)),
    ('anypop', ours),
    ('dnsdist', dnsdist),
    ('PowerDNS Recursor', recursor),
    ('Unbound', unbound),
    ('Knot Resolver', kresd),
    ('BIND', bind),
)
VERSIONS = {'dnsdist': 'dnsdist', 'PowerDNS Recursor': 'pdns-recursor', 'Unbound': 'unbound',
            'Knot Resolver': 'knot-resolver', 'BIND': 'bind9', 'nsd': 'nsd'}


def versions():
    """What Debian calls them."""
    found = {}
    for name, package in VERSIONS.items():
        done = subprocess.run(['dpkg-query', '-W', '-f', '${Version}', package],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if done.returncode == 0:
            found[name] = done.stdout
    return found
