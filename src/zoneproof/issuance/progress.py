"""What each identifier of an order waits for, and since when, worked out from the events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from zoneproof.challenges.events import (
    AnswerServed,
    Event,
    PropagationWaiting,
    RecordPublished,
    RecordVisible,
)
from zoneproof.issuance.events import (
    CertificateIssued,
    ChallengesAnswered,
    FilesWritten,
    OrderPlanned,
    OrderResumed,
    OrderStatus,
    RecordRemoved,
)

# How far an identifier has come; what comes later in an order has a higher number.
_PLANNED, _PUBLISHED, _WAITING, _VISIBLE, _WITH_CA, _VALIDATED, _ISSUED, _REMOVED = range(8)


@dataclass(frozen=True)
class State:
    """How one subject stands: ``words`` for many to share, ``detail`` its own, ``since`` a time.

    ``step`` grows with every step that an order takes.
    """

    subject: str
    step: int
    words: str
    since: float
    detail: str = ""

    @property
    def text(self) -> str:
        """The state in words."""
        return f"{self.words}: {self.detail}" if self.detail else self.words

    @property
    def is_validated(self) -> bool:
        """Whether the CA has nothing left to validate."""
        return self.step in (_VALIDATED, _ISSUED)


class OrderProgress:
    """The states of one order's identifiers. Times are seconds of any one clock."""

    def __init__(self) -> None:
        self.states: dict[str, State] = {}
        self.published = 0
        self.removed = 0
        self._at: dict[str, list[str]] = {}
        self._to_publish: dict[str, list[str]] = {}

    def apply(self, event: Event, now: float) -> None:
        """Take in what happened at the time ``now``."""
        match event:
            case OrderPlanned(names):
                self._plan(names, now)
            case OrderResumed(_, status) if status != "pending":
                self._set(self.states, _VALIDATED, "validated", now)
            case RecordPublished(provider, name, _):
                self.published += 1
                # Apex and wildcard have a value each at one name, and which was first is no matter.
                left = self._to_publish.get(name, [])
                self._set(left[:1], _PUBLISHED, "published", now, f"by {provider}")
                del left[:1]
            case AnswerServed(identifier, _):
                self._set([identifier], _VISIBLE, "answered over HTTP", now)
            case PropagationWaiting(name, reasons, _, waits):
                detail = f"{waits:.0f} s, {'; '.join(reasons)}" if waits else "; ".join(reasons)
                self._set(self._at.get(name, ()), _WAITING, "waiting for DNS", now, detail)
            case RecordVisible(name, waits):
                more = f"{waits:.0f} s more, as configured" if waits else ""
                self._set(self._at.get(name, ()), _VISIBLE, "in the DNS", now, more)
            case ChallengesAnswered():
                self._set(self.states, _WITH_CA, "being validated", now)
            case OrderStatus("ready" | "processing" | "valid"):
                self._set(self.states, _VALIDATED, "validated", now)
            case CertificateIssued() | FilesWritten():
                self._set(self.states, _ISSUED, "issued", now)
            case RecordRemoved(_, name, _):
                self.removed += name in self._at
                left = [one for one in self._at.get(name, ()) if not self._is_validated(one)]
                self._set(left, _REMOVED, "removed", now)
            case _:
                pass

    def _plan(self, names: dict[str, str], now: float) -> None:
        self.states = {
            identifier: State(
                identifier, _PLANNED, "to be published" if name else "to be answered", now
            )
            for identifier, name in names.items()
        }
        self._at = {name: [] for name in names.values() if name}
        for identifier, name in names.items():
            if name:
                self._at[name].append(identifier)
        self._to_publish = {name: list(found) for name, found in self._at.items()}

    def _set(
        self, subjects: Iterable[str], step: int, words: str, now: float, detail: str = ""
    ) -> None:
        for subject in list(subjects):
            before = self.states.get(subject)
            if before is None or before.step > step:
                continue
            since = before.since if before.step == step else now
            self.states[subject] = State(subject, step, words, since, detail)

    def _is_validated(self, subject: str) -> bool:
        return self.states[subject].is_validated

    def as_one(self, subject: str) -> State | None:
        """Return one state for all identifiers, under another subject; None before the plan."""
        states = list(self.states.values())
        if not states:
            return None
        last = min(states, key=lambda one: (one.step, one.since))
        if len({one.words for one in states}) > 1:
            return State(subject, last.step, summary(states), last.since)
        detail = last.detail if len({one.detail for one in states}) == 1 else ""
        return State(subject, last.step, last.words, last.since, detail)


def summary(states: Iterable[State]) -> str:
    """Return how many are how, as ``2 published, 1 waiting for DNS``."""
    counts = Counter(one.words for one in sorted(states, key=lambda one: one.step))
    return ", ".join(f"{count} {words}" for words, count in counts.items())


def chosen(states: Iterable[State], most: int) -> tuple[list[State], list[State]]:
    """Return the states that ``most`` lines have room for, and those that are summed up.

    If there is no room for all, those that are furthest behind are shown; one line is the sum's.
    """
    ordered = list(states)
    if len(ordered) <= most:
        return ordered, []
    ordered.sort(key=lambda one: one.step)
    room = max(most - 1, 0)
    return ordered[:room], ordered[room:]
