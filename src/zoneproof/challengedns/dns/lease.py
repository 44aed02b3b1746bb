"""Until when a DNS worker may answer for registrations, in memory that its node writes."""

from __future__ import annotations

import mmap
import threading
from collections.abc import Sequence
from typing import Final

from zoneproof.challengedns.dns.shared_memory import SharedMemory
from zoneproof.core.errors import StorageError

_BYTES = 16
NEVER: Final = float("inf")
ALONE: Final[Sequence[float]] = (NEVER, 0.0)
"""What a single machine has: it may always answer."""


class LeaseEndedError(StorageError):
    """This node may have missed a change, and says nothing about registrations."""


class LeaseMemory:
    """Until when to answer, and until when the node's own lease lasts, by the machine's seconds.

    For several threads of the main process.
    """

    def __init__(self) -> None:
        self._shared = SharedMemory("zoneproof-lease", _BYTES)
        self.descriptor = self._shared.descriptor
        self._cells = memoryview(self._shared.mapped).cast("d")
        self._lock = threading.Lock()
        self._is_suspended = False

    @property
    def lease_until(self) -> float:
        """Until when the lease lasts; 0 if there is none."""
        return self._cells[1]

    def extend_lease(self, until: float) -> None:
        """Answer until the end of a lease, which was taken up with a replica that is current."""
        with self._lock:
            self._is_suspended = False
            self._cells[1] = until
            self._cells[0] = max(self._cells[0], until)

    def extend_answers(self, until: float) -> None:
        """Answer without a lease, unless suspended."""
        with self._lock:
            if not self._is_suspended:
                self._cells[0] = max(self._cells[0], until)

    def suspend(self) -> None:
        """Answer no more for registrations before the next lease."""
        with self._lock:
            self._is_suspended = True
            self._cells[0] = self._cells[1] = 0.0

    def close(self) -> None:
        """Release this side of the memory."""
        self._shared.close()


def shared_lease(descriptor: int) -> Sequence[float]:
    """Return the numbers from the descriptor that a worker inherited; -1 is a single machine."""
    if descriptor < 0:
        return ALONE
    return memoryview(mmap.mmap(descriptor, _BYTES, prot=mmap.PROT_READ)).cast("d")
