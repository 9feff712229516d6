#!/usr/bin/env python3
"""The driver against a BIRD that misbehaves as no real one can be made to.

    bird_mock_test.py PATH-OF-driver_tool     (as root: the gates are links of a namespace of ours)

The mock speaks the control protocol well enough for one service with one session, over a table that
obeys both locks, until it is told how to err: garbage, a late answer, one that never ends, lines
beyond any bound, answers cut anywhere, a socket that comes and goes.
"""
import atexit
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time

from bird_test import Driver, Failed, expect, play, sh, wait_for

FULL = 3
SITE = '''
node: { name = "pop"; };
bird: { socket = "%(dir)s/bird.ctl"; asn = 64500; poll_ms = 100; timeout_ms = 300;
	sessions = ( { name = "up1"; families = [ "v4" ]; } ); };
services = ( { name = "dns"; prefixes = [ "192.0.2.0/24" ]; addresses = [ "192.0.2.53" ]; } );
'''
NAMES = {'drain': 1, 'backup': 2, 'full': 3}


class Mock:
    """A control socket with a table behind it."""

    def __init__(self, lab):
        self.lab = lab
        self.path = f'{lab.dir}/bird.ctl'
        self.enabled = {rung: True for rung in (1, 2, 3)}
        self.misbehave = None  # (connection, command, answer) -> True when it has dealt with it
        self.greeting = b'0001 BIRD 2.0.12 ready.\n'
        self.greet_after = 0.0
        self.chunk = 0  # bytes a write; 0: whole answers
        self.asked, self.commands, self.connections = [], [], 0
        self.socket, self.thread, self.open = None, None, set()

    def start(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen(16)
        self.thread = threading.Thread(target=self._accept, args=(self.socket,), daemon=True)
        self.thread.start()

    def stop(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()  # before the number of its socket is another's
        self.socket.close()
        os.unlink(self.path)
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self, listening):
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        self.open.add(connection)
        try:
            time.sleep(self.greet_after)
            connection.sendall(self.greeting)
            for line in connection.makefile('r', encoding='ascii'):
                command = line.strip()
                self.asked.append(command)
                answer = self.answer(command)
                if not (self.misbehave and self.misbehave(connection, command, answer)):
                    self.send(connection, answer)
        except OSError:
            pass
        finally:
            self.open.discard(connection)
            connection.close()

    def send(self, connection, answer):
        data = answer.encode()
        for at in range(0, len(data), self.chunk or len(data)):
            connection.sendall(data[at:at + (self.chunk or len(data))])

    def best(self):
        """The rung with both locks open, the best of them."""
        links = sh('ip', '-n', self.lab.ns, '-o', 'link', 'show')
        for rung in (3, 2, 1):
            if self.enabled[rung] and re.search(rf' apdns4\.{rung}: <[^>]*\bUP\b', links):
                return rung
        return 0

    def answer(self, command):
        words = command.split()
        if words[0] in ('enable', 'disable'):
            self.commands.append(command)
            self.enabled[NAMES[words[1].rsplit('_', 1)[1]]] = words[0] == 'enable'
            return f'0011-{words[1]}: {words[0]}d\n0000 \n'
        if command == 'show status':
            return ('1000-BIRD 2.0.12\n1011-Router ID is 10.0.0.1\n Last reboot on 2026-01-01 00:00:00\n'
                    ' Last reconfiguration on 2026-01-01 00:00:00\n0013 Daemon is up and running\n')
        if command == 'show protocols':
            rows = ''.join(f' anypop_dns_v4_{name} Static anypop4 {"up" if self.enabled[rung] else "down"}'
                           f' 10:00:00 \n' for name, rung in NAMES.items())
            return ('2002-Name Proto Table State Since Info\n1002-device1 Device --- up 10:00:00 \n' +
                    rows + ' up1 BGP --- up 10:00:00 Established \n0000 \n')
        if command.startswith('show protocols all'):
            return '1002-up1 BGP --- up 10:00:00 Established\n1006-  Session: external AS4\n0000 \n'
        if words[:2] == ['show', 'route']:
            return self.route(self.best())
        return '9001 There is no BFD protocol running\n'

    @staticmethod
    def route(rung):
        if not rung:
            return '8001 Network not found\n'
        name = {v: k for k, v in NAMES.items()}[rung]
        path = ' 64500' * {1: 3, 2: 1, 3: 0}[rung]
        return (f'1007-Table anypop4:\n 192.0.2.0/24 unicast [anypop_dns_v4_{name} 10:00:00] * (30{rung})\n'
                f' \tdev apdns4.{rung}\n1012-\tBGP.as_path:{path}\n \tBGP.community: (65535,0)\n0000 \n')


class Lab:
    def __init__(self, tool):
        self.ns = f'apm{os.getpid()}'
        self.dir = tempfile.mkdtemp(prefix='anypop-mock-')
        self.tool, self.site, self.drivers = tool, f'{self.dir}/site.conf', []
        self.pop = self  # what Driver asks for is the namespace only
        self.errors = open(f'{self.dir}/driver.log', 'w', encoding='utf-8')
        atexit.register(self.down)
        sh('ip', 'netns', 'add', self.ns)
        with open(self.site, 'w', encoding='ascii') as f:
            f.write(SITE % {'dir': self.dir})

    def said(self):
        with open(f'{self.dir}/driver.log', encoding='utf-8') as f:
            return f.read()

    def down(self):
        for driver in self.drivers:
            driver.process.kill()
        sh('ip', 'netns', 'del', self.ns, check=False)
        self.errors.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def loses_and_falls_by_the_gate(lab, mock, driver):
    wait_for('the loss', lambda: driver.number('bird') == 0 and driver.number('proven') == -1)
    driver.order(0, 0)
    wait_for('gates down', lambda: mock.best() == 0)
    connections = mock.connections
    wait_for('another attempt', lambda: mock.connections > connections)
    expect('silent is not claimed of a BIRD that cannot be heard', driver.number('proven') == -1)
    mock.misbehave = None
    mock.greet_after = 0.0
    mock.greeting = b'0001 BIRD 2.0.12 ready.\n'
    driver.settled(0)
    driver.go(FULL)


def a_well_behaved_mock_is_driven(_, mock, driver):
    for rung in (1, 2, 3, 1, 0):
        driver.go(rung)
    expect('nothing but enable and disable is ever sent', not [
        c for c in mock.asked if c.split()[0] not in ('show', 'enable', 'disable')
        and c != 'configure status'])  # which asks


def answers_cut_anywhere_are_whole_answers(_, mock, driver):
    for mock.chunk in (1, 3, 17):
        for rung in (FULL, 1, 0):
            driver.go(rung)


def garbage_is_no_answer(lab, mock, driver):
    driver.go(FULL)

    def garbage(connection, _command, _answer):
        connection.sendall(b'\x00\xff\x13 what? \r\n0000 \n')
        return True
    mock.misbehave = garbage
    loses_and_falls_by_the_gate(lab, mock, driver)


def another_daemon_at_the_socket_is_no_bird(lab, mock, driver):
    driver.go(FULL)
    mock.stop()
    mock.greeting = b'SSH-2.0-OpenSSH_9.2p1\r\n'
    mock.start()
    loses_and_falls_by_the_gate(lab, mock, driver)


def an_answer_that_never_comes_ends_the_dialogue(lab, mock, driver):
    driver.go(FULL)
    mock.misbehave = lambda connection, command, answer: True
    loses_and_falls_by_the_gate(lab, mock, driver)


def a_late_answer_is_not_the_next_ones(_, mock, driver):
    """After 0.4 s (the timeout is 0.3) the old connection hears that `full` is exported."""
    driver.go(0)
    late = []

    def slow(connection, command, answer):
        if command.startswith('show route'):
            time.sleep(0.4)
            late.append(command)
            connection.sendall(Mock.route(FULL).encode())
            return True
        return False
    mock.misbehave = slow
    mock_best, mock.best = mock.best, lambda: 0
    driver.order(0, FULL)
    wait_for('several late answers', lambda: len(late) >= 4)
    expect('none was taken', not any('order=3 proven=3' in line for line in driver.log))
    mock.misbehave, mock.best = None, mock_best
    driver.settled(FULL)


def a_greeting_after_the_timeout_is_no_greeting(lab, mock, driver):
    driver.go(FULL)
    mock.stop()
    mock.greet_after = 1.0
    mock.start()
    loses_and_falls_by_the_gate(lab, mock, driver)


def an_answer_without_end_is_not_collected(lab, mock, driver):
    driver.go(FULL)

    def endless(connection, _command, _answer):
        while True:  # ends with the connection
            connection.sendall(b'1007-' + b'x' * 60000 + b'\n')
    mock.misbehave = endless
    loses_and_falls_by_the_gate(lab, mock, driver)
    with open(f'/proc/{driver.process.pid}/status', encoding='ascii') as f:
        peak = int(re.search(r'VmHWM:\s+(\d+)', f.read())[1])
    expect(f'memory stays small ({peak} KiB)', peak < 20000)


def a_line_without_end_is_no_line(lab, mock, driver):
    driver.go(FULL)

    def endless(connection, _command, _answer):
        connection.sendall(b'1007-' + b'x' * 200000)
        return True
    mock.misbehave = endless
    loses_and_falls_by_the_gate(lab, mock, driver)


def oversize_lines_do_not_move_the_frame(_, mock, driver):
    driver.go(FULL)
    seen = []

    def wide(connection, command, answer):
        if not command.startswith('show route'):
            return False
        seen.append(command)
        head, tail = answer.split('\n', 1)
        mock.send(connection, head + '\n+' + 'y' * 3000 + '\n 10.0.0.0/8 ' + 'z' * 5000 + '\n ' +
                  tail.lstrip(' '))
        return True
    mock.misbehave = wide
    wait_for('several of them', lambda: len(seen) > 8)
    driver.proven(FULL)  # still, or again where the dialogue ended by our own slowness
    driver.go(1)


def lost_commands_are_given_again(_, mock, driver):
    driver.go(0)
    lost = []

    def lose(_connection, command, answer):
        if command.split()[0] in ('enable', 'disable') and len(lost) < 3:
            lost.append(command)
            rung = NAMES[command.rsplit('_', 1)[1]]
            mock.enabled[rung] = not mock.enabled[rung]
            mock.send(_connection, answer)
            return True
        return False
    mock.misbehave = lose
    driver.go(FULL)
    driver.go(1)
    driver.go(0)
    expect('three were lost', len(lost) == 3)


def a_command_whose_answer_is_late_or_lost_is_no_hand(_, mock, driver):
    """Answered after the timeout (0.3 s), or lost with its connection before BIRD obeyed or after:
    how it ended is not known, and what the next connection shows is our own doing."""
    for late, obeyed in ((0.4, True), (None, True), (None, False)):
        driver.go(0)
        kept = []

        def keep(connection, command, answer, late=late, obeyed=obeyed, kept=kept):
            if command.split()[0] not in ('enable', 'disable') or len(kept) >= 6:
                return False
            kept.append(command)
            if not obeyed:
                mock.enabled[NAMES[command.rsplit('_', 1)[1]]] ^= True
            if late is not None:
                time.sleep(late)
                mock.send(connection, answer)
            return True
        mock.misbehave = keep
        for rung in (FULL, 1, FULL, 0, FULL):
            driver.go(rung)
        expect('answers were kept back', len(kept) >= 4)
        mock.misbehave = None
    hands = [line for line in driver.log if 'hand=' in line and 'hand=-1' not in line]
    expect(f'nobody\'s hand was seen: {hands[:1]}', not hands)


def a_refusal_is_said_and_the_gate_does_it(lab, mock, driver):
    driver.go(FULL)

    def restricted(connection, command, _answer):
        if command.split()[0] not in ('enable', 'disable'):
            return False
        mock.enabled[NAMES[command.rsplit('_', 1)[1]]] ^= True
        connection.sendall(b'8007 Access denied\n')
        return True
    mock.misbehave = restricted
    driver.order(0, 0)
    driver.proven(0)
    driver.alarm(8)
    expect('said', '8007 Access denied' in lab.said())
    mock.misbehave = None
    driver.settled(0)


def an_absent_bird_is_found_when_it_comes(lab, mock, driver):
    driver.go(FULL)
    driver.stop()
    mock.stop()
    again = Driver(lab)
    lab.drivers.append(again)
    wait_for('absence', lambda: again.number('bird') == 0)
    again.order(0, 1)
    wait_for('the better gate falls without BIRD', lambda: 'UP' not in sh(
        'ip', '-n', lab.ns, 'link', 'show', 'apdns4.3').split('>')[0])
    expect('nothing claimed', again.number('proven') == -1)
    mock.enabled = {rung: True for rung in (1, 2, 3)}
    mock.start()
    again.settled(1)
    again.stop()


def converged_is_quiet(_, mock, driver):
    driver.go(FULL)
    commands, asked = len(mock.commands), len(mock.asked)
    wait_for('ten observations', lambda: mock.asked[asked:].count('show status') >= 10)
    expect('no command but the observation', len(mock.commands) == commands)


TESTS = [
    a_well_behaved_mock_is_driven, answers_cut_anywhere_are_whole_answers, garbage_is_no_answer,
    another_daemon_at_the_socket_is_no_bird, an_answer_that_never_comes_ends_the_dialogue,
    a_late_answer_is_not_the_next_ones, a_greeting_after_the_timeout_is_no_greeting,
    an_answer_without_end_is_not_collected, a_line_without_end_is_no_line,
    oversize_lines_do_not_move_the_frame, lost_commands_are_given_again,
    a_command_whose_answer_is_late_or_lost_is_no_hand, a_refusal_is_said_and_the_gate_does_it,
    an_absent_bird_is_found_when_it_comes, converged_is_quiet,
]


def run(lab, test):
    mock = Mock(lab)
    mock.start()
    driver = Driver(lab)
    lab.drivers.append(driver)
    try:
        driver.go(0)
        test(lab, mock, driver)
        return None
    except Failed as failure:
        return f'{failure}\n' + '\n'.join(driver.log[-12:])
    finally:
        driver.stop()
        mock.misbehave = None
        try:
            mock.stop()
        except OSError:
            pass


if __name__ == '__main__':
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the namespace goes too
    sys.exit(play(TESTS, Lab, run))
