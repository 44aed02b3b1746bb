"""What secondaries are to hold: the live values now, and how they differed at earlier serials."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from zoneproof.challengedns.store.reader import Reader, ValueChanges

KEPT: Final = 20_000
"""How many differences are kept; whoever asks for what is older gets the whole zone."""

_MASK = 0xFFFFFFFF
_HALF = 0x80000000

Texts = tuple[str, ...]


def generation_of(serial: int, generation: int) -> int:
    """Return the generation that a zone's serial stands for, by RFC 1982.

    It is the one nearest to ``generation``, before or after it.
    """
    behind = (generation - serial) & _MASK
    return generation - behind if behind < _HALF else generation + (_MASK + 1 - behind)


def ahead(serial: int, generation: int) -> str:
    """Say that a secondary's serial is ahead of this generation, and what to do; "" if not."""
    if generation_of(serial, generation) <= generation:
        return ""
    return (
        f"has serial {serial}, which is ahead of {generation & _MASK} here, so it keeps its copy of"
        " the zone until that is reached: remove its copy, so that it transfers the whole zone"
    )


@dataclass(frozen=True)
class Snapshot:
    """All values by subdomain, as they were at a generation."""

    generation: int
    values: Mapping[str, Texts]


@dataclass(frozen=True)
class Differences:
    """What is to be removed and added, by subdomain, to come to a generation."""

    generation: int
    removed: Mapping[str, Texts]
    added: Mapping[str, Texts]

    def __len__(self) -> int:
        return sum(map(len, (*self.removed.values(), *self.added.values())))


@dataclass(frozen=True)
class _Difference:
    """What a subdomain held before ``first`` and from ``last`` on; not known between."""

    first: int
    last: int
    subdomain: str
    before: Texts
    after: Texts


class Content:
    """The values, kept current by whoever asks for them. For several threads.

    Its methods raise StorageError, except where nothing is read.
    """

    def __init__(self, reader: Reader) -> None:
        self.generation = 0
        """From which generation this is; 0 before it was first read."""
        self.newest = 0
        """The newest change: whoever has it is current."""
        self.floor = 0
        """The oldest generation from which differences are known, and the zones are the same."""
        self._reader = reader
        self._values: dict[str, Texts] = {}
        self._ring: deque[_Difference] = deque()
        self._snapshot: Snapshot | None = None
        self._lock = threading.Lock()

    def catch_up(self) -> None:
        """Take over what was committed."""
        with self._lock:
            if not self.generation:
                self._read_everything()
                return
            news = self._reader.changed_values(self.generation)
            if news.changes is None or news.generation < self.generation:
                self._read_everything()
            else:
                self._take(news)

    def snapshot(self) -> Snapshot:
        """Return all of it, which does not change any more."""
        with self._lock:
            if self._snapshot is None:
                self._snapshot = Snapshot(self.generation, dict(self._values))
            return self._snapshot

    def since(self, generation: int) -> Differences | None:
        """Return how it differs from a generation, or None where that is not known."""
        with self._lock:
            if generation < self.floor or generation > self.generation:
                return None
            found: dict[str, tuple[Texts, Texts]] = {}
            for each in reversed(self._ring):
                if each.last <= generation:
                    break
                if each.first <= generation:
                    return None
                _, after = found.get(each.subdomain, ((), each.after))
                found[each.subdomain] = each.before, after
            return Differences(self.generation, *_removed_and_added(found))

    def _read_everything(self) -> None:
        # Where a backup was restored into the file while it is read, both numbers go down.
        self.generation, self.newest, self._values = self._reader.all_values()
        self._begin_ring(self.generation)
        self._snapshot = None

    def _begin_ring(self, floor: int) -> None:
        self.floor = floor
        self._ring.clear()

    def _take(self, news: ValueChanges) -> None:
        spans: dict[str, tuple[int, int]] = {}
        for generation, subdomain in news.changes or ():
            if not subdomain:
                # The static records may be others, here or at another node: only the whole helps.
                self._begin_ring(generation)
            self.newest = max(self.newest, generation)
            first, _ = spans.get(subdomain, (generation, 0))
            spans[subdomain] = first, generation
        for subdomain, (first, last) in sorted(spans.items(), key=lambda span: span[1][1]):
            before, after = self._values.get(subdomain, ()), news.values.get(subdomain, ())
            if first == last and set(before) == set(after):
                continue
            if after:
                self._values[subdomain] = after
            else:
                self._values.pop(subdomain, None)
            self._ring.append(_Difference(first, last, subdomain, before, after))
        while len(self._ring) > KEPT:
            self.floor = max(self.floor, self._ring.popleft().last)
        self._snapshot = None  # and the memory of what nobody transfers any more
        self.generation = news.generation


def _removed_and_added(
    found: Mapping[str, tuple[Texts, Texts]],
) -> tuple[dict[str, Texts], dict[str, Texts]]:
    removed, added = {}, {}
    for subdomain, (before, after) in found.items():
        gone = tuple(text for text in before if text not in after)
        new = tuple(text for text in after if text not in before)
        if gone:
            removed[subdomain] = gone
        if new:
            added[subdomain] = new
    return removed, added
