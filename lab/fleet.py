"""What stories of the fleet look at: who is silent when, and how each node stands in it."""

import collections

# A time in which a lane was silent; `rule` is what took it there, `until_us` None: it still is.
Silence = collections.namedtuple('Silence', 'pop from_us until_us rule')


def unwell(lane, size):
    """What a node's account of a lane in the fleet lacks, or ''."""
    if lane['standing'] != 'fresh' or lane['in_view'] != size - 1:
        return f'{lane["standing"]} view, {lane["in_view"]} others in it'
    if lane['frozen_s']:
        return f'frozen for {lane["frozen_s"]:.1f} s'
    if lane['intent'] != 'none' or lane['conflict']:
        return f'intent {lane["intent"]}, {"a conflict" if lane["conflict"] else lane["because"]}'
    return ''


def lane(lab, pop, family):
    """How a PoP's lane stands in the fleet, whom it sees included."""
    return lab.ask(pop, 'fleet', family=family)['lanes'][0]


def silences(lab, family, since_us):
    """All times since then (wall clock) in which a lane of that family was silent, by its orders."""
    found = []
    for pop in lab.pops:
        begun = None
        for order in lab.orders(pop, family, since_us):
            if order['to'] == 'silent':
                begun = order
            elif order['from'] == 'silent' and begun:
                found.append(Silence(pop, begun['wall_us'], order['wall_us'], begun['rule']))
                begun = None
        if begun:
            found.append(Silence(pop, begun['wall_us'], None, begun['rule']))
    return sorted(found, key=lambda s: s.from_us)


def need_nobody_silent(lab, since_us):
    """Asserts that no lane of anybody was silent since then (wall clock)."""
    found = [one for family in ('v4', 'v6') for one in silences(lab, family, since_us)]
    lab.need(not found, f'somebody was silent: {found}')


def at_once(found):
    """The most of these silences that there were at one time, as a set of PoPs."""
    most = set()
    for one in found:
        now = {s.pop for s in found
               if s.from_us <= one.from_us and (s.until_us is None or s.until_us > one.from_us)}
        most = max(most, now, key=len)
    return most


def need_no_gap(lab, from_us, until_us=None):
    """Asserts that transit had a route all along."""
    gone = [change for change in lab.changes(from_us, until_us) if change.event == 'del']
    lab.need(not gone, f'transit had no route for a while: {gone}')
