"""Foreign configure, undo and expiring timeout, at drain and while silent: neighbour sees nothing;
`birdc disable` by hand: respected and shown; a backup static for the same prefix: "covered by"."""
import talk
from story import FAMILIES


def expiries(lab):
    """How many timeouts BIRD has let expire."""
    log = lab.nodes['pop1'].sh('cat /run/bird/bird.log')
    return log.count('Config timeout expired')


def configures(lab, bird):
    with lab.nothing_moves('pop1'):
        bird('configure')
        bird('configure undo')
        bird('configure')
        before = expiries(lab)
        bird('configure timeout 1')
        lab.say('configure, undo, configure; configure timeout is about to expire')
        lab.wait('the timeout to expire', lambda: expiries(lab) > before)
        lab.say('it has expired, and BIRD runs its older configuration')
        lab.stay(2, 'the rung stays proven', lambda: lab.rung('pop1') is not None)


def covered(lab, bird):
    node = lab.nodes['pop1']
    node.sh('''cat >>/etc/bird/bird.conf <<'END'
protocol static backup_by_hand { ipv4; route 192.0.2.0/24 unreachable; }
END
        sed -i 's/where anypop_export()/where anypop_export() || source = RTS_STATIC/' \
            /etc/bird/bird.conf''')
    bird('configure')
    lab.say('an operator\'s static for the same prefix, while pop1 is silent')
    lab.wait('the alarm', lambda: 'covered' in lab.alarms('pop1', 'v4'))
    texts = [a['text'] for a in lab.lane('pop1', 'v4')['alarms'] if a['name'] == 'covered']
    lab.say(f'alarm: {texts[0]}')
    lab.need('backup_by_hand' in texts[0], 'the alarm does not say by whom')
    lab.need('covered' not in lab.alarms('pop1', 'v6'), 'v6 is not covered')
    node.run('/srv/anypop/lab/node/start', 'bird_config')
    bird('configure')
    lab.wait('the alarm to end', lambda: 'covered' not in lab.alarms('pop1', 'v4'))


def play(lab):
    def bird(command):
        return talk.bird(lab.nodes['pop1'], command)
    lab.bgpctl('pop1', 'drain', '--reason', 'story')
    lab.wait_rung('pop1', 'drain')
    lab.say('pop1 at drain')
    configures(lab, bird)
    lab.bgpctl('pop1', 'silence', '--reason', 'story')
    lab.wait_rung('pop1', 'silent')
    lab.say('pop1 silent')
    configures(lab, bird)
    covered(lab, bird)
    lab.settle()

    bird('disable anypop_dns_v4_full')
    lab.say('an operator disables pop1\'s protocol for v4 at full, in BIRD')
    lab.wait('the hand to be shown', lambda: 'birdc' in lab.limits('pop1', 'v4'))
    lab.wait('transit to see it', lambda: lab.heard('pop1', 'v4').rung != 'full')
    lab.stay(4, 'the hand is respected', lambda: lab.heard('pop1', 'v4').rung != 'full'
             and 'birdc' in lab.limits('pop1', 'v4'))
    lab.need(lab.rung('pop1', 'v6') == 'full', 'v6 moved too')
    lab.bgpctl('pop1', 'undrain')
    lab.say('and gives it back: bgpctl undrain')
    lab.wait_rung('pop1', 'full', within=120)
    lab.wait('the limit to go', lambda: 'birdc' not in lab.limits('pop1', 'v4'))
    lab.need(all('hand' not in lab.alarms('pop1', family) for family in FAMILIES),
             'the alarm stays')
