"""SERVFAIL to everything, the health name too: silent; to recursion only, with upstream well:
drain, then silent by proof."""
import contextlib
import time


@contextlib.contextmanager
def recursion_broken(lab, pop, health_name_too):
    """Workers forward to a server that refuses them; upstream itself is as well as before."""
    slots = list(lab.workers(pop))
    for slot in slots:
        lab.unbound(pop, slot, 'forward_add', '.', '10.9.2.1')
        if health_name_too:
            lab.unbound(pop, slot, 'local_zone_remove', 'anypop.test')
        lab.unbound(pop, slot, 'flush_zone', '.')
    try:
        yield
    finally:
        for slot in slots:
            lab.unbound(pop, slot, 'forward_remove', '.')
            lab.unbound(pop, slot, 'local_zone', 'anypop.test', 'static')
            lab.unbound(pop, slot, 'local_data', 'health.anypop.test. 60 IN A 192.0.2.1')
            lab.unbound(pop, slot, 'flush_zone', '.')


def play(lab):
    since = time.time_ns() // 1000
    workers = lab.workers('pop1')
    lab.say('pop1 answers SERVFAIL to everything, the health name too')
    with recursion_broken(lab, 'pop1', True):
        lab.wait_rung('pop1', 'silent')
        lab.wait_route('pop2')
        for family in ('v4', 'v6'):
            took = lab.moves('pop1', family, since)
            lab.need(took == [('full', 'silent')],
                     f'{family} took {took}; a vital failure goes at once')
        lab.need(lab.workers('pop1') == workers, 'workers that answer were restarted')
    lab.say('pop1 answers again')
    lab.settle()

    since = time.time_ns() // 1000
    lab.say('pop2 answers SERVFAIL to recursion only; upstream is well')
    with recursion_broken(lab, 'pop2', False):
        lab.wait_rung('pop2', 'silent')
        for family in ('v4', 'v6'):
            took = lab.moves('pop2', family, since)
            lab.need([to for _, to in took][-2:] == ['drain', 'silent'],
                     f'{family} took {took}, expected drain and then silent')
            proof = lab.why_lane('pop2', family)['moves'][0]
            lab.need(proof['rule'] == 'proven_fall', f'{family} is silent by {proof}')
            lab.say(f'{family}: {proof["because"]}')
    lab.say('pop2 resolves again')
    lab.wait_rung('pop2', 'drain')
