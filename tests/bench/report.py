"""Figures as JSON for machines and as a table for people."""

import json
import os
import platform
import statistics
import subprocess

import nodes
import stage

LINE = '{:<20}{:>2}  {:<46}{:<34}{:>9}{:>9}{:>9}  {:>6}  {}'


def spread(values):
    """min, median and max of what came; how often it did not come."""
    came = [v for v in values if v is not None]
    found = {'runs': len(values), 'never': len(values) - len(came)}
    if came:
        found |= {'min': min(came), 'median': statistics.median(came), 'max': max(came)}
    return found


class Results:
    """All that one run of the bench has found."""

    def __init__(self, runs):
        self.runs = runs
        self.rows = []
        self.idle = []
        self.decision = None
        self.unbound_ms = None

    def add(self, who, workers, fault, found):
        self.rows.append({
            'who': who, 'workers': workers, 'fault': fault.name, 'title': fault.title,
            'figures': {name: {'what': what, 'aim_ms': aim,
                               **spread([run['ms'][name] for run in found]),
                               'all_ms': [run['ms'][name] for run in found]}
                        for name, (what, aim) in fault.figures.items()},
            'client': {key: spread([run['client'][key] for run in found])
                       for key in ('asked', 'lost', 'servfail')},
        })


def _cpu():
    with open('/proc/cpuinfo', encoding='utf-8') as f:
        for line in f:
            if line.startswith('model name'):
                return line.split(':', 1)[1].strip()
    return platform.machine()


def machine():
    """The machine, as anybody may know it."""
    return {'cores': os.cpu_count(), 'cpu': _cpu(),
            'kernel': '.'.join(platform.release().split('.')[:2]),
            'load_1m': os.getloadavg()[0]}


def write(results, path):
    with open(path + '.new', 'w', encoding='utf-8') as f:
        json.dump({'machine': machine(), 'runs': results.runs, 'bfd_ms': stage.BFD_MS,
                   'client_qps': stage.RATE, 'decision_ns': results.decision,
                   'unbound_start_ms': results.unbound_ms and spread(results.unbound_ms),
                   'faults': results.rows, 'idle': results.idle}, f, indent=1)
        f.write('\n')
    os.replace(path + '.new', path)


def decision():
    """What tests/bench/decide_bench says, built and run."""
    subprocess.run(['make', '-s', '-C', nodes.REPOSITORY, 'decide-bench'], check=True)
    done = subprocess.run([f'{nodes.REPOSITORY}/build/bench/decide_bench',
                           f'{nodes.REPOSITORY}/etc/lab-fast.conf'],
                          stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def _cells(s):
    if 'median' not in s:
        return ['never'] * 3
    return [f'{s[key]:.1f}' for key in ('min', 'median', 'max')]


def row(r):
    """One fault's lines."""
    lost = r['client']['lost']
    for figure in r['figures'].values():
        aim = figure['aim_ms']
        note = ''
        if aim is not None:
            missed = figure['never'] or figure['median'] > aim
            note = f'{"MISSED: " if missed else ""}aim {aim}'
        if figure['never']:
            note += f' not in time: {figure["never"]} of {figure["runs"]}'
        print(LINE.format(r['who'], r['workers'], r['title'][:45], figure['what'],
                          *_cells(figure), f'{lost.get("median", 0):.0f}', note.strip()), flush=True)


IDLE_AIM = {'cpu_s_per_minute': 0.3, 'memory_mib': 12}  # of healthd: both processes, RSS


def idle_row(i):
    s = spread(i['cpu_s_per_minute'])
    rss = sum(m['rss'] for m in i['memory_kib'].values()) / 1024
    note = ''
    if i['who'] == 'anypop':
        missed = s['median'] > IDLE_AIM['cpu_s_per_minute'] or rss > IDLE_AIM['memory_mib']
        note = (f'; {"MISSED: " if missed else ""}aim {IDLE_AIM["cpu_s_per_minute"]}, no forks, '
                f'{IDLE_AIM["memory_mib"]} MiB')
    print(f'{i["who"]:<20}{i["workers"]:>2}  idle for {i["seconds"]} s: CPU-seconds a minute '
          f'{s["min"]:.2f} / {s["median"]:.2f} / {s["max"]:.2f}, '
          f'{i["forks_per_minute"]:.0f} processes begun a minute, memory '
          + ', '.join(f'{name} RSS {m["rss"] / 1024:.1f} PSS {m["pss"] / 1024:.1f} MiB'
                      for name, m in i['memory_kib'].items()) + note, flush=True)


def table(results):
    print(f'\nmin, median and max of {results.runs} runs in milliseconds; lost: queries without an '
          f'answer (median), of {stage.RATE} a second')
    print(LINE.format('who', 'N', 'fault', 'from -> to', 'min', 'median', 'max', 'lost', ''))
    for r in results.rows:
        row(r)
    if results.unbound_ms:
        print('Unbound by itself, executed -> first answer: '
              + ' / '.join(_cells(spread(results.unbound_ms))) + ' ms')
    for i in results.idle:
        idle_row(i)
    if results.decision:
        d = results.decision
        print(f'one event, sample to decision ({d["checks"]} checks, {d["targets"]} targets, {d["lanes"]} lanes): '
              f'{d["min"]} / {d["median"]} / {d["max"]} ns, 99 % under {d["p99"]}')
