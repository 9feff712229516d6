"""ExaBGP's healthcheck beside ours: a node `exa` with the same Unbound, for which ExaBGP announces the
IPv4 prefix, preferred over every PoP while its check passes.

Two settings. As shipped: every default (each 5 s, each 1 s when about to change, 3 of 3, MED 1000 for
a service that is down). At the extreme: each 200 ms, one failure is enough, withdrawn when down. The
check is the best that a shell line does with dig: the right address for the health name within a
second (dig alone exits 0 on SERVFAIL).
"""

import collections
import contextlib
import signal
import time

import faults
import nodes
import stage
import watch

Setting = collections.namedtuple('Setting', 'name options command interval patience')
QUESTION = 'dig +short +tries=1 +time=1 @192.0.2.53 health.anypop.test A | grep -qx 192.0.2.1'
SETTINGS = (
    Setting('as shipped', '', QUESTION, 5, 12),
    Setting('extreme', '--interval 0.2 --fast-interval 0.2 --rise 1 --fall 1 --timeout 1 '
            '--withdraw-on-down', f'timeout 0.2 {QUESTION}', 0.2, 5),
)
UNBOUND = ('unbound', '-d', '-p', '-c', '/etc/unbound/unbound-0.conf')


def _processes(b):
    """{'server' | 'checker' | 'speaker': id on the machine} of what runs in the node."""
    found = {}
    for pid in watch.inside(b.nodes['exa']).values():
        try:
            with open(f'/proc/{pid}/cmdline', encoding='utf-8', errors='replace') as f:
                words = f.read().split('\0')
        except OSError:
            continue
        if words[0] == 'unbound':
            found['server'] = pid
        elif 'healthcheck' in words and words[0].endswith('python3'):
            found['checker'] = pid
        elif '/usr/sbin/exabgp' in words and 'env' not in words:
            found['speaker'] = pid
    return found


def _kill(b):
    found = _processes(b)
    for pid in found.values():
        with contextlib.suppress(ProcessLookupError):
            b.signal([pid], signal.SIGKILL)
    return found


def _serve(b):
    if 'server' not in _processes(b):
        b.nodes['exa'].start(*UNBOUND, log='unbound.log')


def _answered(b):
    done = b.nodes['exa'].run('dig', '+short', '+tries=1', '+time=1', '@192.0.2.53',
                              'health.anypop.test', check=False)
    return done.stdout.strip() == '192.0.2.1'


@contextlib.contextmanager
def running(b, setting):
    """ExaBGP and its check in the node; gone at the end, and the traffic back at pop1."""
    with open(f'{stage.BENCH}/node/exabgp.conf.in', encoding='utf-8') as f:
        text = f.read()
    text = text.replace('@OPTIONS@', setting.options).replace('@COMMAND@', setting.command)
    node = b.nodes['exa']
    node.run('sh', '-c', 'cat >/etc/exabgp/bench.conf', stdin=text)
    _serve(b)
    b.wait('the server of the node exa', lambda: _answered(b))
    node.start('env', 'exabgp_api_cli=false', 'exabgp_log_destination=stdout',
               'exabgp_daemon_daemonize=false', '/usr/sbin/exabgp', '/etc/exabgp/bench.conf',
               log='exabgp.log')
    try:
        yield
    finally:
        b.wait('ExaBGP to end', lambda: not _kill(b))


def rest(b, setting):
    """The server serves, the checker runs, and transit prefers this node."""
    for pid in _processes(b).values():
        b.signal([pid], signal.SIGCONT)
    _serve(b)
    b.wait('the server of the node exa', lambda: _answered(b))
    b.wait('the traffic at exa', lambda: b.route('v4') == 'exa', 60)
    b.wait('pop1, to take over', lambda: not b.unrested('pop1'), 60)
    # The check may be about to change its mind still; and faults come at any phase of it.
    time.sleep(b.random.uniform(0.5, 0.5 + setting.interval))


def _moved(b, t0, setting):
    at = b.moved(t0, 'pop1', ('v4',), setting.patience)
    end = (at or stage.now_us()) + faults.SETTLE_US
    time.sleep(max(0, (end - stage.now_us()) / 1e6))
    return {'t0': t0, 'moved': at, 'end': end}


def server_killed(b, setting):
    return _moved(b, b.signal([_processes(b)['server']], signal.SIGKILL), setting)


def server_hung(b, setting):
    pid = _processes(b)['server']
    out = _moved(b, b.signal([pid], signal.SIGSTOP), setting)
    b.signal([pid], signal.SIGKILL)  # what waits in its sockets is lost, as with a supervisor
    b.wait('the server to end', lambda: 'server' not in _processes(b))
    return out


def servfail(b, setting):
    with b.health_name_doomed('exa', [0]):
        t0 = b.health_name_fails('exa', [0])
        try:
            return _moved(b, t0, setting)
        finally:
            b.health_name_mended('exa', [0])


def checker_hung(b, setting):
    found = _processes(b)
    b.signal([found['checker']], signal.SIGSTOP)
    return _moved(b, b.signal([found['server']], signal.SIGKILL), setting)


_FIGURES = {'moved': (faults.MOVED, None)}
FAULTS = (
    faults.Fault('server_killed', 'server killed, not started again', _FIGURES, server_killed),
    faults.Fault('server_hung', 'server hangs (SIGSTOP)', _FIGURES, server_hung),
    faults.Fault('servfail', 'SERVFAIL on the health name', _FIGURES, servfail),
    faults.Fault('checker_hung', 'checker hangs, then the server is killed', _FIGURES, checker_hung),
)


def bound(fault, setting):
    return fault._replace(play=lambda b: fault.play(b, setting))


def speakers(b):
    found = _processes(b)
    return [found['speaker'], found['checker']]


def bare_start(b, runs):
    """How long Unbound by itself takes from exec to its first answer, in milliseconds."""
    took = []
    for _ in range(runs):
        asker = stage.Trigger(b.nodes['exa'], 'ask', '5300')
        before = asker.pull(wait=False)
        process = b.nodes['exa'].start(*UNBOUND, log='unbound.log')
        answered = asker.answered()
        births = [x.pid for x in b.lives.between(before)
                  if x.what == 'fork' and x.parent == process.nsenter.pid]
        execs = [x.us for x in b.lives.between(before) if x.what == 'exec' and x.pid in births]
        if not execs:
            raise nodes.LabError('the kernel told of no start of unbound')
        took.append((answered - max(execs)) / 1000)
        process.stop()
    return took
