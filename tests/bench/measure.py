"""How a bench goes about its measures: its options, a fault played again and again, what failed kept."""

import argparse
import signal

import faults
import report
import stage


def say(text):
    print(f'bench: {text}', flush=True)


def options(name, doc, words):
    """What a bench is told by its command line; `wants(name)`: whether that measure is wanted."""
    parser = argparse.ArgumentParser(prog=f'tests/bench/{name}', description=doc.splitlines()[0])
    parser.add_argument('--runs', type=int, default=10)
    parser.add_argument('--quick', action='store_true', help='3 runs, 10 s idle')
    parser.add_argument('--workers', default='1,4', help='numbers of workers to measure with')
    parser.add_argument('--only', default='', help='measures by name (or its beginning), comma between')
    parser.add_argument('--idle-s', type=int, default=60)
    parser.add_argument('--out', default=f'{stage.OUT}/{name}.json')
    parser.add_argument('--markdown', action='store_true', help='only show the last run as tables')
    o = parser.parse_args(words)
    if o.quick:
        o.runs, o.idle_s = 3, 10
    only = [word for word in o.only.split(',') if word]
    o.wants = lambda measure: not only or any(measure.startswith(word) for word in only)
    o.workers = [int(n) for n in o.workers.split(',')]
    if not o.markdown:
        for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, signal.default_int_handler)  # takes the lab down on its way out
    return o


def repeat(b, fault, runs, rest, families=('v4', 'v6')):
    """`runs` times from a rested lab, with the client at work: one dictionary a run."""
    outs = []
    with b.lab.asking(rate=stage.RATE, families=families) as asking:
        for _ in range(runs):
            rest()
            outs.append(fault.play(b))
        rows = asking.rows(outs[0]['t0'], outs[-1]['end'])
    found = []
    for out in outs:
        client = faults.seen_by_client(rows, out, fault.gap)
        fault.more(rows, out)
        found.append({'ms': faults.figures(fault, out), 'client': client})
    return found


def attempt(b, results, o, who, workers, fault, play_all):
    """One measure; what fails is told and kept, and the others go on."""
    try:
        results.add(who, workers, fault, play_all())
    except Exception as e:  # pylint: disable=broad-except
        results.failed.append(f'{who}, {workers} workers, {fault.title}: {type(e).__name__}: {e}')
        say(f'FAILED {results.failed[-1]}')
        b.account()
    else:
        report.row(results.rows[-1])
    report.write(results, o.out)
