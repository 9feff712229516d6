"""Raises the lab: the Internet's zones, the nodes, what runs in them; returns when it serves."""

import os
import re
import shutil
import subprocess

import internet
import nodes

ANYCAST = {'v4': '192.0.2.53', 'v6': '2001:db8:53::53'}
BY_HAND = ('default_start', 'anycast_start', 'healthd_config', 'bird_config', 'bird_start',
           'by_hand')
BFD_MS = int(os.environ.get('LAB_BFD_MS', '100'))


def watched(number):
    """How the fleet's configuration names a neighbour."""
    return f'{{ id = {number}; addresses = ["10.0.{number}.2", "fd00:0:0:{number}::2"]; }}'


def configuration(text, pop, region=None):
    """healthd.conf of a PoP, from pop1's: its name, only the uplink that it has, and in a fleet its
    number and region."""
    if pop == 'pop1':
        return text
    text = text.replace('name = "pop1"', f'name = "{pop}"')
    text = text.replace('["eth1", "eth2"]', '["eth1"]')
    if region:
        text = text.replace('id = 1; region = "eu"', f'id = {pop[3:]}; region = "{region}"')
        text = text.replace(watched(pop[3:]), watched(1))
    return ''.join(line for line in text.splitlines(True) if "pop1's second uplink" not in line)


def by_unbound(text):
    """healthd.conf with Debian's Unbound by command line instead of our own resolver."""
    changed, found = re.subn(r'resolver = "[^"]*";', 'command = ["/usr/sbin/unbound", "-d", "-p", "-c", '
                             '"/etc/unbound/unbound-%i.conf"];', text)
    if found != 1:
        raise nodes.LabError(f'the configuration names our resolver {found} times')
    return changed


def prepare(conf, say):
    """What the nodes find under build/lab: what is installed, the zones, the configurations."""
    with open(conf, encoding='utf-8') as f:
        text = f.read()
    say('make install')
    done = subprocess.run(['make', '-s', '-C', nodes.REPOSITORY, 'install', 'lab-tools',
                           f'DESTDIR={nodes.BUILD}/root'], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise nodes.LabError(f'make install:\n{done.stdout.strip()[-2000:]}')
    say('the zones of the Internet')
    internet.make(f'{nodes.BUILD}/internet')
    with open(f'{nodes.BUILD}/lab.env', 'w', encoding='ascii') as f:
        f.write(f'LAB_BFD_MS={BFD_MS}\nLAB_WHICH={nodes.which()}\n')
    shutil.rmtree(nodes.RUN, ignore_errors=True)
    top = nodes.topology()
    for pop in top.pops():
        os.makedirs(f'{nodes.RUN}/{pop}')
        with open(f'{nodes.RUN}/{pop}/healthd.conf', 'w', encoding='utf-8') as f:
            f.write(configuration(text, pop, top.labels[pop].get('region')))


def answers(client, address, name):
    """Whether a question to `address` from that node is answered well."""
    done = client.run('drill', '-D', f'@{address}', name, 'A', check=False)
    return 'rcode: NOERROR' in done.stdout and '\tA\t' in done.stdout


def up(conf, healthd, say):
    """Raises the lab and returns its nodes when the client is served in both families."""
    nodes.down()
    prepare(conf, say)
    say('nodes: ' + ' '.join(nodes.topology().nodes))
    live = nodes.up()
    pops = nodes.topology().pops()
    for node in live.values():
        nodes.boot(node, *(() if healthd or node.name not in pops else BY_HAND))
    say('waiting until the client is served')
    for address in ANYCAST.values():
        nodes.wait_for(lambda a=address: answers(live['client'], a, 'www1.example.test'), 60,
                       f'an answer from {address}')
    return live
