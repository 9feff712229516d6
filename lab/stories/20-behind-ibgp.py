"""PoP behind an iBGP edge: every rung reaches the transit."""
from story import FAMILIES

LENGTH = {'full': 1, 'backup': 2, 'drain': 4}  # our AS, and the rung's prepends


def play(lab):
    for rung in ('backup', 'drain', 'silent', 'full'):
        lab.bgpctl('pop3', 'pin', rung)
        lab.wait_rung('pop3', rung)
        for family in FAMILIES:
            heard = lab.heard('pop3', family)
            lab.say(f'pop3 {family} at {rung}: transit has {heard}')
            if rung == 'silent':
                continue
            lab.need(heard.path_length == LENGTH[rung], f'{rung}: path of {heard.path_length}')
            shut = '65535,0' in heard.communities
            lab.need(shut == (rung == 'drain'), f'{rung}: communities {heard.communities}')
            lab.need((heard.local_pref == 0) == shut, f'{rung}: local_pref {heard.local_pref}')
    lab.bgpctl('pop3', 'unpin')
    lab.say('pop1 and pop2 drain: traffic is for pop3')
    with lab.asking() as asking:
        t0 = lab.now()
        for pop in ('pop1', 'pop2'):
            lab.bgpctl(pop, 'drain')
            lab.wait_rung(pop, 'drain')
        lab.wait_route('edge3')
        moved = lab.now()
        lab.stay(1, 'traffic at pop3', lambda: lab.route('v4') == 'edge3')
        end = lab.now()
        _, _, by = asking.summary(moved, end)
        lab.need(set(by) == {'pop3'}, f'answered by {dict(by)}')
        lab.need(asking.lost(t0, end) == 0, 'queries lost on the way')
