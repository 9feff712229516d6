"""Drain under load: no query lost, NSID counts prove that traffic moved; expiry; SIGTERM."""
import time

from story import FAMILIES

RATE = 1000


def drained(lab, asking):
    t0 = lab.now()
    lab.stay(1, 'traffic at pop1', lambda: lab.route('v4') == 'pop1')
    asked = lab.now()
    lab.bgpctl('pop1', 'drain', '--for', '8s', '--reason', 'story')
    lab.say('bgpctl drain --for 8s')
    lab.wait_rung('pop1', 'drain')
    lab.wait_route('pop2')
    moved = lab.now()
    lab.stay(2, 'traffic at pop2', lambda: lab.route('v4') == 'pop2')
    end = lab.now()
    _, _, before = asking.summary(t0, asked)
    lost, failed, after = asking.summary(moved, end)
    lab.need(set(before) == {'pop1'} and set(after) == {'pop2'},
             f'before the drain {dict(before)}, after it {dict(after)}')
    lab.need(lost == 0 and failed == 0, f'{lost} lost, {failed} failed')
    return t0


def expired(lab):
    lab.wait('the limit to expire', lambda: all('operator' not in lab.limits('pop1', f)
                                               for f in FAMILIES))
    lab.say('the drain has expired')
    lab.wait_rung('pop1', 'full', within=120)
    lab.wait_route('pop1')


def terminated(lab):
    node, keeper = lab.nodes['pop1'], lab.keeper('pop1')
    since = time.time_ns() // 1000
    lab.stop_service('pop1')
    lab.say('SIGTERM')
    lab.wait_route('pop2')
    lab.wait('the service to end', lambda: node.run('kill', '-0', str(keeper),
                                                   check=False).returncode != 0, within=120)
    lab.need(not node.processes('resolver'), 'workers outlived the service')
    lab.need(all(lab.heard('pop1', f).rung == 'silent' for f in FAMILIES), 'still announced')
    lab.say('the service has ended: silent, workers stopped')
    node.run('/srv/anypop/lab/node/start', 'healthd_start')
    lab.wait('healthd to answer', lambda: lab.status('pop1'))
    for family in FAMILIES:
        took = [to for _, to in lab.moves('pop1', family, since)]
        lab.need(took[:2] == ['drain', 'silent'], f'{family} took {took} on SIGTERM')
    lab.wait_rung('pop1', 'drain')


def play(lab):
    with lab.asking(rate=RATE) as asking:
        t0 = drained(lab, asking)
        expired(lab)
        terminated(lab)
        lost, failed, _ = asking.summary(t0, lab.now())
        lab.need(lost == 0, f'{lost} queries lost')
        lab.need(failed == 0, f'{failed} queries failed')
