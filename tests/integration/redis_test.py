#!/usr/bin/env python3
"""Engines that share a cache on Redis, in a network namespace (as root).

    redis_test.py [CASE ...]         (B=build/cc-san: another build)

Real redis-server, one alone and a Cluster of six, and a server that lies. Engines forward to a small
DNS server of this test's, which counts what it is asked. Whatever becomes of Redis, every question has
to be answered; what is looked at is who told the answer, and what the engine counted.
"""
import atexit
import glob
import itertools
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import heldwire  # noqa: E402  (first: it keeps the low descriptors)
import dnswire as dns  # noqa: E402
import engine_test as et  # noqa: E402
from engine_test import Worker, children, expect, start, wait_for  # noqa: E402

RECURSION, L3 = 0, 1
DNS, ALONE, LIAR = '10.9.9.1', '10.9.7.1', '10.9.7.2'
CLUSTER = [f'10.9.8.{i}' for i in range(1, 7)]
WITHIN = 60

CONF = '''
pop = "lab"; node = "one"; run_dir = "{dir}/run"; listen = [ "192.0.2.53" ]; engines = 16;
worker = {{ l2_mib = 4; deadline_ms = 60000; old_ms = 60000; }};
engine = {{ {way} special = [ "test." ];
	deadline_ms = 20000; user = "{user}"; }};
redis = {{ servers = [ {servers} ]; {more} }};
'''
FORWARD = f'mode = "forward"; forwarders = [ "{DNS}" ]; trust_anchor = "";'
SIGNED = ('10.9.0.1', '10.9.1.1', '10.9.2.1')  # engine_test's little signed Internet
# A busy machine may keep Redis waiting; only a case about time has other times.
PATIENT = 'race_ms = 1000; connect_ms = 5000; command_ms = 5000; '
passed, failures, finished = 0, [], False
names = (f'n{i}.test' for i in itertools.count())


class Upstream:
    """Answers any A with an address, names under nx. with NXDOMAIN; says nothing while `dead`."""

    def __init__(self):
        self.asked, self.dead = {}, False
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((DNS, 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            question, client = self.socket.recvfrom(4096)
            end = question.index(b'\0', 12)
            name = self.text(question[12:end])
            self.asked[name] = self.asked.get(name, 0) + 1
            if self.dead:
                continue
            echo = question[12:end + 5]
            if question[end + 1:end + 3] == b'\0\1' and not name.startswith('nx'):
                answer = b'\x84\x80\0\1\0\1\0\0\0\0' + echo + \
                    b'\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xcb\0\x71\7'
            else:
                flags = b'\x84\x83' if name.startswith('nx') else b'\x84\x80'
                answer = flags + b'\0\1\0\0\0\1\0\0' + echo + b'\4test\0\0\6\0\1\0\0\1\x2c' + \
                    struct.pack('!H', 22) + b'\0\0' + struct.pack('!5I', 1, 2, 3, 4, 300)
            self.socket.sendto(question[:2] + answer, client)

    @staticmethod
    def text(wire):
        labels, at = [], 0
        while at < len(wire):
            labels.append(wire[at + 1:at + 1 + wire[at]].decode('latin-1'))
            at += 1 + wire[at]
        return '.'.join(labels).lower()


class Engine:
    """One with its scoreboard, and a worker that asks it."""
    numbers = itertools.count(1)

    def __init__(self, base, servers, more='', way=FORWARD):
        self.number = next(Engine.numbers) % 16
        self.conf = write(f'{base}/resolver-{self.number}.conf', CONF.format(
            dir=base, way=way, user='nobody', more=more,
            servers=', '.join(f'"{s}"' for s in servers)))
        # Anew: numbers come again, and what another one has said is not this one's.
        self.base, self.log, self.way = base, write(f'{base}/engine-{self.number}.log', ''), way
        self.start()

    def start(self):
        with open(self.log, 'a', encoding='ascii') as log:
            self.process = start(TOOL, 'scored', *PROGRAM, '-c', self.conf, 'engine', str(self.number),
                                 stdin=subprocess.PIPE, text=True, stdout=subprocess.PIPE, stderr=log,
                                 bufsize=1)
        self.worker = Worker(self.base, TOOL, self.number)

    def score(self):
        self.process.stdin.write('\n')
        return {k: int(v) for k, v in re.findall(r'(\w+)=(\d+)', self.process.stdout.readline())}

    def logged(self):
        with open(self.log, encoding='ascii') as f:
            return f.read()

    def ready(self, servers=1):
        """For the first time."""
        wait_for(lambda: self.logged().count('event=l3_up') >= servers, 'Redis is ready', WITHIN)
        return self

    def again(self):
        """Redis tells again that it does not know a name."""
        def missed():
            before = self.score()['miss']
            self.get(next(names), RECURSION)
            return self.score()['miss'] > before
        wait_for(missed, 'Redis is asked again', WITHIN)
        return self

    def get(self, name, origin=None, flags='', **wanted):
        """Answered, well, and by whom."""
        told = self.worker.get(name, 'A', flags)
        expect(told, failure=0, **wanted)
        if origin is not None:
            expect(told, origin=origin)
        return told

    def put(self, name, flags='', **wanted):
        """Asked, and the answer is Redis's."""
        before = self.score()['write']
        self.get(name, RECURSION, flags, **wanted)
        wait_for(lambda: self.score()['write'] >= before + 1, 'it is written')
        # Behind it in the same connection: what was written has been taken when this is answered. It
        # is written too, and counted before the next one begins.
        missed = self.score()['miss']
        self.get(self.another())
        wait_for(lambda: self.score()['miss'] >= missed + 1, 'it is taken')
        wait_for(lambda: self.score()['write'] >= before + 2, 'the one behind it is written')

    def another(self):
        """A name that nobody has asked for."""
        return next(names) if self.way == FORWARD else f'{next(names)[:-5]}.insecure.test'

    def stop(self):
        self.worker.close()
        self.process.stdin.close()
        self.process.wait(WITHIN)


def write(path, text):
    with open(path, 'w', encoding='ascii') as f:
        f.write(text)
    return path


class Redis:
    def __init__(self, base, address, *more):
        self.address, self.more = address, more
        self.directory = f'{base}/redis-{address}'
        os.makedirs(self.directory, exist_ok=True)
        self.start()

    def start(self):
        self.process = start('redis-server', '--bind', self.address, '--port', '6379', '--save', '',
                             '--appendonly', 'no', '--dir', self.directory, '--protected-mode', 'no',
                             '--logfile', f'{self.directory}.log', *self.more)
        wait_for(lambda: self.say('PING')[:4] in ('PONG', 'NOAU'), f'redis {self.address} serves')
        return self

    def say(self, *words):
        done = subprocess.run(['redis-cli', '-h', self.address, *words], capture_output=True, text=True)
        return done.stdout.strip()

    def stop(self):
        self.process.kill()
        self.process.wait()


class Liar:
    """Speaks to each connection as `script(connection)` says."""

    def __init__(self, script):
        self.script, self.connections = script, 0
        self.socket = socket.create_server((LIAR, 6379))
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.speak, args=(connection,), daemon=True).start()

    def speak(self, connection):
        with connection:
            try:
                self.script(connection)
            except OSError:
                pass

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(WITHIN)  # before the number of its socket is another's
        self.socket.close()


def replies(*, get, other=b'+OK\r\n', then=b''):
    """A script that answers each command; `get` may be a function of the key."""
    def script(connection):
        stream = connection.makefile('rb')
        while True:
            count = stream.readline()
            if not count:
                return
            words = []
            for _ in range(int(count[1:])):
                size = int(stream.readline()[1:])
                words.append(stream.read(size + 2)[:-2])
            if words[0] == b'GET':
                connection.sendall((get(words[1]) if callable(get) else get) + then)
            else:
                connection.sendall(other)
    return script


class Cases:
    """Each promise is a function."""

    def __init__(self, base):
        self.base, self.upstream = base, Upstream()

    def engine(self, *servers, more=PATIENT):
        return Engine(self.base, servers, more)

    def pair(self, *servers, more=PATIENT):
        return [self.engine(*servers, more=more).ready(len(servers)) for _ in range(2)]

    def alone(self, *more):
        return Redis(self.base, ALONE, *more)

    # One server.

    def test_one_engines_answers_are_anothers_hits(self):
        redis = self.alone()
        a, b = self.pair(ALONE)
        for name, rcode in (('shared.test', 0), ('nx.shared.test', 3)):
            a.put(name)
            told = b.get(name, L3, rcode=rcode)
            assert told.records == a.worker.find(name).records, told.line
            assert self.upstream.asked[name] == 1, self.upstream.asked
            expect(b.worker.find(name), origin=L3)
        assert b.score()['hit'] == 2 and b.score()['write'] == 0, b.score()
        assert int(redis.say('TTL', 'anypop:1:default:::1:shared.test.')) == -2
        assert 0 < int(redis.say('TTL', 'anypop:1:default::1:1:shared.test.')) <= 300
        a.stop()
        a.start()
        a.again().get('shared.test', L3)
        redis.say('FLUSHALL')
        b.get(next(names), RECURSION)
        a.get('again.' + next(names), RECURSION)
        for e in (a, b):
            e.stop()
        redis.stop()

    @staticmethod
    def stats(conf, *options):
        """What `resolver cache stats` prints; its exit status is not looked at, as not all 16 run."""
        return subprocess.run([*PROGRAM, '-c', conf, 'cache', 'stats', *options], text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60).stdout

    def test_what_became_of_questions_is_told(self):
        redis = self.alone()
        a, b = self.pair(ALONE)
        a.put('told.test')
        b.get('told.test', L3)
        told, words = json.loads(self.stats(a.conf, '--json')), (
            ('hits', 'hit'), ('misses', 'miss'), ('late', 'late'), ('stale', 'stale'), ('wrong', 'bad'),
            ('untrusted', 'untrusted'), ('failed', 'failed'), ('timeouts', 'timeout'), ('written', 'write'))
        scores = [e.score() for e in (a, b)]
        for e, score in zip((a, b), scores):
            one = told['engines'][e.number]['redis']
            assert {w: one[w] for w, _ in words} == {w: score[s] for w, s in words}, (one, score)
            server, = one['servers']
            asked = score['hit'] + score['miss'] + score['late']
            assert (server['name'], server['state'], server['asked'], server['answered'], server['lost']) == \
                (ALONE, 'up', asked, asked, 0), server
        assert told['total']['redis'] == {w: sum(x[s] for x in scores) for w, s in words}, told['total']
        text = self.stats(a.conf)
        assert re.search(r'^redis +hits +misses +late +stale +untrusted +wrong +failed +timeouts +written$',
                         text, re.M), text
        assert re.search(rf'^engine {b.number} +1 +0 ', text, re.M), text
        assert re.search(rf'^engine {b.number:<2} {ALONE}: up for \d+ s; 1 asked, 1 answered, lost 0 times$',
                         text, re.M), text
        redis.stop()
        wait_for(lambda: 'l3_lost' in b.logged(), 'its loss', WITHIN)
        server, = json.loads(self.stats(b.conf, '--json'))['engines'][b.number]['redis']['servers']
        assert server['lost'] > 0 and server['state'] in ('down', 'greeted'), server
        for e in (a, b):
            e.stop()

    def test_silence_is_told_from_refusals(self):
        redis = self.alone()
        a = self.engine(ALONE, more='race_ms = 3; connect_ms = 1000; command_ms = 1000;').ready()
        redis.process.send_signal(signal.SIGSTOP)
        a.get(next(names), RECURSION)
        wait_for(lambda: a.score()['timeout'] == 1, 'a timeout', WITHIN)
        a.get(next(names), RECURSION)
        assert (a.score()['timeout'], a.score()['failed']) == (1, 1), a.score()
        redis.process.send_signal(signal.SIGCONT)
        a.stop()
        redis.stop()

    def test_without_the_internet_hits_are_still_told(self):
        redis = self.alone()
        a, b = self.pair(ALONE)
        a.put('popular.test')
        self.upstream.dead = True
        b.get('popular.test', L3)
        self.upstream.dead = False
        for e in (a, b):
            e.stop()
        redis.stop()

    def test_views_and_secrets_keep_apart(self):
        redis = self.alone()
        secret = write(f'{self.base}/secret', '0123456789abcdef0123456789abcdef\n')
        other = write(f'{self.base}/other', 'fedcba9876543210fedcba9876543210\n')
        mores = [f'{PATIENT} {x}' for x in ('', 'view = "b";', f'secret_file = "{secret}";',
                                                f'secret_file = "{secret}";', f'secret_file = "{other}";')]
        plain, view, keyed, same, stranger = [self.engine(ALONE, more=m).ready() for m in mores]
        keyed.put('kept.test')
        same.get('kept.test', L3)
        view.get('kept.test', RECURSION)
        bad = stranger.score()['bad']
        stranger.get('kept.test', RECURSION)
        assert stranger.score()['bad'] == bad + 1, stranger.score()
        plain.get('kept.test', RECURSION)
        assert plain.score()['bad'] == 1, plain.score()
        for e in (plain, view, keyed, same, stranger):
            e.stop()
        redis.stop()

    def test_a_purged_name_does_not_come_back(self):
        redis = self.alone()
        a = self.engine(ALONE).ready()
        a.put('purged.test')
        conf = write(f'{self.base}/held.conf', CONF.format(
            dir=self.base, way=FORWARD, user='nobody',
            more=PATIENT, servers=f'"{ALONE}"'))
        shard = heldwire.memory(b'', 4 << 20)

        def held():
            process = heldwire.start([*PROGRAM, '-c', conf, 'engine', '0'], {'shard.0': shard},
                                     stderr=subprocess.PIPE, text=True)
            children.append(process)
            for line in process.stderr:
                if 'event=l3_up' in line:
                    break
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return process, Worker(self.base, TOOL, 0)
        process, w = held()
        expect(w.get('purged.test'), origin=L3)
        w.say('raw ' + (struct.pack('=IIBBH', 0x70750001, 7, 1, 6, 0) + b'\4test\0').hex())
        process.wait(WITHIN)
        process, w = held()
        expect(w.get('purged.test'), origin=RECURSION)
        told = json.loads(self.stats(conf, '--json'))['engines'][0]['redis']
        assert (told['stale'], told['hits'], told['misses'], told['wrong']) == (1, 0, 0, 0), told
        assert redis.say('EXISTS', 'anypop:1:default::1:1:purged.test.') == '1'
        process.kill()
        a.stop()
        redis.stop()

    def test_a_dead_redis_costs_its_hits_alone(self):
        redis = self.alone()
        a, b = self.pair(ALONE)
        a.put('mourned.test')
        redis.stop()
        before = b.score()
        for _ in range(50):
            b.get(next(names), RECURSION)
        b.get('mourned.test', RECURSION)
        after = b.score()
        assert after['failed'] >= before['failed'] + 50 and after['write'] <= before['write'] + 1, after
        assert after['servfail'] == 0 and b.logged().count('event=l3_lost') == 1, b.logged()
        redis.start()
        a.again().put('risen.test')
        b.again().get('risen.test', L3)
        for e in (a, b):
            e.stop()
        redis.stop()

    def test_a_redis_that_was_never_there_is_told_once(self):
        a = self.engine(ALONE)
        for _ in range(20):
            a.get(next(names), RECURSION)
        wait_for(lambda: 'l3_lost' in a.logged(), 'it is told')
        assert a.score()['failed'] == 20 and a.score()['hit'] == 0, a.score()
        redis = self.alone()
        a.ready().put(next(names))
        assert a.logged().count('event=l3_lost') == 1, a.logged()
        a.stop()
        redis.stop()

    def test_a_stopped_redis_is_left_after_its_silence(self):
        redis = self.alone()
        a, b = self.pair(ALONE, more='race_ms = 3; connect_ms = 1000; command_ms = 1000;')
        a.put('slow.test')
        redis.process.send_signal(signal.SIGSTOP)
        b.get('slow.test', RECURSION)
        wait_for(lambda: 'silent for 1000 ms' in b.logged(), 'silence is told', WITHIN)
        failed = b.score()['failed']
        for _ in range(30):
            b.get(next(names), RECURSION)
        assert b.score()['failed'] == failed + 30, b.score()
        redis.process.send_signal(signal.SIGCONT)

        def hit():
            name = next(names)
            a.get(name)
            return b.get(name)['origin'] == L3
        wait_for(hit, 'hits again', WITHIN)
        for e in (a, b):
            e.stop()
        redis.stop()

    def test_passwords_and_users_are_sent(self):
        redis = self.alone('--requirepass', 'of the default user')
        redis.say('-a', 'of the default user', 'ACL', 'SETUSER', 'anypop', 'on', '>s3cret', '~anypop:*',
                  '+get', '+set', '+ping', '+select')
        wrong = self.engine(ALONE, more='password_file = "%s";' % write(f'{self.base}/wrong', 'wrong\n'))
        wait_for(lambda: 'refuses us: WRONGPASS' in wrong.logged(), 'the refusal is told', WITHIN)
        none = self.engine(ALONE)
        wait_for(lambda: 'refuses us: NOAUTH' in none.logged(), 'the refusal is told', WITHIN)
        right = write(f'{self.base}/right', 's3cret\n')
        a, b = self.pair(ALONE, more=PATIENT + 'database = 3; user = "anypop"; '
                                     f'password_file = "{right}";')
        a.put('allowed.test')
        b.get('allowed.test', L3)
        for e in (wrong, none):
            e.get('allowed.test', RECURSION)
        assert 's3cret' not in wrong.logged() + a.logged() and wrong.score()['failed'] == 1
        for e in (wrong, none, a, b):
            e.stop()
        redis.stop()

    def test_several_servers_share_the_keys(self):
        first, second = self.alone(), Redis(self.base, CLUSTER[0])
        a, b = self.pair(ALONE, CLUSTER[0])
        those = [f'spread{i}.test' for i in range(20)]
        for name in those:
            a.put(name)
        assert all(int(r.say('DBSIZE')) > 0 for r in (first, second))
        first.stop()
        wait_for(lambda: 'l3_lost' in b.logged(), 'the loss is seen', WITHIN)
        origins = [b.get(name)['origin'] for name in those]
        assert RECURSION in origins and L3 in origins, origins
        for e in (a, b):
            e.stop()
        second.stop()

    # Of answers that were validated.

    def validating(self, more, anchor=True, far=False):
        """From the root, with its key; `far`: with a directory of its own."""
        base = self.base
        if not os.path.exists(f'{base}/zones'):
            et.make_internet(base)
            et.serve_zones(base)
            os.mkdir(f'{base}/far')
        way = f'mode = "root"; root_hints = "{base}/root.hints"; ' \
              f'trust_anchor = "{base + "/anchor.key" if anchor else ""}";'
        return Engine(base + '/far' if far else base, [ALONE], PATIENT + more, way).ready()

    def test_what_was_validated_is_so_for_others(self):
        redis = self.alone()
        secret = 'secret_file = "%s";' % write(f'{self.base}/secret', '0123456789abcdef0123456789abcdef\n')
        a, b, blind = self.validating(secret), self.validating(secret), self.validating(secret, anchor=False)
        for name, flags, wanted in (('www.example.test', '', {'rcode': 0, 'secure': 1}),
                                    ('www.example.test', 'do', {'rcode': 0, 'secure': 1}),
                                    ('alias.example.test', 'do', {'rcode': 0, 'secure': 1}),
                                    ('none.example.test', 'do', {'rcode': 3, 'secure': 1}),
                                    ('none.example.test', '', {'rcode': 3, 'secure': 1}),
                                    ('www.insecure.test', 'do', {'rcode': 0, 'secure': 0})):
            a.put(name, flags, **wanted)
            told = b.get(name, L3, flags, **wanted)
            assert told.records == a.worker.find(name, 'A', flags).records, told.line
            assert 'do' not in flags or not wanted['secure'] or 'RRSIG/...' in \
                told.section('an') + told.section('ns'), told.line
            # Who does not validate shares with nobody who does.
            blind.get(name, RECURSION, flags, secure=0)
        # What is bogus is nobody's: each finds it out.
        for e in (a, b):
            wrote = e.score()['write']
            expect(e.worker.get('www.bogus.test'), rcode=2, cause=et.BOGUS, origin=RECURSION)
            expect(e.worker.get('www.bogus.test', 'A', 'cd'), rcode=0, secure=0, origin=RECURSION)
            assert e.score()['write'] == wrote, e.score()
        assert redis.say('KEYS', '*bogus*') == '', redis.say('KEYS', '*bogus*')
        assert [e.score()['bad'] for e in (a, b, blind)] == [0, 0, 0]
        for e in (a, b, blind):
            e.stop()
        redis.stop()

    def test_validation_is_not_believed_without_a_secret_unless_one_says_so(self):
        redis = self.alone()
        wary, other = self.validating(''), self.validating('')
        wary.put('www.insecure.test')
        other.get('www.insecure.test', L3, secure=0)
        wrote = wary.score()['write']
        wary.get('www.example.test', RECURSION, secure=1)
        assert wary.score()['write'] == wrote, wary.score()
        trusting, too = self.validating('trust_ad = true;'), self.validating('trust_ad = true;')
        trusting.put('www.example.test', secure=1)
        too.get('www.example.test', L3, secure=1)
        other.get('www.example.test', RECURSION, secure=1)
        assert other.score()['untrusted'] == 1 and other.score()['bad'] == 0, other.score()
        for e in (wary, other, trusting, too):
            e.stop()
        redis.stop()

    def test_clients_are_told_that_another_node_validated_it(self):
        redis = self.alone()
        secret = 'secret_file = "%s";' % write(f'{self.base}/secret', '0123456789abcdef0123456789abcdef\n')
        a, b = self.validating(secret), self.validating(secret, far=True)
        for flags in ('', 'do'):
            a.put('www.example.test', flags, secure=1)
            a.put('www.insecure.test', flags, secure=0)
        with open(b.log, 'a', encoding='ascii') as log:
            worker = start(*PROGRAM, '-c', b.conf, 'worker', '0', stderr=log)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect(('127.0.0.1', 5300))  # the worker's private listener
            s.settimeout(WITHIN)

            def ask(name, **more):
                s.send(dns.query(name, dns.A, **more))
                return dns.Answer(s.recv(4096))
            wait_for(lambda: b.logged().count('event=worker_ready') == 1, 'the worker is there', WITHIN)
            hits = b.score()['hit']
            for _ in range(2):  # out of Redis; out of the worker's own cache
                for name, ad in (('www.example.test.', True), ('www.insecure.test.', False)):
                    a_, b_, c_ = ask(name, ad=True), ask(name, edns=dns.opt(do=True)), ask(name)
                    assert [x.rcode for x in (a_, b_, c_)] == [0, 0, 0], name
                    assert (a_.ad, b_.ad, c_.ad) == (ad, ad, False), (name, a_.ad, b_.ad, c_.ad)
                    assert ad == (dns.RRSIG in [x[1] for x in b_.answers]), name
            assert b.score()['hit'] == hits + 4, b.score()
        expect(b.worker.find('www.example.test'), origin=L3, secure=1)
        worker.kill()
        for e in (a, b):
            e.stop()
        redis.stop()

    # A server that lies.

    def lied_to(self, script, say=None, questions=12, more=PATIENT, up=True):
        """An engine that asked it; all questions are answered, by recursion."""
        liar = Liar(script)
        e = self.engine(LIAR, more=more)
        try:
            if up:
                e.ready()
            for _ in range(questions):
                e.get(next(names), RECURSION)
            if say:
                wait_for(lambda: say in e.logged(), say, WITHIN)
            score = e.score()
            with open(f"/proc/{score['pid']}/status", encoding='ascii') as f:
                rss = int(re.search(r'VmRSS:\s+(\d+)', f.read())[1])
            assert rss < (400000 if et.SANITISED else 100000), f'{rss} kB'
            return score
        finally:
            liar.close()
            e.stop()

    def test_garbage_is_no_greeting(self):
        for garbage in (b'HTTP/1.1 400 Bad Request\r\n\r\n', b'\0\xff' * 50000, b'*-5\r\n',
                        b'$99999999999999999999\r\n', b'$-9223372036854775808\r\n', b'\r\n' * 9,
                        b'*2147483647\r\n', b'*9\r\n' * 20):
            self.lied_to(lambda c, g=garbage: (c.sendall(g), c.recv(9999), c.recv(9999)), 'l3_lost',
                         questions=3, up=False)

    def test_a_silent_or_hasty_greeting_is_no_server(self):
        self.lied_to(lambda c: time.sleep(60), 'not ready within 100 ms', up=False,
                     more='connect_ms = 100;')
        self.lied_to(lambda c: None, 'l3_lost', up=False)
        self.lied_to(replies(get=b'$-1\r\n', other=b'+OK\r\n+OK\r\n'), 'what nobody asked')

    def test_values_that_are_none_are_counted(self):
        for value in (b'$0\r\n\r\n', b'$5\r\nhello\r\n', b':1\r\n', b'*0\r\n', b'*1\r\n$1\r\nx\r\n',
                      b'+OK\r\n', b'$60000\r\n' + b'x' * 60000 + b'\r\n'):
            score = self.lied_to(replies(get=value), questions=5)
            # On a busy machine a question may find the connection not there.
            assert score['bad'] + score['failed'] == 5 and score['bad'] >= 3, (value[:20], score)
            assert score['hit'] == 0, (value[:20], score)

    def test_endless_answers_end_the_connection(self):
        def flood(connection):
            connection.sendall(b'+PONG\r\n$536870912\r\n')
            while True:
                connection.sendall(b'x' * 65536)
        self.lied_to(flood, 'more than 262144 octets', up=False)
        self.lied_to(replies(get=b'*2147483647\r\n'), 'l3_lost', questions=3)
        self.lied_to(replies(get=b'*16385\r\n'), 'l3_lost', questions=3)

    def test_errors_in_a_row_open_the_breaker(self):
        self.lied_to(replies(get=b'-LOADING not yet\r\n'), '5 errors in a row, the last: LOADING')
        self.lied_to(replies(get=b'-MOVED 1 10.9.7.1:6379\r\n'), '5 errors in a row, the last: MOVED')

    def test_another_keys_value_is_none_of_this_one(self):
        redis = self.alone()
        a = self.engine(ALONE).ready()
        a.put('victim.test')
        redis.say('COPY', 'anypop:1:default::1:1:victim.test.', 'anypop:1:default::1:1:forged.test.')
        e = self.engine(ALONE).ready()
        e.get('forged.test', RECURSION)
        assert e.score()['bad'] == 1 and e.score()['hit'] == 0, e.score()
        for x in (a, e):
            x.stop()
        redis.stop()

    def test_one_that_stops_reading_fills_nothing(self):
        def deaf(connection):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.recv(4096)
            connection.sendall(b'+PONG\r\n')
            time.sleep(60)
        score = self.lied_to(deaf, 'l3_lost', questions=60, more='race_ms = 3; in_flight = 8;')
        assert score['failed'] >= 40, score

    # A Cluster of six.

    def cluster(self):
        nodes = [Redis(self.base, a, '--cluster-enabled', 'yes', '--cluster-node-timeout', '3000',
                       '--bind-source-addr', a, '--cluster-require-full-coverage', 'no',
                       '--repl-diskless-sync-delay', '0') for a in CLUSTER]
        made = subprocess.run(['redis-cli', '--cluster', 'create', *(f'{a}:6379' for a in CLUSTER),
                               '--cluster-replicas', '1', '--cluster-yes'], capture_output=True, text=True)
        assert made.returncode == 0, made.stdout + made.stderr
        for n in nodes:
            wait_for(lambda n=n: 'cluster_state:ok' in n.say('CLUSTER', 'INFO') and
                     ('slave' not in n.say('ROLE') or 'connected' in n.say('ROLE')),
                     f'{n.address} is of the cluster', WITHIN)
        wait_for(lambda: subprocess.run(
            ['redis-cli', '--cluster', 'check', f'{CLUSTER[0]}:6379'],
            capture_output=True).returncode == 0, 'they agree', WITHIN)
        return nodes

    @staticmethod
    def masters(nodes):
        return [n for n in nodes if n.process.poll() is None and n.say('ROLE').startswith('master')]

    def hits(self, a, b):
        """Of 30 new names, how many did b find that a wrote?"""
        those = [next(names) for _ in range(30)]
        for name in those:
            a.get(name)
        a.get(next(names))
        return sum(b.get(name)['origin'] == L3 for name in those)

    def test_cluster(self):
        nodes = self.cluster()
        a, b = self.pair(*CLUSTER, more='race_ms = 1000; cluster = true; connect_ms = 1000; command_ms = 1000;')
        try:
            for what in (self.slots_that_move_are_followed, self.a_master_that_dies_is_replaced,
                         self.a_master_that_is_cut_off_is_replaced, self.strangers_are_not_asked):
                what(nodes, a, b)
                print(f'     {what.__name__.replace("_", " ")}', flush=True)
        finally:
            for e in (a, b):
                e.stop()
            for n in nodes:
                n.stop()

    def slots_that_move_are_followed(self, nodes, a, b):
        wait_for(lambda: self.hits(a, b) == 30, 'all slots hit', WITHIN)
        first, second = self.masters(nodes)[:2]
        failed = b.score()['failed']
        moved = subprocess.run(
            ['redis-cli', '--cluster', 'reshard', f'{first.address}:6379', '--cluster-from',
             first.say('CLUSTER', 'MYID'), '--cluster-to', second.say('CLUSTER', 'MYID'),
             '--cluster-slots', '2000', '--cluster-yes', '--cluster-pipeline', '100'],
            capture_output=True, text=True)
        assert moved.returncode == 0, moved.stdout + moved.stderr
        wait_for(lambda: self.hits(a, b) == 30, 'all slots hit', WITHIN)
        assert b.score()['failed'] == failed, b.score()

    def a_master_that_dies_is_replaced(self, nodes, a, b):
        victim = self.masters(nodes)[0]
        victim.stop()
        wait_for(lambda: 'l3_lost' in b.logged(), 'the loss is seen', WITHIN)
        assert self.hits(a, b) < 30, 'all hit, though a third of the slots is gone'
        wait_for(lambda: self.hits(a, b) == 30, 'its replica has taken over', WITHIN)
        victim.start()
        wait_for(lambda: victim.say('ROLE').startswith('slave'), 'it is back as a replica', WITHIN)

    def a_master_that_is_cut_off_is_replaced(self, nodes, a, b):
        wait_for(lambda: len(self.masters(nodes)) == 3, 'three masters', WITHIN)
        victim = next(n for n in self.masters(nodes) if 'online' in n.say('INFO', 'REPLICATION'))
        rules = f'''table inet cut {{
            chain cut_in {{
                type filter hook input priority 0;
                ip saddr {victim.address} drop
                ip daddr {victim.address} drop
            }}
        }}'''
        subprocess.run(['nft', '-f', '-'], input=rules, text=True, check=True)
        others = [n for n in nodes if n is not victim]
        assert self.hits(a, b) < 30, 'all hit, though a third of the slots is cut off'
        wait_for(lambda: len(self.masters(others)) == 3, 'its replica has taken over', WITHIN)
        wait_for(lambda: self.hits(a, b) == 30, 'all slots hit', WITHIN)
        subprocess.run('nft delete table inet cut'.split(), check=True)
        assert all(e.score()['servfail'] == 0 for e in (a, b))

    def strangers_are_not_asked(self, nodes, a, b):
        few = self.engine(*(n.address for n in self.masters(nodes)[:2]),
                          more=PATIENT + 'cluster = true;').ready()
        wait_for(lambda: 'event=l3_strangers' in few.logged(), 'strangers are told', WITHIN)
        wait_for(lambda: 0 < self.hits(a, few) < 30, 'the others are used', WITHIN)
        few.stop()

    def test_a_cluster_that_sends_in_circles_is_followed_briefly(self):
        circle = f'-MOVED 1 {LIAR}:6379\r\n'.encode()
        slots = f'*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$8\r\n{LIAR}\r\n:6379\r\n'.encode().replace(
            b'$8', f'${len(LIAR)}'.encode())
        asked = []

        def get(key):
            asked.append(key)
            return circle
        score = self.lied_to(replies(get=get, other=slots), more=PATIENT + 'cluster = true;',
                             questions=5)
        assert score['failed'] == 5 and max(asked.count(k) for k in asked) == 3, (score, asked)
        self.lied_to(replies(get=circle.replace(b'MOVED', b'ASK'), other=slots),
                     more=PATIENT + 'cluster = true;', questions=5)
        self.lied_to(replies(get=circle, other=b'*1\r\n*1\r\n:1\r\n'), 'makes no sense',
                     more=PATIENT + 'cluster = true;')


def case(name, function):
    global passed
    begun = time.monotonic()
    try:
        function()
        passed += 1
        print(f'ok   {name} ({(time.monotonic() - begun) * 1000:.0f} ms)', flush=True)
    except Exception as e:  # noqa: BLE001  (every failure is one of the case)
        failures.append(name)
        print(f'FAIL {name}: {type(e).__name__}: {e}', flush=True)
        end_children()


def end_children():
    for process in children:
        if process.poll() is None:
            process.kill()
    for process in children:
        process.wait()


def clean_up(base):
    end_children()
    if failures or not finished:
        for log in sorted(glob.glob(f'{base}/engine-*.log')):
            print(f'---- {log}\n{open(log, encoding="ascii").read()[-1500:]}')
    shutil.rmtree(base, ignore_errors=True)


PROGRAM = [f'{et.BUILD}/bin/resolver']
TOOL = f'{et.BUILD}/tests/integration/engine_tool'


def main():
    global finished
    if os.environ.get('REDIS_TEST_INSIDE') is None:
        os.environ['REDIS_TEST_INSIDE'] = '1'
        os.execvp('unshare', ['unshare', '--net', sys.executable, *sys.argv])
    for command in ('ip link set lo up', *(f'ip address add {a}/32 dev lo'
                                           for a in (DNS, ALONE, LIAR, *CLUSTER, *SIGNED, '192.0.2.53'))):
        subprocess.run(command.split(), check=True)
    base = tempfile.mkdtemp(prefix='anypop-redis-')
    os.chmod(base, 0o755)
    atexit.register(clean_up, base)
    cases = Cases(base)
    wanted = sys.argv[1:]
    for name in [x for x in vars(Cases) if x.startswith('test_')]:
        if not wanted or any(w in name for w in wanted):
            case(name[5:].replace('_', ' '), getattr(cases, name))
    finished = True
    print(f'{passed} passed, {len(failures)} failed')
    sys.exit(1 if failures else 0)


if __name__ == '__main__':
    main()
