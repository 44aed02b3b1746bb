"""Remembers what was just written, for APIs whose reads lag behind their writes."""

from __future__ import annotations

import time
from collections.abc import Hashable
from typing import Generic, TypeVar

_LAG = 60.0  # seconds after which a read is believed, whatever it says

S = TypeVar("S")


class RecentWrites(Generic[S]):
    """The states that were written lately, each until a read shows something new.

    A read that shows what was there before the last write, or before an earlier one, is late;
    another program, which would have changed something else, leaves another state. States are
    compared by their marks, so that the order of values, for one, need not matter.
    """

    def __init__(self) -> None:
        self._writes: dict[Hashable, tuple[float, list[object], S]] = {}  # until when, past, state

    def correct(self, key: Hashable, mark: object, read: S) -> S:
        """Return what is there, as far as is known, when this was read."""
        if key in self._writes:
            until, past, state = self._writes[key]
            if mark in past and time.monotonic() < until:
                return state
            del self._writes[key]
        return read

    def wrote(self, key: Hashable, mark: object, state: S) -> None:
        """Remember a write that succeeded; ``mark`` is that of the corrected state before it."""
        now = time.monotonic()
        self._writes = {one: write for one, write in self._writes.items() if write[0] > now}
        past = self._writes[key][1] if key in self._writes else []
        self._writes[key] = (now + _LAG, [*past, mark], state)
