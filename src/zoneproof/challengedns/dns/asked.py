"""Which registrations a worker was asked for: memory of one size, however many questions come.

A registration has one slot, found by its name, and its next question overwrites the last. So a
storm of questions for one name takes nothing from the others, and names that do not exist take
none. Where two registrations share a slot, the service sees one of them if both are asked for
between two of its looks. A worker spends next to nothing on this: of more than a thousand questions
a second it notes only a part, and between two parts it looks at nothing but the time.
"""

from __future__ import annotations

import mmap
import struct
import time
from collections.abc import Callable, Sequence
from typing import Final

from zoneproof.challengedns.dns.shared_memory import SharedMemory
from zoneproof.challengedns.dns.table import TXT_QUESTION
from zoneproof.challengedns.dns.zones import is_registration_label
from zoneproof.challengedns.store.last_questions import (
    ASKED_TO_USE_TCP,
    LastQuestion,
    network_asking,
)

PER_SECOND: Final = 1_000
"""How many questions a worker notes in a second; as many may come at once."""
LOOKS: Final = 16
"""At how many answers of a batch a worker looks at most; of larger ones at others each time."""
SLOTS: Final = 4_096
"""How many registrations a worker can keep until the service looks."""

_HEADER: Final = struct.Struct("=Q")  # how many questions were noted
_SLOT: Final = struct.Struct("=Qdh36s46s")  # the how-manieth, when, answered, subdomain, address
_SIZE: Final = _HEADER.size + SLOTS * _SLOT.size
_NAME, _NAME_END, _UUID_LENGTH = 12, 49, 36
_PAUSE: Final = 0.005  # seconds, after as many as there may be
_AUTHORITATIVE, _TRUNCATED, _RCODE = 0x04, 0x02, 0x0F


class AskedNames:
    """The memory, as its worker has it: the only one who writes."""

    def __init__(
        self,
        descriptor: int,
        clock: Callable[[], float] = time.time,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """``clock`` is the time of day; by ``seconds``, which nobody sets, is counted how many."""
        self._memory = mmap.mmap(descriptor, _SIZE)
        self._count = memoryview(self._memory).cast("B")[: _HEADER.size].cast("Q")
        self._clock = clock
        self._seconds = seconds
        self._room = float(PER_SECOND)
        self._then = self._next = seconds()
        self._turn = 0

    def note(self, replies: Sequence[bytes | None], sender: Callable[[int], str]) -> None:
        """Note what was answered, as far as it is for registrations and there is room.

        ``sender`` tells the address that gets the reply with an index.
        """
        now = self._seconds()
        if now < self._next:
            return
        room = min(PER_SECOND, self._room + (now - self._then) * PER_SECOND)
        self._then = now
        self._turn += 1
        step = (len(replies) + LOOKS - 1) // LOOKS or 1
        for index in range(self._turn % step, len(replies), step):
            if room < 1:
                self._next = now + _PAUSE
                break
            reply = replies[index]
            # Names without values look like those of registrations: whether they are such, and
            # not names of the zone itself, the database tells later.
            if (
                reply is not None
                and reply[2] & _AUTHORITATIVE
                and not reply[3] & _RCODE
                and reply[_NAME] == _UUID_LENGTH
            ):
                room -= 1
                self._write(reply, sender(index))
        self._room = room

    def _write(self, reply: bytes, address: str) -> None:
        end = reply.find(0, _NAME_END) + 1
        if reply[end : end + 4] != TXT_QUESTION:
            return
        subdomain = reply[_NAME + 1 : _NAME_END].lower()
        answered = ASKED_TO_USE_TCP if reply[2] & _TRUNCATED else (reply[6] << 8) + reply[7]
        number = self._count[0] + 1
        start = _HEADER.size + hash(subdomain) % SLOTS * _SLOT.size
        self._memory[start : start + _SLOT.size] = _SLOT.pack(
            number, self._clock(), answered, subdomain, address.encode()
        )
        self._count[0] = number


class AskedReader:
    """The memory, as the service has it.

    Where the machine gives none that can be shared, ``descriptor`` is -1, and nothing is seen.
    """

    def __init__(self) -> None:
        self._shared = SharedMemory("zoneproof-dns-asked", _SIZE, or_own=True)
        self.descriptor = self._shared.descriptor
        self._memory = self._shared.mapped
        self._taken = 0

    def take(self) -> dict[str, LastQuestion]:
        """Return what is new, by subdomain."""
        (newest,) = _HEADER.unpack_from(self._memory)
        if newest == self._taken:
            return {}
        # What is written meanwhile may be in pieces, and is another thing when looked at again.
        one, other = self._memory[_HEADER.size :], self._memory[_HEADER.size :]
        found = {}
        for first, second in zip(_SLOT.iter_unpack(one), _SLOT.iter_unpack(other), strict=True):
            number, at, answered, subdomain, address = first
            # Below a wildcard record there may be names of any bytes.
            if (
                self._taken < number <= newest
                and first == second
                and is_registration_label(subdomain)
            ):
                network = network_asking(address.rstrip(b"\0").decode())
                found[subdomain.decode("ascii")] = LastQuestion(int(at), network, answered)
        self._taken = newest
        return found

    def close(self) -> None:
        """Release the service's side of the memory."""
        self._shared.close()


def asked_names(descriptor: int) -> AskedNames | None:
    """Return a worker's memory from the descriptor that it inherited; None for one below 0."""
    return None if descriptor < 0 else AskedNames(descriptor)
