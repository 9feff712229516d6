#!/usr/bin/env python3
"""bgpctl where healthd is dead, with real links and a real BIRD; and `watch` on a real terminal.

    bgpctl_test.py     (as root; makes a network namespace of its own; BIN=build/bin)
"""
import fcntl
import json
import os
import pty
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BGPCTL = os.path.join(ROOT, os.environ.get('BIN', 'build/bin'), 'bgpctl')
GATES = ['apdns4.1', 'apdns4.2', 'apdns4.3', 'apdns6.1', 'apdns6.3']
OTHERS = ['apdns4', 'apple0', 'apdns4.9', 'apdns5.1']
WITHIN = 15  # seconds; how long anything may take before it is a failure

CONF = '''
node = { name = "pop"; };
paths = { run_dir = "%(dir)s"; state_dir = "%(dir)s"; control_group = ""; };
bird = { socket = "%(dir)s/bird.ctl"; config = "%(dir)s/bird.conf";
	include = "%(dir)s/anypop.conf"; asn = 64500; pipe_master = false;
	sessions = ( { name = "transit"; } ); };
services = ( { name = "dns"; prefixes = [ "192.0.2.0/24", "2001:db8:53::/48" ];
	addresses = [ "192.0.2.53", "2001:db8:53::53" ]; } );
'''
BIRD = '''
router id 192.0.2.1;
log "%(dir)s/bird.log" all;
protocol device { }
include "%(dir)s/anypop.conf";
'''


class Failed(Exception):
    pass


def expect(condition, what):
    if not condition:
        raise Failed(what)


def eventually(what, condition):
    end = time.monotonic() + WITHIN
    while not condition():
        if time.monotonic() > end:
            raise Failed(f'{what}: not within {WITHIN} s')
        time.sleep(0.02)


class Place:
    """A directory with a configuration, and the gates, all up."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='anypop-bgpctl-')
        self.write('healthd.conf', CONF)
        self.bird = None
        for name in GATES + OTHERS:
            subprocess.run(['ip', 'link', 'add', name, 'type', 'bridge'], check=True)
            subprocess.run(['ip', 'link', 'set', name, 'up'], check=True)

    def write(self, name, text):
        with open(f'{self.dir}/{name}', 'w', encoding='utf-8') as f:
            f.write(text % {'dir': self.dir} if '%(dir)s' in text else text)

    def bgpctl(self, *words, **env):
        return subprocess.run([BGPCTL, '-c', self.dir + '/healthd.conf', *words],
                              capture_output=True, text=True, timeout=WITHIN, check=False,
                              stdin=subprocess.DEVNULL, env={**os.environ, **env})

    def start_bird(self):
        self.write('anypop.conf', self.bgpctl('bird').stdout)
        self.write('bird.conf', BIRD)
        # pylint: disable=consider-using-with
        self.bird = subprocess.Popen(['bird', '-f', '-c', self.dir + '/bird.conf', '-s',
                                      self.dir + '/bird.ctl', '-P', self.dir + '/bird.pid'])
        eventually('BIRD', lambda: 'anypop_dns_v4_full' in self.protocols())

    def protocols(self):
        done = subprocess.run(['birdc', '-s', self.dir + '/bird.ctl', 'show', 'protocols'],
                              capture_output=True, text=True, check=False)
        rows = [line.split() for line in done.stdout.splitlines()]
        return {row[0]: row[3] for row in rows if len(row) > 3}

    def up(self):
        links = json.loads(subprocess.run(['ip', '-j', 'link'], capture_output=True, text=True,
                                          check=True).stdout)
        return {link['ifname'] for link in links if 'UP' in link['flags']}

    def close(self):
        if self.bird:
            self.bird.kill()
            self.bird.wait()
        for name in GATES + OTHERS:
            subprocess.run(['ip', 'link', 'del', name], check=False)
        shutil.rmtree(self.dir)

    def expect_silent(self):
        left = self.up() & set(GATES)
        expect(not left, f'gates still up: {left}')
        gone = set(OTHERS) - self.up()
        expect(not gone, f"links that are nobody's gates were closed: {gone}")


def silence_needs_neither_healthd_nor_bird(place):
    done = place.bgpctl('silence')
    expect(done.returncode == 0, f'exit status {done.returncode}: {done.stderr}')
    expect('All gates are down' in done.stdout, done.stdout)
    expect('the gates alone keep the routes out' in done.stderr, done.stderr)
    place.expect_silent()


def silence_closes_the_other_lock_too(place):
    place.start_bird()
    done = place.bgpctl('silence', '--now')
    expect(done.returncode == 0, done.stderr)
    place.expect_silent()
    ours = {name: state for name, state in place.protocols().items()
            if name.startswith('anypop_dns_')}
    expect(len(ours) == 6 and set(ours.values()) == {'down'}, f'not all disabled: {ours}')


def silence_says_when_neither_lock_could_be_closed(place):
    """A BIRD that lets us only look, and no right to touch a link: nothing is silent."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(place.dir + '/bird.ctl')
    listening.listen(4)

    def serve():
        connection, _ = listening.accept()
        connection.sendall(b'0001 BIRD 2.0.12 ready.\n')
        for _ in connection.makefile('r'):
            connection.sendall(b'8007 Access denied\n')
    threading.Thread(target=serve, daemon=True).start()
    done = subprocess.run(['setpriv', '--bounding-set=-net_admin', BGPCTL, '-c',
                           place.dir + '/healthd.conf', 'silence', '--now'],
                          capture_output=True, text=True, timeout=WITHIN, check=False,
                          stdin=subprocess.DEVNULL)
    listening.close()
    expect(set(GATES) <= place.up(), 'gates were closed: the test has shown nothing')
    expect(done.returncode == 3, f'exit status {done.returncode}: {done.stdout}{done.stderr}')
    expect('8007' in done.stderr and 'disabled' not in done.stdout, done.stdout + done.stderr)


def silence_goes_by_names_when_the_configuration_is_broken(place):
    place.write('healthd.conf', 'node = {')
    done = place.bgpctl('silence')
    expect(done.returncode == 0, done.stderr)
    place.expect_silent()


def silence_of_one_service_is_refused(place):
    done = place.bgpctl('silence', 'dns')
    expect(done.returncode == 3, f'exit status {done.returncode}')
    expect(set(GATES) <= place.up(), 'gates were closed')


def post_leaves_a_clean_end_alone(place):
    place.write('clean', '')
    well = {'SERVICE_RESULT': 'success', 'EXIT_CODE': 'exited', 'EXIT_STATUS': '0'}
    done = place.bgpctl('silence', '--post', **well)
    expect(done.returncode == 0, done.stderr)
    expect(set(GATES) <= place.up(), 'gates were closed after a clean end')


def post_acts_on_every_other_end(place):
    ends = [('signal', 'killed', 'KILL', True), ('exit-code', 'exited', '1', True),
            ('success', 'exited', '0', False), ('success', 'killed', 'TERM', True),
            ('watchdog', 'killed', 'ABRT', True)]
    for result, code, status, marker in ends:
        if marker:
            place.write('clean', '')
        elif os.path.exists(place.dir + '/clean'):
            os.unlink(place.dir + '/clean')
        for name in GATES:
            subprocess.run(['ip', 'link', 'set', name, 'up'], check=True)
        done = place.bgpctl('silence', '--post', SERVICE_RESULT=result, EXIT_CODE=code,
                            EXIT_STATUS=status)
        expect(done.returncode == 0, done.stderr)
        place.expect_silent()


def doctor_finds_what_is_missing(place):
    done = place.bgpctl('doctor', '--json')
    levels = {row['about']: row['level'] for row in json.loads(done.stdout)}
    expect(done.returncode == 2, f'exit status {done.returncode}: {done.stdout}')
    expect(levels.get('config') == 'ok' and levels.get('healthd') == 'warn', str(levels))
    # Of what does not answer, the sentence itself says what to do.
    expect(all(row['mend'] or row['level'] == 'ok' or row['about'] in ('healthd', 'socket')
               for row in json.loads(done.stdout)), f'a finding without its mend: {done.stdout}')


class Daemon(threading.Thread):
    """Plays healthd: the canned status, and an event a moment after somebody follows."""

    def __init__(self, path):
        super().__init__(daemon=True)
        with open(ROOT + '/tests/unit/data/status_well.json', encoding='utf-8') as f:
            self.status = json.load(f)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen(8)
        self.followers = []
        self.workers = {'workers': [], 'engines': []}
        self.start()

    def run(self):
        while True:
            client, _ = self.socket.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        for line in client.makefile('rb'):
            request = json.loads(line)
            data = {'status': self.status, 'workers': self.workers}.get(request['verb'], {'events': []})
            client.sendall(json.dumps({'ok': True, 'data': data}).encode() + b'\n')
            if request.get('args', {}).get('follow'):
                self.followers.append(client)

    def tell(self, because):
        event = {'wall_us': int(time.time() * 1e6), 'level': 'notice', 'name': 'rung',
                 'line': f'event=rung because="{because}"'}
        for client in self.followers:
            client.sendall(json.dumps({'event': event}).encode() + b'\n')


def doctor_sees_who_runs_with_an_older_resolver_conf(place):
    place.write('healthd.conf', CONF + 'workers = { resolver = "%(dir)s/resolver.conf"; };')
    daemon = Daemon(place.dir + '/control.sock')

    def said():
        done = place.bgpctl('doctor', '--json')
        return next((row['level'], row['mend']) for row in json.loads(done.stdout)
                    if row['about'] == 'resolver')
    expect(said()[0] == 'fail', 'there is none')
    place.write('resolver.conf', '')
    daemon.workers = {'workers': [{'up_s': 0.5}, {'up_s': None}], 'engines': [{'up_s': 0}]}
    expect(said() == ('ok', ''), str(said()))
    daemon.workers['engines'][0]['up_s'] = 3600
    expect(said() == ('warn', 'bgpctl upgrade'), str(said()))


def doctor_sees_whom_workers_and_engines_run_as(place):
    place.write('healthd.conf', CONF + 'workers = { resolver = "%(dir)s/resolver.conf"; };')
    place.write('resolver.conf', '')
    daemon = Daemon(place.dir + '/control.sock')
    asleep = {user: subprocess.Popen(['setpriv', f'--reuid={user}', '--clear-groups', 'sleep', '600'])
              for user in (65533, 65534)}
    asleep[0] = subprocess.Popen(['sleep', '600'])
    pids = {user: p.pid for user, p in asleep.items()} | {None: None}
    try:
        for user in (65533, 65534):
            eventually(f'it runs as {user}', lambda u=user: f'Uid:\t{u}\t' in
                       open(f'/proc/{pids[u]}/status', encoding='ascii').read())
        for workers, engines, wanted in (
                ([65533, 65533], [65534], [('ok', '')]), ([None], [], []), ([65533, None], [None], [('ok', '')]),
                ([65533, 0], [65534], [('warn', 'worker.user')]),
                ([65533], [65534, 0], [('warn', 'engine.user')]),
                ([0], [0], [('warn', 'worker.user'), ('warn', 'engine.user')]),
                ([65533], [65533], [('warn', 'another engine.user')])):
            daemon.workers = {'workers': [{'up_s': 0.5, 'pid': pids[u]} for u in workers],
                              'engines': [{'up_s': 0.5, 'pid': pids[u]} for u in engines]}
            said = [(row['level'], row['mend']) for row in json.loads(place.bgpctl('doctor', '--json').stdout)
                    if row['about'] == 'users']
            expect([x[0] for x in said] == [x[0] for x in wanted] and
                   all(part in mend for (_, mend), (_, part) in zip(said, wanted)),
                   f'workers {workers}, engines {engines}: {said}')
    finally:
        for p in asleep.values():
            p.kill()
            p.wait()


class Terminal:
    def __init__(self, place, rows, columns):
        self.seen = ''
        self.master, slave = pty.openpty()
        self.size(rows, columns)
        self.before = termios.tcgetattr(slave)
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen([BGPCTL, '-c', place.dir + '/healthd.conf', 'watch'],
                                        stdin=slave, stdout=slave, stderr=slave,
                                        start_new_session=True)
        self.slave = slave

    def size(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def read(self):
        while select.select([self.master], [], [], 0)[0]:
            self.seen += os.read(self.master, 65536).decode()
        return self.seen

    def wait(self, text):
        eventually(f'{text!r} on the terminal', lambda: text in self.read())

    def end(self):
        self.process.wait(WITHIN)
        self.read()
        expect(self.seen.rstrip().endswith('\x1b[?25h\x1b[?1049l'), 'the screen was not given back')
        expect(termios.tcgetattr(self.slave) == self.before, 'the terminal was not given back')
        os.close(self.master)
        os.close(self.slave)


def watch_is_live_and_gives_the_terminal_back(place):
    daemon = Daemon(place.dir + '/control.sock')
    terminal = Terminal(place, 30, 60)
    terminal.wait('proven')
    eventually('a follower', lambda: daemon.followers)
    daemon.tell('the first')
    terminal.wait('the first')
    rows = [row for row in terminal.seen.split('\r\n') if 'because' in row]
    expect(all(len(row.replace('\x1b[K', '')) <= 61 for row in rows), f'too wide: {rows}')
    terminal.seen = ''
    terminal.size(8, 40)
    os.kill(terminal.process.pid, signal.SIGWINCH)
    terminal.wait('\x1b[8;1H')
    os.write(terminal.master, b'q')
    terminal.end()
    expect(terminal.process.returncode == 0, 'exit status')


def watch_gives_the_terminal_back_when_it_is_killed(place):
    Daemon(place.dir + '/control.sock')
    terminal = Terminal(place, 30, 80)
    terminal.wait('proven')
    terminal.process.terminate()
    terminal.end()


def watch_outlives_healthd(place):
    terminal = Terminal(place, 30, 100)
    terminal.wait('healthd does not answer')
    Daemon(place.dir + '/control.sock')
    terminal.wait('proven')
    os.write(terminal.master, b'q')
    terminal.end()


def main():
    if os.environ.get('ANYPOP_OWN_NET') is None:
        os.environ['ANYPOP_OWN_NET'] = '1'
        os.execvp('unshare', ['unshare', '--net', sys.executable, os.path.abspath(__file__)])
    os.environ.pop('ANYPOP_SOCKET', None)
    cases = [silence_needs_neither_healthd_nor_bird, silence_closes_the_other_lock_too,
             silence_says_when_neither_lock_could_be_closed,
             silence_goes_by_names_when_the_configuration_is_broken,
             silence_of_one_service_is_refused, post_leaves_a_clean_end_alone,
             post_acts_on_every_other_end, doctor_finds_what_is_missing,
             doctor_sees_who_runs_with_an_older_resolver_conf, doctor_sees_whom_workers_and_engines_run_as,
             watch_is_live_and_gives_the_terminal_back,
             watch_gives_the_terminal_back_when_it_is_killed, watch_outlives_healthd]
    failed = 0
    for case in cases:
        place = Place()
        try:
            case(place)
            print('ok    ', case.__name__)
        except (Failed, OSError, subprocess.SubprocessError) as why:
            failed += 1
            print('FAILED', case.__name__, why)
        finally:
            place.close()
    print(f'{len(cases) - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
