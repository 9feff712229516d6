"""The lab's Internet: a signed root, a TLD and leaf zones, one of them with a broken signature.

Keys and signatures are made once, on this machine, under build/lab/internet; they are valid for
decades, so a cached Internet never goes stale. What the zones hold is part of the cache's name:
when this file changes, they are made anew.
"""

import hashlib
import os
import shutil
import subprocess
import sys

INCEPTION = '20200101000000'
EXPIRATION = '20370101000000'
POPULAR = 200  # www0.example.test ... of the popular names
OTHERS = 40  # host0.example.test ..., with an IPv6 address, and alias0.example.test ..., names of www0 ...

SOA = '{zone} 3600 IN SOA ns.{host} hostmaster.{host} 1 3600 600 86400 5\n'

ROOT = '''\
. 3600 IN NS a.root-server.
. 3600 IN NS b.root-server.
a.root-server. 3600 IN A 10.9.0.1
a.root-server. 3600 IN AAAA fd00:9:0::1
b.root-server. 3600 IN A 10.9.0.2
b.root-server. 3600 IN AAAA fd00:9:0::2
test. 3600 IN NS ns.nic.test.
ns.nic.test. 3600 IN A 10.9.1.1
ns.nic.test. 3600 IN AAAA fd00:9:1::1
'''

TLD = '''\
test. 3600 IN NS ns.nic.test.
ns.nic.test. 3600 IN A 10.9.1.1
ns.nic.test. 3600 IN AAAA fd00:9:1::1
example.test. 3600 IN NS ns1.example.test.
example.test. 3600 IN NS ns2.example.test.
insecure.test. 3600 IN NS ns1.example.test.
bogus.test. 3600 IN NS ns1.example.test.
ns1.example.test. 3600 IN A 10.9.2.1
ns1.example.test. 3600 IN AAAA fd00:9:2::1
ns2.example.test. 3600 IN A 10.9.2.2
ns2.example.test. 3600 IN AAAA fd00:9:2::2
'''

EXAMPLE = '''\
example.test. 3600 IN NS ns1.example.test.
example.test. 3600 IN NS ns2.example.test.
ns1.example.test. 3600 IN A 10.9.2.1
ns1.example.test. 3600 IN AAAA fd00:9:2::1
ns2.example.test. 3600 IN A 10.9.2.2
ns2.example.test. 3600 IN AAAA fd00:9:2::2
example.test. 300 IN A 203.0.113.1
canary.example.test. 5 IN A 203.0.113.2
*.random.example.test. 5 IN A 203.0.113.3
''' + ''.join(f'www{i}.example.test. 3600 IN A 203.0.113.{i % 200 + 10}\n'
            for i in range(POPULAR)) + ''.join(
    f'host{i}.example.test. 3600 IN AAAA 2001:db8:cb::{i:x}\n'
    f'alias{i}.example.test. 3600 IN CNAME www{i}.example.test.\n' for i in range(OTHERS))

OTHER = '''\
{zone} 3600 IN NS ns1.example.test.
www.{zone} 300 IN A 203.0.113.5
*.random.{zone} 5 IN A 203.0.113.6
'''


def _run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    if done.returncode:
        sys.exit(f'lab: {" ".join(command)}: {done.stdout.strip()}')
    return done.stdout.split()[-1] if done.stdout.split() else ''


def _write(path, *parts):
    with open(path, 'w', encoding='ascii') as f:
        f.writelines(parts)


def _sign(work, zone, text, signed):
    """Writes `zone`, signs it with a fresh key; returns its DS and DNSKEY lines."""
    plain = (zone.rstrip('.') or 'root') + '.plain'
    host = zone if zone != '.' else 'root-server.'
    _write(f'{work}/{plain}', SOA.format(zone=zone, host=host), text)
    key = _run('ldns-keygen', '-a', 'ECDSAP256SHA256', '-k', zone, cwd=work)
    _run('ldns-signzone', '-i', INCEPTION, '-e', EXPIRATION, '-o', zone, '-f', signed, plain, key,
         cwd=work)
    return [open(f'{work}/{key}.{end}', encoding='ascii').read() for end in ('ds', 'key')]


def _break(path, name):
    """Changes an address after it was signed: this name can never validate."""
    with open(path, encoding='ascii') as f:
        text = f.read()
    broken = text.replace('203.0.113.5', '203.0.113.66')
    if broken == text:
        sys.exit(f'lab: {path}: no address of {name} to break')
    _write(path, broken)


def make(directory):
    """Makes the zones under `directory`, unless the very same ones stand there already."""
    with open(__file__, 'rb') as f:
        stamp = hashlib.sha256(f.read()).hexdigest()
    try:
        with open(f'{directory}/stamp', encoding='ascii') as f:
            if f.read() == stamp:
                return
    except FileNotFoundError:
        pass
    shutil.rmtree(directory, ignore_errors=True)
    work, zones = f'{directory}/work', f'{directory}/zones'
    os.makedirs(work)
    os.makedirs(zones)
    example, _ = _sign(work, 'example.test.', EXAMPLE, '../zones/example.test.zone')
    bogus, _ = _sign(work, 'bogus.test.', OTHER.format(zone='bogus.test.'),
                     '../zones/bogus.test.zone')
    _break(f'{zones}/bogus.test.zone', 'www.bogus.test')
    _write(f'{zones}/insecure.test.zone', SOA.format(zone='insecure.test.', host='insecure.test.'),
           OTHER.format(zone='insecure.test.'))
    tld, _ = _sign(work, 'test.', TLD + example + bogus, '../zones/test.zone')
    _, anchor = _sign(work, '.', ROOT + tld, '../zones/root.zone')
    _write(f'{directory}/anchor.key', anchor)
    _write(f'{directory}/root.hints', *[
        f'. 3600000 NS {x}.root-server.\n{x}.root-server. 3600000 A 10.9.0.{n}\n'
        f'{x}.root-server. 3600000 AAAA fd00:9:0::{n}\n' for n, x in ((1, 'a'), (2, 'b'))])
    _write(f'{directory}/stamp', stamp)
