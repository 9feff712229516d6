#!/usr/bin/python3
"""Stands in for a worker of our resolver in a story: a release that still says who it is (CHAOS), and
answers SERVFAIL to everything else.

servfail.py -c FILE worker N: serves the sockets that are handed to it as worker N's (LISTEN_FDNAMES,
as in systemd), and the probe port 5300 + N.
"""
import os
import selectors
import socket
import sys


TEXT = b'a bad release'
IDENTITY = (b'\xc0\x0c\0\x10\0\3\0\0\0\0' + (len(TEXT) + 1).to_bytes(2, 'big')
            + bytes([len(TEXT)]) + TEXT)


def inherited(number):
    names = os.environ.get('LISTEN_FDNAMES', '').split(':')
    return [socket.socket(fileno=3 + i) for i, name in enumerate(names)
            if name.startswith(f'udp.{number}.')]


def answer(s):
    try:
        query, client = s.recvfrom(4096)
    except BlockingIOError:
        return
    if len(query) < 12 or query[2] & 0x80:
        return
    end = query.index(b'\0', 12) + 5  # the question alone
    chaos = query[end - 2:end] == b'\0\3'
    data = IDENTITY if chaos else b''
    s.sendto(query[:2] + bytes([0x80 | query[2] & 1, 0x80 if chaos else 0x82, 0, 1, 0, chaos, 0, 0,
                                0, 0]) + query[12:end] + data, client)


def main():
    number = int(sys.argv[-1])
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    probe.bind(('127.0.0.1', 5300 + number))
    selector = selectors.DefaultSelector()
    for s in inherited(number) + [probe]:
        s.setblocking(False)
        selector.register(s, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            answer(key.fileobj)


if __name__ == '__main__':
    main()
