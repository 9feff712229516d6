"""A region is drained by one command at a node elsewhere, without a query lost; it comes back by itself
when its time is over. The runbook asks those who take over before and after, and goes by what they answer. A
dry run changes nothing, and where the other region is down nothing drains."""
import concurrent.futures
import contextlib
import json
import time

import fleet
from story import FAMILIES

EU, US = ('pop1', 'pop2', 'pop3'), ('pop4', 'pop5')


def heeding(lab, pops):
    return all(fleet.lane(lab, pop, f)['drain']['word'] == 'heeded' for pop in pops for f in FAMILIES)


def rehearsal(lab):
    """A dry run tells every step, and nothing moves."""
    with lab.nothing_moves(*lab.pops):
        run = lab.bgpctl('pop4', 'failover', '--region', 'eu', '--dry-run', '--json')
        told = json.loads(run.stdout)
        lab.need(told['outcome'] == 'would be done', told)
        steps = [step['step'] for step in told['steps']]
        lab.need(steps[0] == 'verify' and 'withdraw' in steps and 'alert' in steps, steps)
        lab.stay(3, 'nobody to ask, nobody to heed', lambda: all(
            not fleet.lane(lab, pop, f)['requests'] and not fleet.lane(lab, pop, f)['drain']['on'] and
            fleet.lane(lab, pop, f)['drain']['asked_here'] is None
            for pop in lab.pops for f in FAMILIES))


def own_addresses(pop):
    """Of a PoP, in both families: what `fleet.watch` names of it."""
    return (f'10.0.{pop[3:]}.2', f'fd00:0:0:{pop[3:]}::2')


def failover(lab, at, *words):
    """A runbook's exit status and what it told; its steps are shown."""
    run = lab.bgpctl(at, 'failover', '--region', 'eu', *words, '--json', check=False)
    told = json.loads(run.stdout)
    for step in told['steps']:
        lab.say(f'{at}: {step["at_s"]:5.1f} s  {step["step"]:<8} {step["outcome"]:<8} {step["text"]}')
    return run.returncode, told


def asked(told):
    """Those asked DNS questions, in order, as (outcome, what was told)."""
    return [(step['outcome'], step['text']) for step in told['steps']
            if step['step'] == 'resolve' and step['outcome'] in ('ok', 'failed')]


def need_asked(lab, told, expected):
    """Asserts whom the runbook asked, at which address, and what came of it: triples of outcome, PoP and
    how the sentence goes on. In each round the addresses of a PoP may come in any order."""
    found, wanted = asked(told), [
        (outcome, f'node {pop[3:]} at {address}{rest}')
        for outcome, pop, rest in expected for address in own_addresses(pop)]
    lab.need(len(found) == len(wanted) and all(
        outcome == want and text.startswith(begin)
        for (outcome, text), (want, begin) in zip(found, wanted)), f'asked {found}, expected {wanted}')


def asked_before(lab):
    """A look asks the takers at addresses of their own, none of the region; who answers badly is no help."""
    with lab.nothing_moves(*lab.pops):
        code, told = failover(lab, 'pop4', '--dry-run', '--verify', 'www7.example.test')
        lab.need((code, told['outcome']) == (0, 'would be done'), told['outcome'])
        need_asked(lab, told, [('ok', 'pop5', ' answers www7.example.test in ')])
        code, told = failover(lab, 'pop4', '--yes', '--verify', 'www.bogus.test')
        lab.need((code, told['outcome']) == (1, 'refused'), told['outcome'])
        need_asked(lab, told, [('failed', 'pop5', ', asked for www.bogus.test: it answers SERVFAIL')])
        lab.need(told['steps'][-1]['text'].startswith('nobody elsewhere answers'), told['steps'][-1])


def drained_until_its_time(lab, asking):
    """One command, and its end by expiry."""
    t0 = lab.now()
    lab.bgpctl('pop4', 'drain', '--region', 'eu', '--for', '25s', '--reason', 'story')
    for pop in EU:
        lab.wait_rung(pop, 'drain')
    moved = lab.now()
    lab.say(f'region eu is drained after {(moved - t0) / 1e6:.1f} s')
    lab.wait_route('pop4')
    for pop in EU:
        for family in FAMILIES:
            lab.need('region' in lab.limits(pop, family), f'{pop} {family}: {lab.limits(pop, family)}')
    text = lab.bgpctl('pop1', 'why', 'dns', 'v4').stdout
    lab.need('asked for by node 4' in text, text)
    settled = lab.now()
    lab.stay(5, 'traffic at pop4', lambda: all(lab.route(f) == 'pop4' for f in FAMILIES))
    _, _, by = asking.summary(settled, lab.now())
    lab.need(set(by) == {'pop4'}, f'answered by {dict(by)}')
    for pop in EU:
        lab.wait_rung(pop, 'full', within=120)
    lab.say(f'back at full {(lab.now() - t0) / 1e6:.1f} s after the command')
    lab.wait_route('pop1')
    lab.need(lab.now() - t0 >= 25e6, 'its time was not over')


def failed_over(lab):
    """The runbook, carried out, and ended by hand."""
    code, told = failover(lab, 'pop5', '--for', '10m', '--observe', '5s', '--yes')
    lab.need((code, told['outcome']) == (0, 'done'), told['outcome'])
    need_asked(lab, told, 2 * [('ok', 'pop4', ' answers id.server in ')])
    lab.need(all(lab.rung(pop, f) == 'drain' for pop in EU for f in FAMILIES), 'it is not at drain')
    refused = lab.bgpctl('pop1', 'failover', '--region', 'us', '--yes', check=False)
    lab.need(refused.returncode == 1, refused.stdout + refused.stderr)
    lab.bgpctl('pop5', 'undrain', '--region', 'eu')
    for pop in EU:
        lab.wait_rung(pop, 'full', within=120)


def asked_again(lab):
    """Who answered before the drain is asked again after it, and does not answer: it is taken back. What is
    lost on its way is this question alone; the others' probes of pop5 are answered."""
    name = 'www7.example.test'
    label = f'0x04{b"www7".hex()}'  # its first label, behind the heads of UDP and DNS
    lost = ''.join(f'{family} daddr {address} udp dport 53 @th,160,40 {label} counter drop\n'
                   for family, address in zip(('ip', 'ip6'), own_addresses('pop5')))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        run = pool.submit(failover, lab, 'pop4', '--observe', '5s', '--yes', '--verify', name)
        lab.wait('pop4 to have asked for it', lambda: fleet.lane(
            lab, 'pop4', 'v4')['drain']['asked_here'] is not None)
        with lab.dropping('pop5', lost):
            code, told = run.result()
            rules = lab.nodes['pop5'].sh('nft list table inet fault').splitlines()
    lab.need((code, told['outcome']) == (2, 'taken back'), told['outcome'])
    need_asked(lab, told, [('ok', 'pop5', f' answers {name} in '),
                           ('failed', 'pop5', f', asked for {name}: it does not answer')])
    counts = [rule.split()[rule.split().index('packets') + 1] for rule in rules if 'packets' in rule]
    lab.need(counts == ['3', '3'], f'three tries at each address: {rules}')
    for pop in EU:
        lab.wait_rung(pop, 'full', within=120)


def taken_back(lab):
    """One who took over falls while the runbook watches: it is taken back, and the hook is told."""
    heard = '/run/anypop/alerts'
    hook = f'hook: {{ command = ["/bin/sh", "-c", "echo $ANYPOP_EVENT $ANYPOP_REGION >>{heard}"]; }};\n'
    lab.nodes['pop4'].sh(f'rm -f {heard}')
    with lab.configured('pop4', lambda text: text + hook):
        lab.wait('pop4 to be well', lambda: not lab.unwell('pop4'))
        with concurrent.futures.ThreadPoolExecutor() as pool:
            runs = pool.submit(lab.bgpctl, 'pop4', 'failover', '--region', 'eu', '--observe', '50s',
                               '--yes', '--json', check=False)
            for pop in EU:
                lab.wait_rung(pop, 'drain')
            lab.bgpctl('pop5', 'drain')
            lab.say('pop5 falls out while it is watched')
            run = runs.result()
        told = json.loads(run.stdout)
        lab.need(run.returncode == 2 and told['outcome'] == 'taken back', run.stdout)
        why = [step['text'] for step in told['steps'] if step['outcome'] == 'failed']
        lab.say(f'taken back: {why[0]}')
        lab.need('1 is left' in why[0], why)
        alerts = [line.split() for line in lab.nodes['pop4'].sh(f'cat {heard}').splitlines()]
        alerts = [line for line in alerts if line[0].startswith('failover')]
        lab.need(alerts == [['failover_begun', 'eu'], ['failover_failed', 'eu']], alerts)
    lab.bgpctl('pop5', 'undrain')
    for pop in EU + ('pop5',):
        lab.wait_rung(pop, 'full', within=120)


def refused_without_takers(lab):
    """The other region is down: whoever asks is refused, and forced, nobody heeds."""
    with contextlib.ExitStack() as down:
        for pop in US:
            down.enter_context(lab.workers_refuse(pop))
            lab.kill_workers(pop)
        for pop in US:
            lab.wait_rung(pop, 'silent')
        for pop in EU:
            for family in FAMILIES:
                lab.wait(f'{pop} {family} to see it', lambda p=pop, f=family:
                         fleet.lane(lab, p, f)['drain']['takers'] == 0)
        with lab.nothing_moves(*EU):
            for words in (('drain', '--region', 'eu'), ('failover', '--region', 'eu', '--yes'),
                          ('failover', '--region', 'eu', '--dry-run')):
                run = lab.bgpctl('pop1', *words, check=False)
                lab.need(run.returncode == 1, f'{words}: {run.stdout}{run.stderr}')
            lab.bgpctl('pop1', 'drain', '--region', 'eu', '--force', '--for', '5m')
            for pop in EU:
                for family in FAMILIES:
                    lab.wait(f'{pop} {family} to say why it does not', lambda p=pop, f=family:
                             fleet.lane(lab, p, f)['drain']['word'] == 'too few takers')
            lab.stay(5, 'nobody to heed', lambda: not heeding(lab, EU))
            lab.bgpctl('pop1', 'undrain', '--region', 'eu')
    for pop in US:
        lab.kill_workers(pop)
        lab.wait_rung(pop, 'full', within=120)


def play(lab):
    for pop in lab.pops:
        lab.warm(pop)
    since = time.time_ns() // 1000
    rehearsal(lab)
    asked_before(lab)
    with lab.asking(rate=200, miss=5) as asking:
        lab.stay(1, 'traffic at pop1', lambda: lab.route('v4') == 'pop1')
        t0 = lab.now()
        drained_until_its_time(lab, asking)
        failed_over(lab)
        asked_again(lab)
        taken_back(lab)
        end = lab.now()
        asking.need_served(t0, end)
    fleet.need_no_gap(lab, t0)
    fleet.need_nobody_silent(lab, since)
    refused_without_takers(lab)
