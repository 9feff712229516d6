#!/usr/bin/env python3
"""The reader of the lab's topology: what it takes means the same in YAML, and the rest it refuses."""
import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f'{HERE}/../../lab')
import clab  # noqa: E402
import nodes  # noqa: E402
import raise_lab  # noqa: E402

GOOD = '''\
# a comment
name: tiny

topology:
  kinds:
    linux:
      image: "some:image"
  nodes:
    a:
      kind: linux
      exec:
        - ip link set eth1 up
        - "echo # no comment"
    b:
      kind: linux
  links:
    - endpoints: ["a:eth1", "b:eth1"]
'''


def topology(text):
    with tempfile.NamedTemporaryFile('w', suffix='.yml') as f:
        f.write(text)
        f.flush()
        return clab.Topology(f.name)


class ClabTest(unittest.TestCase):
    def test_a_small_topology_is_read(self):
        top = topology(GOOD)
        self.assertEqual(top.name, 'tiny')
        self.assertEqual(top.nodes, {'a': ['ip link set eth1 up', 'echo # no comment'], 'b': []})
        self.assertEqual(top.links, [(('a', 'eth1'), ('b', 'eth1'))])

    def test_what_yaml_reads_otherwise_is_refused(self):
        for bad in ('name: [a, b]', "name: 'tiny'", 'name: a: b', 'name: tiny # not a name',
                    'name: &x tiny', 'name: |', 'name:\ttiny', 'name: "a\\n"', 'name: {a: 1}'):
            with self.subTest(bad), self.assertRaises(clab.TopologyError):
                topology(GOOD.replace('name: tiny', bad))

    def test_errors_name_file_and_line(self):
        with self.assertRaisesRegex(clab.TopologyError, r'\.yml:14: .*twice'):
            topology(GOOD.replace('    b:\n', '    a:\n'))

    def test_wrong_indentation_is_refused(self):
        for bad in (GOOD.replace('  nodes:', '   nodes:'), GOOD.replace('      kind: linux\n      ex',
                    '      kind: linux\n       ex'), ' ' + GOOD.replace('# a comment\n', '')):
            with self.assertRaises(clab.TopologyError):
                topology(bad)

    def test_a_link_needs_nodes_and_free_interfaces(self):
        for bad in ('["a:eth1", "c:eth1"]', '["a:eth1"]', '["a", "b:eth1"]',
                    '["a:eth1", "a:eth1"]'):
            with self.subTest(bad), self.assertRaises(clab.TopologyError):
                topology(GOOD.replace('["a:eth1", "b:eth1"]', bad))

    def test_labels_are_read_and_other_keys_refused(self):
        text = GOOD.replace('    b:\n      kind: linux\n',
                            '    b:\n      kind: linux\n      labels:\n        region: eu\n')
        self.assertEqual(topology(text).labels, {'a': {}, 'b': {'region': 'eu'}})
        with self.assertRaisesRegex(clab.TopologyError, 'b: only'):
            topology(text.replace('labels', 'env'))

    def test_the_labs_own_files_say_what_leads_where(self):
        three, five = (clab.Topology(nodes.LABS[lab]) for lab in ('pops', 'fleet'))
        self.assertEqual({pop: three.sides(pop) for pop in three.pops()},
                         {'pop1': ['pop1', 'pop1b'], 'pop2': ['pop2'], 'pop3': ['edge3']})
        self.assertEqual({pop: five.sides(pop) for pop in five.pops()},
                         {f'pop{n}': [f'pop{n}'] for n in range(1, 6)})
        self.assertEqual([five.labels[pop]['region'] for pop in five.pops()],
                         ['eu', 'eu', 'eu', 'us', 'us'])
        for top in (three, five):
            for lines in top.nodes.values():
                for line in lines:
                    self.assertTrue(os.access(line.split()[0].replace(
                        '/srv/anypop', f'{HERE}/../..'), os.X_OK), line)

    def test_each_pop_of_the_fleet_has_an_id_and_its_region(self):
        with open(f'{HERE}/../../etc/lab-fleet.conf', encoding='utf-8') as f:
            text = f.read()
        top = clab.Topology(nodes.LABS['fleet'])
        for number, pop in enumerate(top.pops(), 1):
            region = top.labels[pop]['region']
            made = raise_lab.configuration(text, pop, region)
            self.assertIn(f'id = {number}; region = "{region}";', made)
            self.assertIn(f'name = "{pop}"', made)
            for other in range(1, len(top.pops()) + 1):
                (self.assertNotIn if other == number else self.assertIn)(
                    f'{{ id = {other}; addresses', made)


if __name__ == '__main__':
    result = unittest.main(exit=False, verbosity=0).result
    bad = len(result.failures) + len(result.errors)
    print(f'{result.testsRun - bad} passed, {bad} failed')
    sys.exit(1 if bad else 0)
