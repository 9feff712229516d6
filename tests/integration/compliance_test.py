#!/usr/bin/python3
"""What RFC 1035, 6891, 7766, 7828, 8906 and 9619 ask of whoever answers, as far as worker_test.py does not.

usage: compliance_test.py [CASE ...]     (any user; on loopback, root's in a network of its own; BIN=build/bin)
"""
import os
import random
import socket
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import dnswire as dns  # noqa: E402
import worker_test  # noqa: E402
from worker_test import (Failed, address_entry, entry, eventually, expect, frame, is_closed, read_exactly,  # noqa: E402
                         unframe)

NAME = 'id.server'
LOCAL = dict(qtype=dns.TXT, qclass=dns.CH)
TAIL = dns.query(NAME, **LOCAL)[12:]


def ask(s, wire):
    s.send(wire)
    return dns.Answer(s.recv(65536))


def header(flags, qd=1, an=0, ns=0, ar=0, qid=0x4321):
    return struct.pack('!HHHHHH', qid, flags, qd, an, ns, ar)


def a_record(owner=b'\0', rtype=dns.A, data=b'\1\2\3\4'):
    return dns.record(rtype, 60, data, owner)


# RFC 6891, 8906: EDNS

def unknown_options_are_ignored(start):
    s = start(old=60000).udp()
    for what, options in (
            ('one of none', b''), ('empty', dns.option(65001)), ('full', dns.option(65001, b'x' * 900)),
            ('many', b''.join(dns.option(60000 + i, b'y' * (i % 5)) for i in range(150))),
            ('code 0', dns.option(0, b'z')), ('client subnet', dns.option(8, b'\0\1\x18\0\xc0\0\2')),
            ('padding', dns.option(12, b'\0' * 128)), ('chain', dns.option(13, b'\0')),
            ('key tags', dns.option(14, b'\x4a\x5c')), ('NSID twice', dns.option(dns.NSID) * 2)):
        a = ask(s, dns.query(NAME, edns=dns.opt(options=options), **LOCAL))
        expect((a.rcode, len(a.answers), a.edns), (0, 1, 1232), what)
        expect(set(a.options) - {dns.NSID}, set(), f'{what}: options in the answer')


def broken_options_are_formerr(start):
    s = start(old=60000).udp()
    for what, options in (('a code alone', b'\0\3'), ('no length', b'\0\3\0'), ('too long', b'\0\3\0\5abcd'),
                          ('behind a sound one', dns.option(65001, b'abc') + b'\xff')):
        expect(ask(s, dns.query(NAME, edns=dns.opt(options=options), **LOCAL)).rcode, dns.FORMERR, what)


def edns_versions_get_badvers_of_version_0(start):
    s = start(old=60000).udp()
    for version in (1, 2, 100, 255):
        for options in (b'', dns.option(65001, b'x'), b'\xff'):  # another version's need not look like ours
            wire = dns.query(NAME, edns=dns.opt(version=version, options=options, do=True), **LOCAL)
            s.send(wire)
            answer = s.recv(65536)
            a = dns.Answer(answer)
            expect((a.rcode, a.answers, a.edns, a.do), (dns.BADVERS, [], 1232, True), f'version {version}')
            expect(answer[answer.index(b'\0\0\x29') + 6], 0, 'the version it tells')


def edns_flags_are_ignored_and_not_echoed(start):
    s = start(old=60000).udp()
    for flags in (0x8000, 0x4000, 0x0001, 0x7fff, 0xffff):
        opt = b'\0' + struct.pack('!HHBBHH', dns.OPT, 1232, 0, 0, flags, 0)
        s.send(dns.query(NAME, edns=opt, **LOCAL))
        answer = s.recv(65536)
        expect((dns.Answer(answer).rcode, answer[-4:-2]), (0, struct.pack('!H', flags & 0x8000)), f'{flags:#x}')


def an_opt_belongs_once_into_additional(start):
    s = start(old=60000).udp()
    opt = dns.opt()
    for what, wire in (
            ('answer', header(0x100, an=1) + TAIL + opt), ('authority', header(0x100, ns=1) + TAIL + opt),
            ('twice', header(0x100, ar=2) + TAIL + opt + opt),
            ('twice, apart', header(0x100, ar=3) + TAIL + opt + a_record() + opt),
            ('of a name', header(0x100, ar=1) + TAIL + b'\1x' + opt),
            ('counted, not there', header(0x100, ar=1) + TAIL), ('there, not counted', header(0x100) + TAIL + opt),
            ('cut off', header(0x100, ar=1) + TAIL + opt[:-1])):
        a = ask(s, wire)
        expect((a.rcode, a.answers), (dns.FORMERR, []), what)
    for what, more in (('before it', a_record() + opt), ('behind it', opt + a_record()),
                       ('a TSIG that nobody has a key for', opt + a_record(rtype=250, data=b'\0' * 17))):
        expect(ask(s, header(0x100, ar=2) + TAIL + more).edns, 1232, f'another record {what}')


def who_speaks_no_edns_hears_none(start):
    w = start(old=60000)
    s = w.udp()
    for wire in (dns.query(NAME, **LOCAL), dns.query('www.test', rd=False), dns.query('www.test', 250),
                 header(0x100, qd=0), header(0x2900) + TAIL, dns.query('x.test', dns.ANY)):
        expect(ask(s, wire).edns, None, f'{wire!r}: OPT')


# RFC 1035, 8906, 9619: the message

def opcodes_are_not_implemented(start):
    s = start(old=60000).udp()
    for opcode in range(1, 16):
        for more in (TAIL, TAIL[:-2], b'', b'\xc0\x0c' * 50):
            a = ask(s, header(opcode << 11 | 0x100) + more)
            expect((a.rcode, a.opcode, a.id, a.qr, a.answers), (dns.NOTIMP, opcode, 0x4321, True, []),
                   f'opcode {opcode}')


def bits_that_mean_nothing_in_a_query_are_ignored(start):
    s = start(old=60000).udp()
    for what, bits in (('AA', 0x400), ('TC', 0x200), ('RA', 0x80), ('Z', 0x40), ('RCODE', 0xf)):
        a = ask(s, header(0x100 | bits) + TAIL)
        flags = struct.unpack_from('!H', a.wire, 2)[0]
        expect((a.rcode, len(a.answers), a.tc, flags & 0x40), (0, 1, False, 0), what)


def there_is_one_question(start):
    s = start(old=60000).udp()
    for what, wire in (
            ('none', header(0x100, qd=0)), ('none, but octets', header(0x100, qd=0) + TAIL),
            ('two', header(0x100, qd=2) + TAIL * 2), ('two counted', header(0x100, qd=2) + TAIL),
            ('65535', header(0x100, qd=65535) + TAIL), ('an answer too', header(0x100, an=1) + TAIL + a_record())):
        a = ask(s, wire)
        expect((a.rcode, a.answers), (dns.FORMERR, []), what)


def names_are_names(start):
    w = start(old=60000)
    s = w.udp()
    end = struct.pack('!HH', dns.A, dns.IN)
    longest = (b'\x3f' + b'a' * 63) * 3 + b'\x3d' + b'b' * 61 + b'\0'
    for what, name in (
            ('a pointer at itself', b'\xc0\x0c'), ('a pointer ahead', b'\xc0\x20'), ('into the header', b'\xc0\0'),
            ('a label and a loop', b'\1a\xc0\x0c'), ('label type 01', b'\x41a\0'), ('label type 10', b'\x81a\0'),
            ('256 octets', (b'\x3f' + b'a' * 63) * 3 + b'\x3e' + b'b' * 62 + b'\0'), ('no end', b'\3www'),
            ('a label that is cut off', b'\x3fwww\0')):
        expect(ask(s, header(0x100) + name + end).rcode, dns.FORMERR, what)
    s.send(header(0x100) + longest + end)
    a = w.engine.ask()
    expect((len(longest), a.name), (255, longest), 'the longest name')
    w.engine.tell(a, address_entry(a))
    expect(dns.Answer(s.recv(4096)).rcode, 0, 'its answer')
    for what, owner in (('at itself', b'\xc0' + bytes([12 + len(TAIL)])), ('ahead', b'\xc0\xff'),
                        ('round', b'\1a\xc0' + bytes([12 + len(TAIL)]))):
        expect(ask(s, header(0x100, ar=1) + TAIL + a_record(owner)).rcode, dns.FORMERR,
               f'an additional record\'s owner points {what}')
    s.send(header(0x100) + b'\0' + struct.pack('!HH', dns.NS, dns.IN))
    a = w.engine.ask()
    expect(a.name, b'\0', 'the root')
    w.engine.tell(a, entry(a, [dns.record(dns.NS, 60, b'\1a\0')], ttl=60))
    expect(len(dns.Answer(s.recv(4096)).answers), 1, 'its answer')


def classes_and_types_of_questions_only(start):
    s = start(old=60000).udp()
    for what, qtype, qclass, rcode in (
            ('class ANY', dns.A, 255, dns.NOTIMP), ('class NONE', dns.A, 254, dns.NOTIMP), ('class 0', dns.A, 0, dns.NOTIMP),
            ('class HS', dns.A, 4, dns.REFUSED), ('class 2', dns.A, 2, dns.REFUSED), ('IXFR', 251, 1, dns.REFUSED),
            ('AXFR', 252, 1, dns.REFUSED), ('MAILB', 253, 1, dns.NOTIMP), ('TSIG', 250, 1, dns.NOTIMP),
            ('TKEY', 249, 1, dns.NOTIMP), ('OPT', 41, 1, dns.FORMERR), ('type 0', 0, 1, dns.FORMERR)):
        a = ask(s, dns.query('www.test', qtype, qclass, edns=dns.opt()))
        expect((a.rcode, a.answers), (rcode, []), what)
        expect(a.question, ('www.test.', qtype, qclass), f'{what}: its question')


def every_beginning_of_a_query_is_survived(start):
    w = start(old=60000)
    s = w.udp()
    whole = dns.query(NAME, edns=dns.opt(options=dns.option(dns.NSID) + dns.option(65001, b'abc')), **LOCAL)
    for n in range(len(whole)):
        s.send(whole[:n])
        if n < 12:
            continue
        a = dns.Answer(s.recv(4096))
        expect((a.id, a.rcode, a.answers), (0x1234, dns.FORMERR, []), f'{n} octets')
    expect(ask(s, whole).rcode, 0, 'all of it')


def damaged_queries_get_sound_answers(start):
    """From a seed: whatever comes back is a message to the id that was sent, and the worker lives."""
    w = start(old=60000, deadline=200)
    r = random.Random(1)
    s = w.udp()
    s.settimeout(0.02)
    answered = 0
    for i in range(3000):
        wire = bytearray(dns.query(NAME, edns=dns.opt(options=dns.option(dns.NSID)), qid=i, **LOCAL))
        for _ in range(r.randint(1, 4)):
            wire[r.randrange(2, len(wire))] = r.randrange(256)
        if wire[2] & 0x80:
            continue
        s.send(wire)
        try:
            a = dns.Answer(s.recv(65536))
        except socket.timeout:
            continue  # it became a question for the engine
        answered += 1
        if not a.qr:
            raise Failed(f'{bytes(wire)!r}: no response')
    if answered < 1000:
        raise Failed(f'only {answered} answers')
    s.settimeout(worker_test.PATIENCE)
    eventually('it answers still', lambda: w.get(NAME, **LOCAL).rcode == 0)


# Sizes

def what_fits_exactly_is_whole(start):
    w = start(old=60000)
    s = w.udp()
    texts = [dns.record(dns.TXT, 60, b'\xc8' + bytes([i]) * 200) for i in range(5)]
    s.send(dns.query('size.test', dns.TXT, edns=dns.opt(payload=4096)))
    a = w.engine.ask()
    w.engine.tell(a, entry(a, texts))
    size = len(s.recv(65536))
    for payload in range(size - 20, size + 5):
        a = ask(s, dns.query('size.test', dns.TXT, edns=dns.opt(payload=payload)))
        expect((a.tc, len(a.answers), a.edns), (payload < size, 0 if payload < size else 5, 1232), f'payload {payload}')
        expect(len(a.wire) <= payload, True, f'payload {payload} holds {len(a.wire)}')
    a = ask(s, dns.query('size.test', dns.TXT, edns=dns.opt(payload=600, do=False)))
    expect((a.tc, a.question), (True, ('size.test.', dns.TXT, dns.IN)), 'TC comes with the question')


def many_large_answers_pass_to_who_reads_slowly(start):
    """A reader of 4 KB now and then is slow, not gone."""
    w = start(old=60000)
    t = socket.socket()
    w.sockets.append(t)
    t.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    t.settimeout(worker_test.PATIENCE)
    t.connect((worker_test.SERVICE, w.port))
    t.sendall(b''.join(frame(dns.query('huge.test', dns.TXT, qid=i)) for i in range(3)))
    a = w.engine.ask()
    eventually('all wait', lambda: w.score()['joined'] == 2)
    w.engine.tell(a, entry(a, [dns.record(dns.TXT, 600, b'\xff' + bytes([i]) * 255) for i in range(240)], ttl=600))
    for i in range(3):
        size = struct.unpack('!H', read_exactly(t, 2))[0]
        wire = b''
        while len(wire) < size:
            wire += read_exactly(t, min(4096, size - len(wire)))
            time.sleep(0.005)
        a = dns.Answer(wire)
        expect((a.id, a.tc, len(a.answers)), (i, False, 240), f'answer {i}')


# RFC 7766, 7828: TCP

def all_that_was_asked_before_the_end_is_answered(start):
    w = start(old=60000)
    t = w.tcp()
    t.sendall(b''.join(frame(dns.query(f'n{i}.test', qid=i)) for i in range(20)) + frame(dns.query(NAME, qid=20, **LOCAL)) +
              frame(dns.query('x.test'))[:9])
    t.shutdown(socket.SHUT_WR)
    expect(unframe(t).id, 20, 'what needs nobody')
    for _ in range(20):
        w.engine.tell(w.engine.ask())
    expect({unframe(t).id for _ in range(20)}, set(range(20)), 'the rest')
    expect(is_closed(t), True, 'and closed, though half a query was left')


def a_question_is_the_same_by_tcp(start):
    w = start(old=60000)
    s, t = w.udp(), w.tcp()
    for wire in (dns.query(NAME, edns=dns.opt(options=dns.option(dns.NSID)), **LOCAL), header(0x100, qd=0),
                 header(0x2100) + TAIL, dns.query('www.test', 252, edns=dns.opt()), dns.query('www.test', rd=False),
                 dns.query('www.test', edns=dns.opt(version=9)), dns.query('www.test', dns.ANY)):
        s.send(wire)
        t.sendall(frame(wire))
        expect(unframe(t).wire, s.recv(4096), f'{wire!r} by TCP')


def lengths_may_be_split_from_messages(start):
    w = start(old=60000)
    t = w.tcp()
    t.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    messages = [frame(dns.query(NAME, qid=i, **LOCAL)) for i in range(4)]
    stream = b''.join(messages)
    cuts = [0, 1, 2, len(messages[0]) - 1, len(messages[0]) + 1, 2 * len(messages[0]) + 2, len(stream)]
    for a, b in zip(cuts, cuts[1:]):
        t.sendall(stream[a:b])
        time.sleep(0.01)  # so that they are segments of their own
    expect([unframe(t).id for _ in range(4)], [0, 1, 2, 3], 'answers')


def formerr_does_not_end_a_connection(start):
    w = start(old=60000)
    t = w.tcp()
    t.sendall(frame(header(0x100, qd=2, qid=1) + TAIL) + frame(b'\0\2\1\0' + b'\0' * 8) + frame(dns.query(NAME, qid=3, **LOCAL)))
    expect([(a.id, a.rcode) for a in (unframe(t), unframe(t), unframe(t))], [(1, 1), (2, 1), (3, 0)], 'answers')


def what_was_answered_before_garbage_is_told(start):
    w = start(old=60000)
    t = w.tcp()
    t.sendall(frame(dns.query(NAME, qid=1, **LOCAL)) + frame(dns.query(NAME, qid=2, **LOCAL)) + b'\0\0')
    expect((unframe(t).id, unframe(t).id, is_closed(t)), (1, 2, True), 'two answers and the end')


def keepalive_is_told_with_errors_too(start):
    w = start(old=60000, idle=3000)
    t = w.tcp()
    alive = dns.opt(options=dns.option(dns.KEEPALIVE))
    for wire, rcode in ((dns.query('www.test', 252, edns=alive), dns.REFUSED), (dns.query(NAME, edns=alive, **LOCAL), 0)):
        t.sendall(frame(wire))
        a = unframe(t)
        expect((a.rcode, a.options.get(dns.KEEPALIVE)), (rcode, struct.pack('!H', 30)), 'its time')


def a_busy_connection_stays_open(start):
    w = start(old=60000, idle=1500)
    t = w.tcp()
    end = time.monotonic() + 3.5
    n = 0
    while time.monotonic() < end:
        t.sendall(frame(dns.query(NAME, qid=n, **LOCAL)))
        expect(unframe(t).id, n, 'an answer')
        n += 1
        time.sleep(0.02)
    expect(is_closed(t), True, 'silent at last')


worker_test.CASES = [f for f in list(globals().values()) if getattr(f, '__module__', '') == __name__ and
                     f.__code__.co_varnames[:1] == ('start',) and f.__code__.co_argcount == 1]
if __name__ == '__main__':
    worker_test.main()
