"""Answers that the operator watches: a bounded ring in memory that a worker writes, if asked to.

As long as nobody watches, a worker looks at one number for each packet, and writes nothing.
"""

from __future__ import annotations

import mmap
import struct
import time
from typing import Final

from zoneproof.challengedns.dns.shared_memory import SharedMemory

SLOTS: Final = 256
"""How many answers of a worker are kept until the service takes them; older ones are lost."""
_SLOT: Final = 1400
_HEADER: Final = struct.Struct("=dQ")  # watched until; how many answers were written
_NOTE: Final = struct.Struct("=dBH")  # when, length of the address, length of the answer
_MOST: Final = _SLOT - _NOTE.size - 64
_SIZE: Final = _HEADER.size + SLOTS * _SLOT
_NAME_START, _UUID_LENGTH = 12, 36


class WatchedAnswers:
    """A ring, as its worker has it: the only one who writes, except for until when it is watched.

    Only answers at names that begin as those of registrations do are kept. ``until`` holds the time
    of day until which somebody watches, or 0, so that a glance at it costs next to nothing.
    """

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, _SIZE)
        self.until = memoryview(self._memory).cast("d")[:1]
        self._written = memoryview(self._memory).cast("Q")[1:2]

    @property
    def is_watched(self) -> bool:
        """Whether somebody watches now."""
        return self.until[0] > time.time()

    def note(self, address: str, reply: bytes) -> None:
        """Keep an answer and whom it was sent to."""
        if len(reply) <= _NAME_START or reply[_NAME_START] != _UUID_LENGTH:
            return
        host, kept = address.encode()[:64], reply[:_MOST]
        start = _HEADER.size + self._written[0] % SLOTS * _SLOT
        data = _NOTE.pack(time.time(), len(host), len(kept)) + host + kept
        self._memory[start : start + len(data)] = data
        self._written[0] += 1  # last, so that whoever reads finds it whole


class Watcher:
    """A worker's ring, as the service has it.

    Where the machine gives no such memory, ``descriptor`` is -1, and nothing is seen.
    """

    def __init__(self) -> None:
        self._shared = SharedMemory("zoneproof-dns-watched", _SIZE, or_own=True)
        self.descriptor = self._shared.descriptor
        self._memory = self._shared.mapped
        self._taken = 0

    def watch(self, until: float) -> None:
        """Let the worker keep its answers until a time of day, in seconds since 1970."""
        self._memory[:8] = struct.pack("=d", until)

    def take(self) -> list[tuple[float, str, bytes]]:
        """Return what is new: when, to which address, and what was answered."""
        written = self._count()
        first = max(self._taken, written - SLOTS)
        found = [(number, self._read(number)) for number in range(first, written)]
        # What was written over meanwhile may be in pieces.
        oldest_whole = self._count() - SLOTS + 1
        self._taken = written
        return [note for number, note in found if number >= oldest_whole]

    def close(self) -> None:
        """Release the service's side of the memory."""
        self._shared.close()

    def _count(self) -> int:
        return int(_HEADER.unpack_from(self._memory)[1])

    def _read(self, number: int) -> tuple[float, str, bytes]:
        start = _HEADER.size + number % SLOTS * _SLOT
        moment, host, length = _NOTE.unpack_from(self._memory, start)
        start += _NOTE.size
        data = self._memory[start : start + host + length]
        return moment, data[:host].decode("utf-8", "replace"), data[host:]


def shared_answers(descriptor: int) -> WatchedAnswers | None:
    """Return a worker's ring from the descriptor that it inherited; None for one below 0."""
    return None if descriptor < 0 else WatchedAnswers(descriptor)
