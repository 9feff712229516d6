"""Two nodes ill for themselves, with budget for one, and severity rising: never two silent by choice; the
more severe one goes and stays; a third that fails vitally calls it back."""
import contextlib
import time

import fleet
from story import FAMILIES


def chosen(lab, family, since):
    """Times in which a lane was silent by its score."""
    return [s for s in fleet.silences(lab, family, since) if s.rule != 'vital_fall']


def silent(lab, pop):
    return all(lab.rung(pop, family) == 'silent' for family in FAMILIES)


def waiting(lab, pop):
    """It is at drain, wants to go, and the fleet holds it."""
    for family in FAMILIES:
        lab.wait(f'{pop} {family} to wait at drain for leave', lambda f=family: (
            lab.rung(pop, f) == 'drain' and 'fleet' in lab.limits(pop, f)
            and fleet.lane(lab, pop, f)['intent'] in ('low', 'high')
            and fleet.lane(lab, pop, f)['rank'] >= 1))


def heavier(text):
    """Of recursion lost more is made: a severity of "high" instead of "low"."""
    return text.replace('weight = 130', 'weight = 900')


def one_at_most(lab):
    return all([lab.lane(pop, family)['rung'] for pop in ('pop2', 'pop3')].count('silent') <= 1
               for family in FAMILIES)


def play(lab):
    with lab.configured('pop3', heavier):
        lab.wait('pop3 to be well', lambda: not lab.unwell('pop3'))
        since, t0 = time.time_ns() // 1000, lab.now()
        with contextlib.ExitStack() as ill:
            for pop in ('pop2', 'pop3'):
                ill.enter_context(lab.engines_cut_off(pop))
            lab.say('pop2 and pop3 resolve nothing any more, pop3 weighs it heavier; upstream is well')
            lab.wait('pop3 silent', lambda: silent(lab, 'pop3'))
            waiting(lab, 'pop2')
            with lab.configured('pop2', heavier):
                for family in FAMILIES:
                    lab.wait(f'pop2 {family} to tell the higher severity',
                             lambda f=family: fleet.lane(lab, 'pop2', f)['intent'] == 'high')
                lab.say('pop2 weighs it as heavy now')
                lab.stay(6, 'never both silent, and pop3 is', lambda: one_at_most(lab)
                         and silent(lab, 'pop3'))
                waiting(lab, 'pop2')
                third(lab)
        lab.say('both resolve again')
    for pop in ('pop2', 'pop3'):
        lab.wait_rung(pop, 'full', within=120)
    for family in FAMILIES:
        found = chosen(lab, family, since)
        most = fleet.at_once(found)
        lab.need(len(most) == 1, f'{family}: silent by choice at once: {most}')
        lab.need(found[0].pop == 'pop3', f'{family}: {found[0].pop} went first')
    fleet.need_no_gap(lab, t0)


def third(lab):
    """A vital failure elsewhere takes the budget: whoever is silent by choice comes back."""
    called = time.time_ns() // 1000
    with lab.workers_refuse('pop4'):
        lab.kill_workers('pop4')
        lab.say('pop4 answers SERVFAIL to everything')
        lab.wait_rung('pop4', 'silent')
        lab.wait_rung('pop3', 'drain')
        for family in FAMILIES:
            back = lab.orders('pop3', family, called)[0]
            lab.need(back['rule'] == 'return', f'pop3 {family} came back by {back}')
            lab.say(f'pop3 {family}: {back["because"]}')
        lab.stay(5, 'neither silent', lambda: all(
            lab.lane(pop, f)['rung'] == 'drain' for pop in ('pop2', 'pop3') for f in FAMILIES))
    lab.kill_workers('pop4')
    lab.say('pop4 answers again')
