"""docs/deckard.md out of the outcomes of both programs."""
import collections

import explained

MODES = ('min', 'full')
WORDS = {'passed': 'passed', 'failed': '**failed**', 'skipped': '-'}


def missing_text(runs, ours, unbound):
    missing = [[r for r in runs if r not in o] for o in (ours, unbound)]
    once = [[r for r in runs if r in o and o[r]['outcome'] == 'failed' and not o[r]['alone']] for o in (ours, unbound)]
    return [] if not any(missing + once) else [
        f'**Cut short**: {len(missing[0])} runs of ours and {len(missing[1])} of Unbound\'s have no outcome yet; '
        f'{len(once[0])} failures of ours and\n{len(once[1])} of Unbound\'s have not been run again alone. The command goes '
        'on where it was.\n', '\n']


def totals(runs, ours, unbound):
    lines = ['| | passed | failed | passed by this alone |\n|---|---:|---:|---:|\n']
    for name, mine, other in (('ours', ours, unbound), ('Unbound', unbound, ours)):
        count = collections.Counter(mine[r] for r in runs)
        alone = sum(mine[r] == 'passed' != other[r] for r in runs)
        lines.append(f'| {name} | {count["passed"]} | {count["failed"]} | {alone} |\n')
    return lines


def grouped(runs, why):
    """A table of the runs by their reason, the most frequent first."""
    reasons = collections.defaultdict(list)
    for run in runs:
        reasons[why(run) or '**not explained**'].append(run)
    lines = ['| why | runs |\n|---|---|\n'] if runs else ['None.\n']
    for text, those in sorted(reasons.items(), key=lambda x: (-len(x[1]), x[0])):
        lines.append(f'| {text} | {", ".join(those)} |\n')
    return lines


def whole(ran, ours, unbound):
    lines = ['| scenario | ours, min | ours, full | Unbound, min | Unbound, full |\n|---|---|---|---|---|\n']
    for scenario in sorted({r.split()[0] for r in ran}):
        cells = [WORDS[o.get(f'{scenario} {mode}', 'skipped')] for o in (ours, unbound) for mode in MODES]
        lines.append(f'| {scenario} | {" | ".join(cells)} |\n')
    return lines


def page(ours, unbound, runs, versions):
    """The page, and the runs that it says nothing of: outcomes by run, all runs, (Deckard's commit, Unbound's version)."""
    mine, theirs = ({k: v['outcome'] for k, v in o.items()} for o in (ours, unbound))
    both = [r for r in runs if r in mine and r in theirs]
    ran = [r for r in both if mine[r] != 'skipped']
    worse = [r for r in ran if theirs[r] == 'passed' != mine[r]]
    better = [r for r in ran if mine[r] == 'passed' != theirs[r]]
    neither = [r for r in ran if 'passed' not in (mine[r], theirs[r])]

    def why(run):
        return explained.why(run, ours[run], unbound[run])

    lines = ['# Deckard: public scenarios\n', '\n',
             'Made by `make deckard DECKARD=path`, with the scenarios of CZ.NIC\'s Deckard '
             f'(`sets/resolver`, commit {versions[0]}), against our\nresolver and Debian\'s Unbound {versions[1]} with the '
             'same options. A run is a scenario with minimised query names ("min")\nor without ("full"); '
             f'{len(both) - len(ran)} of {len(runs)} are skipped, since their scenario asks for the other mode. What failed '
             'was run again alone.\n', '\n', *missing_text(runs, ours, unbound),
             *totals(ran, mine, theirs), '\n',
             f'## Passed by Unbound, failed by ours: {len(worse)}\n', '\n', *grouped(worse, why), '\n',
             f'## Passed by ours, failed by Unbound: {len(better)}\n', '\n', *grouped(better, why), '\n',
             f'## Failed by both: {len(neither)}\n', '\n', *grouped(neither, why), '\n',
             '## All\n', '\n', *whole(ran, mine, theirs)]
    return ''.join(lines), [r for r in (*worse, *better, *neither) if not why(r)]
