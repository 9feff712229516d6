"""Speaks to BIRD and to healthd inside a node, by their sockets, without a process per question."""

import json
import re
import socket

BIRD_SOCKET = '/run/bird/bird.ctl'
CONTROL_SOCKET = '/run/anypop/control.sock'


class TalkError(Exception):
    """Nobody answers, or the answer is a refusal; the text says which."""


def _connect(path, timeout):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(timeout)
    # A path through /proc/PID/root may be longer than sun_path takes; this one never is.
    try:
        s.connect(path)
    except OSError as e:
        s.close()
        raise TalkError(f'{path}: {e.strerror or e}') from e
    return s


def bird(node, command, timeout=3):
    """The reply's lines as (code, text); a code of 8xxx or 9xxx is a TalkError."""
    with _connect(node.path(BIRD_SOCKET), timeout) as s:
        lines = _bird_lines(s, node.name)
        _bird_reply(lines)
        try:
            s.sendall(command.encode() + b'\n')
        except OSError as e:
            raise TalkError(f'{node.name}: bird: {e}') from e
        rows = _bird_reply(lines)
    if rows and rows[-1][0] >= 8000:
        raise TalkError(f'{node.name}: bird: {command}: {rows[-1][0]} {rows[-1][1]}')
    return rows


def _bird_lines(s, name):
    data = b''
    while True:
        line, newline, rest = data.partition(b'\n')
        if newline:
            data = rest
            yield line.decode(errors='replace')
            continue
        try:
            more = s.recv(1 << 16)
        except OSError as e:
            raise TalkError(f'{name}: bird: {e}') from e
        if not more:
            raise TalkError(f'{name}: bird: closed the connection')
        data += more


def _bird_reply(lines):
    rows, code = [], 0
    for line in lines:
        head = re.match(r'(\d{4})([ -])(.*)', line)
        if head:
            code = int(head.group(1))
            rows.append((code, head.group(3)))
            if head.group(2) == ' ':
                return rows
        elif line.startswith(' '):
            rows.append((code, line[1:]))
    raise TalkError('bird: closed the connection')


def control(node, verb, timeout=5, **args):
    """healthd's answer to one request: its `data`."""
    request = {'verb': verb, **({'args': args} if args else {})}
    with _connect(node.path(CONTROL_SOCKET), timeout) as s:
        try:
            s.sendall(json.dumps(request).encode() + b'\n')
            data = b''
            while not data.endswith(b'\n'):
                more = s.recv(1 << 16)
                if not more:
                    raise TalkError(f'{node.name}: healthd closed the connection')
                data += more
        except OSError as e:
            raise TalkError(f'{node.name}: healthd: {e}') from e
    answer = json.loads(data)
    if not answer.get('ok'):
        raise TalkError(f'{node.name}: {verb}: {answer.get("error")}')
    return answer.get('data', {})
