"""Waits for what comes by files, however many others are open."""

from __future__ import annotations

import select
from collections.abc import Iterable


def readable(files: Iterable[int], seconds: float | None) -> list[int]:
    """Return the descriptors at which something can be read, or that have ended.

    Waits for so many seconds at most, not at all if none are left, or without end for None. Unlike
    select(2) it takes descriptors above 1023, which a server with many connections has.
    """
    poll = select.poll()
    for each in files:
        poll.register(each, select.POLLIN)
    return [found for found, _ in poll.poll(None if seconds is None else max(seconds, 0.0) * 1000)]
