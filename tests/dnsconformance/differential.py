"""Asks Zoneproof and Knot the same random questions, and tells where they differ unexpectedly.

``python -m tests.dnsconformance.differential [questions] [seed]`` runs it by itself.
"""

from __future__ import annotations

import collections
import random
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.dnsconformance.asking import Asker, follow
from tests.dnsconformance.comparison import DIFFERENCES, compare
from tests.dnsconformance.questions import Question, make_question
from tests.dnsconformance.twins import Twins, open_twins
from tests.dnsconformance.views import View, view

_TC = frozenset({"TC"})
_MANY = 100_000


@dataclass(frozen=True)
class Finding:
    """How the answers to a question differ: unexpectedly, and for which known reasons."""

    question: Question
    ours: View
    knots: View
    unexpected: set[str]
    reasons: set[str]

    def __str__(self) -> str:
        lines = [f"{', '.join(sorted(self.unexpected))} differ for {self.question}"]
        lines += [f"ours:  {self.ours}", f"Knot's: {self.knots}"]
        return "\n".join(lines)


class Comparer:
    """Asks both servers."""

    def __init__(self, ours: Asker, knots: Asker) -> None:
        self._ours = ours
        self._knots = knots

    def ask(self, question: Question) -> Finding:
        """Compare the answers; where one was cut short, what the same server says by TCP."""
        unexpected = set()
        ours, first = self._both(self._ours, question)
        if len(first) > question.limit:
            unexpected.add("an answer above the limit")
        if "TC" in ours.flags and len(self._ours.tcp(question)) <= question.limit:
            unexpected.add("TC without need")
        knots, _ = self._both(self._knots, question)
        knots = follow(self._knots.tcp, question, knots)
        left, used = compare(question, ours, knots)
        return Finding(question, ours, knots, unexpected | left, used)

    @staticmethod
    def _both(asker: Asker, question: Question) -> tuple[View, bytes]:
        packet = asker.tcp(question) if question.tcp else asker.udp(question)
        answer = view(packet)
        if "TC" not in answer.flags:
            return answer, packet
        whole = view(asker.tcp(question))
        return replace(whole, flags=whole.flags | _TC), packet


def findings(twins: Twins, count: int, seed: int) -> Iterator[Finding]:
    """Ask that many questions, made up from the seed."""
    random_ = random.Random(seed)
    with Asker(twins.service.dns_port) as ours, Asker(twins.knot.port) as knots:
        comparer = Comparer(ours, knots)
        for _ in range(count):
            yield comparer.ask(make_question(random_, twins.names))


def main() -> None:
    """Compare, print each unexpected difference and how often each reason applied."""
    count, seed = _MANY, random.SystemRandom().randrange(2**32)
    match [int(argument) for argument in sys.argv[1:]]:
        case [count]:
            pass
        case [count, seed]:
            pass
    print(f"{count} questions from seed {seed}", flush=True)
    reasons: collections.Counter[str] = collections.Counter()
    unexpected = 0
    with tempfile.TemporaryDirectory() as folder, open_twins(Path(folder)) as twins:
        for finding in findings(twins, count, seed):
            reasons.update(finding.reasons)
            if finding.unexpected:
                unexpected += 1
                print(finding, flush=True)
    for name, difference in DIFFERENCES.items():
        print(f"{reasons[name]:8} {name}: {difference.reason}")
    print(f"{unexpected:8} unexpected")
    sys.exit(unexpected > 0)


if __name__ == "__main__":
    main()
