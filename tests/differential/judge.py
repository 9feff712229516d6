"""What two answers to one question differ in, told in words that many differences share."""
import dnswire as dns
from questions import NAMES

RCODES = {0: 'NOERROR', 1: 'FORMERR', 2: 'SERVFAIL', 3: 'NXDOMAIN', 4: 'NOTIMP', 5: 'REFUSED', 6: 'YXDOMAIN',
          16: 'BADVERS', None: 'silence'}
FACETS = ('rcode', 'answer', 'AD', 'flags', 'TC', 'TTL', 'authority', 'additional', 'EDE', 'OPT', 'question')
APART_S = 15  # TTLs may differ by when they were fetched
DNSSEC = (dns.RRSIG, 47, 50)


def kinds(records):
    return ' '.join(sorted({NAMES.get(t, f'TYPE{t}') for _, t, _, _ in records})) or 'nothing'


def content(a, section=0):
    places = iter(a.places)
    out = {}
    for n, records in enumerate(a.sections):
        for owner, rtype, ttl, data in records:
            at = next(places)
            if n == section:
                out[(owner.lower(), rtype, a.canonical(rtype, data, at))] = ttl
    return out


def ttl_word(mine, theirs):
    """Of records that both have: is the other's TTL like mine?"""
    both = [(mine[k], theirs[k]) for k in mine if k in theirs and k[1] != dns.RRSIG]
    if all(abs(a - b) <= APART_S for a, b in both):
        return 'alike'
    return 'longer' if max(b - a for a, b in both) > APART_S else 'shorter'


class Seen:
    """One answer by facets."""

    def __init__(self, a, truncated, question):
        self.answer = self.negative = self.told = {}
        self.words = dict.fromkeys(FACETS, '-')
        if a is None:
            self.words['rcode'] = 'silence'
            return
        self.answer, self.negative = content(a), content(a, 1)
        self.words.update({
            'rcode': RCODES.get(a.rcode, str(a.rcode)),
            'AD': 'AD' if a.ad else '-', 'TC': 'TC' if truncated else '-',
            'flags': ' '.join(n for n, on in (('AA', a.aa), ('RA', a.ra), ('RD', a.rd), ('CD', a.cd)) if on) or '-',
            'authority': kinds([r for r in a.sections[1] if r[1] != dns.RRSIG]),
            'additional': kinds([r for r in a.sections[2] if r[1] != dns.RRSIG]),
            'EDE': '-' if a.ede is None else str(a.ede),
            'OPT': '-' if a.edns is None else 'OPT DO' if a.do else 'OPT',
            'question': 'as asked' if question in a.wire[12:12 + len(question)] else 'other',
        })


def shape(seen, reference):
    """An answer's content against another's."""
    if seen.answer.keys() == reference.answer.keys():
        return 'alike'
    mine, theirs = set(seen.answer), set(reference.answer)
    what = kinds([(None, k[1], None, None) for k in mine ^ theirs])
    return ('more: ' if mine > theirs else 'less: ' if mine < theirs else 'other: ') + what


def compare(seen, order):
    """`seen` by resolver; yields (facet, a word for each of `order`, the first of which is ours)."""
    ours = seen[order[0]]
    for facet in FACETS:
        if facet == 'answer':
            words = ['alike', *(shape(seen[n], ours) for n in order[1:])]
        elif facet == 'TTL':
            words = ['alike', *(ttl_word({**ours.answer, **ours.negative}, {**seen[n].answer, **seen[n].negative})
                                for n in order[1:])]
        else:
            words = [seen[n].words[facet] for n in order]
        if any(w != words[0] for w in words[1:]):
            yield facet, tuple(words)
