"""A name changes at its owner: the cache's answer stands, is explained, and is flushed by hand; what is
new is served at once, and nobody notices."""
import contextlib

import raise_lab

NAME = 'www.insecure.test'
OLD, NEW, NEWER = '203.0.113.5', '203.0.113.77', '203.0.113.78'
ZONE, PID = '/run/lab/zones/insecure.test.zone', '/run/nsd-leaf/pid'


def load(lab, text):
    """The zone's servers serve that from now on. NSD reads what has another time in seconds."""
    node = lab.nodes['internet']
    stamp = int(node.sh(f'stat -c %Y {ZONE}'))
    node.run('sh', '-ec', f'cat >{ZONE}; touch -d @{stamp + 1} {ZONE}; kill -HUP $(cat {PID})',
             stdin=text)


def addresses(lab, node, server):
    """What `server` says is the address of the name."""
    done = lab.nodes[node].run('drill', '-D', f'@{server}', NAME, 'A')
    return [line.split()[-1] for line in done.stdout.splitlines()
            if line.startswith(NAME) and '\tA\t' in line]


@contextlib.contextmanager
def zone(lab):
    """Yields change(address), whose effect ends with the block."""
    before = lab.nodes['internet'].sh(f'cat {ZONE}')

    def change(address):
        load(lab, before.replace(OLD, address))
        lab.wait(f'the owner to say {address}',
                 lambda: addresses(lab, 'internet', '10.9.2.1') == [address])
        lab.say(f'{NAME} is {address} at its owner')
    try:
        yield change
    finally:
        change(OLD)


def everywhere(lab, address):
    """Many questions, of ports of their own, so that each worker gets some; both families."""
    return all(addresses(lab, 'client', server) == [address]
               for _ in range(8) for server in raise_lab.ANYCAST.values())


def explained(lab, address):
    told = lab.bgpctl('pop1', 'cache', 'explain', NAME).stdout
    lab.need(address in told and 'insecure' in told and ' left of ' in told,
             f'explain says:\n{told}')


def flush(lab, *words):
    lab.bgpctl('pop1', 'cache', 'flush', *words)
    lab.say(f'bgpctl cache flush {" ".join(words)}')


def play(lab):
    lab.warm('pop1')
    lab.need(everywhere(lab, OLD), 'the name is not what it should be')
    with lab.asking() as asking, lab.nothing_moves('pop1'):
        t0 = lab.now()
        with zone(lab) as change:
            for address, words in ((NEW, (NAME,)), (NEWER, ('insecure.test', '--tree'))):
                before = addresses(lab, 'client', raise_lab.ANYCAST['v4'])
                change(address)
                lab.need(everywhere(lab, before[0]), 'what was cached is not answered any more')
                explained(lab, before[0])
                flush(lab, *words)
                lab.need(everywhere(lab, address), f'not everybody is told {address}')
                explained(lab, address)
            lab.need(lab.sweep('pop1').right == 200, 'other names left the cache')
            lab.bgpctl('pop1', 'cache', 'stats')
        flush(lab, NAME)
        lab.need(everywhere(lab, OLD), 'not everybody is told the old one again')
        end = lab.now()
        asking.need_served(t0, end)
        asking.need_all('hit', t0, end)
