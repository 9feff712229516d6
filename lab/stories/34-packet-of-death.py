"""A packet of death at all PoPs at once: each loses an engine and its probation engine, then the name is in
quarantine and harms no more; everybody else is answered all along, and nobody goes silent."""
import concurrent.futures
import contextlib
import re
import time

from raise_lab import ANYCAST
from story import FAMILIES

AGAIN_US = 2_000_000  # as in story 25, after all engines were lost
AGAIN = 20  # times that each PoP is asked once more, in each family
# By which an engine ends, and what is told of the question.
SIGNAL = {'die': 6, 'late': 6, 'segv': 11, 'mute': 9}
HOW = {'mute': 'killed twice'}
LOOP = r'\(signal (6|27)\)'  # ended by its supervisor, or by its own alarm, whoever was first


def starts(lab, pop):
    """How often processes were started: engines, and the probation engine."""
    told = lab.ask(pop, 'workers')
    return tuple(sum(slot['starts'] for slot in told[kind]) for kind in ('engines', 'probation'))


def whole(lab, pop):
    told = lab.ask(pop, 'workers')
    return all(slot['state'] == 'ready' for slot in told['engines'] + told['probation'])


def refused(lab, pop, name, family='v4', times=1):
    """Asked so often in that PoP; whether each time by its quarantine. It is never answered."""
    said = lab.nodes[pop].run('dig', '+tries=1', '+time=4', f'@{ANYCAST[family]}',
                              *[name] * times, check=False).stdout
    lab.need('NOERROR' not in said, f'{pop} has an answer to {name}:\n{said}')
    return said.count('SERVFAIL') == times and said.count('(quarantined') == times


def convicted(lab, pops, name):
    """Asked at these PoPs at once, again and again until each has it in quarantine."""
    def until(pop):
        lab.wait(f'{pop} to have {name} in quarantine', lambda: refused(lab, pop, name))
    with concurrent.futures.ThreadPoolExecutor() as each:
        list(each.map(until, pops))
    for pop in pops:
        lab.wait(f'the engines of {pop}', lambda p=pop: whole(lab, p))


def explained(lab, pop, how, name, since):
    said = lab.bgpctl(pop, 'cache', 'explain', name, check=False).stdout
    if how == 'spin':
        lab.need(re.search(LOOP, said), f'{pop}: cache explain says:\n{said}')
        return
    signal = SIGNAL[how]
    lab.need('quarantine: not resolved for ' in said
             and f'({HOW.get(how, f"signal {signal}")})' in said, f'{pop}: cache explain says:\n{said}')
    lab.need(f'event=quarantined because="{name}. A ended the probation engine' in lab.logged(pop),
             f'{pop} does not log the sentence')
    told = [e['line'] for e in lab.events(pop, since) if e['name'] == 'engine'
            and f'killed by signal {signal}' in e['line']]
    lab.need(any('slot=probation' in line for line in told)
             and any('slot=probation' not in line for line in told),
             f'{pop}: events of engines: {told}')
    shown = lab.bgpctl(pop, 'workers').stdout
    lab.need(f'killed by signal {signal}' in shown and re.search(r'events .*quarantined \d+', shown),
             f'{pop}: bgpctl workers says:\n{shown}')


def deadly(lab, asking, how, ends, pops=None):
    """A name that kills so, and what comes of it at these PoPs. `ends`: how many engines, and probation
    engines, it costs each. Where that is one, the other one resolves what is new all along."""
    pops = pops or lab.pops
    name, since, t0 = f'{how}-{time.time_ns():x}.random.example.test', time.time_ns() // 1000, lab.now()
    before = {pop: starts(lab, pop) for pop in pops}
    lab.say(f'{name} is asked at {" ".join(pops)}')
    convicted(lab, pops, name)
    lab.say(f'in quarantine there, and engines again, after {(lab.now() - t0) / 1000:.0f} ms')
    for pop in pops:
        explained(lab, pop, how, name, since)
    served = lab.now()
    known = {pop: starts(lab, pop) for pop in pops}
    for pop in pops:
        count = lab.counted(pop, 'events', 'quarantined')
        for family in FAMILIES:
            lab.need(refused(lab, pop, name, family, AGAIN), f'{pop} {family}: no quarantine again')
        lab.need(lab.counted(pop, 'events', 'quarantined') == count + 2 * AGAIN, f'{pop}: not counted')
        lab.need(starts(lab, pop) == known[pop], f'{pop} lost an engine by a name in quarantine')
    ended = {pop: tuple(b - a for a, b in zip(before[pop], known[pop])) for pop in pops}
    lab.need(set(ended.values()) == {ends}, f'engines and probation engines: {ended}')
    everybody_else(lab, asking, t0, t0 if ends == (1, 1) else served + AGAIN_US)


def everybody_else(lab, asking, t0, new):
    """What is known is answered from t0 on, what must be resolved from `new` on."""
    lab.stay(2, 'pop1 at full', lambda: lab.rung('pop1') == 'full')
    lab.wait('new names to count', lambda: lab.now() > new + 1_000_000)
    end = lab.now()
    for kind in ('hit', 'local'):
        asking.need_all(kind, t0, end)
    asking.need_all('miss', new, end)
    lost, _, by = asking.summary(t0, end)
    lab.need(lost == 0 and set(by) == {'pop1'}, f'{lost} lost, answered by {dict(by)}')


@contextlib.contextmanager
def mortal(lab):
    """The engines of all PoPs have the bug."""
    with contextlib.ExitStack() as stack:
        for pop in lab.pops:
            stack.enter_context(lab.engines_mortal(pop))
        lab.upgrade(*lab.pops)
        yield
    lab.upgrade(*lab.pops)


def play(lab):
    lab.warm('pop1')
    with mortal(lab), lab.asking(rate=100, miss=30, local=5) as asking:
        lab.wait_steady('pop1', 3)
        with lab.nothing_moves(*lab.pops):
            for how in ('die', 'late', 'segv'):
                deadly(lab, asking, how, (1, 1))
            deadly(lab, asking, 'spin', (1, 1), ('pop1',))
            deadly(lab, asking, 'mute', (2, 2), ('pop1',))
            lab.need(all(lab.rung(pop, f) == 'full' for pop in lab.pops for f in FAMILIES),
                     'not everybody is at full')
