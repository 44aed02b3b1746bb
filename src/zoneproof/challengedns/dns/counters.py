"""Counts DNS answers in memory that a worker writes and the service reads, without locks."""

from __future__ import annotations

import contextlib
import mmap
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Final

from zoneproof.challengedns.dns import wire
from zoneproof.challengedns.dns.asked import AskedReader
from zoneproof.challengedns.dns.shared_memory import SharedMemory
from zoneproof.challengedns.dns.watched import Watcher
from zoneproof.challengedns.store.last_questions import LastQuestion

_TYPES: Final = {
    wire.TXT: "TXT",
    wire.A: "A",
    wire.AAAA: "AAAA",
    wire.NS: "NS",
    wire.SOA: "SOA",
    wire.CNAME: "CNAME",
    wire.DS: "DS",
    wire.ANY: "ANY",
    257: "CAA",
    65: "HTTPS",
    48: "DNSKEY",
    15: "MX",
}
_OTHER, _NONE = "other", "none"
_TYPE_NAMES: Final = (*_TYPES.values(), _OTHER, _NONE)
_RCODES: Final = {
    wire.NOERROR: "NOERROR",
    wire.FORMERR: "FORMERR",
    wire.SERVFAIL: "SERVFAIL",
    wire.NXDOMAIN: "NXDOMAIN",
    wire.NOTIMP: "NOTIMP",
    wire.REFUSED: "REFUSED",
    wire.NOTAUTH: "NOTAUTH",
    wire.BADVERS: "BADVERS",
}
_WIDTH: Final = len(_RCODES)
_TYPE_START: Final = {rdtype: index * _WIDTH for index, rdtype in enumerate(_TYPES)}
_OTHER_START: Final = len(_TYPES) * _WIDTH
_NONE_START: Final = _OTHER_START + _WIDTH
_RCODE_STEP: Final = {rcode: index for index, rcode in enumerate(_RCODES)}
_BYTES_EACH: Final = 8

ORDINARY: Final = _TYPE_START[wire.TXT] + _RCODE_STEP[wire.NOERROR]
"""The cell of an ordinary answer: TXT with values."""
TRUNCATED: Final = _NONE_START + _WIDTH
"""The cell of answers that said "ask by TCP"; they are counted by type and code too."""
UNANSWERED: Final = TRUNCATED + 1
"""The cell of packets that got no answer."""
BEATS: Final = UNANSWERED + 1
"""The cell that goes up while a worker has nothing else to count, so that it is known to live."""
SIGHT: Final = BEATS + 1
"""The cell that says whether the worker can read the database: one of the three below."""
SEES, BLIND, DAMAGED = 0, 1, 2
_CELLS: Final = SIGHT + 1


Cells = list[int] | memoryview
"""Numbers that can be counted up."""


def private_cells() -> Cells:
    """Return cells that nobody else sees."""
    return [0] * _CELLS


def cell(rdtype: int | None, rcode: int) -> int:
    """Return the cell of a question's type (None where there was no question) and a code."""
    start = _NONE_START if rdtype is None else _TYPE_START.get(rdtype, _OTHER_START)
    return start + _RCODE_STEP[rcode]


def shared_cells(descriptor: int) -> Cells:
    """Return a worker's cells from the descriptor that it inherited. One process may write."""
    return memoryview(mmap.mmap(descriptor, _CELLS * _BYTES_EACH)).cast("Q")


class WorkerCounters:
    """One worker's cells, as the service holds them."""

    def __init__(self, transport: str) -> None:
        self.transport = transport
        with contextlib.ExitStack() as stack:
            shared = SharedMemory("zoneproof-dns-counters", _CELLS * _BYTES_EACH)
            stack.callback(shared.close)
            self.descriptor = shared.descriptor
            self._cells = memoryview(shared.mapped).cast("Q")
            self.watcher = Watcher()
            stack.callback(self.watcher.close)
            self.asked = AskedReader()
            stack.callback(self.asked.close)
            self._opened = stack.pop_all()

    def read(self) -> list[int]:
        """Return what the worker has counted so far."""
        return [self._cells[index] for index in range(SIGHT)]

    def sight(self) -> int:
        """Return whether it can read the database."""
        return self._cells[SIGHT]

    def close(self) -> None:
        """Release the service's side of the memory."""
        self._opened.close()


class Tally:
    """The counts of all workers together, of those too that have ended. For several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: list[WorkerCounters] = []
        self._ended: Counter[tuple[str, int]] = Counter()
        self._was_damaged = False
        self._watched_until = 0.0
        self._asked: dict[str, LastQuestion] = {}

    def open(self, transport: str) -> WorkerCounters:
        """Return counters for a worker that is about to start."""
        counters = WorkerCounters(transport)
        with self._lock:
            counters.watcher.watch(self._watched_until)
            self._running.append(counters)
        return counters

    def close(self, counters: WorkerCounters) -> None:
        """Keep the counts of a worker that has ended."""
        with self._lock:
            self._running.remove(counters)
            self._was_damaged = self._was_damaged or counters.sight() == DAMAGED
            self._ended.update(_by_cell(counters))
            self._take_asked(counters)
        counters.close()

    def watch(self, until: float) -> None:
        """Let all workers keep their answers until a time of day, those too that start later."""
        with self._lock:
            self._watched_until = until
            for counters in self._running:
                counters.watcher.watch(until)

    def take_watched(self) -> list[tuple[str, float, str, bytes]]:
        """Return what the workers have kept since: by transport, when, to whom, the answer."""
        with self._lock:
            return [
                (counters.transport, *note)
                for counters in self._running
                for note in counters.watcher.take()
            ]

    def take_asked(self) -> dict[str, LastQuestion]:
        """Return the last question for each registration that was asked for since."""
        with self._lock:
            for counters in self._running:
                self._take_asked(counters)
            found, self._asked = self._asked, {}
            return found

    def _take_asked(self, counters: WorkerCounters) -> None:
        for subdomain, question in counters.asked.take().items():
            known = self._asked.get(subdomain)
            if known is None or known.at <= question.at:
                self._asked[subdomain] = question

    def worst_sight(self) -> int:
        """Return how the worker reads the database that fares worst with it.

        Damage that a worker has found stays found when that worker has ended.
        """
        with self._lock:
            if self._was_damaged:
                return DAMAGED
            return max((counters.sight() for counters in self._running), default=SEES)

    def totals(self) -> Mapping[tuple[str, int], int]:
        """Return the counts by transport and cell."""
        with self._lock:
            totals = Counter(self._ended)
            for counters in self._running:
                totals.update(_by_cell(counters))
        return totals


def _by_cell(counters: WorkerCounters) -> dict[tuple[str, int], int]:
    return {
        (counters.transport, index): count for index, count in enumerate(counters.read()) if count
    }


def labels(index: int) -> tuple[str, str]:
    """Return the type and the code that a cell counts; for cells below :data:`TRUNCATED`."""
    kind, step = divmod(index, _WIDTH)
    return _TYPE_NAMES[kind], tuple(_RCODES.values())[step]
