"""A node whose own address nobody reaches while its own checks are well: the matrix shows it, a majority
confirms it, it goes to drain as configured and no further; one neighbour that is wrong alone moves nothing."""
import json
import time

import fleet
from story import FAMILIES

SICK, WRONG = 'pop2', 'pop5'
SICK_ID = 2
CHECK = '{ name = "others"; kind = "vantage"; weight = 300; },'
UNREACHED = ('ip daddr 10.0.2.2 udp dport 53 drop\n'
             'ip6 daddr fd00:0:0:2::2 udp dport 53 drop\n')


def judged(text):
    """Others' word weighs more than all the rest: the score falls under drain's threshold by it."""
    return text.replace('checks = (\n', f'checks = (\n\t{CHECK}\n')


def mistaken(text):
    """It looks at addresses of pop2 that nobody has."""
    return text.replace('"10.0.2.2", "fd00:0:0:2::2"', '"10.0.2.99", "fd00:0:0:2::99"')


def said(lab, pop, family):
    return fleet.lane(lab, pop, family)['hearsay']


def says(lab, pop, family, of):
    """What a PoP tells of a node."""
    told = {w['id']: w['verdict'] for w in fleet.lane(lab, pop, family)['watched']}
    return told[of]


def hears(lab, pop, family, who, of):
    """What a PoP has of what another tells of a node."""
    nodes = {n['id']: n for n in fleet.lane(lab, pop, family)['nodes']}
    return {v['id']: v['verdict'] for v in nodes[who].get('verdicts', [])}.get(of)


def wait_votes(lab, pop, well, failed):
    for family in FAMILIES:
        lab.wait(f'{pop} {family} to be called well by {well}, failed by {failed}', lambda f=family: (
            said(lab, pop, f)['well'], said(lab, pop, f)['failed']) == (well, failed))


def play(lab):
    for pop in lab.pops:
        wait_votes(lab, pop, len(lab.pops) - 1, 0)
    lab.say('all find all well')
    with lab.configured(SICK, judged):
        lab.wait(f'{SICK} to be well', lambda: not lab.unwell(SICK))
        wait_votes(lab, SICK, len(lab.pops) - 1, 0)
        one_is_wrong(lab)
        nobody_reaches_it(lab)
    lab.wait(f'{SICK} to be well', lambda: not lab.unwell(SICK))


def one_is_wrong(lab):
    others = [pop for pop in lab.pops if pop != WRONG]
    since = time.time_ns() // 1000
    with lab.configured(WRONG, mistaken), lab.nothing_moves(*others):
        wait_votes(lab, SICK, len(lab.pops) - 2, 1)
        lab.say(f'{WRONG} says that {SICK} failed, alone')
        lab.stay(5, f'{SICK} stays at full, by majority well', lambda: all(
            lab.rung(SICK, f) == 'full' and said(lab, SICK, f)['majority'] == 'well'
            for f in FAMILIES))
    wait_votes(lab, SICK, len(lab.pops) - 1, 0)
    for family in FAMILIES:
        lab.need(not lab.moves(SICK, family, since), f'{SICK} {family} moved')


def nobody_reaches_it(lab):
    others = [pop for pop in lab.pops if pop != SICK]
    since, t0 = time.time_ns() // 1000, lab.now()
    with lab.asking(rate=50, miss=0, local=20) as asking:
        with lab.dropping(SICK, UNREACHED):
            lab.say(f"{SICK}'s own addresses answer nobody any more, its anycast addresses do")
            wait_votes(lab, SICK, 0, len(others))
            lab.wait_rung(SICK, 'drain')
            for family in FAMILIES:
                order = lab.orders(SICK, family, since)[0]
                lab.need(order['rule'] == 'score_fall' and 'others' in order['because'],
                         f'{SICK} {family} fell by {order}')
                lab.say(f'{SICK} {family}: {order["because"]}')
                for pop in others:
                    lab.need(says(lab, pop, family, SICK_ID) == 'failed',
                             f'{pop} {family} does not say so')
                lab.wait(f'pop1 {family} to hear it of all', lambda f=family: all(
                    hears(lab, 'pop1', f, int(pop[3:]), SICK_ID) == 'failed'
                    for pop in others if pop != 'pop1'))
            for line in lab.bgpctl('pop1', 'fleet', 'dns', 'v4').stdout.splitlines():
                lab.say(f'pop1: {line}')
            lab.stay(6, 'it stays at drain', lambda: all(
                lab.rung(SICK, f) == 'drain' for f in FAMILIES))
            checks = lab.ask(SICK, 'checks')['checks']
            failed = {c['name'] for c in checks if c['verdict'] == 'fail'}
            lab.need(failed == {'others/dns/v4', 'others/dns/v6'}, f'failed: {json.dumps(sorted(failed))}')
        lab.say('they answer again')
        wait_votes(lab, SICK, len(others), 0)
        lab.wait_rung(SICK, 'full', within=120)
        asking.need_served(t0, lab.now())
    told = [e['line'] for e in lab.events(SICK, since) if e['name'] == 'vantage']
    for family in FAMILIES:
        for to in ('to=failed', 'to=well'):
            lab.need(any(f'family={family}' in line and to in line for line in told),
                     f'no event says {to} of {family}: {told}')
    for pop in others:
        for family in FAMILIES:
            lab.need(not lab.moves(pop, family, since), f'{pop} {family} moved')
    fleet.need_no_gap(lab, t0)
