#!/usr/bin/env python3
"""What lies in Redis becomes a lie: lies.py ADDRESS TAG, of the answers to sweep.py's names of that tag.

Each answer gets one of the LIES, in turn; life in Redis stays. Prints a line "LIE COUNT" for each.
"""
import collections
import socket
import sys

ADDRESS = b'\xcb\x00\x71\x03'  # 203.0.113.3, which is what they say
VERSION_AT = 4


def bent(value, _):
    """Another address, under the seal of the true one."""
    assert ADDRESS in value
    return value.replace(ADDRESS, b'\xcb\x00\x71\x42')


def old(value, _):
    """In the format of another version."""
    return value[:VERSION_AT] + bytes([value[VERSION_AT] ^ 0xff]) + value[VERSION_AT + 1:]


def swapped(_, another):
    """Sealed well, and of another name."""
    return another


def unsealed(value, _):
    """Cut off before its end."""
    return value[:-8]


def garbage(value, _):
    return bytes((7 * i + 3) & 255 for i in range(len(value)))


def nothing(_value, _another):
    return b''


LIES = (bent, old, swapped, unsealed, garbage, nothing)


class Redis:
    def __init__(self, address):
        self.socket = socket.create_connection((address, 6379), timeout=20)
        self.stream = self.socket.makefile('rb')

    def say(self, *words):
        words = [w if isinstance(w, bytes) else w.encode() for w in words]
        self.socket.sendall(b'*%d\r\n' % len(words) + b''.join(
            b'$%d\r\n%s\r\n' % (len(w), w) for w in words))
        return self.reply()

    def reply(self):
        kind, _, rest = (line := self.stream.readline())[:1], line[1:2], line[1:].strip()
        if kind == b'-':
            raise OSError(rest.decode())
        if kind == b'$':
            return None if int(rest) < 0 else self.stream.read(int(rest) + 2)[:-2]
        if kind == b'*':
            return [self.reply() for _ in range(int(rest))]
        return rest


def main():
    redis = Redis(sys.argv[1])
    keys = sorted(redis.say('KEYS', f'anypop:*:s{sys.argv[2]}-*.random.example.test.'))
    values = [redis.say('GET', key) for key in keys]
    told = collections.Counter()
    for i, (key, value) in enumerate(zip(keys, values)):
        lie = LIES[i % len(LIES)]
        redis.say('SET', key, lie(value, values[i - 1]), 'KEEPTTL')
        told[lie.__name__] += 1
    for name, count in told.items():
        print(name, count)


if __name__ == '__main__':
    main()
