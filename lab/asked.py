"""What the lab's client asks when it asks for more than addresses (client.py --mixed), and what the zones
(internet.py) hold of it: names with IPv6 addresses, other names' names, names and types that there are
not, zones that are signed and one that is not. An answer is held against all of that: its records and no
others, its rcode, AD, TTLs, and the SOA that a denial needs.
"""
import collections
import ipaddress
import socket
import struct

import internet

A, CNAME, SOA, TXT, AAAA, OPT = 1, 5, 6, 16, 28, 41
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
EDE, STALE, STALE_DENIAL = 15, 3, 19
STALE_TTL = 30  # RFC 8767, and what ours gives
NSID_ASKED = b'\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x04\x00\x03\x00\x00'

# records: {(type, data with names as text)} of the answer section; signed: AD is due.
Question = collections.namedtuple('Question', 'kind wire records rcode signed ttl')
Answer = collections.namedtuple('Answer', 'records authority edes ttls')


def _wire(name, qtype):
    """Behind the id: RD and AD, and NSID is asked for."""
    labels = b''.join(bytes((len(x),)) + x.encode() for x in name.split('.')) + b'\0'
    return (b'\x01\x20\x00\x01\x00\x00\x00\x00\x00\x01' + labels + struct.pack('!HH', qtype, 1)
            + NSID_ASKED)


def _a(text):
    return A, socket.inet_aton(text)


def _www(i):
    return _a(f'203.0.113.{i % 200 + 10}')


def _question(kind, name, qtype, *records, rcode=NOERROR, signed=True, ttl=3600):
    return Question(kind, _wire(name, qtype), frozenset(records), rcode, signed, ttl)


HIT = [_question('hit', f'www{i}.example.test', A, _www(i)) for i in range(internet.POPULAR)]
LOCAL = _question('local', 'health.anypop.test', A, _a('192.0.2.1'), signed=False)
BOGUS = _question('bogus', 'www.bogus.test', A, rcode=SERVFAIL)
OTHERS = [q for i in range(internet.OTHERS) for q in (
    _question('aaaa', f'host{i}.example.test', AAAA, (
        AAAA, ipaddress.ip_address(f'2001:db8:cb::{i:x}').packed)),
    _question('cname', f'alias{i}.example.test', A, (CNAME, f'www{i}.example.test'), _www(i)),
    _question('nxdomain', f'no{i}.example.test', A, rcode=NXDOMAIN),
    _question('nodata', f'www{i}.example.test', TXT),
)] + [_question('insecure', 'www.insecure.test', A, _a('203.0.113.5'), signed=False, ttl=300)]
# Of these the caches know for an hour, or always: what is past its time within a minute is not here.
KNOWN = ('hit', 'local', 'aaaa', 'cname')


def fresh(dice):
    """A name that no cache can know: one of eight there is not, and half are of the zone that is not signed,
    which have to be asked for: those of the signed zone are proven by what an engine was told of others."""
    label = f'r{dice.getrandbits(48):012x}'
    draw = dice.randrange(8)
    if draw < 4:
        return _question('miss', f'{label}.random.insecure.test', A, _a('203.0.113.6'), signed=False,
                         ttl=5)
    if draw == 4:
        return _question('miss', f'{label}.example.test', A, rcode=NXDOMAIN)
    return _question('miss', f'{label}.random.example.test', A, _a('203.0.113.3'), ttl=5)


def _name(wire, at):
    """(text, where it ends)"""
    labels, end = [], None
    while wire[at]:
        if wire[at] >= 0xc0:
            end = end or at + 2
            to = struct.unpack_from('!H', wire, at)[0] & 0x3fff
            if to >= at:
                raise ValueError('a name that points forward')
            at = to
            continue
        labels.append(wire[at + 1:at + 1 + wire[at]].decode('ascii'))
        at += 1 + wire[at]
    return '.'.join(labels).lower(), end or at + 1


def _edes(options):
    at, found = 0, set()
    while at + 4 <= len(options):
        code, length = struct.unpack_from('!HH', options, at)
        if code == EDE:
            found.add(struct.unpack_from('!H', options, at + 4)[0])
        at += 4 + length
    return found


def _parse(wire, at):
    """What stands behind the question. Raises where it is no message."""
    records, authority, edes, ttls = [], set(), set(), []
    for section, count in enumerate(struct.unpack_from('!HHH', wire, 6)):
        for _ in range(count):
            _, at = _name(wire, at)
            rtype, _, ttl, size = struct.unpack_from('!HHIH', wire, at)
            at += 10
            data = wire[at:at + size]
            if len(data) != size:
                raise ValueError('cut off')
            if section == 0:
                records.append((rtype, _name(wire, at)[0] if rtype == CNAME else data))
            if section == 1:
                authority.add(rtype)
            if rtype == OPT:
                edes |= _edes(data)
            else:
                ttls.append(ttl)
            at += size
    if at != len(wire):
        raise ValueError('octets behind the end')
    return Answer(records, authority, edes, ttls)


def verdict(question, wire):
    """'ok', 'stale' (right, past its time, and it says so), 'wrong', or '-' for SERVFAIL."""
    end = 2 + len(question.wire) - len(NSID_ASKED)
    rcode = wire[3] & 15
    # QR, no TC, RD, RA; the very question.
    if (wire[2] & 0xfb != 0x81 or wire[3] & 0x80 == 0 or wire[4:6] != b'\0\1'
            or wire[12:end] != question.wire[10:-len(NSID_ASKED)]):
        return 'wrong'
    if rcode == SERVFAIL:
        return '-'
    try:
        answer = _parse(wire, end)
    except (ValueError, IndexError, struct.error):
        return 'wrong'
    stale = bool(answer.edes & {STALE, STALE_DENIAL})
    right = (rcode == question.rcode and sorted(answer.records) == sorted(question.records)
             and bool(wire[3] & 0x20) == (question.signed and not stale)
             and all(ttl <= (STALE_TTL if stale else question.ttl) for ttl in answer.ttls)
             and (question.records or SOA in answer.authority))
    return 'wrong' if not right else 'stale' if stale else 'ok'
