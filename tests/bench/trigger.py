#!/usr/bin/env python3
"""Does a fault inside a node the moment it is told to: trigger.py down INTERFACE | run COMMAND...
| ask PORT

Says "ready" first. At a line on its input it writes the time (CLOCK_BOOTTIME, microseconds) at which
it begins, does it, and ends; so that the time it takes to get into a node is no part of a figure. "ask" asks a DNS server on loopback
each millisecond, and writes the time of its first answer too.
"""

import fcntl
import socket
import struct
import subprocess
import sys
import time

GETFLAGS, SETFLAGS, UP = 0x8913, 0x8914, 1  # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP


def now_us():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def down(s, name):
    request = struct.pack('16sh14x', name.encode(), 0)
    flags = struct.unpack('16sh14x', fcntl.ioctl(s, GETFLAGS, request))[1]
    fcntl.ioctl(s, SETFLAGS, struct.pack('16sh14x', name.encode(), flags & ~UP))


def ask(port):
    question = (b'\0\1\0\0\0\1\0\0\0\0\0\0\x02id\x06server\0\0\x10\0\x03')
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(('127.0.0.1', port))
        s.settimeout(0.001)
        while True:
            try:
                s.send(question)
                s.recv(512)
                return now_us()
            except TimeoutError:
                pass
            except ConnectionRefusedError:
                time.sleep(0.001)


def main(what, *words):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        print('ready', flush=True)
        sys.stdin.readline()
        print(now_us(), flush=True)
        if what == 'down':
            down(s, words[0])
        elif what == 'ask':
            print(ask(int(words[0])), flush=True)
        else:
            subprocess.run(words, check=True)


main(*sys.argv[1:])
