"""IPv6 alone failing: only IPv6 leaves."""
import time

RULE = ('ip6 daddr 2001:db8:53::53 udp dport 53 drop; ip6 daddr 2001:db8:53::53 tcp dport 53 drop')


def play(lab):
    since = time.time_ns() // 1000
    with lab.asking() as asking:
        t0 = lab.now()
        with lab.dropping('pop1', RULE):
            lab.say('pop1 no longer answers on its IPv6 address')
            lab.wait_rung('pop1', 'silent', families=('v6',))
            lab.wait_route('pop2', families=('v6',))
            moved = lab.now()
            lab.stay(3, 'v4 at full', lambda: lab.rung('pop1', 'v4') == 'full')
            rows = asking.rows(moved, lab.now())
            lab.need(all(row.rtt_us >= 0 for row in rows), 'queries lost after v6 had moved')
            by = {(row.family, row.nsid.split('/')[0]) for row in rows}
            lab.need(by == {('v4', 'pop1'), ('v6', 'pop2')}, f'answered by {by}')
        lab.need(lab.moves('pop1', 'v4', since) == [], 'v4 moved')
        lab.need(not [c for c in lab.changes(t0) if c.family == 'v4'], 'transit moved v4')
        lab.say('IPv6 answers again')
        lab.wait_rung('pop1', 'drain', families=('v6',))
