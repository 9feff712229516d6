"""Questions, from a seed: what real clients ask of names that are hard, and what none should ask."""
import random
from dataclasses import dataclass

import dnswire as dns
import world

TYPES = {'A': 1, 'NS': 2, 'CNAME': 5, 'SOA': 6, 'PTR': 12, 'HINFO': 13, 'MX': 15, 'TXT': 16, 'RP': 17,
         'AAAA': 28, 'LOC': 29, 'SRV': 33, 'NAPTR': 35, 'DNAME': 39, 'DS': 43, 'SSHFP': 44, 'RRSIG': 46,
         'NSEC': 47, 'DNSKEY': 48, 'NSEC3': 50, 'NSEC3PARAM': 51, 'TLSA': 52, 'SVCB': 64, 'HTTPS': 65,
         'SPF': 99, 'ANY': 255, 'CAA': 257, 'TYPE1000': 1000, 'TYPE65280': 65280}
NAMES = {v: k for k, v in TYPES.items()}
ASKED = ('A', 'A', 'A', 'A', 'AAAA', 'AAAA', 'TXT', 'MX', 'HTTPS', 'NS', 'SOA', 'SRV', 'CAA', 'DS', 'PTR')
META = {'OPT': 41, 'NXNAME': 128, 'TKEY': 249, 'TSIG': 250, 'IXFR': 251, 'AXFR': 252, 'MAILB': 253,
        'MAILA': 254, 'TYPE0': 0, 'TYPE65535': 65535, 'TYPE200': 200}
PAYLOADS = (None, None, 0, 512, 1232, 1232, 1232, 1400, 4096, 65535)


@dataclass(frozen=True)
class Question:
    tag: str      # what about it is hard
    name: bytes   # in wire form
    qtype: int
    qclass: int = 1
    rd: bool = True
    ad: bool = False
    cd: bool = False
    do: bool = False
    payload: int | None = None  # of EDNS; None: without
    tcp: bool = False

    def wire(self, qid):
        edns = None if self.payload is None else dns.opt(payload=self.payload, do=self.do)
        return dns.query(self.name, self.qtype, self.qclass, qid, self.rd, self.cd, self.ad, edns)

    def __str__(self):
        flags = ''.join(f' +{n}' for n, on in (('DO', self.do), ('CD', self.cd), ('AD', self.ad),
                                               ('TCP', self.tcp)) if on)
        labels, at = [], 0
        while self.name[at]:
            part = self.name[at + 1:at + 1 + self.name[at]]
            labels.append(''.join(chr(c) if 33 <= c < 127 and c != 46 else f'\\{c:03d}' for c in part))
            at += 1 + self.name[at]
        kind = NAMES.get(self.qtype, f'TYPE{self.qtype}')
        text = '.'.join(labels) + '.'
        return (text if len(text) < 60 else text[:20] + '...' + text[-25:]) + f' {kind}' + \
            ('' if self.qclass == 1 else f' CLASS{self.qclass}') + ('' if self.rd else ' -RD') + flags + \
            ('' if self.payload is None else f' EDNS {self.payload}')


def wire_name(text):
    """With \\DDD for octets."""
    out, label, i = b'', b'', 0
    while i < len(text):
        if text[i] == '\\':
            label += bytes([int(text[i + 1:i + 4])])
            i += 4
            continue
        if text[i] == '.':
            out, label = out + bytes([len(label)]) + label, b''
        else:
            label += text[i].encode('latin-1')
        i += 1
    return out + b'\0' if text != '.' else b'\0'


class Source:
    """Questions without end."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.kinds = [(weight, getattr(self, name)) for weight, name in (
            (14, 'positive'), (8, 'types'), (6, 'nodata'), (8, 'nxdomain'), (8, 'wildcard'), (5, 'ent'),
            (6, 'chain'), (2, 'loop'), (6, 'alias'), (6, 'dname'), (6, 'size'), (4, 'ttl'), (6, 'bogus'),
            (3, 'insecure'), (5, 'below'), (3, 'odd_name'), (3, 'any'), (2, 'meta'), (2, 'classes'),
            (2, 'infrastructure'), (1, 'no_recursion'), (1, 'broken'), (3, 'special'))]

    def word(self):
        return ''.join(self.r.choice('abcdefghijklmnopqrstuvwxyz0123456789-') for _ in range(
            self.r.randint(1, 12))).strip('-') or 'x'

    def full(self):
        return self.r.choice(world.FULL)

    def case(self, text):
        """As a stub sends it; now and then by 0x20."""
        return text if self.r.random() < 0.8 or '\\' in text else ''.join(
            self.r.choice((c.lower(), c.upper())) for c in text)

    def make(self, tag, name, kind=None, **more):
        r = self.r
        kind = TYPES[r.choice(ASKED)] if kind is None else TYPES.get(kind, kind)
        payload = r.choice(PAYLOADS)
        fields = dict(rd=True, ad=r.random() < 0.3, cd=r.random() < 0.1, payload=payload,
                      do=payload is not None and r.random() < 0.5, tcp=r.random() < 0.05)
        return Question(tag, wire_name(self.case(name)), kind, **{**fields, **more})

    def next(self):
        pick = self.r.choices([k for _, k in self.kinds], [w for w, _ in self.kinds])[0]
        return pick()

    def signing(self, zone):
        """How a zone is signed, for tags."""
        z = world.zone_of(zone)
        return z.how or 'unsigned'

    def positive(self):
        z = self.r.choice(world.ZONES[:9]).name
        name, kind = self.r.choice((('www.', 'A'), ('www.', 'AAAA'), ('', 'A'), ('txt.', 'TXT'), ('', 'SOA'), ('', 'NS')))
        return self.make(f'positive, {self.signing(z)}', name + z, kind)

    def types(self):
        z = self.full()
        name, kind = self.r.choice((
            ('mail', 'MX'), ('_sip._tcp', 'SRV'), ('ptr', 'PTR'), ('naptr', 'NAPTR'), ('caa', 'CAA'), ('tlsa', 'TLSA'),
            ('sshfp', 'SSHFP'), ('hinfo', 'HINFO'), ('rp', 'RP'), ('loc', 'LOC'), ('unknown', 'TYPE65280'),
            ('unknown', 'TYPE1000'), ('many', 'A'), ('many', 'TXT'), ('many', 'MX'), ('mixed.case', 'A'), ('upper', 'A')))
        return self.make(f'type {kind}', f'{name}.{z}', kind)

    def nodata(self):
        z = self.r.choice(world.ZONES[:9]).name
        return self.make(f'nodata, {self.signing(z)}', self.r.choice(('www.', 'txt.', '')) + z,
                         self.r.choice(('MX', 'SRV', 'CAA', 'HTTPS', 'TLSA', 'TYPE65280', 'SPF', 'LOC')))

    def nxdomain(self):
        z = self.r.choice(world.ZONES[:9]).name
        name = '.'.join(self.word() for _ in range(self.r.randint(1, 3)))
        return self.make(f'nxdomain, {self.signing(z)}', f'{name}.nx.{z}')

    def wildcard(self):
        z = self.full()
        name, kind = self.r.choice((
            (f'{self.word()}.wild', None), (f'{self.word()}.wild', 'A'), (f'{self.word()}.{self.word()}.wild', 'A'),
            (f'{self.word()}.cwild', None), (f'{self.word()}.nxwild', 'A'), ('exists.wild', 'A'), ('exists.wild', 'TXT'),
            (f'{self.word()}.exists.wild', 'A'), ('hidden.wild', 'A'), (f'{self.word()}.hidden.wild', 'A'),
            ('*.wild', 'A'), ('*.wild', 'MX'), (f'{self.word()}.*.wild', 'A'), ('x.*.star', 'A'), ('*.star', 'A'),
            (f'{self.word()}.wildmx', 'A'), (f'{self.word()}.wildmx', 'MX'), (f'{self.word()}.below.went', 'A'),
            ('below.went', 'A'), (f'{self.word()}.went', 'A'), (f'{self.word()}.wild', 'DS'), ('wild', 'A')))
        return self.make(f'wildcard, {self.signing(z)}', f'{name}.{z}', kind)

    def ent(self):
        z = self.full()
        name = self.r.choice(('ent', 'three.ent', 'two.three.ent', 'one.two.three.ent', 'zero.one.two.three.ent',
                              'none.three.ent', '_tcp', 'star'))
        return self.make(f'empty non-terminal, {self.signing(z)}', f'{name}.{z}')

    def chain(self):
        n = self.r.choice((1, 2, 3, 5, 8, 9, 10, 11, 12, 13, 15, 16, 17, 20, 25, 31, 32, world.CHAIN))
        size = 'short' if n <= 8 else 'middling' if n <= 12 else 'long'
        return self.make(f'chain, {size}', f'chain{n}.{self.full()}', self.r.choice(('A', 'A', 'AAAA', 'TXT', 'CNAME')))

    def loop(self):
        name = self.r.choice(('self', 'loop1', 'loop2', 'loopa', 'pingpong', 'dnameloop', 'y.dnameloop'))
        z = self.full() if name != 'pingpong' else 'a.nsec.'
        return self.make('loop', f'{name}.{z}', self.r.choice(('A', 'AAAA', 'CNAME', 'MX')))

    def alias(self):
        z = self.full()
        there = self.r.choice([x for x in world.ZONES if x.flaw != 'dead'])
        name = self.r.choice(('tonothing', 'tonodata', 'toent', 'towild', 'totld', 'todname', 'shorter', 'longer', 'alias',
                              *(['to-' + there.name.rstrip('.').replace('.', '-')] * 6),
                              *(['dnx-' + there.name.rstrip('.').replace('.', '-')] * 2 if there.full else [])))
        flaw = there.flaw if '-' in name else ''
        return self.make(f'alias{" to " + flaw if flaw else ""}', f'{name}.{z}', self.r.choice(('A', 'A', 'AAAA', 'TXT', 'DS')))

    def dname(self):
        z = self.full()
        long = '.'.join(['w' * 60] * 2)
        name = self.r.choice(('www.dname', 'alias.dname', f'{self.word()}.dname', f'{self.word()}.w.dname', 'dname',
                              'www.dname2', f'{self.word()}.dnamenx', 'www.dnameout', 'www.dnameplain', 'www.dnamebogus',
                              'to-d-plain.dnameout', f'{long}.dnamelong', 'todname', 'dname2'))
        return self.make('name too long by DNAME' if 'long' in name else 'dname to bogus' if 'bogus' in name else 'dname',
                         f'{name}.{z}', self.r.choice(('A', 'A', 'AAAA', 'DNAME', 'CNAME')))

    def size(self):
        name, kind = self.r.choice((*((f'big{n}', 'A') for n in (10, 25, 28, 30, 60, 72, 74, 78, 250, 1000)),
                                    *((f'text{n}', 'TXT') for n in (2, 5, 6, 16, 100, 230))))
        return self.make('size', f'{name}.{self.full()}', kind)

    def ttl(self):
        name = self.r.choice((*(f'ttl{n}' for n in (0, 1, 5, 29, 30, 86400, 86401, 604800, 2147483647)), 'uneven',
                              'shorter', 'longer'))
        return self.make(f'ttl, {name}', f'{name}.{self.full()}', 'A')

    def bogus(self):
        z = self.r.choice([x for x in world.ZONES if x.flaw and x.flaw not in ('dead', 'lame')])
        name = self.r.choice(('www.', 'www.', 'txt.', '', 'nothing.', 'alias.', f'{self.word()}.wild.'))
        return self.make(f'flaw: {z.flaw}, {z.how}', name + z.name, self.r.choice(('A', 'A', 'AAAA', 'TXT', 'SOA', 'DNSKEY', 'DS')))

    def insecure(self):
        z = self.r.choice([x for x in world.ZONES if not x.how and not x.flaw])
        return self.make('insecure delegation', self.r.choice(('www.', '', 'nothing.')) + z.name,
                         self.r.choice(('A', 'DS', 'NS', 'SOA', 'DNSKEY')))

    def below(self):
        z = self.r.choice([x for x in world.ZONES if x.name.count('.') > 2])
        return self.make('zone below a zone', self.r.choice(('www.', '', 'nothing.', 'alias.', 'a.wild.')) + z.name,
                         self.r.choice(('A', 'DS', 'NS', 'SOA', 'DNSKEY', 'TXT')))

    def odd_name(self):
        z = self.full()
        long = '.'.join(['l' * 63] * 3)
        name = self.r.choice(('l' * 63, long, '_under_score', 'xn--bcher-kva', 'sp\\032ace', 'do\\046t', 'oct\\255et',
                              'nul\\000l', '1', '.'.join('a' * 1 for _ in range(110)), f'{"q" * 63}.{self.word()}',
                              '.'.join(['n' * 63] * 2 + ['m' * 50])))
        return self.make('odd name', f'{name}.{z}', 'A')

    def any(self):
        z = self.full()
        return self.make('ANY', self.r.choice(('www.', 'many.', '', 'nothing.', 'chain1.', 'ent.', 'www.dname.')) + z, 'ANY')

    def meta(self):
        return self.make('meta type', 'www.' + self.full(), self.r.choice(list(META.values())))

    def classes(self):
        name = self.r.choice(('www.a.nsec.', 'version.bind.', 'whoami.', 'authors.bind.'))
        return self.make('class', name, self.r.choice(('A', 'TXT')), qclass=self.r.choice((0, 2, 3, 3, 4, 254, 255, 999)))

    def infrastructure(self):
        z = self.r.choice(('.', *(x.name for x in world.TLDS), *world.FULL))
        return self.make('infrastructure', z, self.r.choice(
            ('NS', 'SOA', 'DNSKEY', 'DS', 'NSEC', 'NSEC3PARAM', 'A', 'RRSIG', 'NSEC3')))

    def no_recursion(self):
        return self.make('without RD', self.r.choice(('www.', 'nothing.', f'{self.word()}.wild.')) + self.full(), 'A', rd=False)

    def broken(self):
        return self.make('lame', self.r.choice(('www.', '')) + self.r.choice(('lame.nsec.', 'lame.plain.')), 'A')

    def special(self):
        name = self.r.choice((
            'localhost.', 'a.localhost.', '1.0.0.127.in-addr.arpa.', '1.0.0.10.in-addr.arpa.', '1.1.168.192.in-addr.arpa.',
            'x.test.', 'x.invalid.', 'x.onion.', 'x.local.', 'home.arpa.', 'x.home.arpa.', 'nothing-here.', f'{self.word()}-x.',
            '1.2.0.192.in-addr.arpa.', '9.9.9.in-addr.arpa.', '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.'))
        known = name.split('.')[-2] in ('arpa', 'test', 'invalid', 'onion', 'local', 'localhost')
        return self.make('special-use name' if known else 'no such TLD', name, self.r.choice(('A', 'AAAA', 'PTR', 'SOA', 'NS')))
