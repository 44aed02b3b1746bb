"""The worker's table of registrations: what the database says, answers ready-made."""

from __future__ import annotations

import functools
import itertools
import operator
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from zoneproof.challengedns.dns.lease import ALONE, LeaseEndedError
from zoneproof.challengedns.dns.reply import pointer, write_records
from zoneproof.challengedns.dns.wire import HEADER_LENGTH, IN, TXT, counted
from zoneproof.challengedns.store.reader import Reader
from zoneproof.core.errors import StorageError

TXT_QUESTION: Final = TXT.to_bytes(2, "big") + IN.to_bytes(2, "big")

Entry = tuple[float, bytes, bytes]
"""Until when it holds (seconds since 1970), how many records there are (two bytes), the records.

The records' owner is a pointer to the question's name.
"""

_AT_QUESTION = pointer(HEADER_LENGTH)
_RECORD_HEAD = len(_AT_QUESTION) + 10
_WARM_PAGE = 500  # more than one registration can have
_WARM_SHARE = 0.9
_TIME_STEP = 60  # seconds
_ENTRY_OVERHEAD = 300  # bytes, measured: key, tuple, time and dictionary slot


class RegistrationTable:
    """What a worker knows of registrations with live values.

    ``entries`` is keyed by the question on the wire: lower-case name, TXT, IN.
    """

    def __init__(
        self,
        reader: Reader,
        zones: Iterable[bytes],
        ttl: int,
        *,
        generation: int = 0,
        clock: Callable[[], float] = time.time,
        max_bytes: int,
        lease: Sequence[float] = ALONE,
    ) -> None:
        """``zones`` are those with registrations; ``ttl`` is that of the values, in seconds.

        ``max_bytes`` is about how much memory the table may take. ``lease`` begins with until when
        it holds, by ``clock``.
        """
        self.entries: dict[bytes, Entry] = {}
        self.generation = generation
        self._reader = reader
        self._endings = [zone + TXT_QUESTION for zone in zones]
        self.ttl = ttl
        self._clock = clock
        self.lease = lease
        self._max_bytes = max_bytes
        self._bytes = 0
        self._is_current = False
        self._warmed_up_to = ""

    def catch_up(self) -> None:
        """Drop what has changed since the last call. Raises StorageError.

        After a failure nothing in the table counts as known, until a call succeeds.
        """
        self._is_current = False
        changes = self._reader.changes_since(self.generation)
        if changes.subdomains is None:
            self.entries.clear()
            self._bytes = 0
        else:
            for subdomain in changes.subdomains:
                self._drop(subdomain)
        self.generation = changes.generation
        self._is_current = True

    def values(self, name: bytes, subdomain: str) -> list[bytes] | None:
        """Return the TXT rdatas of a registration at a name; None if there is none such.

        Raises StorageError when that is not known and cannot be read, and LeaseEndedError.
        """
        if not self._is_current:
            raise StorageError("what changed in the database is not known")
        now = self._clock()
        if now >= self.lease[0]:
            raise LeaseEndedError("this node holds no lease: another may know more")
        key = name + TXT_QUESTION
        entry = self.entries.get(key)
        if entry is not None and entry[0] > now:
            return _rdatas(entry[2])
        found = self._reader.values(subdomain)
        if found is None:
            return None
        live = [value for value in found if value[1] > now]
        if live:
            self._keep(key, live)
        return [counted(txt) for txt, _ in live]

    def warm_up(self) -> bool:
        """Take up some values before they are asked for; False if there is nothing more to do.

        Raises StorageError.
        """
        if not self._is_current or self._bytes > self._max_bytes * _WARM_SHARE:
            return False
        page = self._reader.page(self._warmed_up_to, int(self._clock()), _WARM_PAGE)
        is_last = len(page) < _WARM_PAGE
        if not is_last:
            # The page may have ended among the values of its last subdomain.
            page = [row for row in page if row[0] != page[-1][0]]
            self._warmed_up_to = page[-1][0]
        for subdomain, rows in itertools.groupby(page, key=operator.itemgetter(0)):
            live = [(txt, expires_at) for _, txt, expires_at in rows]
            for ending in self._endings:
                self._keep(counted(subdomain) + ending, live)
        return not is_last

    def _keep(self, key: bytes, live: Sequence[tuple[str, int]]) -> None:
        rdatas = [counted(txt) for txt, _ in live]
        records = write_records(_AT_QUESTION, TXT, self.ttl, rdatas)
        self._remove(key)
        if self._bytes > self._max_bytes:
            for oldest in list(itertools.islice(self.entries, 1 + len(self.entries) // 8)):
                self._remove(oldest)
        until = _shared_time(min(expires_at for _, expires_at in live) // _TIME_STEP)
        self.entries[key] = (until, _count(len(rdatas)), records)
        self._bytes += len(records) + _ENTRY_OVERHEAD

    def _drop(self, subdomain: str) -> None:
        for ending in self._endings:
            self._remove(counted(subdomain) + ending)

    def _remove(self, key: bytes) -> None:
        entry = self.entries.pop(key, None)
        if entry is not None:
            self._bytes -= len(entry[2]) + _ENTRY_OVERHEAD


@functools.lru_cache(16_384)
def _shared_time(step: int) -> float:
    # A little earlier than the value's end, after which the database knows it to the second. So a
    # million entries share few numbers, and most of these stay in the processor's cache.
    return float(step * _TIME_STEP)  # of the clock's type, which compares fastest


@functools.cache
def _count(number: int) -> bytes:
    # Cached, so that a million entries share the few there are.
    return number.to_bytes(2, "big")


def _rdatas(records: bytes) -> list[bytes]:
    found = []
    offset = 0
    while offset < len(records):
        start = offset + _RECORD_HEAD
        offset = start + int.from_bytes(records[start - 2 : start], "big")
        found.append(records[start:offset])
    return found
