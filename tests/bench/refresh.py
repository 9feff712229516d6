#!/usr/bin/env python3
"""What renewing popular answers costs and saves, computed for policies and traffic.

    refresh.py [QUERIES_A_SECOND]

Names are asked at random (Poisson) with Zipf's popularity; TTLs are mixed. A policy says which hits within
the last tenth of a life have the answer renewed. Of each name's lives the means are known exactly; a
simulation of single names checks them. Printed for each policy:

    asked     questions upstream, by those without renewal
    wait      of 10000 clients so many come when nothing is cached, and wait
    renewals  a second
    in vain   of 100 renewals so many are never asked for again
"""
import math
import random
import sys

TTLS = ((20, 0.10), (60, 0.25), (300, 0.35), (900, 0.10), (3600, 0.20))
PART = 0.1


def poisson_at_least(mean, n):
    return 1 - math.exp(-mean) * sum(mean ** i / math.factorial(i) for i in range(n))


class Policy:
    """A hit in the last part renews when it is the `late`th there, after `before` in the life's rest."""

    def __init__(self, text, late, before):
        self.text, self.late, self.before = text, late, before

    def mean(self, rate, ttl):
        """Of a name: questions, renewals, clients that wait, renewals in vain; all a second."""
        part, rest = PART * ttl, (1 - PART) * ttl
        renewed = 0.0 if not self.late else poisson_at_least(rate * part, self.late) * \
            poisson_at_least(rate * rest, self.before)
        # When it comes, given that it does: the mean of the late-th arrival within the part.
        when = 0.0
        if renewed:
            when = self.late / rate * poisson_at_least(rate * part, self.late + 1) / \
                poisson_at_least(rate * part, self.late)
        life = renewed * (rest + when) + (1 - renewed) * (ttl + 1 / rate)
        return 1 / life, renewed / life, (1 - renewed) / life, renewed / life * math.exp(-rate * ttl)

    def simulate(self, rate, ttl, lives, chance):
        now, questions, renewals, waits = 0.0, 0, 0, 0
        while questions < lives:
            questions += 1
            start, late, before = now, 0, 0
            while True:
                now += chance.expovariate(rate)
                if now >= start + ttl:
                    waits += 1
                    break
                if now < start + (1 - PART) * ttl:
                    before += 1
                    continue
                late += 1
                if self.late and late == self.late and before >= self.before:
                    renewals += 1
                    break
        return questions / now, renewals / now, waits / now


POLICIES = (Policy('none', 0, 0), Policy('any hit', 1, 0), Policy('the second late hit', 2, 0),
            Policy('any, after one before', 1, 1), Policy('any, after five before', 1, 5))


def check():
    chance = random.Random(1)
    for policy in POLICIES:
        for rate, ttl in ((0.02, 60), (0.1, 60), (0.5, 60), (0.01, 900)):
            mean, seen = policy.mean(rate, ttl), policy.simulate(rate, ttl, 20000, chance)
            for wanted, got in zip(mean, seen):
                if abs(wanted - got) > 0.05 * mean[0]:
                    sys.exit(f'{policy.text}, {rate}/s, {ttl} s: {wanted} computed, {got} simulated')


def traffic(names, exponent, queries):
    """Pairs of a name's rate and how many names have it, nearly: one each at first, then a percent."""
    groups, first = [], 1
    while first <= names:
        n = min(max(1, first // 100), names - first + 1)
        groups.append(((first + (n - 1) / 2) ** -exponent, n))
        first += n
    scale = queries / sum(weight * n for weight, n in groups)
    return [(weight * scale, n) for weight, n in groups]


def main():
    queries = float(sys.argv[1]) if sys.argv[1:] else 10000.0
    check()
    for names, exponent in ((1000000, 1.0), (1000000, 0.8)):
        print(f'{queries:.0f} queries a second for {names} names, Zipf {exponent}')
        print(f'{"policy":24} {"asked":>7} {"wait":>7} {"renewals":>9} {"in vain":>8}')
        rates, base = traffic(names, exponent, queries), None
        for policy in POLICIES:
            total = [0.0] * 4
            for ttl, share in TTLS:
                for rate, n in rates:
                    for k, x in enumerate(policy.mean(rate, ttl)):
                        total[k] += x * share * n
            base = base or total[0]
            vain = 100 * total[3] / total[1] if total[1] else 0
            print(f'{policy.text:24} {total[0] / base:7.3f} {10000 * total[2] / queries:7.0f} '
                  f'{total[1]:9.0f} {vain:8.1f}')


if __name__ == '__main__':
    main()
