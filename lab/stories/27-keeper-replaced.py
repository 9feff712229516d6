"""Keeper killed -9, then the service restarted, without upstream: gates down, and sockets and cache are
what they were: the popular names are answered at once."""
import re

import client

KEPT = 0.99


def sockets(lab):
    """Inodes of the sockets of the service addresses."""
    told = lab.nodes['pop1'].sh('ss -H -ulne "sport = :53"; ss -H -tlne "sport = :53"')
    return set(re.findall(r'\bino:(\d+)', told))


def replaced(lab, how, fault):
    before = sockets(lab)
    lab.need(before, 'no socket of the service is to be seen')
    workers, engines = lab.workers('pop1').values(), lab.engines('pop1').values()
    t0 = lab.now()
    fault()
    lab.wait('new workers, ready', lambda: lab.renewed('pop1', workers))
    lab.say(f'{how}: workers are ready after {(lab.now() - t0) / 1000:.0f} ms')
    swept = lab.sweep('pop1')
    lab.say(f'the popular names, within a second: {swept.right} of {swept.asked} answered')
    lab.need(swept.right >= KEPT * swept.asked, f'the cache was not kept: {swept}')
    lab.need(sockets(lab) == before, f'the sockets were {before} and are {sockets(lab)}')
    lab.need(not set(engines) & set(lab.nodes['pop1'].processes('resolver')), 'old engines live')


def killed(lab):
    keeper = lab.keeper('pop1')
    before = lab.updates('pop1', 'withdraws')
    lab.kill('pop1', 'KILL', [keeper])
    lab.say(f'killed keeper {keeper}')
    lab.another_keeper('pop1', keeper)
    sessions = lab.sessions_at_transit('pop1')
    lab.wait('a withdrawal by every session',
             lambda: lab.updates('pop1', 'withdraws') >= before + len(sessions))


def play(lab):
    lab.warm('pop1')
    with lab.without_upstream('pop1'):
        # What the engines know of the zone proves some fresh names for as long as it lives (5 s).
        lab.wait('fresh names to fail', lambda: lab.sweep('pop1', 'miss', 20, 3).right == 0)
        lab.say(f'pop1 has no upstream; {client.POPULAR} popular names are in its cache')
        replaced(lab, 'keeper killed', lambda: killed(lab))
        replaced(lab, 'service restarted', lambda: lab.restart_service('pop1'))
    lab.say('upstream is back')
    lab.wait_rung('pop1', 'drain')
