"""Raises the lab: the Internet's zones, the nodes, what runs in them; returns when it serves."""

import os

import internet
import nodes

POPS = ('pop1', 'pop2', 'pop3')
ANYCAST = {'v4': '192.0.2.53', 'v6': '2001:db8:53::53'}
PSI = ('some avg10={0:.2f} avg60={0:.2f} avg300={0:.2f} total=1\n'
       'full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n')
BFD_MS = int(os.environ.get('LAB_BFD_MS', '100'))


def configuration(text, pop):
    """healthd.conf of a PoP, from pop1's: its name, and only the one uplink that it has."""
    if pop == 'pop1':
        return text
    text = text.replace('name = "pop1"', f'name = "{pop}"')
    text = text.replace('["eth1", "eth2"]', '["eth1"]')
    return ''.join(line for line in text.splitlines(True) if "pop1's second uplink" not in line)


def _prepare(conf):
    with open(conf, encoding='utf-8') as f:
        text = f.read()
    internet.make(f'{nodes.BUILD}/internet')
    with open(f'{nodes.BUILD}/lab.env', 'w', encoding='ascii') as f:
        f.write(f'LAB_BFD_MS={BFD_MS}\n')
    for pop in POPS:
        os.makedirs(f'{nodes.RUN}/{pop}/pressure', exist_ok=True)
        with open(f'{nodes.RUN}/{pop}/healthd.conf', 'w', encoding='utf-8') as f:
            f.write(configuration(text, pop))
        for name in ('cpu', 'memory'):
            with open(f'{nodes.RUN}/{pop}/pressure/{name}', 'w', encoding='ascii') as f:
                f.write(PSI.format(0))


def by_hand(node):
    """A PoP without healthd: the best rung's gate up and two workers."""
    for gate in ('apdns4.3', 'apdns6.3'):
        node.sh(f'ip link add name {gate} type bridge && ip link set {gate} addrgenmode none up')
    node.run('/srv/anypop/lab/node/start', 'workers_start')


def answers(client, address, name='health.anypop.test', kind='A'):
    """Whether a question to `address` from that node is answered well."""
    done = client.run('dig', '+time=1', '+tries=1', '+noall', '+comments', f'@{address}', name, kind,
                      check=False)
    return 'status: NOERROR' in done.stdout


def up(conf, healthd, say):
    say('the zones of the Internet')
    _prepare(conf)
    say('nodes: ' + ' '.join(nodes.topology().nodes))
    live = nodes.up()
    for node in live.values():
        nodes.boot(node)
    if not healthd:
        for pop in POPS:
            by_hand(live[pop])
    say('waiting until the client is served')
    for address in ANYCAST.values():
        nodes.wait_for(lambda a=address: answers(live['client'], a, 'www1.example.test'), 30,
                       f'an answer from {address}')
    return live
