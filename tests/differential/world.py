"""A private signed Internet with everything that resolvers are apt to disagree about.

Four levels of servers (root, TLDs, leaf zones, what lies below them), each of its own addresses, so
that referrals are real ones. Made anew for each run: some signatures must have ended lately, but longer ago than
the tenth of their time that Unbound forgives.
Every zone with a full set of content holds the same names, whatever signs it; see `content()`.
"""
import os
import subprocess
import sys
import time
from dataclasses import dataclass

ROOT, TLD, LEAF, DEEP, REFUSING, DEAD = ('10.9.0.1', '10.9.1.1', '10.9.2.1', '10.9.3.1', '10.9.4.1',
                                         '10.9.5.1')
ADDRESSES = (ROOT, TLD, LEAF, DEEP, REFUSING)
HOUR = 3600
CHAIN = 40  # links of the longest chain of CNAMEs
SOA = '{zone} {ttl} IN SOA ns.{zone} hostmaster.{zone} 1 3600 600 86400 {negative}\n'


@dataclass
class Zone:
    """`how`: 'nsec', 'nsec3', 'optout' or '' for none; `flaw`: what is done to it."""
    name: str
    server: str
    how: str = 'nsec'
    flaw: str = ''
    full: bool = False
    algorithm: str = 'ECDSAP256SHA256'
    ns: str = ''   # address in the delegation, when it is not the server's


ZONES = (
    # Full of everything, once by each way of signing.
    Zone('a.nsec.', LEAF, 'nsec', full=True),
    Zone('b.nsec3.', LEAF, 'nsec3', full=True),
    Zone('c.optout.', LEAF, 'optout', full=True),
    Zone('d.plain.', LEAF, '', full=True),
    Zone('e.nsec.', LEAF, '', full=True),        # an insecure delegation, proved by NSEC
    Zone('f.optout.', LEAF, '', full=True),      # and by an opt-out span
    Zone('g.nsec3.', LEAF, '', full=True),       # and by NSEC3
    # Algorithms.
    Zone('rsa.nsec.', LEAF, 'nsec', algorithm='RSASHA256'),
    Zone('p384.nsec3.', LEAF, 'nsec3', algorithm='ECDSAP384SHA384'),
    Zone('ed25519.nsec.', LEAF, 'nsec3', algorithm='ED25519'),
    Zone('unknown.nsec.', LEAF, 'nsec', flaw='algorithm'),
    Zone('digest.nsec.', LEAF, 'nsec', flaw='digest'),
    Zone('iterations.nsec.', LEAF, 'nsec3', flaw='iterations'),
    Zone('manyiterations.nsec.', LEAF, 'nsec3', flaw='many-iterations'),
    # Bogus, each in its own way.
    Zone('expired.nsec.', LEAF, 'nsec', flaw='expired'),
    Zone('expired.nsec3.', LEAF, 'nsec3', flaw='expired'),
    Zone('future.nsec.', LEAF, 'nsec', flaw='future'),
    Zone('wrongkey.nsec.', LEAF, 'nsec', flaw='wrong-key'),
    Zone('nosig.nsec.', LEAF, '', flaw='unsigned'),
    Zone('missing.nsec.', LEAF, 'nsec', flaw='missing-signature'),
    Zone('tampered.nsec.', LEAF, 'nsec', flaw='tampered'),
    Zone('nodenial.nsec.', LEAF, 'nsec', flaw='no-denial'),
    Zone('nodenial.nsec3.', LEAF, 'nsec3', flaw='no-denial'),
    # Zones below zones: on another server, and on the same one.
    Zone('sec.a.nsec.', DEEP, 'nsec'), Zone('ins.a.nsec.', DEEP, ''),
    Zone('same.a.nsec.', LEAF, 'nsec'), Zone('sameins.a.nsec.', LEAF, ''),
    Zone('x.y.deep.a.nsec.', DEEP, 'nsec3'),
    Zone('sec.b.nsec3.', DEEP, 'nsec3'), Zone('ins.b.nsec3.', DEEP, ''),
    Zone('sec.c.optout.', DEEP, 'optout'), Zone('ins.c.optout.', DEEP, ''),
    Zone('bogus.a.nsec.', DEEP, 'nsec', flaw='expired'),
    # Servers that do not serve.
    Zone('lame.nsec.', REFUSING, '', flaw='lame'), Zone('lame.plain.', REFUSING, '', flaw='lame'),
    Zone('dead.plain.', DEAD, '', flaw='dead'),
)
TLDS = (Zone('nsec.', TLD, 'nsec'), Zone('nsec3.', TLD, 'nsec3'), Zone('optout.', TLD, 'optout'),
        Zone('plain.', TLD, ''))
FULL = tuple(z.name for z in ZONES if z.full)


def zone_of(name):
    """The zone of ours that a name (lower case) would lie in, or None."""
    for z in sorted((*ZONES, *TLDS), key=lambda z: -len(z.name)):
        if name == z.name or name.endswith('.' + z.name):
            return z
    return None


def common(zone):
    """Of every zone."""
    return f'''\
{zone} 300 IN A 203.0.113.1
www.{zone} 300 IN A 203.0.113.5
www.{zone} 300 IN AAAA 2001:db8::5
txt.{zone} 60 IN TXT "a text"
*.wild.{zone} 120 IN A 203.0.113.9
alias.{zone} 300 IN CNAME www.{zone}
'''


def records_of_many_types(zone):
    return f'''\
mail.{zone} 300 IN MX 10 www.{zone}
mail.{zone} 300 IN MX 20 Mixed.Case.{zone}
_sip._tcp.{zone} 300 IN SRV 1 2 5060 www.{zone}
ptr.{zone} 300 IN PTR www.{zone}
naptr.{zone} 300 IN NAPTR 10 20 "s" "SIP+D2T" "" _sip._tcp.{zone}
caa.{zone} 300 IN CAA 0 issue "ca.example"
tlsa.{zone} 300 IN TLSA 3 1 1 0000000000000000000000000000000000000000000000000000000000000000
sshfp.{zone} 300 IN SSHFP 1 1 0000000000000000000000000000000000000000
hinfo.{zone} 300 IN HINFO "a" "b"
rp.{zone} 300 IN RP a.{zone} b.{zone}
loc.{zone} 300 IN LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m
unknown.{zone} 300 IN TYPE65280 \\# 4 0a000001
unknown.{zone} 300 IN TYPE1000 \\# 0
many.{zone} 300 IN A 203.0.113.20
many.{zone} 300 IN AAAA 2001:db8::20
many.{zone} 300 IN TXT "one" "two"
many.{zone} 300 IN MX 0 .
Mixed.Case.{zone} 300 IN A 203.0.113.21
UPPER.{zone} 300 IN CNAME Mixed.Case.{zone}
'''


def ttls(zone):
    return ''.join(f'ttl{n}.{zone} {n} IN A 203.0.113.30\n'
                   for n in (0, 1, 5, 29, 30, 86400, 86401, 604800, 2147483647)) + f'''\
uneven.{zone} 300 IN A 203.0.113.31
shorter.{zone} 5 IN CNAME uneven.{zone}
longer.{zone} 3000 IN CNAME uneven.{zone}
'''


def sizes(zone):
    """Around what fits: 512, 1232, 4096, 16 K and nearly 64 K octets."""
    lines = [f'big{count}.{zone} 300 IN A 203.0.{i // 250}.{i % 250 + 1}\n'
             for count in (10, 25, 28, 30, 60, 72, 74, 78, 250, 1000) for i in range(count)]
    for count in (2, 5, 6, 16, 100, 230):
        lines += [f'text{count}.{zone} 300 IN TXT "{i:03d}{"x" * 197}"\n' for i in range(count)]
    return ''.join(lines)


def names(zone):
    long = '.'.join('l' * 63 for _ in range(3))
    return f'''\
*.wild.{zone} 120 IN TXT "wild"
*.cwild.{zone} 120 IN CNAME www.{zone}
*.nxwild.{zone} 120 IN CNAME nowhere.{zone}
*.*.star.{zone} 120 IN A 203.0.113.40
exists.wild.{zone} 120 IN A 203.0.113.41
below.hidden.wild.{zone} 120 IN A 203.0.113.42
*.wildmx.{zone} 120 IN MX 0 www.{zone}
one.two.three.ent.{zone} 120 IN A 203.0.113.43
*.below.went.{zone} 120 IN A 203.0.113.44
{'l' * 63}.{zone} 120 IN A 203.0.113.45
{long}.{zone} 120 IN A 203.0.113.46
_under_score.{zone} 120 IN A 203.0.113.47
xn--bcher-kva.{zone} 120 IN A 203.0.113.48
sp\\032ace.{zone} 120 IN A 203.0.113.49
do\\.t.{zone} 120 IN A 203.0.113.50
oct\\255et.{zone} 120 IN A 203.0.113.51
nul\\000l.{zone} 120 IN A 203.0.113.52
1.{zone} 120 IN A 203.0.113.53
'''


def aliases(zone):
    """Chains, loops, aliases to nothing, and into every other zone."""
    lines = [f'chain{i}.{zone} 300 IN CNAME chain{i - 1}.{zone}\n' for i in range(1, CHAIN + 1)]
    lines.append(f'chain0.{zone} 300 IN A 203.0.113.60\n')
    lines += [f'to-{z.name.rstrip(".").replace(".", "-")}.{zone} 300 IN CNAME www.{z.name}\n'
              for z in ZONES]
    lines += [f'dnx-{z.name.rstrip(".").replace(".", "-")}.{zone} 300 IN CNAME nothing.{z.name}\n'
              for z in ZONES if z.full]
    return ''.join(lines) + f'''\
self.{zone} 300 IN CNAME self.{zone}
loop1.{zone} 300 IN CNAME loop2.{zone}
loop2.{zone} 300 IN CNAME loop1.{zone}
loopa.{zone} 300 IN CNAME loopb.{zone}
loopb.{zone} 300 IN CNAME loopc.{zone}
loopc.{zone} 300 IN CNAME loopa.{zone}
tonothing.{zone} 300 IN CNAME nothing.{zone}
tonodata.{zone} 300 IN CNAME txt.{zone}
toent.{zone} 300 IN CNAME three.ent.{zone}
towild.{zone} 300 IN CNAME some.wild.{zone}
totld.{zone} 300 IN CNAME nothing-there.
pingpong.{zone} 300 IN CNAME pongping.{"d.plain." if zone == "a.nsec." else "a.nsec."}
pongping.{zone} 300 IN CNAME pingpong.{"d.plain." if zone == "a.nsec." else "a.nsec."}
dname.{zone} 300 IN DNAME target.{zone}
www.target.{zone} 300 IN A 203.0.113.61
alias.target.{zone} 300 IN CNAME www.{zone}
*.w.target.{zone} 300 IN A 203.0.113.62
{'.'.join(['t' * 50] * 2)}.target.{zone} 300 IN A 203.0.113.63
dnamelong.{zone} 300 IN DNAME {'.'.join(['d' * 60] * 3)}.{zone}
dnameloop.{zone} 300 IN DNAME x.dnameloop.{zone}
dnamenx.{zone} 300 IN DNAME nothing.{zone}
dnameout.{zone} 300 IN DNAME {"b.nsec3." if zone != "b.nsec3." else "a.nsec."}
dnameplain.{zone} 300 IN DNAME {"d.plain." if zone != "d.plain." else "a.nsec."}
dnamebogus.{zone} 300 IN DNAME expired.nsec.
dname2.{zone} 300 IN DNAME dname.{zone}
todname.{zone} 300 IN CNAME www.dname.{zone}
'''


def content(zone):
    text = common(zone.name)
    if zone.full:
        text += records_of_many_types(zone.name) + ttls(zone.name) + sizes(zone.name) + \
            names(zone.name) + aliases(zone.name)
    return text


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    if done.returncode:
        sys.exit(f'differential: {" ".join(command)}: {done.stdout.strip()}')
    return done.stdout.split()[-1] if done.stdout.split() else ''


def read(path):
    with open(path, encoding='latin-1') as f:
        return f.read()


def write(path, text):
    with open(path, 'w', encoding='latin-1') as f:
        f.write(text)


def stamp(offset):
    return time.strftime('%Y%m%d%H%M%S', time.gmtime(time.time() + offset))


class Maker:
    """Writes and signs zones under `base`, children before their parents."""

    def __init__(self, base):
        self.base, self.work, self.zones = base, base + '/work', base + '/zones'
        os.makedirs(self.work)
        os.makedirs(self.zones)
        self.ds = {}

    def key(self, zone, algorithm='ECDSAP256SHA256'):
        return run('ldns-keygen', '-a', algorithm, *(('-b', '2048') if algorithm.startswith('RSA') else ()),
                   '-k', zone, cwd=self.work)

    def sign(self, z, plain, key):
        if not z.how:
            write(f'{self.zones}/{z.name}zone', read(f'{self.work}/{plain}'))
            return
        begin, end = {'expired': (-480 * HOUR, -48 * HOUR), 'future': (240 * HOUR, 480 * HOUR)}.get(
            z.flaw, (-240 * HOUR, 240 * HOUR))
        how = {'nsec': (), 'nsec3': ('-n',), 'optout': ('-n', '-p')}[z.how]
        if 'iterations' in z.flaw:
            how += ('-t', '140' if z.flaw == 'iterations' else '1000', '-s', 'ab')
        run('ldns-signzone', *how, '-i', stamp(begin), '-e', stamp(end), '-o', z.name, '-f',
            f'{self.zones}/{z.name}zone', plain, key, cwd=self.work)

    def spoil(self, z):
        """What is wrong with the signed zone."""
        path = f'{self.zones}/{z.name}zone'
        lines = read(path).splitlines(keepends=True)
        word = [line.split() for line in lines]
        if z.flaw == 'missing-signature':
            lines = [line for line, w in zip(lines, word)
                     if not (w[:1] == ['www.' + z.name] and w[3:5] == ['RRSIG', 'A'])]
        elif z.flaw == 'tampered':
            lines = [line.replace('203.0.113.5', '203.0.113.66') for line in lines]
        elif z.flaw == 'no-denial':
            lines = [line for line, w in zip(lines, word) if len(w) < 5 or
                     (w[3] != 'NSEC' and not (w[3] == 'RRSIG' and w[4] in ('NSEC', 'NSEC3')))]
        else:
            return
        write(path, ''.join(lines))

    def parent_ds(self, z, key):
        """The DS lines in the parent."""
        if z.flaw == 'unsigned':
            key = self.key(z.name)
        elif z.flaw == 'wrong-key':
            key = self.key(z.name)
        elif not z.how:
            return ''
        ds = read(f'{self.work}/{key}.ds').split()
        if z.flaw == 'algorithm':
            ds[5] = '200'
        elif z.flaw == 'digest':
            ds[6] = '250'
        return ' '.join(ds) + '\n'

    def make(self, z, extra=''):
        plain = z.name + 'plain'
        negative = {'a.nsec.': 5, 'b.nsec3.': 600, 'c.optout.': 7200}.get(z.name, 60)
        text = SOA.format(zone=z.name, ttl=900, negative=negative) + f'{z.name} 3600 IN NS ns.{z.name}\n'
        text += f'ns.{z.name} 3600 IN A {z.server}\n' + extra
        if z.server in (LEAF, DEEP):
            text += content(z)
        write(f'{self.work}/{plain}', text)
        key = self.key(z.name, z.algorithm) if z.how else ''
        self.sign(z, plain, key)
        self.spoil(z)
        self.ds[z.name] = self.parent_ds(z, key)

    def delegations(self, parent):
        """NS, glue and DS of what lies directly below a zone."""
        text = ''
        for z in (*ZONES, *TLDS):
            above = next((p.name for p in sorted((*ZONES, *TLDS), key=lambda p: -len(p.name))
                          if z.name.endswith('.' + p.name)), '.')
            if z.name != '.' and above == parent:
                text += f'{z.name} 3600 IN NS ns.{z.name}\nns.{z.name} 3600 IN A {z.server}\n' + \
                    self.ds[z.name]
        return text

    def all(self):
        for z in sorted(ZONES, key=lambda z: -z.name.count('.')):
            self.make(z, self.delegations(z.name))
        for z in TLDS:
            self.make(z, self.delegations(z.name))
        key = self.key('.')
        write(f'{self.work}/root.plain', '. 3600 IN SOA a.root-server. hostmaster.root-server. 1 3600 600 '
              f'86400 5\n. 3600 IN NS a.root-server.\na.root-server. 3600 IN A {ROOT}\n' +
              self.delegations('.'))
        run('ldns-signzone', '-i', stamp(-240 * HOUR), '-e', stamp(240 * HOUR), '-o', '.', '-f',
            f'{self.zones}/root.zone', 'root.plain', key, cwd=self.work)
        write(f'{self.base}/anchor.key', read(f'{self.work}/{key}.key'))
        write(f'{self.base}/root.hints', '. 3600000 NS a.root-server.\n'
              f'a.root-server. 3600000 A {ROOT}\n')
