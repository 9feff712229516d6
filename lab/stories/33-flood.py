"""Floods at one PoP: in the name of others, of one client, of one IPv6 network, and of made-up names: everybody else is
answered, owners of forged addresses by cookie or TCP, nothing moves, and counters say who was refused what."""
import concurrent.futures
import contextlib
import re

from raise_lab import ANYCAST
from story import FAMILIES

RATE, SECONDS = 3000, 5
QUERIES, MISSES, RESPONSES = 100, 30, 20  # a second, of each of the two workers
# What a rate allows all workers in a flood's time: a burst of a second at first, and one more, since
# time is told by another clock.
TIMES = 2 * (SECONDS + 2)
FLOODERS = '10.60.0.0/16'  # all of it stands on the client's loopback
FLOODERS_V6 = 'fd00:60::/32'
FORGED, LOUD, INVENTIVE = '10.60.1.0/24', '10.60.2.1/32', '10.60.3.1/32'
LOUD_V6 = 'fd00:60:0:1::/120'  # its hosts take turns; one network of limits.client_v6_bits is one client
COUNTERS = (('events', 'slipped'), ('events', 'cache_only'), ('events', 'cookie_good'),
            ('drops', 'rate'))


def limited(text, _pop):
    return text + (f'limits = {{ queries_per_s = {QUERIES}; misses_per_s = {MISSES}; }};\n'
                   f'rrl = {{ responses_per_s = {RESPONSES}; slip = 2; }};\n')


def counted(lab):
    return {name: lab.counted('pop1', group, name) for group, name in COUNTERS}


def asked(lab, source, name, *how):
    """What somebody else at that address is told by pop1."""
    anycast = ANYCAST['v6' if ':' in source else 'v4']
    return lab.nodes['client'].run('dig', '-b', source, '+tries=8', '+time=1', *how,
                                   f'@{anycast}', name, check=False).stdout


def by_udp(said):
    return '\tA\t203.0.113.' in said and '(UDP)' in said


def by_tcp(said):
    return '\tA\t203.0.113.' in said and '(TCP)' in said


class Flood:
    """One under way; at its end what came of it, at the flooder and in pop1's counters."""

    def __init__(self, lab, asking, what, sources, kind):
        self.lab, self.asking, self.sources, self.kind = lab, asking, sources, kind
        self.before, self.t0 = counted(lab), lab.now()
        lab.say(f'flood: {what}, {RATE} a second')

    def run(self, meanwhile=lambda: None):
        """`meanwhile` is called once the flood is over a limit."""
        log = f'flood-{self.t0}.log'
        node = self.lab.nodes['client']
        process = node.start('python3', '/srv/anypop/lab/flood.py', self.sources, self.kind, str(RATE),
                             str(SECONDS), log=log)
        try:
            self.lab.wait('the flood to be over a limit', lambda: any(
                counted(self.lab)[name] > self.before[name] for name in ('slipped', 'cache_only')))
            meanwhile()
            self.lab.wait('the flood to end', lambda: not process.running())
        finally:
            process.stop()
        with open(f'{node.state}/{log}', encoding='ascii') as f:
            told = f.read()
        self.told = {name: int(n) for name, n in re.findall(r'(\w+) (\d+)', told)}
        self.counts = {name: n - self.before[name] for name, n in counted(self.lab).items()}
        self.lab.say(f'{told.strip()}; at pop1 '
                     + ', '.join(f'{name} {n}' for name, n in self.counts.items()))
        self.lab.need(self.told['sent'] > RATE * SECONDS / 3, 'that was no flood')
        self.everybody_else()
        return self.told, self.counts

    def everybody_else(self):
        end = self.lab.now()
        for kind in ('hit', 'local', 'miss'):
            self.asking.need_all(kind, self.t0, end)
        lost, _, by = self.asking.summary(self.t0, end)
        self.lab.need(lost == 0 and set(by) == {'pop1'}, f'{lost} lost, answered by {dict(by)}')


def in_the_name_of_others(lab, asking):
    """RRL: little of it reaches them, and whoever is there is answered."""
    def owner(who):
        said = asked(lab, who, 'www1.example.test')
        lab.need(by_udp(said), f'an owner with a cookie:\n{said}')
        said = asked(lab, who, 'www1.example.test', '+nocookie')
        lab.need(by_udp(said) or by_tcp(said), f'an owner without a cookie:\n{said}')
        return by_tcp(said)

    def owners():
        with concurrent.futures.ThreadPoolExecutor() as each:
            tcp = sum(each.map(owner, [f'10.60.1.{20 + i}' for i in range(6)]))
        lab.say(f'of six owners without a cookie {tcp} were brought to TCP; all are answered')
        lab.need(tcp > 0, 'no TC brought anybody to TCP')
    told, counts = Flood(lab, asking, 'one name, in the name of a network', FORGED, 'same').run(owners)
    lab.need(told['answered'] <= RESPONSES * TIMES, 'more answers went out than rrl allows')
    lab.need(counts['slipped'] >= told['truncated'] > 0 and counts['rate'] > 0, 'not counted')
    lab.need(counts['cookie_good'] > 0, 'no cookie was counted')


def of_one_client(lab, asking):
    """From cache, then TC, then nothing."""
    def neighbour():
        for _ in range(3):
            said = asked(lab, LOUD[:-3], 'www2.example.test', '+tcp')
            lab.need(by_tcp(said), f'the loud one by TCP:\n{said}')
            said = asked(lab, '10.60.2.2', 'www2.example.test', '+nocookie')
            lab.need(by_udp(said), f'its neighbour:\n{said}')
    told, counts = Flood(lab, asking, 'popular names, of one client', LOUD, 'popular').run(neighbour)
    lab.need(QUERIES < told['answered'] <= 2 * QUERIES * TIMES, 'that is not what a client may ask')
    lab.need(0 < told['truncated'] <= QUERIES * TIMES, 'that is not what TC there may be')
    lab.need(min(counts['cache_only'], counts['slipped'], counts['rate']) > 0, 'not counted')


def of_one_network_by_ipv6(lab, asking):
    """Whoever has a network has as many addresses as it likes, and is one client all the same."""
    def neighbour():
        for _ in range(3):
            said = asked(lab, 'fd00:60:0:1::77', 'www2.example.test', '+tcp')
            lab.need(by_tcp(said), f'the loud network by TCP:\n{said}')
            said = asked(lab, 'fd00:60:0:200::2', 'www2.example.test', '+nocookie')
            lab.need(by_udp(said), f'its neighbour:\n{said}')
    told, counts = Flood(lab, asking, 'popular names, of one IPv6 network', LOUD_V6, 'popular').run(neighbour)
    lab.need(QUERIES < told['answered'] <= 2 * QUERIES * TIMES, 'that is not what a network may ask')
    lab.need(0 < told['truncated'] <= QUERIES * TIMES, 'that is not what TC there may be')
    lab.need(min(counts['cache_only'], counts['slipped'], counts['rate']) > 0, 'not counted')


def of_made_up_names(lab, asking):
    """Engines are asked no more than the rate of misses."""
    told, counts = Flood(lab, asking, 'made-up names, of one client', INVENTIVE, 'made-up').run()
    lab.need(0 < told['answered'] <= MISSES * TIMES, 'that is not what misses a client may have')
    lab.need(told['refused'] > 0 and counts['cache_only'] >= told['refused'], 'not counted')


def shown(lab):
    """What an operator sees afterwards."""
    metrics = lab.metrics('pop1')
    for what, name in (('events_total', 'event="slipped"'), ('events_total', 'event="cache_only"'),
                       ('drops_total', 'reason="rate"')):
        found = re.findall(rf'anypop_worker_{what}{{.*{name}}} (\d+)\n', metrics)
        lab.need(sum(map(int, found)) > 0, f'metrics have no {name}')
    said = lab.bgpctl('pop1', 'workers').stdout
    lab.need(re.search(r'drops .*rate \d+', said) and re.search(r'events .*slipped \d+', said),
             f'bgpctl workers says:\n{said}')
    for lane in lab.ask('pop1', 'why')['lanes']:
        lab.need(lane['score'] == 100 and lane['rung'] == 'full', f'a flood made pop1 ill: {lane}')


@contextlib.contextmanager
def flooders(lab):
    """Answers to them come back to the client's node."""
    client, transit = lab.nodes['client'], lab.nodes['transit']
    client.run('ip', 'route', 'replace', 'local', FLOODERS, 'dev', 'lo')
    client.run('ip', '-6', 'route', 'replace', 'local', FLOODERS_V6, 'dev', 'lo')
    client.run('sysctl', '-qw', 'net.ipv6.ip_nonlocal_bind=1')  # a local route is enough for IPv4 alone
    transit.run('ip', 'route', 'replace', FLOODERS, 'via', '10.0.8.2', 'dev', 'client')
    transit.run('ip', '-6', 'route', 'replace', FLOODERS_V6, 'via', 'fd00:0:0:8::2', 'dev', 'client')
    try:
        yield
    finally:
        transit.run('ip', '-6', 'route', 'delete', FLOODERS_V6)
        transit.run('ip', 'route', 'delete', FLOODERS)
        client.run('sysctl', '-qw', 'net.ipv6.ip_nonlocal_bind=0')
        client.run('ip', '-6', 'route', 'delete', 'local', FLOODERS_V6, 'dev', 'lo')
        client.run('ip', 'route', 'delete', 'local', FLOODERS, 'dev', 'lo')


def play(lab):
    lab.warm('pop1')
    with flooders(lab), lab.resolving(limited, 'pop1'), lab.asking(local=5) as asking:
        lab.wait_steady('pop1', 3)
        with lab.nothing_moves(*lab.pops):
            for flood in (in_the_name_of_others, of_one_client, of_one_network_by_ipv6, of_made_up_names):
                flood(lab, asking)
            shown(lab)
            lab.need(all(lab.rung('pop1', f) == 'full' for f in FAMILIES), 'pop1 is not at full')
