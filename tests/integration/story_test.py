#!/usr/bin/env python3
"""What a run of stories leaves at the end of a log: each failure with what its PoPs thought."""
import json
import os
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f'{HERE}/../../lab')
import stall  # noqa: E402
import story  # noqa: E402
import talk  # noqa: E402


def account():
    with open(f'{HERE}/../unit/data/why_drained.json', encoding='utf-8') as f:
        return json.load(f)


def well():
    why = account()
    why['alarms'] = []
    for session in why['sessions']:
        session['state'] = 'up'
    lane = why['lanes'][0]
    lane.update(rung='full', wish='full', score=100, rule='stay', because='score 100', limits=[],
                preflight=[], checks=[], alarms=[])
    why['lanes'] = [lane]
    return why


def lab(answers):
    """A Lab whose PoPs give these accounts; None: nobody answers there."""
    found = story.Lab.__new__(story.Lab)
    found.pops = tuple(answers)

    def ask(pop, verb):
        assert verb == 'why'
        if answers[pop] is None:
            raise talk.TalkError('no such socket')
        return answers[pop]
    found.ask = ask
    return found


class Brief(unittest.TestCase):
    def test_a_lane_tells_rung_wish_limits_preflight_and_what_is_not_well(self):
        text = '\n'.join(story.brief(account()))
        for part in ('pop1: workers 4/4', '  v4 drain for 12 s, wish silent, score 41, run, wait: '
                     'score 41 < 50, ALARM partial', '    operator cap drain for 1790 s: kernel',
                     '    brake floor drain: upstream fails: it may fail everywhere',
                     '    preflight misses addresses, warm', '    recursion fail, 0 of 2: SERVFAIL'):
            self.assertIn(part, text)
        self.assertNotIn('local ok', text)

    def test_a_bird_that_does_not_answer_and_an_unproven_rung_are_said(self):
        why = account()
        why['bird']['answers'] = False
        why['lanes'][0]['proven'] = False
        text = '\n'.join(story.brief(why))
        self.assertIn('BIRD DOES NOT ANSWER', text)
        self.assertIn('v4 drain UNPROVEN', text)

    def test_where_all_is_well_a_lane_is_one_line(self):
        self.assertEqual(len(list(story.brief(well()))), 2)

    def test_a_pop_where_nobody_answers_is_said_and_the_others_are_told(self):
        lines = lab({'pop1': None, 'pop2': well(), 'pop3': well()}).accounts()
        self.assertEqual(lines[0], 'pop1: no such socket')
        self.assertEqual(len(lines), 5)

    def test_an_account_that_lacks_something_is_said_and_hides_nothing(self):
        lines = lab({'pop1': {}, 'pop2': well(), 'pop3': well()}).accounts()
        self.assertIn('pop1: an account that cannot be read', lines[0])
        self.assertEqual(len(lines), 5)


class Summary(unittest.TestCase):
    def test_failures_come_last_with_what_was_thought_then_and_the_count_ends_it(self):
        lines = story.summary(3, {'12-x': ('drain: not within 60 s', ['pop1: workers 2/2'])})
        self.assertEqual(lines, ['FAILED 12-x: drain: not within 60 s', '  pop1: workers 2/2',
                                 '2 passed, 1 failed'])

    def test_a_wait_that_is_given_up_keeps_what_was_thought_then(self):
        pops = {'pop1': account(), 'pop2': well(), 'pop3': well()}
        waiting = lab(pops)
        with self.assertRaises(story.StoryFailed):
            try:
                waiting.wait('what never comes', lambda: False, within=0)
            finally:
                pops['pop1'] = None  # the fault has ended, and healthd with it
        self.assertTrue(waiting.told[0].startswith('pop1: workers'))


class Replayed(unittest.TestCase):
    """After each story all records are decided again, and each that differs is told and kept."""

    def test_what_differs_is_told_by_pop_and_the_record_kept(self):
        said = {'pop1': (0, 'all the same', ''), 'pop2': (1, 'first difference: score', ''),
                'pop3': (3, '', 'no whole state')}
        kept = []
        found = story.Lab.__new__(story.Lab)
        found.pops = tuple(said)
        found.bgpctl = lambda pop, verb, check: subprocess.CompletedProcess(verb, *said[pop])

        class Node:
            def __init__(self, pop):
                self.pop = pop

            def sh(self, script):
                assert script.endswith('/differs.record')
                kept.append(self.pop)
        found.nodes = {pop: Node(pop) for pop in said}
        told = found.replayed()
        self.assertNotIn('pop1', told)
        self.assertIn('exit 1: first difference: score', told)
        self.assertIn('exit 3: no whole state', told)
        self.assertEqual(kept, ['pop2', 'pop3'])
        said['pop2'] = said['pop3'] = said['pop1']
        self.assertEqual(found.replayed(), '')


class Again(unittest.TestCase):
    """A story that failed is played once more only where the machine is known to have stood still."""

    def told(self, outcomes, still, differs=''):
        played = []

        class Stalls:
            @staticmethod
            def longest(_):
                return still

        def once(_lab, name):
            played.append(name)
            return outcomes[len(played) - 1]
        bench = lab({})
        bench.out = lambda text: None
        bench.told, bench.replayed = ['pop1: workers 2/2'], lambda: differs
        before, story.tell_once = story.tell_once, once
        try:
            return story.tell(bench, '01-x', Stalls), len(played)
        finally:
            story.tell_once = before

    def test_a_failure_on_a_machine_that_ran_stands(self):
        self.assertEqual(self.told(['lost'], 0.0), ('lost', 1))

    def test_a_failure_beside_a_stall_is_played_once_more_and_that_counts(self):
        self.assertEqual(self.told(['lost', ''], 0.4), ('', 2))
        self.assertEqual(self.told(['lost', 'lost too'], 0.4), ('lost too', 2))

    def test_what_came_as_told_is_not_played_again(self):
        self.assertEqual(self.told([''], 0.4), ('', 1))

    def test_nothing_excuses_a_record_that_comes_out_otherwise(self):
        self.assertEqual(self.told(['lost'], 0.4, 'pop1: differs'), ('lost\npop1: differs', 1))
        self.assertEqual(self.told([''], 0.0, 'pop1: differs'), ('pop1: differs', 1))

    def test_a_turn_that_comes_late_is_told_and_one_in_time_is_not(self):
        times = iter([10.0, 10.02, 10.02, 10.6])
        told = []
        with self.assertRaises(StopIteration):
            stall.watch(sleep=lambda s: None, clock=lambda: next(times),
                        tell=lambda text, flush: told.append(text))
        self.assertEqual(told, ['10.020 0.560'])


class Bench(unittest.TestCase):
    """The benches stand on the lab's modules: their own have other names, and both start."""

    def test_no_module_of_the_bench_hides_one_of_the_lab(self):
        lab_names, bench_names = (
            {name for name in os.listdir(f'{HERE}/../../{where}') if name.endswith('.py')}
            for where in ('lab', 'tests/bench'))
        self.assertEqual(lab_names & bench_names, set())

    def test_both_benches_start(self):
        for name in ('failover', 'restart'):
            done = subprocess.run([f'{HERE}/../bench/{name}', '--help'], capture_output=True,
                                  text=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ''), name)


if __name__ == '__main__':
    result = unittest.main(exit=False, verbosity=0).result
    bad = len(result.failures) + len(result.errors)
    print(f'{result.testsRun - bad} passed, {bad} failed')
    sys.exit(1 if bad else 0)
