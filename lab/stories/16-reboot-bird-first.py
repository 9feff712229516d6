"""Host reboot with BIRD first: nothing announced until earned."""
import time

import nodes
import talk
from story import FAMILIES


def established(lab):
    rows = talk.bird(lab.nodes['transit'], 'show protocols')
    text = '\n'.join(row for _, row in rows)
    return all(any(line.startswith(f'{name} ') and 'Established' in line
                   for line in text.splitlines()) for name in lab.sessions_at_transit('pop1'))


def play(lab):
    node = lab.nodes['pop1']
    lab.power_off('pop1')
    lab.say('pop1 reboots')
    lab.wait_route('pop2')
    before = lab.updates('pop1')
    nodes.boot(node, 'default_start', 'anycast_start', 'bird_start')
    lab.wait('all sessions of pop1', lambda: established(lab), within=60)
    lab.say('BIRD is up, its sessions are established, healthd is not there yet')
    lab.stay(4, 'nothing announced', lambda: all(
        lab.heard('pop1', family).rung == 'silent' for family in FAMILIES))
    lab.need(lab.updates('pop1') == before, 'transit heard something')
    since = time.time_ns() // 1000
    node.run('/srv/anypop/lab/node/start', 'healthd_start')
    lab.say('healthd starts')
    lab.wait('healthd to answer', lambda: lab.status('pop1'))
    lab.wait_rung('pop1', 'full', within=120)
    for family in FAMILIES:
        took = [to for _, to in lab.moves('pop1', family, since)]
        lab.need(took[:1] == ['drain'], f'{family} began with {took}')
