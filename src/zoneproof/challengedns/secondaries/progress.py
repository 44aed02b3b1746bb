"""How far each secondary is, in memory that the transfer process writes and the service reads."""

from __future__ import annotations

import mmap
from typing import Final

from zoneproof.challengedns.dns.shared_memory import SharedMemory

SLOTS: Final = 64
"""Twice as many as there can be secondaries: those of before a reload, and those of after it."""

REACHED, IS_LIVE, LATE_SINCE, AXFRS, IXFRS, NOTIFIES = range(6)
"""The cells of a secondary.

``REACHED`` is the generation from which it answers, ``IS_LIVE`` 1 if changes wait for it, and
``LATE_SINCE`` since when it lacks one, in milliseconds of the machine, or 0. The others count.
"""

_CELLS = 6
_BYTES = SLOTS * _CELLS * 8


class Progress:
    """The cells. A process that is started anew continues with what the last one left."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memoryview(memory).cast("Q")

    def get(self, slot: int, which: int) -> int:
        """Return a cell."""
        return self._memory[slot * _CELLS + which]

    def set(self, slot: int, which: int, value: int) -> bool:
        """Change a cell; tell whether it was another value before."""
        index = slot * _CELLS + which
        if self._memory[index] == value:
            return False
        self._memory[index] = value
        return True

    def count(self, slot: int, which: int) -> None:
        """Count one."""
        self._memory[slot * _CELLS + which] += 1

    def clear(self, slot: int) -> None:
        """Begin with a secondary that is new, and waited for."""
        for which in range(_CELLS):
            self.set(slot, which, int(which == IS_LIVE))


def progress_memory() -> SharedMemory:
    """Return new memory."""
    return SharedMemory("zoneproof-secondaries", _BYTES)


def inherited_progress(descriptor: int) -> Progress:
    """Return the cells from the descriptor that the transfer process inherited."""
    return Progress(mmap.mmap(descriptor, _BYTES))
