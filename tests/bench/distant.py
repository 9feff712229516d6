"""A signed Internet at a distance, for tests/bench/firstminute and its siblings.

The names are those of hits_load: hNNNNNNN.dNN.bench.zone, in a hundred leaf zones below two others and a
root, each a signed zone of its own. Four nsd serve them; before each of their addresses stands
tests/bench/distance, which hands answers on later, and counts the questions. Answers live as long
as real ones do (docs/decisions/0021): by their zone, 20 s to an hour.
"""

import hashlib
import json
import os
import shutil
import subprocess

import hits_servers as servers
import internet
import nodes
import stage

ZONES = 100
TTLS = ((10, 20), (35, 60), (70, 300), (80, 900), (100, 3600))  # of the zones under that number
# Whose, the address that is asked, that of its nsd, milliseconds.
WAYS = (('root', '10.9.0.1', '127.0.3.1', 20), ('TLD', '10.9.1.1', '127.0.3.2', 20),
        ('bench.zone', '10.9.2.1', '127.0.3.3', 30), ('leaves', '10.9.3.1', '127.0.3.4', 20),
        ('leaves', '10.9.3.2', '127.0.3.4', 30), ('leaves', '10.9.3.3', '127.0.3.4', 50),
        ('leaves', '10.9.3.4', '127.0.3.4', 100))
LEAST_MS = 20  # what comes sooner can only be from a cache
INFRASTRUCTURE_TTL = 3600
DIR = f'{stage.OUT}/internet'
NSD = servers.NSD[:servers.NSD.index('zone:')]
ZONE = 'zone:\n\tname: "{}"\n\tzonefile: "{}"\n'
NS = '{0} %d IN NS ns.{1}\nns.{1} %d IN A {2}\n' % (INFRASTRUCTURE_TTL, INFRASTRUCTURE_TTL)


def leaf(number):
    return f'd{number:02}.bench.zone.', f'10.9.3.{number % 4 + 1}'


def ttl(number):
    return next(seconds for under, seconds in TTLS if number < under)


def _leaf_text(number, names):
    return ''.join(f'h{i:07} {ttl(number)} IN A 10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}\n'
                   for i in range(number, names, ZONES))


def _zone(work, zone, address, text):
    """Signs it; what its parent has of it."""
    host = zone if zone != '.' else 'root-server.'
    head = f'$ORIGIN {zone}\n' + NS.format(zone, host, address)
    # How the lab signs its zones; its text begins with the SOA, in full.
    ds, key = internet._sign(work, zone, head + text, f'../zones/{zone}zone')
    return NS.format(zone, host, address) + ds, key


def make(names):
    """The zones under build/bench/internet, unless the very same ones stand there already."""
    with open(__file__, 'rb') as f:
        stamp = hashlib.sha256(f.read() + str(names).encode()).hexdigest()
    try:
        with open(f'{DIR}/stamp', encoding='ascii') as f:
            if f.read() == stamp:
                return
    except FileNotFoundError:
        pass
    shutil.rmtree(DIR, ignore_errors=True)
    work = f'{DIR}/work'
    for directory in (work, f'{DIR}/zones'):
        os.makedirs(directory)
    leaves = [_zone(work, *leaf(i), _leaf_text(i, names))[0] for i in range(ZONES)]
    bench, _ = _zone(work, 'bench.zone.', '10.9.2.1', ''.join(leaves))
    tld, _ = _zone(work, 'zone.', '10.9.1.1', bench)
    _, anchor = _zone(work, '.', '10.9.0.1', tld)
    for name, text in (('anchor.key', anchor), ('stamp', stamp), (
            'root.hints', '. 3600000 NS ns.root-server.\nns.root-server. 3600000 A 10.9.0.1\n')):
        with open(f'{DIR}/{name}', 'w', encoding='ascii') as f:
            f.write(text)


class Internet:
    """Its name servers and their distance, running."""

    def __init__(self):
        for _, address, *_ in WAYS:
            subprocess.run(['ip', 'address', 'add', f'{address}/32', 'dev', 'lo'], check=True)
        self.servers = []
        leaves = [leaf(i)[0] for i in range(ZONES)]
        for i, zones in enumerate((['.'], ['zone.'], ['bench.zone.'], leaves), 1):
            server = servers.Server(f'nsd-{i}', f'127.0.3.{i}', servers.CLIENT_CORE)
            text = NSD.replace('{authority}', server.address) + ''.join(
                ZONE.format(zone, f'{DIR}/zones/{zone}zone') for zone in zones)
            self.servers.append(server.start('nsd', '-d', '-c', server.file('nsd.conf', text, user='')))
        for server in self.servers:
            nodes.wait_for(lambda s=server: self._listens(s), 60, f'{server.name}: does not listen')
        self.distance = subprocess.Popen(
            [f'{stage.OUT}/distance', *(f'{near}={far}={ms}' for _, near, far, ms in WAYS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {servers.CLIENT_CORE}))
        self.counts()

    @staticmethod
    def _listens(server):
        server.check()
        told = subprocess.run(['ss', '-Hlun', f'src {server.address}'], stdout=subprocess.PIPE,
                              check=True)
        return told.stdout.strip()

    def counts(self):
        """Questions so far: {whose servers: {type: number}}."""
        self.distance.stdin.write('\n')
        self.distance.stdin.flush()
        told = json.loads(self.distance.stdout.readline())
        total = {}
        for who, address, *_ in WAYS:
            mine = total.setdefault(who, {})
            for kind, n in told[address].items():
                mine[kind] = mine.get(kind, 0) + n
        if any(mine['truncated'] for mine in total.values()):
            raise nodes.LabError('an authority told somebody to come by TCP, which nobody serves')
        return total

    def stop(self):
        self.distance.stdin.close()
        self.distance.wait()
        for server in self.servers:
            server.stop()


def asked(before, after):
    """Questions between two counts."""
    return {who: {kind: n - before[who][kind] for kind, n in mine.items()}
            for who, mine in after.items()}
