"""Flapping vital check: changes bounded by the growing wait, budget shown."""
import time

RULE = ('ip daddr 192.0.2.53 udp dport 53 drop; ip daddr 192.0.2.53 tcp dport 53 drop')
ROUNDS = 12


def play(lab):
    since = time.time_ns() // 1000
    t0 = lab.now()
    climbs, shown = [], 0.0
    for _ in range(ROUNDS):
        with lab.dropping('pop1', RULE):
            lab.wait('v4 silent', lambda: lab.lane('pop1', 'v4')['rung'] == 'silent')
        well = lab.now()
        lane = lab.why_lane('pop1', 'v4')
        shown = max(shown, lane['flap']['estimate'])
        lab.wait('v4 announced again', lambda: lab.lane('pop1', 'v4')['rung'] != 'silent',
                 within=120)
        climbs.append((lab.now() - well) / 1e6)
        lane = lab.why_lane('pop1', 'v4')
        shown = max(shown, lane['flap']['estimate'])
    lab.say('waits before each return: ' + ' '.join(f'{s:.1f}' for s in climbs))
    lab.say(f'flap budget shown up to {shown:.0f} of {lane["flap"]["limit"]}')
    took = lab.moves('pop1', 'v4', since)
    lab.need(all(pair in (('full', 'silent'), ('silent', 'drain'), ('drain', 'silent'))
                 for pair in took), f'a flapping node climbed above drain: {took}')
    lab.need(len(took) == 2 * ROUNDS, f'{len(took)} changes in {ROUNDS} rounds')
    early, late = sorted(climbs[:3])[1], sorted(climbs[-3:])[1]
    lab.need(late > 2 * early and late > 2, f'the wait did not grow: {early:.1f} s, {late:.1f} s')
    lab.need(shown > lane['flap']['limit'], 'the budget was never overdrawn on the screen')
    lab.need(not [c for c in lab.changes(t0) if c.family == 'v6'], 'v6 moved too')
    text = lab.bgpctl('pop1', 'why').stdout
    lab.need('flap' in text, 'bgpctl why does not show the flap budget')
