"""What stories are told with: the lab's state as verbs, faults that end with the story, and a time
line.

A story file has a docstring (its title) and `play(lab)`. It waits for conditions, each with a
generous deadline, and asserts; when one does not come, the failure shows what every node thought.
Where the promise is that nothing moves, the transit's kernel routes and the updates that its BIRD
received are counted over a stated while: by then every probe has had many rounds.
"""

import collections
import contextlib
import glob
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import threading
import time

import client
import fleet
import mishaps
import monitor
import nodes
import stall
import talk

FAMILIES = ('v4', 'v6')
PREFIX = monitor.TEXT
RUNGS = ('silent', 'drain', 'backup', 'full')  # by the number in the large community
STORIES = {'pops': f'{nodes.LAB}/stories', 'fleet': f'{nodes.LAB}/stories-fleet'}
PATIENCE = 60  # seconds that a condition may take on a loaded machine

Swept = collections.namedtuple('Swept', 'asked right servfail wrong lost')
Heard = collections.namedtuple('Heard', 'rung path_length local_pref med communities')


class StoryFailed(Exception):
    """The outcome did not come; the text says which."""


def brief(why):
    """A PoP's account (`why`) in a few lines: what each lane wants and what holds it, which checks
    are not well. A lane at full without anything to say gets one line."""
    bird = '' if why['bird']['answers'] else ', BIRD DOES NOT ANSWER'
    sessions = [f'{s["name"]} {s["state"]}' for s in why['sessions'] if s['state'] != 'up']
    yield (f'{why["node"]}: workers {why["workers"]["ready"]}/{why["workers"]["wanted"]}, sessions '
           f'{", ".join(sessions) or "up"}{bird}' + _alarms(why))
    for lane in why['lanes']:
        yield (f'  {lane["family"]} {lane["rung"]}{"" if lane["proven"] else " UNPROVEN"} for '
               f'{lane["since_s"] or 0:.0f} s, wish {lane["wish"]}, score {lane["score"]}, '
               f'{lane["phase"]}, {lane["rule"]}: {lane["because"]}' + _alarms(lane))
        for limit in lane['limits']:
            ends = limit['expires_in_s']
            yield (f'    {limit["owner"]} {limit["sort"]} {limit["rung"]}'
                   + ('' if ends is None else f' for {ends:.0f} s') + f': {limit["reason"]}')
        if lane['preflight']:
            yield f'    preflight misses {", ".join(lane["preflight"])}'
        for check in lane['checks']:
            if check['verdict'] not in ('ok', 'idle'):
                yield (f'    {check["name"]} {check["verdict"]}, {check["targets_ok"]} of '
                       f'{check["targets"]}: {check["why"]}')


def _alarms(part):
    return ''.join(f', ALARM {a["name"]}' for a in part['alarms'])


def summary(played, failures):
    """The last lines of a run. The end of a log is often all that is left of it: so each failure
    comes with what its PoPs thought when it failed. `failures`: {story: (reason, lines)}."""
    lines = []
    for name, (reason, told) in failures.items():
        lines.append(f'FAILED {name}: {reason}')
        lines += [f'  {line}' for line in told]
    return lines + [f'{played - len(failures)} passed, {len(failures)} failed']


def _fields(line):
    """key=value words of an event line."""
    try:
        words = shlex.split(line)
    except ValueError:
        words = line.split()
    return dict(word.split('=', 1) for word in words if '=' in word)


class Timeline(threading.Thread):
    """Prints what happens as it happens: rung changes at the nodes, routes at transit, and what the
    story says. Keeps all of it."""

    def __init__(self, lab, out=print, leave_out=()):
        super().__init__(daemon=True)
        self.lab = lab
        self.out = out
        self.leave_out = leave_out  # names of events
        self.t0 = client.now_us()
        self.lock = threading.Lock()
        self.seen = set()
        self.routes = len(monitor.read(lab.routes_log))
        self.ending = threading.Event()
        self.since = {pop: time.time_ns() // 1000 for pop in lab.pops}

    def say(self, who, text, us=None):
        with self.lock:
            at = ((us or client.now_us()) - self.t0) / 1e6
            self.out(f'{at:9.3f}  {who:<8} {text}')

    def run(self):
        while not self.ending.wait(0.15):
            self.collect()

    def stop(self):
        self.ending.set()
        self.join()
        self.collect()

    def collect(self):
        """Takes what is new; sorted, so that one fault's consequences read in their order."""
        offset = time.time_ns() // 1000 - client.now_us()
        found = []
        for pop in self.lab.pops:
            for event in self.lab.events(pop, self.since[pop]):
                key = (pop, event['wall_us'], event['line'])
                if key not in self.seen:
                    self.seen.add(key)
                    self.since[pop] = max(self.since[pop], event['wall_us'])
                    text = event['name'] not in self.leave_out and self._event(event)
                    if text:
                        found.append((event['wall_us'] - offset, pop, text))
        changes = monitor.read(self.lab.routes_log)
        for change in changes[self.routes:]:
            where = change.device if change.event != 'del' else 'nowhere'
            found.append((change.us, 'transit', f'{change.family} kernel route -> {where}'))
        self.routes = len(changes)
        for us, who, text in sorted(found):
            self.say(who, text, us)

    @staticmethod
    def _event(event):
        """What a person wants to read of it, or None."""
        f = _fields(event['line'])
        because = f.get('because', '')
        where = f'{f.get("family", "")} '.lstrip()
        if event['name'] == 'rung':
            return f'{where}{f["from"]} -> {f["to"]}: {because}'
        if event['name'] == 'proof':
            return f'{where}proven at {f.get("rung")}'
        if event['name'] == 'alarm':
            return f'{where}ALARM {f.get("alarm")}: {because}'
        if event['name'] == 'check' and f.get('to') == 'fail':
            return f'check {f.get("check")} fails: {because}'
        if event['name'] == 'worker' and event['level'] in ('alarm', 'warn'):
            return f'worker {f.get("slot")} {f.get("from")} -> {f.get("to")}: {because}'
        if event['name'] == 'session' and f.get('state') != 'unknown':
            return f'session {f.get("session")} {f.get("state")}: {f.get("text", "")}'
        told = event['name'] in ('check', 'worker', 'session')
        if event['level'] in ('alarm', 'warn') and not told:
            return event['line'].removeprefix('event=')
        return None


class Lab(mishaps.Mishaps):
    """The raised lab, as a story sees it."""

    voice = 'story'  # who says what the time line is told

    def __init__(self, live, out=print):
        top = nodes.topology()
        self.nodes = live
        self.pops = top.pops()
        self.sides = {pop: top.sides(pop) for pop in self.pops}  # transit's interfaces to each
        self.out = out
        self.routes_log = f'{nodes.RUN}/transit/routes.log'
        self.cut = set()
        self.spared = ()
        self.processes = []
        self.timeline = None
        self.told = None  # what the PoPs thought when a wait was given up
        self._monitor()

    # ---- what is measured ------------------------------------------------------------------

    def _monitor(self):
        if os.path.exists(self.routes_log):
            os.unlink(self.routes_log)
        self.processes.append(self.nodes['transit'].start(
            'python3', '/srv/anypop/lab/monitor.py', '/run/lab/routes.log', log='monitor.log'))
        nodes.wait_for(lambda: os.path.exists(self.routes_log)
                       and ' ready ' in open(self.routes_log, encoding='ascii').read(),
                       20, 'the route monitor')

    @contextlib.contextmanager
    def asking(self, rate=200, miss=20, local=0, bogus=2, tcp=0, families=FAMILIES, node='client'):
        """A client that asks all along, of a hundred questions `miss` that no cache can know,
        `local` for the health name and `bogus` for one that must never be answered, and in `tcp` of
        a hundred turns by TCP; yields an Asking to ask what it saw. In a PoP as `node` it asks whatever
        the routes are."""
        log = f'client-{client.now_us()}.log'
        path = f'{self.nodes[node].state}/{log}'
        process = self.nodes[node].start(
            'python3', '/srv/anypop/lab/client.py', '--log', f'/run/lab/{log}', '--rate', str(rate),
            '--miss', str(miss), '--local', str(local), '--bogus', str(bogus),
            '--tcp', str(tcp), '--families', ','.join(families),
            log='client.err')
        try:
            nodes.wait_for(lambda: os.path.exists(path) and os.path.getsize(path) > 0, 20,
                           'the client to be answered')
            yield Asking(self, path, process)
        finally:
            process.stop()

    def sweep(self, pop, kind='hit', count=client.POPULAR, seconds=1.0):
        """Asks within a PoP, whatever the routes are: each popular name ("hit"), or so many that no
        cache can know ("miss"); a Swept. What takes longer than `seconds` in all is lost."""
        done = self.nodes[pop].run('python3', '/srv/anypop/lab/sweep.py', kind, str(count),
                                   str(seconds))
        swept = Swept(*[int(number) for number in done.stdout.split()])
        self.need(swept.wrong == 0, f'{pop} gave {swept.wrong} wrong answers to {kind}')
        return swept

    def warm(self, pop):
        """Every popular name is in the PoP's cache from now on; they live for an hour."""
        self.wait(f'{pop} to know the popular names',
                  lambda: self.sweep(pop).right == client.POPULAR)

    def route(self, family):
        """The neighbour that transit's kernel sends the prefix to: an interface name, or None."""
        node = self.nodes['transit']
        done = node.run('ip', '-6' if family == 'v6' else '-4', '-j', 'route', 'show',
                        PREFIX[family])
        found = json.loads(done.stdout or '[]')
        return found[0].get('dev') if found else None

    def changes(self, from_us, until_us=None):
        """Changes of transit's kernel routes in that window."""
        return monitor.read(self.routes_log, from_us, until_us)

    def updates(self, pop, kinds='updates|withdraws'):
        """How many updates and withdrawals transit's BIRD has received from a PoP so far."""
        total = 0
        for name in self.sessions_at_transit(pop):
            for _, text in talk.bird(self.nodes['transit'], f'show protocols all {name}'):
                found = re.match(rf'\s*Import ({kinds}):\s+(\d+)', text)
                if found:
                    total += int(found.group(2))
        return total

    def sessions_at_transit(self, pop, family=None):
        return [f'{side}_{f[1]}' for side in self.sides[pop] for f in FAMILIES
                if family in (None, f)]

    def heard(self, pop, family, session=None):
        """What transit has from a PoP, a Heard; its rung is "silent" when there is no route."""
        session = session or self.sessions_at_transit(pop, family)[0]
        try:
            rows = talk.bird(self.nodes['transit'],
                             f'show route {PREFIX[family]} protocol {session} all')
        except talk.TalkError as e:
            if '8001' in str(e):
                rows = []
            else:
                raise
        found = {}
        for _, text in rows:
            match = re.match(r'\s*BGP\.(\w+): (.*)', text)
            if match:
                found[match.group(1)] = match.group(2)
        if 'as_path' not in found:
            return Heard('silent', 0, None, None, ())
        number = re.search(r'\(64500, 1, (\d+)\)', found.get('large_community', ''))
        return Heard(RUNGS[int(number.group(1))] if number else '?',
                     len(found['as_path'].split()), int(found.get('local_pref', 100)),
                     int(found.get('med', 0)),
                     tuple(re.findall(r'\((\d+,\d+)\)', found.get('community', ''))))

    # ---- healthd ---------------------------------------------------------------------------

    def ask(self, pop, verb, **args):
        return talk.control(self.nodes[pop], verb, **args)

    def status(self, pop):
        """healthd's status, or None while nobody answers."""
        try:
            return self.ask(pop, 'status')
        except talk.TalkError:
            return None

    def lane(self, pop, family):
        status = self.status(pop)
        for lane in status['lanes'] if status else ():
            if lane['family'] == family:
                return lane
        return None

    def rung(self, pop, family='v4'):
        """The proven rung, or None: not proven, or nobody answers."""
        lane = self.lane(pop, family)
        return lane['rung'] if lane and lane['proven'] else None

    def events(self, pop, since_us):
        try:
            return self.ask(pop, 'events', since_us=since_us)['events']
        except talk.TalkError:
            return []

    def moves(self, pop, family, since_us):
        """Rungs ordered since then (wall clock), as (from, to), oldest first."""
        return [(move['from'], move['to']) for move in self.orders(pop, family, since_us)]

    def orders(self, pop, family, since_us):
        """The events of these moves: their fields, and `wall_us`. From healthd, and what it no
        longer remembers from its flight recorder."""
        since = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(since_us / 1e6))
        found = []
        for line in self.bgpctl(pop, 'events', '--since', since, '--json').stdout.splitlines():
            event = json.loads(line)
            f = event['fields']
            if event['wall_us'] >= since_us and f['event'] == 'rung' and f['family'] == family:
                found.append(dict(f, wall_us=event['wall_us']))
        return found

    def metrics(self, pop):
        """/metrics, as Prometheus reads it."""
        return self.nodes[pop].run('python3', '-c', 'import urllib.request as r; print(r.urlopen('
                                   '"http://127.0.0.1:9753/metrics").read().decode())').stdout

    @staticmethod
    def logged(pop):
        """What healthd and its processes have written so far."""
        with open(f'{nodes.RUN}/{pop}/healthd.log', encoding='utf-8', errors='replace') as f:
            return f.read()

    def bgpctl(self, pop, *words, check=True):
        """Runs bgpctl in a PoP as an operator would; its CompletedProcess."""
        return self.nodes[pop].run('bgpctl', *words, check=check)

    def replayed(self):
        """Each decision that a PoP has recorded comes out of the record again, byte for byte: '' or
        what differs, as bgpctl tells it; and then the record is kept. A whole ring of the lab takes
        some tenths of a second."""
        told = []
        for pop in self.pops:
            try:
                done = self.bgpctl(pop, 'replay', check=False)
                if done.returncode == 0:
                    continue
                self.nodes[pop].sh('cp /var/lib/anypop/recorder /run/lab/differs.record')
                told.append(f'{pop}: bgpctl replay of {pop}/differs.record: exit {done.returncode}: '
                            f'{(done.stdout + done.stderr).strip()}')
            except (nodes.LabError, subprocess.TimeoutExpired) as e:
                told.append(f'{pop}: its record cannot be decided again: {e}')
        return '\n'.join(told)

    def check(self, pop, name, family=None):
        """One check's account, or None."""
        for found in self.ask(pop, 'checks')['checks']:
            if found['name'] == name and found['family'] in (None, family):
                return found
        return None

    def counted(self, pop, group, name):
        """A counter of the scoreboards, such as ('events', 'l3_hit'), of all workers and engines."""
        told = self.ask(pop, 'workers')
        return sum(slot['score'][group][name] for kind in ('workers', 'engines')
                   for slot in told[kind] if slot['score'])

    def alarms(self, pop, family):
        """Names of the alarms that stand, the lane's and the node's."""
        status = self.status(pop)
        if not status:
            return set()
        lanes = [lane for lane in status['lanes'] if lane['family'] == family]
        return {a['name'] for part in [status, *lanes] for a in part['alarms']}

    def adopted(self, pop, brain):
        """Waits until another brain than this one runs and has taken over the rungs that stand."""
        def taken_over():
            status = self.status(pop)
            return status and status['brain']['pid'] != brain and all(
                lane['phase'] == 'run' and lane['proven'] for lane in status['lanes'])
        self.wait(f'{pop}: the next brain to have adopted', taken_over)

    def limits(self, pop, family):
        """Owners of the limits on a lane."""
        lane = self.lane(pop, family)
        return {limit['owner'] for limit in lane['limits']} if lane else set()

    def accounts(self):
        """All PoPs in brief, lines of text; says so where nobody answers."""
        lines = []
        for pop in self.pops:
            try:
                lines += brief(self.ask(pop, 'why'))
            except talk.TalkError as e:
                lines.append(f'{pop}: {e}')
            except Exception as e:  # whatever is odd here must not hide the failure itself
                lines.append(f'{pop}: an account that cannot be read: {type(e).__name__}: {e}')
        return lines

    def why_lane(self, pop, family):
        """The whole account of one lane."""
        return self.ask(pop, 'why', family=family)['lanes'][0]

    # ---- waiting and asserting -------------------------------------------------------------

    @staticmethod
    def now():
        """Microseconds, comparable to the client's, the monitor's and healthd's."""
        return client.now_us()

    def say(self, text):
        self.timeline.say(self.voice, text)

    def wait(self, what, condition, within=PATIENCE):
        """Waits until `condition()` is true and returns what it returned."""
        t0 = time.monotonic()
        while True:
            found = condition()
            if found:
                return found
            if time.monotonic() - t0 > within:
                self.told = self.accounts()  # now: the fault ends while the failure is on its way
                raise StoryFailed(f'{what}: not within {within} s')
            time.sleep(0.02)

    def wait_rung(self, pop, rung, families=FAMILIES, within=PATIENCE):
        """Waits until a PoP claims a rung (proven) and transit has heard it so."""
        for family in families:
            self.wait(f'{pop} {family} at {rung}',
                      lambda f=family: self.rung(pop, f) == rung
                      and self.heard(pop, f).rung == rung, within)

    def wait_route(self, neighbour, families=FAMILIES, within=PATIENCE):
        """Waits until transit's kernel sends the prefixes that way (None: nowhere)."""
        for family in families:
            self.wait(f'transit\'s {family} route at {neighbour}',
                      lambda f=family: self.route(f) == neighbour, within)

    def moved(self, t0, neighbour, families=FAMILIES, within=PATIENCE):
        """{family: when transit's kernel first sent its prefix that way since t0}, by the monitor, which
        may tell a moment after one sees the route itself; so it is waited for."""
        def told():
            at = {}
            for change in self.changes(t0):
                if change.device == neighbour and change.family in families:
                    at.setdefault(change.family, change.us)
            return len(at) == len(families) and at
        return self.wait(f'the monitor to tell of routes at {neighbour}', told, within)

    def wait_steady(self, pop, seconds, within=PATIENCE):
        """Waits until a PoP is at full, with nothing to complain of, and transit's kernel routes have
        stood at it for so long."""
        def steady():
            return (not self.unwell(pop) and not self.changes(self.now() - seconds * 1_000_000)
                    and all(self.route(f) == self.sides[pop][0] for f in FAMILIES))
        self.wait(f'{pop} to be well, and the routes to stand for {seconds} s', steady, within)

    @staticmethod
    def need(condition, what):
        """Asserts; `what` is the sentence that turned out false."""
        if not condition:
            raise StoryFailed(what)

    @contextlib.contextmanager
    def nothing_moves(self, *pops, kernel=True):
        """Inside, transit's kernel routes stay and its BIRD hears nothing from these PoPs."""
        before = {pop: self.updates(pop) for pop in pops}
        t0 = client.now_us()
        yield
        for pop, count in before.items():
            more = self.updates(pop) - count
            self.need(more == 0, f'transit heard {more} updates from {pop}; none were due')
        moved = self.changes(t0)
        self.need(not kernel or not moved, f'transit\'s kernel routes moved: {moved}')

    def stay(self, seconds, what, condition):
        """Holds that `condition()` stays true for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.need(condition(), f'not all along: {what}')
            time.sleep(0.05)

    def climb(self, pop, rungs, since_us, families=FAMILIES):
        """Waits for the last of `rungs`, and that the way there since then was exactly these."""
        self.wait_rung(pop, rungs[-1], families, within=120)
        for family in families:
            took = [to for _, to in self.moves(pop, family, since_us)]
            self.need(took == list(rungs),
                      f'{pop} {family} took {took}, expected {list(rungs)}')

    # ---- health ----------------------------------------------------------------------------

    def unwell(self, pop):
        """Why a PoP is not as a story wants to find it, or ''."""
        try:
            why = self.ask(pop, 'why')
        except talk.TalkError as e:
            return str(e)
        if why['workers']['ready'] < why['workers']['wanted']:
            return 'workers not ready'
        if any(s['state'] != 'up' for s in why['sessions']):
            return 'sessions down'
        if why['alarms']:
            return f'alarm {why["alarms"][0]["name"]}'
        for lane in why['lanes']:
            if lane['rung'] != 'full' or not lane['proven']:
                return f'{lane["family"]} at {lane["rung"]}'
            if lane['alarms']:
                return f'alarm {lane["alarms"][0]["name"]}'
            if any(limit['owner'] in ('operator', 'birdc') for limit in lane['limits']):
                return 'somebody\'s limit'
            ill = lane['fleet'] and fleet.unwell(lane['fleet'], len(self.pops))
            if ill:
                return f'{lane["family"]}: {ill}'
        return ''

    def spent(self, pop):
        """How much of the flap budget is used, the worst lane."""
        return max(lane['flap']['estimate'] for lane in self.ask(pop, 'why')['lanes'])

    def settle(self):
        """Back to a lab in which everything is well and no story has left a trace: what is not is
        switched off and on."""
        self.cut, self.spared = set(), ()
        self._render_cuts()
        dirty = [pop for pop in self.pops if self.unwell(pop) or self.spent(pop) > 100]
        if dirty:
            self.power_off(*dirty)
            for pop in dirty:
                self.wipe(pop)
            self.power_on(*dirty)
        for pop in self.pops:
            nodes.wait_for(lambda p=pop: not self.unwell(p), 60, f'{pop} to be well')
        for family in FAMILIES:
            nodes.wait_for(lambda f=family: self.route(f) == 'pop1', 30, 'traffic at pop1')

    def dump(self):
        """What everybody thought, for whoever reads a failure."""
        for pop in self.pops:
            self.out(f'---- {pop}')
            done = self.bgpctl(pop, 'why', check=False)
            self.out((done.stdout + done.stderr).rstrip())
            for event in self.events(pop, 0)[-25:]:
                self.out('  ' + event['line'])
            done = self.nodes[pop].run('birdc', 'show', 'protocols', check=False, timeout=10)
            self.out(done.stdout.rstrip())
        self.out('---- transit')
        self.out(self.nodes['transit'].run('birdc', 'show', 'route', 'all', check=False).stdout)
        for change in self.changes(0)[-20:]:
            self.out(f'  {change}')

    def close(self):
        for process in self.processes:
            process.stop()


class Asking:
    """A client at work."""

    def __init__(self, lab, path, process):
        self.lab = lab
        self.path = path
        self.process = process

    def rows(self, from_us, until_us):
        """All questions sent in the window, once each has been answered or given up."""
        whole = until_us + client.LOST_US + 300_000
        nodes.wait_for(lambda: client.now_us() > whole, 30, 'the client\'s last answers')
        Lab.need(self.process.running(), 'the client has ended by itself')
        rows = client.read(self.path, from_us, until_us)
        wrong = [row for row in rows if row.truth == 'wrong']
        Lab.need(not wrong, f'{len(wrong)} wrong answers, the first: {wrong[:1]}')
        return rows

    def need_all(self, kind, from_us, until_us):
        """Asserts that every question of that kind was answered, and rightly."""
        rows = [row for row in self.rows(from_us, until_us) if row.kind == kind]
        bad = [row for row in rows if row.truth != 'ok']
        Lab.need(rows, f'no question of the kind {kind} was asked')
        Lab.need(not bad, f'of {len(rows)} questions of the kind {kind}, {len(bad)} were lost or '
                 f'failed, the first: {bad[:1]}')
        return len(rows)

    def lost(self, from_us, until_us):
        return sum(row.rtt_us < 0 for row in self.rows(from_us, until_us))

    def servers(self, from_us, until_us):
        """Counter of the PoPs that answered."""
        return collections.Counter(row.nsid.split('/')[0] for row in self.rows(from_us, until_us)
                                   if row.rtt_us >= 0)

    def summary(self, from_us, until_us):
        rows = self.rows(from_us, until_us)
        lost = sum(row.rtt_us < 0 for row in rows)
        failed = sum(row.rcode == 2 for row in rows if row.kind != 'bogus')
        by = collections.Counter(row.nsid.split('/')[0] for row in rows if row.rtt_us >= 0)
        text = (f'{len(rows)} queries, {lost} lost, {failed} SERVFAIL, answered by '
                + (', '.join(f'{pop} {n}' for pop, n in sorted(by.items())) or 'nobody'))
        self.lab.say(text)
        return lost, failed, by

    def need_served(self, from_us, until_us):
        """Asserts that nothing was lost, and nothing failed but what has to; a Counter of who answered."""
        lost, failed, by = self.summary(from_us, until_us)
        Lab.need(lost == 0 and failed == 0, f'{lost} lost, {failed} failed')
        return by


# ---- running ---------------------------------------------------------------------------------

def find():
    """{name: path}, in order: "01" and "01-workers-killed" both find a story."""
    return {os.path.basename(path)[:-3]: path
            for path in sorted(glob.glob(f'{STORIES[nodes.which()]}/*.py'))}


def load(path):
    spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def chosen(words):
    """Names of stories by name, number or beginning."""
    names = find()
    out = []
    for word in words:
        hits = [name for name in names if name == word or (
            name.startswith(f'{word.zfill(2)}-') if word.isdigit() else name.startswith(word))]
        if not hits:
            raise nodes.LabError(f'no story {word}; lab/stories lists them')
        out.extend(hit for hit in hits if hit not in out)
    return out


def tell(lab, name, stalls):
    """Plays one story; '' or why it failed. Where it failed and the machine had stood still meanwhile,
    which is no doing of ours, it is played once more, and that counts. Nothing excuses a record that
    does not come out again as it was recorded."""
    began = time.monotonic()
    failure, differs = tell_once(lab, name), lab.replayed()
    still = stalls.longest(began)
    if failure and not differs and still > 0:
        lab.out(f'   the machine stood still for {still:.2f} s meanwhile: once more')
        failure, differs = tell_once(lab, name), lab.replayed()
    if differs:
        lab.told = lab.told or lab.accounts()
        lab.out(f'   FAILED: {differs}')
    return '\n'.join(filter(None, (failure, differs)))


def tell_once(lab, name):
    """Plays it from a settled lab; '' or why it failed, and then `lab.told` is set."""
    module = load(find()[name])
    title = ' '.join(module.__doc__.split())
    lab.out(f'\n== {name}: {title}')
    lab.told = None
    t0 = time.monotonic()
    failure = _attempt(lab.settle, module)
    settled = time.monotonic()
    if failure:
        failure = f'the lab did not settle: {failure}'
    else:
        lab.timeline = Timeline(lab, lab.out)
        lab.timeline.start()
        failure = _attempt(lambda: module.play(lab), module)
        lab.timeline.stop()
    if failure:
        lab.told = lab.told or lab.accounts()
        lab.out(f'   FAILED: {failure}')
        _attempt(lab.dump, module)
    else:
        lab.out(f'   as told ({time.monotonic() - settled:.1f} s, settled in {settled - t0:.1f} s)')
    return failure


def _attempt(what, module):
    """Calls it; '' or, in a sentence, what went wrong."""
    try:
        what()
    except (StoryFailed, nodes.LabError, talk.TalkError) as e:
        return str(e)
    except Exception as e:  # a story's own mistake must not end the evening
        return f'{type(e).__name__}: {e} (line {_line(e, module)})'
    return ''


def _line(e, module):
    tb, line = e.__traceback__, 0
    while tb:
        if tb.tb_frame.f_code.co_filename == module.__file__:
            line = tb.tb_lineno
        tb = tb.tb_next
    return line


def run(words):
    """lab/story NAME...: exit status 0 when all came out as told."""
    names = chosen(words) if words else list(find())
    lab = Lab(nodes.need_all())
    stalls = stall.Stalls(f'{nodes.RUN}/stalls.log')
    failures = {}
    try:
        for name in names:
            failure = tell(lab, name, stalls)
            if failure:
                failures[name] = (failure, lab.told)
    finally:
        stalls.stop()
        lab.close()
    print()
    print('\n'.join(summary(len(names), failures)), flush=True)
    return 1 if failures else 0
