"""Backup resolvers in the lab's Internet, for a story: two Unbounds, the one reached by TLS and trusted,
the other by UDP. The certificate and its authority are made when they start."""

import contextlib

import nodes

DOT, PLAIN = '10.9.6.1', '10.9.7.1'
NAME = 'dns.backup.test'
AUTHORITY = '/etc/anypop/backup-authority.pem'  # in PoPs
DIRECTORY = '/run/backup'
CONF = '''
server:
	interface: {address}@53
	interface: {address}@853
	tls-service-key: "{directory}/server.key"
	tls-service-pem: "{directory}/server.pem"
	access-control: 0.0.0.0/0 allow
	directory: "{directory}"
	chroot: ""
	username: ""
	pidfile: ""
	logfile: ""
	use-syslog: no
	num-threads: 1
	module-config: "validator iterator"
	root-hints: "/etc/unbound/lab/root.hints"
	trust-anchor-file: "/etc/unbound/lab/anchor.key"
	local-zone: "test." nodefault
	outgoing-range: 900
	outgoing-port-avoid: "0-65535"
	outgoing-port-permit: "40000-44095"
	ede: yes
	identity: "backup"
remote-control:
	control-enable: no
'''
CERTIFICATES = f'''
mkdir -p {DIRECTORY} /etc/unbound/lab
cd {DIRECTORY}
key="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
openssl req -x509 $key -keyout ca.key -out ca.pem -days 30 -subj /CN=ca
openssl req $key -keyout server.key -out server.csr -subj /CN={NAME}
echo subjectAltName=DNS:{NAME} >ext
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 30 -CAcreateserial -out server.pem \\
	-extfile ext
install -m 644 /srv/anypop/build/lab/internet/root.hints /srv/anypop/build/lab/internet/anchor.key \\
	/etc/unbound/lab
'''
KEYS = f'''
backup = (
	{{ address = "{DOT}"; transport = "dot"; tls_name = "{NAME}"; ca_file = "{AUTHORITY}"; trusted = true; }},
	{{ address = "{PLAIN}"; }}
);
backup_after_ms = 250;
'''


def _serve(node, address):
    conf = f'{DIRECTORY}/{address}.conf'
    node.run('sh', '-c', f'cat >{conf}', stdin=CONF.format(
        address=address, directory=DIRECTORY))
    node.run('ip', 'address', 'replace', f'{address}/32', 'dev', 'lo')
    process = node.start('unbound', '-d', '-c', conf, log=f'backup-{address}.log')
    nodes.wait_for(lambda: 'NOERROR' in node.run('drill', f'@{address}', 'www1.example.test',
                                                 check=False).stdout, 30, f'backup {address}')
    return process


@contextlib.contextmanager
def serving(lab, *pops):
    """Both serve; these PoPs have their keys in the resolver's configuration. Yields their processes,
    by address."""
    node, processes = lab.nodes['internet'], {}
    node.sh(CERTIFICATES)
    authority = node.sh(f'cat {DIRECTORY}/ca.pem')
    for pop in pops:
        lab.nodes[pop].run('sh', '-c', f'cat >{AUTHORITY}', stdin=authority)
    try:
        for address in (DOT, PLAIN):
            processes[address] = _serve(node, address)
        with lab.resolving(lambda text, pop: text + KEYS, *pops):
            yield processes
    finally:
        for process in processes.values():
            process.stop()
