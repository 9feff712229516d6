"""The containerlab file, read without a YAML library.

A strict subset of YAML: mappings and sequences by indentation, flow sequences of quoted strings,
plain and double-quoted scalars, comments. Anything else is an error that names its line, so that
this reader never understands a file otherwise than containerlab does.
"""

import re

KEY = re.compile(r'^([A-Za-z_][\w.-]*):(?: +(.*))?$')
# What would mean something else in YAML than the text itself.
SPECIAL = re.compile(r'^[&*!|>%@`{}\'?]|: |^- | #|:$')


class TopologyError(Exception):
    """A file that this reader does not accept; the text names the line."""


class _Lines:
    def __init__(self, path):
        self.path = path
        self.rows = []
        self.at = 0
        with open(path, encoding='utf-8') as f:
            for number, line in enumerate(f, 1):
                text = line.rstrip('\n').rstrip()
                if not text or text.lstrip().startswith('#'):
                    continue
                if '\t' in text:
                    raise TopologyError(f'{path}:{number}: a tab; indent by spaces')
                body = text.lstrip(' ')
                self.rows.append((number, len(text) - len(body), body))

    def peek(self):
        return self.rows[self.at] if self.at < len(self.rows) else (0, -1, '')

    def fail(self, what):
        number = self.peek()[0] or (self.rows[-1][0] if self.rows else 1)
        raise TopologyError(f'{self.path}:{number}: {what}')


def _scalar(lines, text):
    if text.startswith('['):
        if not text.endswith(']'):
            lines.fail('a flow sequence ends on its line')
        items = text[1:-1].strip()
        found = re.findall(r'\s*"([^"\\]*)"\s*(?:,|$)', items)
        if '"' + '","'.join(found) + '"' != re.sub(r'\s*,\s*', ',', items):
            lines.fail('only double-quoted strings in a flow sequence')
        return found
    if text.startswith('"'):
        if not re.fullmatch(r'"[^"\\]*"', text):
            lines.fail('no escapes in a quoted string')
        return text[1:-1]
    if SPECIAL.search(text):
        lines.fail(f'{text!r} needs quotes, or is beyond this subset of YAML')
    return text


def _block(lines, indent):
    if lines.peek()[2].startswith('- '):
        return _sequence(lines, indent)
    return _mapping(lines, indent)


def _sequence(lines, indent):
    out = []
    while lines.peek()[1] == indent and lines.peek()[2].startswith('- '):
        number, _, body = lines.peek()
        body = body[2:].lstrip()
        if KEY.match(body):
            # "- key: value" is a mapping that begins on the dash's own line.
            lines.rows[lines.at] = (number, indent + 2, body)
            out.append(_mapping(lines, indent + 2))
        else:
            out.append(_scalar(lines, body))
            lines.at += 1
    return out


def _mapping(lines, indent):
    out = {}
    while lines.peek()[1] == indent:
        match = KEY.match(lines.peek()[2])
        if not match:
            lines.fail('expected "key:" or "key: value"')
        key, value = match.groups()
        if key in out:
            lines.fail(f'{key} stands here twice')
        if value:
            out[key] = _scalar(lines, value)
            lines.at += 1
            continue
        lines.at += 1
        if lines.peek()[1] <= indent:
            lines.fail(f'{key} has no value')
        out[key] = _block(lines, lines.peek()[1])
    return out


def read(path):
    """The file as dicts, lists and strings."""
    lines = _Lines(path)
    if lines.peek()[1] != 0:
        lines.fail('the first line is indented')
    out = _mapping(lines, 0)
    if lines.at < len(lines.rows):
        lines.fail('unexpected indentation')
    return out


class Topology:
    """nodes: {name: [exec lines]}; labels: {name: {label: value}}; links: [((node, interface),
    (node, interface))]."""

    def __init__(self, path):
        root = read(path)
        for key in root:
            if key not in ('name', 'topology'):
                raise TopologyError(f'{path}: {key}: not known here')
        top = root['topology']
        self.name = root['name']
        self.nodes = {}
        self.labels = {}
        for name, node in top['nodes'].items():
            extra = set(node) - {'kind', 'exec', 'labels'}
            if node.get('kind') != 'linux' or extra:
                raise TopologyError(f'{path}: {name}: only "kind: linux", "labels" and "exec" are '
                                    'known here')
            self.nodes[name] = node.get('exec', [])
            self.labels[name] = node.get('labels', {})
        self.links = []
        seen = set()
        for link in top['links']:
            ends = tuple(tuple(end.split(':')) for end in link['endpoints'])
            if len(ends) != 2 or any(len(end) != 2 for end in ends):
                raise TopologyError(f'{path}: a link has two endpoints "node:interface"')
            for end in ends:
                if end[0] not in self.nodes:
                    raise TopologyError(f'{path}: link to {end[0]}, which is no node')
                if end in seen:
                    raise TopologyError(f'{path}: {":".join(end)} is in two links')
                seen.add(end)
            self.links.append(ends)

    def pops(self):
        """Names of the PoPs, in order."""
        return tuple(sorted(name for name in self.nodes if name.startswith('pop')))

    def sides(self, pop):
        """Transit's interfaces that lead to a PoP, in the order of its uplinks: its own, or its
        edge's."""
        found = []
        for near, far in self._links_of(pop):
            if not near.startswith('eth'):
                continue
            if far[0] == 'transit':
                found.append(far[1])
            else:
                found += [end[1] for _, end in self._links_of(far[0]) if end[0] == 'transit']
        return found

    def _links_of(self, node):
        """(its interface, (the other node, its interface)) of each link."""
        for a, b in self.links:
            if a[0] == node:
                yield a[1], b
            elif b[0] == node:
                yield b[1], a
