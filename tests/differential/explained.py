"""Why ours differs: each sentence with the differences that it may excuse, and no more than those.

A difference is (facet, question, words, seen): what each resolver said, ours first, then Unbound, Knot
Resolver, BIND. The first row that holds explains it.
"""
import judge
import peers
import world

ORDER = (peers.OURS, peers.UNBOUND, peers.KNOT, peers.BIND)
BOGUS = {'1', '2', '5', '6', '7', '8', '9', '10', '11', '12'}
NEG_FLOOR_S, MAX_S, NEG_MAX_S = 30, 86400, 3600


def is_special(q):
    return q.tag == 'special-use name'


def labels(q):
    n, at = 0, 0
    while q.name[at]:
        n, at = n + 1, at + 1 + q.name[at]
    return n


def rcodes(seen):
    return [seen[n].words['rcode'] for n in ORDER]


def ttls(s):
    return [t for k, t in (*s.answer.items(), *s.negative.items()) if k[1] not in judge.DNSSEC]


def above_all(seen, section):
    """TTLs of ours that are above what every peer has of the same record."""
    found = []
    for k, t in getattr(seen[peers.OURS], section).items():
        theirs = [x for x in (getattr(seen[n], section).get(k) for n in ORDER[1:]) if x is not None]
        if theirs and t > max(theirs) + judge.APART_S:
            found.append(t)
    return found


def negative_floor(facet, q, words, seen):
    """All that ours keeps longer is an authority section, and that for the floor at most."""
    return facet == 'TTL' and not above_all(seen, 'answer') and max(above_all(seen, 'negative'), default=0) <= NEG_FLOOR_S \
        and any(t <= NEG_FLOOR_S for k, t in seen[peers.OURS].negative.items() if k[1] not in judge.DNSSEC)


def has_aged(facet, q, words, seen):
    """Ours is nowhere above what some peer has of the same record."""
    return facet == 'TTL' and not above_all(seen, 'answer') and not above_all(seen, 'negative')


def has_been_renewed(facet, q, words, seen):
    """Ours has above what peers have now, and not above what one of them has had of the same record."""
    ours = seen[peers.OURS]
    return facet == 'TTL' and all(t <= ours.told.get(k, 0) + judge.APART_S
                                  for k, t in (*ours.answer.items(), *ours.negative.items()))


def kinds(word):
    """Of an answer's difference: {'DNAME', ...}."""
    return set(word.partition(': ')[2].split())


def zone(q):
    return world.zone_of(str(q).split(' ')[0].lower()[-40:].lstrip('.'))


def dname_is_lost(facet, q, words, seen):
    """Ours has the alias that a DNAME makes, without the DNAME, where it is not validated."""
    return facet == 'answer' and q.tag.startswith(('alias', 'dname')) and zone(q) is not None and \
        (not zone(q).how or q.cd) and words[1] in ('alike', 'more: DNAME') and words[3] == 'more: DNAME'


def one_libunbound_fails(facet, q, words, seen):
    """Ours or Unbound takes an alias by a DNAME for bogus that the other one and both peers have."""
    return q.tag.startswith(('alias', 'dname')) and sorted(rcodes(seen)[:2]) == ['NOERROR', 'SERVFAIL'] and \
        rcodes(seen)[2:] == ['NOERROR', 'NOERROR'] and zone(q) is not None and bool(zone(q).how) and \
        facet in ('rcode', 'answer', 'AD', 'authority', 'EDE') and \
        '6' in (seen[peers.OURS].words['EDE'], seen[peers.UNBOUND].words['EDE'])


def alias_asked_for(facet, q, words, seen):
    """CNAME or DNAME asked for below a DNAME, in a signed zone; libunbound fails."""
    return q.tag.startswith('dname') and q.qtype in (5, 39) and rcodes(seen)[0] == 'SERVFAIL' and \
        zone(q) is not None and bool(zone(q).how) and facet in ('rcode', 'answer', 'AD', 'authority')


def chain_depth(facet, q, words, seen):
    return q.tag in ('chain, long', 'chain, middling', 'loop', 'dname', 'name too long by DNAME') and \
        set(rcodes(seen)) <= {'NOERROR', 'SERVFAIL', 'YXDOMAIN'} and \
        facet in ('rcode', 'answer', 'authority', 'AD', 'TTL', 'TC')


def many_hashes(facet, q, words, seen):
    signed = any(q.name.lower().endswith(part) for part in (b'\x05nsec3\0', b'\x06optout\0'))
    return labels(q) > 20 and signed and rcodes(seen)[0] in ('SERVFAIL', 'NXDOMAIN') and zone(q) is not None


ROWS = (
    (lambda f, q, w, s: f == 'additional' and w[0] == 'nothing',
     'Where the additional section does not fit, ours leaves it out whole; Unbound tells as much of it as fits. It is '
     'never a reason for TC (RFC 2181, 9).'),
    (lambda f, q, w, s: q.qtype == 255,
     'ANY: ours answers with the HINFO of RFC 8482, 4.2, at once and to everybody, and asks nobody; that is a choice '
     '(decision 0026).'),
    (lambda f, q, w, s: q.qclass != 1,
     'Other classes: ours serves IN, and the four names of CHAOS that say who it is; all else is REFUSED or NOTIMP, with '
     'EDE 21. No two resolvers agree here (decision 0026).'),
    (lambda f, q, w, s: q.tag == 'meta type',
     'Types that are no data: ours refuses transfers, answers NOTIMP to the rest of RFC 6895\'s QTYPEs and Meta-TYPEs, and '
     'FORMERR with EDE 30 to 0, OPT, NXNAME (RFC 9824 asks for it) and 65535; no engine is troubled (decision 0026).'),
    (many_hashes,
     'A name of very many labels in a zone with NSEC3: proving that it does not exist takes more hashes than libunbound '
     'grants a question (CVE-2023-50868); it fails or takes long, in Unbound likewise.'),
    (dname_is_lost,
     'libunbound keeps the CNAME that a DNAME makes for as long as that CNAME\'s TTL says. When the DNAME\'s own time runs '
     'out before, and nothing is validated, it answers with the CNAME alone; RFC 6672, 3.1 wants the DNAME beside it. '
     'Unbound does so likewise.'),
    (one_libunbound_fails,
     'A question for CNAME or DNAME below a DNAME of a signed zone fails in libunbound 1.17.1: it looks for who signed the '
     'alias, which nobody signs, asks for DS of its name, gets the DNAME again, and keeps the name\'s key as bad for a minute. '
     'In that minute other types of that name fail as well while the alias stands in its cache without its DNAME. Seen of a '
     'name or two in 30000 questions, in ours or in Unbound, where the other one and both peers had the answer. Mended in '
     'Unbound 1.20.'),
    (alias_asked_for,
     'A question for CNAME or DNAME below a DNAME of a signed zone fails in libunbound 1.17.1, in Unbound likewise: nobody '
     'signs the alias, and the DNAME beside it is not looked at (mended in Unbound 1.20).'),
    (chain_depth,
     'Long chains: libunbound follows 11 links that it must ask for; those it has cached cost nothing, so the same chain '
     'fails or not by what was asked before, in Unbound likewise. Knot Resolver stops at 13 links, BIND at 11 to 17; both '
     'tell the part that they have.'),
    (lambda f, q, w, s: f == 'AD' and q.cd,
     'CD: libunbound has no question without validation, so AD is told where all was authentic (RFC 4035, 3.2.3); Unbound '
     'does so for what it has validated before.'),
    (lambda f, q, w, s: f == 'flags' and is_special(q) and all(x.replace('AA ', '') == w[0].replace('AA ', '') for x in w),
     'Special-use names are answered by rule, without AA: ours has the answer from libunbound, as any other.'),
    (lambda f, q, w, s: f == 'TTL' and is_special(q) and max(ttls(s[peers.OURS]), default=0) <= NEG_MAX_S,
     'Special-use names: the rules\' own TTLs, lowered to ttl.neg_max_s.'),
    (negative_floor,
     'Negative answers are kept 30 s at least (ttl.neg_min_s), whatever the zone says: a choice against floods of names '
     'that do not exist.'),
    (has_aged,
     'TTLs run down from when a record was fetched, and by what else was asked that was not at the same time everywhere; '
     'ours is not above every peer\'s. TTLs over a day are lowered to one (ttl.max_s); Knot Resolver\'s bound is 6 days, '
     'BIND\'s 7.'),
    (has_been_renewed,
     'What is asked for shortly before its end ours renews before it ends (decision 0021), so its TTL is fresher than '
     'peers\'; it is not above what one of them has had of the same record.'),
    (lambda f, q, w, s: f == 'EDE' and w[0] in ('3', '19'),
     'What is past its time is told, and marked, where nothing better comes (RFC 8767); peers fail.'),
    (lambda f, q, w, s: f == 'EDE' and w[0] in BOGUS and rcodes(s)[:2] == ['SERVFAIL', 'SERVFAIL'],
     'Why it is bogus: ours reads libunbound\'s sentence, which names the signature or the key; Unbound\'s own code is often '
     '9 or 6 for the same; BIND 9.18 has none.'),
    (lambda f, q, w, s: f == 'EDE' and w[0] in ('22', '23') and rcodes(s)[:2] == ['SERVFAIL', 'SERVFAIL'],
     'SERVFAIL without a cause from libunbound carries EDE 22, so that no failure is without a reason; Unbound says nothing.'),
)


def why(facet, q, words, seen):
    """The sentence, or None."""
    return next((text for holds, text in ROWS if holds(facet, q, words, seen)), None)
