"""Just enough DNS for tests that speak it themselves: queries out, answers in, as plain values."""
import struct

A, NS, CNAME, SOA, TXT, AAAA, OPT, RRSIG, ANY = 1, 2, 5, 6, 16, 28, 41, 46, 255
IN, CH = 1, 3
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 2, 3, 4, 5, 16
NSID, KEEPALIVE, EDE = 3, 11, 15


def name_wire(text):
    labels = [x for x in text.rstrip('.').split('.') if x]
    return b''.join(bytes([len(x)]) + x.encode() for x in labels) + b'\0'


def option(code, data=b''):
    return struct.pack('!HH', code, len(data)) + data


def opt(payload=1232, do=False, options=b'', version=0):
    return b'\0' + struct.pack('!HHBBHH', OPT, payload, 0, version, 0x8000 if do else 0,
                               len(options)) + options


def query(name, qtype=A, qclass=IN, qid=0x1234, rd=True, cd=False, ad=False, edns=None):
    flags = (0x0100 if rd else 0) | (0x10 if cd else 0) | (0x20 if ad else 0)
    wire = name if isinstance(name, bytes) else name_wire(name)
    return struct.pack('!HHHHHH', qid, flags, 1, 0, 0, 1 if edns else 0) + wire + \
        struct.pack('!HH', qtype, qclass) + (edns or b'')


def record(qtype, ttl, rdata, owner=b'\xc0\x0c', qclass=IN):
    return owner + struct.pack('!HHIH', qtype, qclass, ttl, len(rdata)) + rdata


def _name(wire, at):
    """Labels as text (case kept), and where it ends."""
    labels, end = [], None
    while wire[at]:
        if wire[at] >= 0xc0:
            end = end or at + 2
            at = struct.unpack_from('!H', wire, at)[0] & 0x3fff
            continue
        labels.append(wire[at + 1:at + 1 + wire[at]].decode('latin-1'))
        at += 1 + wire[at]
    return '.'.join(labels) + '.', end or at + 1


def _name_octets(wire, at):
    """The same as octets in wire form."""
    out, end = b'', None
    while wire[at]:
        if wire[at] >= 0xc0:
            end = end or at + 2
            at = struct.unpack_from('!H', wire, at)[0] & 0x3fff
            continue
        out += wire[at:at + 1 + wire[at]]
        at += 1 + wire[at]
    return out + b'\0', end or at + 1


# Where names stand in data that may be compressed, or that peers write in lower case: (octets before,
# names).
NAMES_IN = {NS: (0, 1), CNAME: (0, 1), SOA: (0, 2), 12: (0, 1), 15: (2, 1), 17: (0, 2), 33: (6, 1), 39: (0, 1)}


class Answer:
    """A whole message; raises when it is malformed or has octets behind its end."""

    def __init__(self, wire):
        self.wire = wire
        self.id, flags, qd, an, ns, ar = struct.unpack_from('!HHHHHH', wire)
        self.qr, self.aa, self.tc = bool(flags & 0x8000), bool(flags & 0x400), bool(flags & 0x200)
        self.rd, self.ra = bool(flags & 0x100), bool(flags & 0x80)
        self.ad, self.cd = bool(flags & 0x20), bool(flags & 0x10)
        self.opcode, self.rcode = flags >> 11 & 15, flags & 15
        self.question, self.edns, self.do, self.options, self.places = None, None, False, {}, []
        at = 12
        for _ in range(qd):
            name, at = _name(wire, at)
            self.question = (name, *struct.unpack_from('!HH', wire, at))
            at += 4
        self.edes = []
        self.sections = []
        for count in (an, ns, ar):
            records = []
            for _ in range(count):
                at = self._record(at, records)
            self.sections.append(records)
        if at != len(wire):
            raise ValueError(f'{len(wire) - at} octets behind the end')

    def _record(self, at, records):
        owner, at = _name(self.wire, at)
        rtype, rclass, ttl, size = struct.unpack_from('!HHIH', self.wire, at)
        data = self.wire[at + 10:at + 10 + size]
        if len(data) != size:
            raise ValueError('cut off')
        if rtype != OPT:
            records.append((owner, rtype, ttl, data))
            self.places.append(at + 10)
            return at + 10 + size
        self.edns, self.do = rclass, bool(ttl & 0x8000)
        self.rcode |= ttl >> 24 << 4
        o = 0
        while o < size:
            code, length = struct.unpack_from('!HH', data, o)
            self.options.setdefault(code, data[o + 4:o + 4 + length])
            if code == EDE:
                self.edes.append(struct.unpack_from('!H', data, o + 4)[0])
            o += 4 + length
        return at + 10 + size

    def canonical(self, rtype, data, at):
        """Data of a record at `at`, its names whole and in lower case."""
        before, names = NAMES_IN.get(rtype, (0, 0))
        if not names:
            return data
        out, end = self.wire[at:at + before], at + before
        for _ in range(names):
            name, end = _name_octets(self.wire, end)
            out += name.lower()
        return out + self.wire[end:at + len(data)]

    @property
    def answers(self):
        return self.sections[0]

    @property
    def ede(self):
        return struct.unpack('!H', self.options[EDE][:2])[0] if EDE in self.options else None

    @property
    def nsid(self):
        return self.options.get(NSID, b'').decode()

    def data(self):
        return [x[3] for x in self.answers]
