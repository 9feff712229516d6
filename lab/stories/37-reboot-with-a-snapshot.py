"""A PoP loses power and comes back without an upstream: with a snapshot of its cache it answers the popular
names within the first second; without one it knows none of them."""
import nodes

FILE = '/var/lib/anypop/cache.snapshot'
KEPT = 0.99


def with_file(text, _pop):
    return text + f'snapshot = {{ file = "{FILE}"; every_s = 0; }};\n'


def first_second(lab):
    """Power goes and comes; what is answered then, of the popular names, within a second."""
    lab.power_off('pop1')
    lab.say('pop1 loses power')
    lab.wait_route('pop2')
    with lab.without_upstream('pop1'):
        # Not healthd_config, which would write the configuration anew.
        nodes.boot(lab.nodes['pop1'], 'default_start', 'anycast_start', 'bird_start', 'healthd_start')
        t0 = lab.now()
        lab.wait('healthd to answer', lambda: lab.status('pop1'))
        lab.wait('workers, ready', lambda: lab.renewed('pop1', ()))
        took = lab.now() - t0
        swept = lab.sweep('pop1')
        lab.say(f'workers are ready {took / 1000:.0f} ms after healthd was started; of the popular '
                f'names, within a second: {swept.right} of {swept.asked} answered')
    lab.say('upstream is back')
    lab.wait_route('pop1')
    return swept


def play(lab):
    with lab.resolving(with_file, 'pop1'):
        lab.nodes['pop1'].run('rm', '-f', FILE)
        lab.warm('pop1')
        cold = first_second(lab)
        lab.need(cold.right == 0, f'a cold cache knew {cold}')
        lab.warm('pop1')
        lab.say(lab.bgpctl('pop1', 'cache', 'snapshot').stdout.strip())
        warm = first_second(lab)
        lab.need(warm.right >= KEPT * warm.asked, f'the snapshot has brought {warm}')
