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
        self.failed = []  # measures that did not come to their end
        self.decision = None
        self.unbound_ms = None
        self.hits = []  # of tests/bench/restart

    def add(self, who, workers, fault, found):
        self.rows.append({
            'who': who, 'workers': workers, 'fault': fault.name, 'title': fault.title,
            'load_1m': os.getloadavg()[0],
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
                   'faults': results.rows, 'hits': results.hits, 'idle': results.idle,
                   'failed': results.failed}, f, indent=1)
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
    for failure in results.failed:
        print(f'FAILED {failure}')
    if results.decision:
        d = results.decision
        print(f'one event, sample to decision ({d["checks"]} checks, {d["targets"]} targets, {d["lanes"]} lanes): '
              f'{d["min"]} / {d["median"]} / {d["max"]} ns, 99 % under {d["p99"]}')


# ---- as Markdown, for docs/figures.md ------------------------------------------------------------

def _millis(s):
    if 'median' not in s:
        return 'never' if s['runs'] else '-'
    text = ' / '.join(f'{s[key]:.0f}' if s[key] >= 20 else f'{s[key]:.1f}'
                      for key in ('min', 'median', 'max'))
    return text + (f' ({s["never"]} of {s["runs"]} never)' if s['never'] else '')


def lines(rows, keys):
    """A line a figure: `keys` are the columns' (who, workers)."""
    order, cells = [], {}
    for r in rows:
        for name, figure in r['figures'].items():
            line = (r['title'], figure['what'], figure['aim_ms'])
            if line not in cells:
                order.append(line)
                cells[line] = {}
            cells[line][r['who'], r['workers']] = _millis(figure)
        lost = r['client']['lost'], r['client']['servfail']
        line = (r['title'], 'queries lost; SERVFAIL', None)
        if line not in cells:
            order.append(line)
            cells[line] = {}
        cells[line][r['who'], r['workers']] = '; '.join(
            ' / '.join(f'{x[key]:.0f}' for key in ('min', 'median', 'max')) for x in lost)
    title = None
    for line in order:
        shown, title = ('' if line[0] == title else line[0]), line[0]
        yield (f'| {shown} | {line[1]} | {line[2] or ""} | '
               + ' | '.join(cells[line].get(key, '') for key in keys) + ' |')


def markdown(path):
    """The tables of docs/figures.md, from the JSON of a run."""
    with open(path, encoding='utf-8') as f:
        found = json.load(f)
    for ours in (True, False):
        rows = [r for r in found['faults'] if (r['who'] == 'anypop') == ours]
        keys = sorted({(r['who'], r['workers']) for r in rows})
        heads = [f'N = {n}' if ours else who for who, n in keys]
        if not ours:
            keys.sort(key=lambda key: key[0] != 'exabgp, as shipped')
            heads = [who for who, _ in keys]
        print(f'| fault | from -> to | aim | {" | ".join(heads)} |')
        print('|---|---|---|' + '---|' * len(keys))
        print('\n'.join(lines(rows, keys)) + '\n')
    idle_lines(found['idle'])


def idle_lines(rows):
    print('| idle | CPU-seconds a minute | processes begun a minute | RSS, MiB | PSS, MiB |')
    print('|---|---|---|---|---|')
    for i in rows:
        s = spread(i['cpu_s_per_minute'])
        memory = i['memory_kib'].values()
        name = i['who'] if 'exabgp' in i['who'] else f'{i["who"]}, N = {i["workers"]}'
        print(f'| {name} | {s["min"]:.2f} / {s["median"]:.2f} / {s["max"]:.2f} | '
              f'{i["forks_per_minute"]:.0f} | {sum(m["rss"] for m in memory) / 1024:.1f} | '
              f'{sum(m["pss"] for m in memory) / 1024:.1f} |')
