#!/usr/bin/env python3
"""Follows the kernel's routes to the anycast prefixes: monitor.py FILE.

A line is "US EVENT FAMILY DEVICE": microseconds of CLOCK_BOOTTIME when the kernel's message was
read (the monitor only waits, so that is within a fraction of a millisecond), "new", "replace" or
"del", the family, and the interface, which names the neighbour. The first lines are the routes
found at start ("is"), then a line "US ready - -".
"""

import collections
import json
import socket
import struct
import subprocess
import sys
import time

PREFIXES = {(socket.AF_INET, socket.inet_pton(socket.AF_INET, '192.0.2.0'), 24): 'v4',
            (socket.AF_INET6, socket.inet_pton(socket.AF_INET6, '2001:db8:53::'), 48): 'v6'}
TEXT = {'v4': '192.0.2.0/24', 'v6': '2001:db8:53::/48'}
ROUTE_GROUPS = 0x40 | 0x400  # RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_ROUTE
NEWROUTE, DELROUTE = 24, 25
REPLACE = 0x100  # NLM_F_REPLACE
RTA_DST, RTA_OIF, RTA_MULTIPATH = 1, 4, 9

Change = collections.namedtuple('Change', 'us event family device')


def _attributes(data):
    at, found = 0, {}
    while at + 4 <= len(data):
        length, kind = struct.unpack_from('=HH', data, at)
        if length < 4:
            break
        found[kind & 0x3fff] = data[at + 4:at + length]
        at += (length + 3) & ~3
    return found


def _device(attributes):
    index = attributes.get(RTA_OIF)
    if index is None and RTA_MULTIPATH in attributes:
        index = attributes[RTA_MULTIPATH][4:8]
    if index is None:
        return '-'
    try:
        return socket.if_indextoname(struct.unpack('=i', index)[0])
    except OSError:
        return '?'


def _messages(data):
    at = 0
    while at + 16 <= len(data):
        length, kind, flags = struct.unpack_from('=IHH', data, at)
        if length < 16:
            return
        if kind in (NEWROUTE, DELROUTE) and length >= 28:
            family, bits = struct.unpack_from('=BB', data, at + 16)
            attributes = _attributes(data[at + 28:at + length])
            name = PREFIXES.get((family, attributes.get(RTA_DST), bits))
            if name:
                event = 'del' if kind == DELROUTE else 'replace' if flags & REPLACE else 'new'
                yield event, name, _device(attributes)
        at += (length + 3) & ~3


def kernel_route(prefix):
    """Interface of the kernel's present route to a prefix, or None."""
    done = subprocess.run(['ip', '-6' if ':' in prefix else '-4', '-j', 'route', 'show', prefix],
                          stdout=subprocess.PIPE, check=True)
    found = json.loads(done.stdout or b'[]')
    return found[0].get('dev') if found else None


def follow(path):
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    s.bind((0, ROUTE_GROUPS))
    with open(path, 'a', encoding='ascii', buffering=1) as out:
        def tell(event, name, device):
            us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
            out.write(f'{us} {event} {name} {device}\n')
        for name, prefix in TEXT.items():
            tell('is', name, kernel_route(prefix) or '-')
        tell('ready', '-', '-')
        while True:
            for change in _messages(s.recv(1 << 16)):
                tell(*change)


def read(path, from_us=0, until_us=None):
    """Changes in the window, oldest first; "is" and "ready" lines are left out."""
    with open(path, encoding='ascii') as f:
        rows = [line.split() for line in f if line.endswith('\n')]
    return [Change(int(us), event, family, device) for us, event, family, device in rows
            if event not in ('is', 'ready') and from_us <= int(us)
            and (until_us is None or int(us) < until_us)]


if __name__ == '__main__':
    try:
        follow(sys.argv[1])
    except KeyboardInterrupt:
        pass
