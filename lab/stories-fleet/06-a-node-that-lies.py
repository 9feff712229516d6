"""A node that lies: beacons with others' ids, of nobody, with absurd numbers, and thousands of them: an
alarm where an id is claimed, counted and not believed, nobody silent for it, nothing moves."""
import contextlib
import time

import fleet
from story import FAMILIES

LIAR = 'pop5'
VERSION, SILENT, FULL = 1 << 29, 0, 3
NONCE = 77 << 16


def net(family, kind, number):
    """The beacon's route, by docs/fleet.md: two bits of kind, then the id."""
    if family == 'v4':
        at = kind << 10 | number
        return f'198.18.{at >> 8}.{at & 255}/32'
    return f'fd00:53:b::{kind << 10 | number:x}/128'


def word(rung, more=0):
    return f'(64500, 5300, {VERSION | NONCE | rung << 12 | more})'


def lies():
    """(network, its large communities), of each family."""
    for family in FAMILIES:
        yield net(family, 0, 1), [word(SILENT, 15 << 8)]   # pop1 is silent, it says
        yield net(family, 0, 2), [word(SILENT, 15 << 8)]   # and so is pop2
        yield net(family, 1, 1), [word(4)]                 # pop1 fails vitally
        yield net(family, 0, 0), [word(FULL)]              # nobody's id
        for number in (6, 7):                              # above the fleet's size
            yield net(family, 0, number), [word(FULL)]
        yield net(family, 1, 3), [word(9)]                 # a severity that is none
        yield net(family, 0, 4), [word(FULL), word(SILENT)]  # two numbers
        yield net(family, 2, 4), ['(64500, 5300, 5)']      # another version
        # Thousands that no id of this fleet could have.
        for kind in range(4):
            for number in range(8, 1024):
                yield net(family, kind, number), [word(15, 0xfff)]


def protocols():
    text = ''
    for digit in (4, 6):
        text += f'protocol static lies{digit} {{ ipv{digit} {{ preference 250; }};\n'
        for network, numbers in lies():
            if (':' in network) == (digit == 6):
                added = ' '.join(f'bgp_large_community.add({number});' for number in numbers)
                text += f'route {network} blackhole {{ bgp_local_pref = 200; {added} }};\n'
        text += '}\n'
    return text


@contextlib.contextmanager
def lying(lab):
    """The liar's BIRD tells these too, and filters nothing of what it sends to the reflectors, which
    are made to prefer it to the truth."""
    node = lab.nodes[LIAR]
    before = node.sh('cat /etc/bird/bird.conf')
    after = before.replace('export where anypop_ours() || anypop_beacon_export()', 'export all')
    lab.need(after != before, 'no filter to take away')

    def put(text):
        node.run('sh', '-c', 'cat >/etc/bird/bird.conf', stdin=text)
        answer = node.run('birdc', 'configure').stdout
        lab.need('Reconfigured' in answer or 'Reconfiguration in progress' in answer,
                 f'BIRD says {answer}')
    put(after + protocols())
    try:
        yield
    finally:
        put(before)


def dropped(lab, pop, family):
    return fleet.lane(lab, pop, family)['dropped']


def play(lab):
    others = [pop for pop in lab.pops if pop != LIAR]
    since, t0 = time.time_ns() // 1000, lab.now()
    before = {(pop, f): dropped(lab, pop, f) for pop in others for f in FAMILIES}
    with lab.nothing_moves(*others), lab.asking(rate=50, miss=0, local=20) as asking:
        with lying(lab):
            lab.say(f'{LIAR} tells beacons of others, of nobody, and thousands of absurd ones')
            for pop in ('pop1', 'pop2'):
                for family in FAMILIES:
                    lab.wait(f'{pop} {family} to see its id claimed',
                             lambda p=pop, f=family: fleet.lane(lab, p, f)['conflict'])
            for pop in others:
                for family in FAMILIES:
                    lab.wait(f'{pop} {family} to count what it does not believe',
                             lambda p=pop, f=family: sum(dropped(lab, p, f).values())
                             > sum(before[p, f].values()))
            lab.stay(8, 'nobody moves', lambda: all(
                lab.lane(pop, family)['rung'] == 'full' for pop in others for family in FAMILIES))
            for pop in others:
                lab.say(f'{pop} v4 did not believe: '
                        f'{({k: n for k, n in dropped(lab, pop, "v4").items() if n})}')
                told = [e['line'] for e in lab.events(pop, since) if e['name'] == 'fleet'
                        and 'tells beacons of our id' in e['line']]
                lab.need(bool(told) == (pop in ('pop1', 'pop2')), f'{pop} told {told}')
        lab.say('it tells the truth again')
        for pop in others:
            for family in FAMILIES:
                lab.wait(f'{pop} {family} to see all as they are', lambda p=pop, f=family:
                         not fleet.unwell(fleet.lane(lab, p, f), len(lab.pops)))
        by = asking.need_served(t0, lab.now())
        lab.need(set(by) == {'pop1'}, f'answered by {dict(by)}')
    for pop in lab.pops:
        for family in FAMILIES:
            lab.need(not lab.moves(pop, family, since), f'{pop} {family} moved')
