"""Authoritative servers lost at a PoP that has backup resolvers (DoT, UDP): popular and new names go on
being answered, breakers tell it, no rung moves; one backup lost too: the other; back: recursion again."""
import re
import time

import backups
import raise_lab

ZONES = 24  # of which each engine gets some
SPARED = (backups.DOT, backups.PLAIN)


def upstreams(lab, name):
    """What each engine of pop1 says of that upstream."""
    return [u for engine in lab.ask('pop1', 'workers')['engines']
            for u in engine['score']['upstreams'] if u['name'] == name]


def told(lab, name, what):
    return sum(u[what] for u in upstreams(lab, name))


def breakers(lab, name='recursion'):
    return {u['breaker'] for u in upstreams(lab, name)}


def many_zones(lab):
    """Names of as many zones: failures about one of them would be told from an outage."""
    tag = f'{time.time_ns():x}'
    done = lab.nodes['client'].sh(''.join(
        f'drill @{raise_lab.ANYCAST["v4"]} n.{tag}-{i}.test A &\n' for i in range(ZONES)) + 'wait')
    lab.need(done.count('rcode: NXDOMAIN') == ZONES, f'names of many zones:\n{done}')


def opened(lab):
    """Recursion's breakers open at both engines, and it is shown."""
    many_zones(lab)
    lab.wait('recursion\'s breakers to open', lambda: breakers(lab) == {'open'})
    shown = lab.bgpctl('pop1', 'workers').stdout
    lab.need(len(re.findall('recursion +open ', shown)) == 2, f'bgpctl workers says:\n{shown}')
    metrics = lab.metrics('pop1')
    for engine in (0, 1):
        lab.need(f'anypop_upstream_breaker{{engine="{engine}",name="recursion",state="open"}} 1\n'
                 in metrics, 'metrics do not say that the breaker is open')
    lab.say('recursion\'s breakers are open')


def fresh(lab, validated, backup):
    """A signed name that nobody has asked before, and who told it. It is below a wildcard, which a backup may have in
    its cache: its last second makes a TTL of 0, and what has that is told and kept nowhere."""
    ttl = 0
    while ttl == 0:
        name = f'x{time.time_ns():x}.random.example.test'
        said = lab.nodes['client'].sh(f'drill -D @{raise_lab.ANYCAST["v4"]} {name} A')
        flags = re.search(r'flags: ([^;]*);', said)[1].split()
        record = re.search(rf'^{name}\.\s+(\d+)\s+IN\s+A\s+203\.0\.113\.3$', said, re.M)
        lab.need(record and ('ad' in flags) == validated,
                 f'a new name, which is to be validated ({validated}):\n{said}')
        ttl = int(record[1])
    said = lab.bgpctl('pop1', 'cache', 'explain', name).stdout
    lab.need(f'from backup resolver {backup}\n' in said, f'cache explain says:\n{said}')


def answered_by(lab, asking, backup, seconds, t0):
    """From t0 on and for so long all is answered, now what is new by that backup, and pop1 stays at
    full."""
    before = told(lab, backup, 'answered')
    lab.stay(seconds, 'pop1 at full', lambda: lab.rung('pop1') == 'full'
             and lab.rung('pop1', 'v6') == 'full')
    end = lab.now()
    for kind in ('hit', 'miss', 'local'):
        asking.need_all(kind, t0, end)
    lost, _, by = asking.summary(t0, end)
    lab.need(lost == 0 and set(by) == {'pop1'}, f'{lost} lost, answered by {dict(by)}')
    more = told(lab, backup, 'answered') - before
    lab.say(f'{backup} answered {more}')
    lab.need(more > 10 * seconds, f'{backup} answered only {more} questions')


def recursion_again(lab, asking, t0):
    """From t0 on what is new comes from recursion; backups are asked no more."""
    before = [told(lab, name, 'asked') for name in SPARED]
    asked = told(lab, 'recursion', 'answered')
    lab.stay(3, 'pop1 at full', lambda: lab.rung('pop1') == 'full')
    asking.need_all('miss', t0, lab.now())
    lab.need([told(lab, name, 'asked') for name in SPARED] == before, 'backups are asked still')
    lab.need(told(lab, 'recursion', 'answered') > asked, 'recursion is not asked')


def all_upstreams_lost(lab, asking, processes):
    """healthd sees it as well; engines are replaced when it is over."""
    engines, t0 = lab.engines('pop1'), lab.now()
    with lab.without_upstream('pop1', spare=SPARED):
        lab.say('pop1 reaches no authoritative server any more, only its backups')
        opened(lab)
        lab.wait('the upstream check to fail',
                 lambda: lab.check('pop1', 'upstream')['verdict'] == 'fail')
        answered_by(lab, asking, backups.DOT, 4, t0)
        fresh(lab, True, 1)
        failed, t0 = told(lab, backups.DOT, 'failed'), lab.now()
        processes[backups.DOT].stop()
        lab.say('the backup by TLS is lost, too')
        lab.wait('its loss to be counted', lambda: told(lab, backups.DOT, 'failed') > failed)
        answered_by(lab, asking, backups.PLAIN, 4, t0)
        fresh(lab, False, 2)
        lab.need(lab.engines('pop1') == engines, 'engines were replaced amid the outage')
    lab.say('upstream is back')
    lab.wait('other engines', lambda: lab.engines_renewed('pop1', engines.values()))
    lab.need(breakers(lab) == {'closed'}, 'a new engine begins with an open breaker')
    recursion_again(lab, asking, lab.now())


def engines_cut_off(lab, asking):
    """healthd's own probes are answered, so engines are left alone: breakers find the way back."""
    engines, mark, t0 = lab.engines('pop1'), len(lab.logged('pop1')), lab.now()
    with lab.engines_cut_off('pop1', spare=SPARED):
        lab.say('only the engines of pop1 reach no authoritative server any more')
        opened(lab)
        answered_by(lab, asking, backups.PLAIN, 4, t0)
    lab.say('they reach them again')
    lab.wait('the breakers to close', lambda: breakers(lab) == {'closed'})
    lab.say('recursion\'s breakers are closed')
    said = lab.logged('pop1')[mark:]
    for line in ('from=closed to=open', 'from=open to=half-open', 'from=half-open to=closed'):
        lab.need(said.count(f'event=breaker upstream=recursion {line}') >= 2, f'never told: {line}')
    lab.need(lab.engines('pop1') == engines, 'engines were replaced')
    recursion_again(lab, asking, lab.now())


def play(lab):
    lab.warm('pop1')
    with backups.serving(lab, 'pop1') as processes, lab.asking(miss=50, local=5) as asking:
        lab.wait_steady('pop1', 3)
        with lab.nothing_moves('pop1'):
            all_upstreams_lost(lab, asking, processes)
            engines_cut_off(lab, asking)
