"""A pytest plugin that runs what TODO lists, and appends each outcome to OUTCOMES as it comes.

A run is a scenario and its mode: "val_nx min", "val_nx full" (with and without minimised query names).
"""
import json
import os
import re

LACKS = re.compile(r'has no response for question (\S+ \S+ \S+),')


def run_of(node):
    scenario = re.search(r"([^/']+)\.rpl'", node)
    return f'{scenario.group(1)} {"min" if "qmin_on" in node else "full"}' if scenario else node


def pytest_collection_modifyitems(config, items):
    with open(os.environ['TODO'], encoding='utf-8') as f:
        todo = set(json.load(f))
    left_out = [i for i in items if run_of(i.nodeid) not in todo]
    items[:] = [i for i in items if run_of(i.nodeid) in todo]
    config.hook.pytest_deselected(items=left_out)


def why(report):
    """Deckard's last complaint, the RCODE that it got, and the questions that its script has no answer to.
    That it is under load is what it adds to any other complaint, where a resolver closed a port early."""
    text = str(report.longrepr)
    found = re.findall(r'^E?\s*([\w.]*(?:Error|Exception): .*)', text, re.MULTILINE) or text.split('\n')[-1:]
    found = [x for x in found if 'UnderLoad' not in x and ': timed out' not in x] or found
    lacks = sorted(set(LACKS.findall('\n'.join(content for _, content in report.sections))))
    rcode = re.findall(r'^E? +rcode (\w+)', text, re.MULTILINE)
    return {'why': re.sub(r'\S*/', '', found[-1])[:300], 'rcode': rcode[-1] if rcode else None, 'lacks': lacks}


def pytest_runtest_logreport(report):
    if os.environ.get('PYTEST_XDIST_WORKER') or (report.outcome == 'passed' and report.when != 'call'):
        return
    line = {'run': run_of(report.nodeid), 'outcome': report.outcome, 'alone': os.environ['ALONE'] == '1'}
    if report.outcome == 'failed':
        line.update(why(report))
    with open(os.environ['OUTCOMES'], 'a', encoding='utf-8') as f:
        f.write(json.dumps(line) + '\n')
