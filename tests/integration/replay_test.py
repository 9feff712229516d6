#!/usr/bin/env python3
"""bgpctl replay and what-if as an operator calls them, on a record of a real PoP (tests/replay), on
spoilt ones, and on what is none.

    replay_test.py     (BIN=build/bin)
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BGPCTL = os.path.join(ROOT, os.environ.get('BIN', 'build/bin'), 'bgpctl')
RECORD = f'{ROOT}/tests/replay/brain-and-keeper.record'
LAB = f'{ROOT}/etc/lab-fast.conf'  # what the record was made with
SAME, DIFFERENT, TROUBLE = 0, 1, 3


def bgpctl(*words):
    return subprocess.run([BGPCTL, *words], capture_output=True, text=True, timeout=120)


class Replay(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='replay_test.')
        self.addCleanup(shutil.rmtree, self.dir)

    def file(self, name, data):
        path = f'{self.dir}/{name}'
        with open(path, 'wb') as f:
            f.write(data)
        return path

    @staticmethod
    def record():
        with open(RECORD, 'rb') as f:
            return f.read()

    def test_a_record_comes_out_the_same_and_says_so(self):
        done = bgpctl('replay', RECORD)
        self.assertEqual(done.returncode, SAME, done)
        self.assertRegex(done.stdout, r'\d+ decisions and \d+ states the same, 0 different')
        told = json.loads(bgpctl('replay', '--json', RECORD).stdout)
        self.assertEqual(told['differences'], 0)
        self.assertIsNone(told['first_difference'])
        self.assertGreater(told['decisions'] + told['wider'], 40)

    def test_a_directory_and_the_configuration_lead_to_the_record(self):
        shutil.copy(RECORD, f'{self.dir}/recorder')
        self.assertEqual(bgpctl('replay', self.dir).returncode, SAME)
        conf = self.file('conf', f'recorder: {{ path = "{self.dir}/recorder"; }};'.encode())
        self.assertEqual(bgpctl('-c', conf, 'replay').returncode, SAME)

    def test_lane_and_time_narrow_what_is_compared(self):
        def decisions(*words):
            told = json.loads(bgpctl('replay', '--json', *words, RECORD).stdout)
            return told['decisions'] + told['wider']
        whole = decisions()
        self.assertEqual(decisions('--family', 'v4') + decisions('--family', 'v6'), whole)
        self.assertEqual(decisions('--service', 'other'), 0)
        self.assertEqual(decisions('--from', '2100-01-01'), 0)
        self.assertEqual(decisions('--to', '2100-01-01'), whole)

    def test_what_is_no_record_is_trouble_with_a_sentence(self):
        for name, data in (('empty', b''), ('text', b'node = 1;\n' * 5000),
                           ('zeros', bytes(1 << 20)), ('headless', bytes(4096) + self.record()[4096:])):
            done = bgpctl('replay', self.file(name, data))
            self.assertEqual(done.returncode, TROUBLE, done)
            self.assertIn('is not a flight recorder', done.stderr)
        done = bgpctl('replay', f'{self.dir}/nowhere')
        self.assertEqual(done.returncode, TROUBLE)
        self.assertIn('cannot open', done.stderr)

    def test_a_record_cut_off_anywhere_is_read_as_far_as_it_goes(self):
        whole = self.record()
        for size in range(4096, len(whole), len(whole) // 7):
            done = bgpctl('replay', self.file('cut', whole[:size]))
            self.assertIn(done.returncode, (SAME, TROUBLE), done)
            if done.returncode == TROUBLE:
                self.assertIn('no whole state', done.stderr)

    def test_damage_is_counted_and_passed_over(self):
        spoilt = bytearray(self.record())
        for at in range(60000, len(spoilt), 40000):
            spoilt[at] ^= 0x55
        done = bgpctl('replay', self.file('spoilt', bytes(spoilt)))
        self.assertIn(done.returncode, (SAME, TROUBLE), done)
        self.assertNotIn('different', done.stdout.replace('0 different', ''))

    def test_the_same_settings_would_have_made_the_same_moves(self):
        told = json.loads(bgpctl('what-if', '--json', '--config', LAB, '--record', RECORD).stdout)
        for lane in told['lanes']:
            moves = {'recorded': [], 'what_if': []}
            for m in lane['moves']:
                moves[m['course']].append((m['at'], m['from'], m['to'], m['rule']))
            self.assertEqual(moves['recorded'], moves['what_if'])
            self.assertEqual(lane['recorded'], lane['what_if'])
        self.assertTrue(any(lane['moves'] for lane in told['lanes']))

    def test_others_make_others_and_are_drawn(self):
        with open(LAB, encoding='utf-8') as f:
            text = f.read()
        text, n = re.subn(r'patience_ms = 1500', 'patience_ms = 9000', text)
        self.assertGreater(n, 0)
        text = text.replace('kind = "workers"; vital = true;', 'kind = "workers"; vital = false;')
        conf = self.file('conf', text.encode())
        picture = f'{self.dir}/picture.svg'
        done = bgpctl('what-if', '--config', conf, '--record', RECORD, '--svg', picture)
        self.assertEqual(done.returncode, SAME, done)
        self.assertIn('announcing while ill', done.stdout)
        root = xml.etree.ElementTree.parse(picture).getroot()
        self.assertTrue(root.tag.endswith('svg'))
        with open(picture, encoding='utf-8') as f:
            drawn = f.read()
        for part in ('prefers-color-scheme:dark', 'dns/v4', 'dns/v6', 'class="ill"'):
            self.assertIn(part, drawn)
        self.assertNotIn('href', drawn)  # nothing comes from elsewhere

    def test_what_if_needs_a_configuration_that_can_be_read(self):
        done = bgpctl('what-if', '--record', RECORD)
        self.assertEqual(done.returncode, TROUBLE)
        self.assertIn('--config', done.stderr)
        done = bgpctl('what-if', '--config', self.file('conf', b'nonsense'), '--record', RECORD)
        self.assertEqual(done.returncode, TROUBLE)


if __name__ == '__main__':
    result = unittest.main(verbosity=2, exit=False).result
    bad = len(result.failures) + len(result.errors)
    print(f'{result.testsRun - bad} passed, {bad} failed')
    sys.exit(1 if bad else 0)
