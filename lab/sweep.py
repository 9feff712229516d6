#!/usr/bin/env python3
"""Asks many names once, each a few milliseconds after the last, and says what came of it:

    sweep.py KIND COUNT [SECONDS]    KIND: hit (popular names), miss (names that no cache knows) or
                                     TAG (names like miss's, the same for the same word)

prints "ASKED RIGHT SERVFAIL WRONG LOST" when all are answered, or SECONDS (1) after it began: what
is not answered by then is lost. Of a few flows, so that each worker of the PoP that answers gets some.
"""
import select
import socket
import sys
import time

import client

PACE_S = 0.002


def names(kind, count):
    """(number, question) of each."""
    for i in range(count):
        label = f'{time.time_ns():x}' if kind == 'miss' else kind
        name = (f'www{i}.example.test' if kind == 'hit' else
                f's{label}-{i}.random.example.test')
        yield i, client.encode(name)


def sweep(kind, count, seconds):
    poll, sockets, asked, told = select.epoll(), {}, {}, []
    truth = 'hit' if kind == 'hit' else 'miss'
    for i in range(client.PORTS):
        family, address = client.ANYCAST['v6' if i % 2 else 'v4']
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.setblocking(False)
        s.connect((address, 53))
        sockets[s.fileno()] = s
        poll.register(s, select.EPOLLIN)
    turns = list(sockets.values())
    begun = due = time.monotonic()
    rest = names(kind, count)
    while time.monotonic() < begun + seconds and len(told) < count:
        if len(asked) < count and time.monotonic() >= due:
            number, question = next(rest)
            asked[number] = question
            due += PACE_S
            try:
                turns[number % len(turns)].send(number.to_bytes(2, 'big') + question)
            except OSError:
                pass  # nobody is there: lost
        for fd, _ in poll.poll(PACE_S):
            try:
                answer = sockets[fd].recv(4096)
            except OSError:
                continue
            number = int.from_bytes(answer[:2], 'big')
            told.append((answer[3] & 15, client.truth(truth, number, asked[number], answer)))
    return told


def main():
    kind, count = sys.argv[1], int(sys.argv[2])
    told = sweep(kind, count, float(sys.argv[3]) if len(sys.argv) > 3 else 1)
    print(count, sum(truth == 'ok' for _, truth in told), sum(rcode == 2 for rcode, _ in told),
          sum(truth == 'wrong' for _, truth in told), count - len(told))


if __name__ == '__main__':
    main()
