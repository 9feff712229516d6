"""The PoPs share a cache on Redis, which is killed, stopped, cut off, and filled with lies: all is
answered, rightly and no later, no rung moves, hits alone are lost, and counters tell why."""
import contextlib
import re
import statistics
import time

import nodes

ADDRESS = '10.9.5.1'
SECRET = '/etc/anypop/redis.secret'
NAMES = 120
# Half of what a server's silence costs whoever waits for it (redis.command_ms).
HELD_UP_US = 50_000


def redis_conf(text, _pop):
    # Names that live for five seconds would not live as long as an act takes; and on a machine that
    # seven nodes share an answer of Redis takes longer than between machines.
    return text.replace('ttl: {', 'ttl: { min_s = 600;') + (
        f'redis = {{ servers = [ "{ADDRESS}" ]; secret_file = "{SECRET}"; race_ms = 50; }};\n')


class Redis:
    """A real one, in the lab's Internet."""

    def __init__(self, lab):
        self.lab, self.node, self.process = lab, lab.nodes['internet'], None
        self.node.run('ip', 'address', 'replace', f'{ADDRESS}/32', 'dev', 'lo')

    def start(self):
        self.process = self.node.start(
            'redis-server', '--bind', ADDRESS, '--port', '6379', '--save', '', '--appendonly', 'no',
            '--protected-mode', 'no', '--dir', '/tmp', log='redis.log')
        nodes.wait_for(lambda: self.say('PING', check=False) == 'PONG', 20, 'Redis to serve')

    def say(self, *words, check=True):
        return self.node.run('redis-cli', '-h', ADDRESS, *words, check=check).stdout.strip()

    def signal(self, name):
        self.node.run('pkill', f'-{name}', '-x', 'redis-server')

    def stop(self):
        if self.process:
            self.process.stop()


def tag():
    return f'{time.time_ns():x}'


def counted(lab, pop):
    return {name: lab.counted(pop, 'events', f'l3_{name}')
            for name in ('hit', 'bad', 'failed', 'miss', 'late', 'write')}


def rightly(lab, pop, which):
    """These names are asked at that PoP, all answered and rightly; what was counted meanwhile."""
    before = counted(lab, pop)
    swept = lab.sweep(pop, which, NAMES, 5)
    lab.need(swept.right == NAMES, f'{pop} answered {swept}')
    return {name: count - before[name] for name, count in counted(lab, pop).items()}


def shared(lab):
    """Names that pop1 resolves and shares, all of them; their tag."""
    which = tag()
    rightly(lab, 'pop1', which)
    redis = lab.redis
    lab.wait('what pop1 resolved to be shared', lambda: len(redis.say(
        '--raw', 'KEYS', f'anypop:*:s{which}-*').split()) == NAMES)
    return which


def works(lab, pop):
    """What pop1 has resolved is a hit at this PoP. Waits, as a server that was lost is left alone for
    a while."""
    def hits():
        before = lab.redis.say('DBSIZE')
        which = tag()
        rightly(lab, 'pop1', which)
        if lab.redis.say('DBSIZE') == before:
            return False
        more = rightly(lab, pop, which)
        return more['hit'] > NAMES / 2 and more['failed'] == 0  # both engines reach it
    lab.wait(f'{pop} to have hits', hits)


def held_up(asking, t0, end):
    """Microseconds until the median answer to what had to be resolved."""
    rows = [row for row in asking.rows(t0, end) if row.kind == 'miss']
    return statistics.median(row.rtt_us for row in rows)


@contextlib.contextmanager
def nobody_notices(lab, asking, what):
    """Inside, whatever has become of Redis, the client is answered, rightly and in time."""
    t0 = lab.now()
    lab.say(what)
    yield
    lab.stay(2, 'pop1 at full', lambda: lab.rung('pop1') == 'full')
    end = lab.now()
    for kind in ('hit', 'miss', 'local'):
        asking.need_all(kind, t0, end)
    lost, _, by = asking.summary(t0, end)
    lab.need(lost == 0 and set(by) == {'pop1'}, f'{lost} lost, answered by {dict(by)}')
    median = held_up(asking, t0, end)
    lab.say(f'the median new name took {median / 1000:.1f} ms')
    lab.need(median < HELD_UP_US, f'answers were held up: {median / 1000:.1f} ms')


def failing(lab, which):
    """A Redis that says nothing: pop2, too, resolves everything itself, and counts why."""
    more = rightly(lab, 'pop2', which)
    lab.need(more['hit'] == 0, f'hits of a Redis that is not there: {more}')
    lab.need(more['failed'] + more['late'] > 0, f'its failure was not counted: {more}')
    lab.say(f'pop2: {more}')


def killed(lab, asking):
    which = shared(lab)
    with nobody_notices(lab, asking, 'Redis is killed'):
        lab.redis.stop()
        failing(lab, which)
    lab.redis.start()
    lab.say('Redis is back, and empty')
    works(lab, 'pop2')


def stopped(lab, asking):
    which = shared(lab)
    with nobody_notices(lab, asking, 'Redis is stopped (SIGSTOP)'):
        lab.redis.signal('STOP')
        failing(lab, which)
    lab.redis.signal('CONT')
    lab.say('Redis goes on')
    works(lab, 'pop2')


def partitioned(lab, asking):
    """pop2 alone reaches it no more."""
    works(lab, 'pop3')  # whose engines were left without Redis before, and have not been asked since
    which = shared(lab)
    rule = (f'table inet redis {{\nchain output {{\ntype filter hook output priority 0; '
            f'ip daddr {ADDRESS} drop\n}}\n}}\n')
    with nobody_notices(lab, asking, 'pop2 is cut off from Redis'):
        lab.nodes['pop2'].run('nft', '-f', '-', stdin=rule)
        try:
            failing(lab, which)
            more = rightly(lab, 'pop3', which)
            lab.need(more['hit'] > NAMES / 2, f'pop3, which is not cut off: {more}')
        finally:
            lab.nodes['pop2'].run('nft', 'delete', 'table', 'inet', 'redis')
    lab.say('pop2 reaches it again')
    works(lab, 'pop2')


def lied_to(lab, asking):
    works(lab, 'pop3')
    which = shared(lab)
    with nobody_notices(lab, asking, 'every answer in Redis becomes a lie'):
        lies = lab.redis.node.run('python3', '/srv/anypop/lab/lies.py', ADDRESS, which).stdout
        lab.say(', '.join(lies.splitlines()))
        lab.need(sum(int(line.split()[1]) for line in lies.splitlines()) == NAMES, lies)
        more = rightly(lab, 'pop2', which)
        lab.say(f'pop2: {more}')
        lab.need(more['hit'] == 0, f'a lie was believed: {more}')
        lab.need(more['bad'] > NAMES / 2, f'what was refused was not counted: {more}')
        lab.need(more['bad'] + more['late'] + more['failed'] >= NAMES, f'not all counted: {more}')
        exported = re.findall(r'anypop_engine_events_total{.*event="l3_bad"} (\d+)\n',
                              lab.metrics('pop2'))
        lab.need(sum(map(int, exported)) == counted(lab, 'pop2')['bad'],
                 f'metrics say that of what was refused: {exported}')
        said = lab.bgpctl('pop2', 'workers').stdout
        lab.need(re.search(r'events .*l3_bad \d+', said), f'bgpctl workers says:\n{said}')
        # What pop2 resolved has taken the lies' place.
        more = rightly(lab, 'pop3', which)
        lab.say(f'pop3: {more}')
        lab.need(more['hit'] > NAMES / 2, f'the truth did not take the lies\' place: {more}')


@contextlib.contextmanager
def redis(lab):
    lab.redis = Redis(lab)
    for pop in lab.pops:
        lab.nodes[pop].run('sh', '-c', f'umask 077; cat >{SECRET}', stdin='0123456789abcdef' * 4)
    try:
        lab.redis.start()
        with lab.resolving(redis_conf, *lab.pops):
            yield
    finally:
        lab.redis.stop()


def play(lab):
    lab.warm('pop1')
    with redis(lab), lab.asking(miss=50, local=5) as asking:
        lab.wait_steady('pop1', 3)
        with lab.nothing_moves(*lab.pops):
            works(lab, 'pop2')
            lab.say('what pop1 resolved is a hit at pop2')
            for act in (killed, stopped, partitioned, lied_to):
                act(lab, asking)
