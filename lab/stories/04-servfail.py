"""SERVFAIL to everything, the health name too: silent; to recursion only, with upstream well:
drain, then silent by proof."""
import time


def everything(lab):
    since = time.time_ns() // 1000
    with lab.workers_refuse('pop1'):
        gone = lab.kill_workers('pop1')
        lab.say('pop1 answers SERVFAIL to everything, the health name too')
        lab.wait('workers that refuse', lambda: lab.renewed('pop1', gone))
        workers = lab.workers('pop1')
        lab.wait_rung('pop1', 'silent')
        lab.wait_route('pop2')
        for family in ('v4', 'v6'):
            took = lab.moves('pop1', family, since)
            lab.need(took == [('full', 'silent')],
                     f'{family} took {took}; a vital failure goes at once')
        lab.need(lab.workers('pop1') == workers, 'workers that answer were restarted')
    lab.kill_workers('pop1')
    lab.say('pop1 answers again')


def recursion_only(lab):
    since = time.time_ns() // 1000
    with lab.engines_cut_off('pop2'):
        lab.say('pop2 resolves nothing any more; upstream is well')
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


def play(lab):
    everything(lab)
    lab.settle()
    recursion_only(lab)
