"""Where things stand in a scoreboard (lib/scoreboard.h), for tests and benches that read one from outside.

Offsets are in octets. check() refuses memory of another layout, so that nobody reads one number for another.
"""
import struct

MAGIC, VERSION = 0x70706e61, 4
RCODES, LAYERS, CAUSES, DROPS, BUCKETS, EVENTS = 24, 7, 3, 6, 32, 18
KIND, HEARTBEAT, GENERATION, PID, STATE = 12, 64, 72, 80, 96
QUERIES = 128  # by UDP, by TCP
RCODE = QUERIES + 2 * 8
LAYER = RCODE + RCODES * 8
CAUSE = LAYER + LAYERS * 8
DROP = CAUSE + CAUSES * 8
DROP_OLD = DROP
LATENCY = DROP + DROPS * 8
IN_FLIGHT = LATENCY + BUCKETS * 8
JOINED, TRUNCATED = IN_FLIGHT + 8, IN_FLIGHT + 16
EVENT = IN_FLIGHT + 24


def check(data):
    """The same memory, if it is of this layout."""
    found = struct.unpack_from('=II', data)
    if found != (MAGIC, VERSION):
        raise ValueError(f'a scoreboard of another layout, {found}: mend lab/scorewire.py')
    return data


def word(data, at):
    return struct.unpack_from('=Q', data, at)[0]


def words(data, at, n):
    return struct.unpack_from(f'={n}Q', data, at)
