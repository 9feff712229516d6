#!/usr/bin/env python3
"""A flood, of bounded rate and time, from the client's node: flood.py SOURCES KIND RATE SECONDS

SOURCES is an address, or a network (IPv4: a /24, IPv6: a /120) whose hosts take turns; the node has them all on
its loopback. IPv6 goes to the anycast address of that family.
KIND: same (one popular name), popular (all of them in turn) or made-up (names that no cache knows).
Prints "sent N answered N truncated N refused N other N": what it sent, and what came back.
"""
import collections
import ipaddress
import itertools
import select
import socket
import sys
import time

import client

SOCKETS = 16  # at most: so many flows


def questions(kind):
    popular = [client.encode(f'www{i}.example.test') for i in range(client.POPULAR)]
    if kind == 'same':
        return itertools.repeat(popular[1])
    if kind == 'popular':
        return itertools.cycle(popular)
    tag = f'{time.time_ns():x}'
    return (client.encode(f'f{tag}-{i}.random.example.test') for i in itertools.count())


def opened(sources):
    network = ipaddress.ip_network(sources)
    hosts = [str(host) for host in network.hosts()]
    family, address = client.ANYCAST[f'v{network.version}']
    for i in range(SOCKETS):
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        s.setblocking(False)
        s.bind((hosts[i % len(hosts)], 0))
        s.connect((address, 53))
        yield s


def read(poll, sockets, seconds, told):
    for fd, _ in poll.poll(seconds):
        try:
            while True:
                answer = sockets[fd].recv(4096)
                kind = ('truncated' if answer[2] & 2 else 'refused' if answer[3] & 15 == 5 else
                        'answered' if answer[6:8] != b'\0\0' else 'other')
                told[kind] += 1
        except OSError:
            pass


def main():
    sources, kind, rate, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
    sockets = {s.fileno(): s for s in opened(sources)}
    poll, told, asked = select.epoll(), collections.Counter(), questions(kind)
    for fd in sockets:
        poll.register(fd, select.EPOLLIN)
    turns = itertools.cycle(sockets.values())
    begun = due = time.monotonic()
    while time.monotonic() < begun + seconds:
        now = time.monotonic()
        due = max(due, now - 0.1)  # after a stall of our own: no storm
        while due <= now:
            due += 1 / rate
            told['sent'] += 1
            try:
                next(turns).send((told['sent'] & 0xffff).to_bytes(2, 'big') + next(asked))
            except OSError:
                pass  # an ICMP error of before
        read(poll, sockets, max(0, due - time.monotonic()), told)
    while time.monotonic() < begun + seconds + client.LOST_US / 1e6:
        read(poll, sockets, 0.1, told)
    print(' '.join(f'{name} {told[name]}' for name in
                   ('sent', 'answered', 'truncated', 'refused', 'other')))


if __name__ == '__main__':
    main()
