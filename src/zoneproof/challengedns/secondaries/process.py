"""The transfer process: follows changes, notifies secondaries, and gives them the zones.

It is started and ended as DNS workers are. Questions do not wait for what it does: the TCP worker
gives it the connections on which a transfer is asked for.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from pathlib import Path

from zoneproof.challengedns.dns.counters import BEATS, BLIND, DAMAGED, SEES, SIGHT, shared_cells
from zoneproof.challengedns.dns.secondary import SecondaryData
from zoneproof.challengedns.dns.signatures import SecondaryKeys
from zoneproof.challengedns.dns.worker import WorkerSettings, begin, report_ready
from zoneproof.challengedns.secondaries.connections import TransferServer
from zoneproof.challengedns.secondaries.content import Content
from zoneproof.challengedns.secondaries.lookout import Lookout
from zoneproof.challengedns.secondaries.progress import inherited_progress
from zoneproof.challengedns.secondaries.transfers import TransferZone
from zoneproof.challengedns.store.announcements import announced_number
from zoneproof.challengedns.store.reader import Reader
from zoneproof.challengedns.store.value_time import machine_seconds
from zoneproof.core.errors import DamagedDatabaseError, StorageError
from zoneproof.core.waiting import readable

_NICE = 5
_LOOK_SECONDS = 0.1  # at what a process that cannot wake this one has announced
_MOST_RECEIVED = 65_536

_log = logging.getLogger(__name__)


class TransferProcess:
    """What the process does, until told to stop."""

    def __init__(self, settings: WorkerSettings) -> None:
        database = Path(settings.database)
        self._announced = announced_number(database)
        self._seen: int | None = None
        self._cells = shared_cells(settings.counters)
        self._progress = inherited_progress(settings.progress)
        self._content = Content(Reader(database))
        self._connections = socket.socket(fileno=settings.transfers)
        self._connections.setblocking(False)
        self._service = socket.socket(fileno=settings.wake)
        self._service.setblocking(False)
        self._transferred, self._transfer_made = os.pipe()
        os.set_blocking(self._transfer_made, False)
        self._stopping = False
        self._lookout = Lookout(
            settings.secondaries,
            {zone.name: zone.registrations for zone in settings.zones},
            self._content,
            self._progress,
            machine_seconds,
            settings.listen,
        )
        self._server = TransferServer(
            self._content,
            [TransferZone(zone, settings.zones, settings.value_ttl) for zone in settings.zones],
            SecondaryKeys(settings.secondaries),
            count=self._count,
            done=self._done,
            idle_timeout=settings.tcp_idle_timeout,
        )

    def stop(self) -> None:
        """Return from :meth:`run` soon. Callable from any thread."""
        self._stopping = True

    def run(self) -> None:
        """Follow, notify and give until :meth:`stop`."""
        while not self._stopping:
            self._cells[BEATS] += 1
            self.catch_up()
            self._wait(self._look_out())
        self._lookout.close()

    def _look_out(self) -> float:
        """Do what is due, and return for how long to wait."""
        if not self._content.generation:
            return _LOOK_SECONDS  # it could not be read yet
        due, has_news = self._lookout.turn()
        if has_news:
            self._tell_service()
        return min(max(0.0, due - machine_seconds()), _LOOK_SECONDS)

    def catch_up(self) -> None:
        """Take over what was announced. The first time it takes seconds, if there is much."""
        announced = self._announced[0]
        if announced == self._seen:
            return
        try:
            self._content.catch_up()
        except StorageError as error:
            if self._cells[SIGHT] == SEES:
                _log.error("%s", error.message)
            is_damaged = isinstance(error, DamagedDatabaseError)
            self._cells[SIGHT] = max(self._cells[SIGHT], DAMAGED if is_damaged else BLIND)
            return
        self._seen = announced
        if self._cells[SIGHT] == BLIND:
            self._cells[SIGHT] = SEES

    def _tell_service(self) -> None:
        with contextlib.suppress(OSError):  # it has enough to look at, or has ended
            self._service.send(b"\0")

    def _count(self, secondary: SecondaryData, kind: int) -> None:
        self._progress.count(secondary.slot, kind)

    def _done(self, secondary: SecondaryData) -> None:
        self._lookout.note_transfer(secondary)
        with contextlib.suppress(BlockingIOError):
            os.write(self._transfer_made, b"\0")

    def _wait(self, seconds: float) -> None:
        channels = [self._connections.fileno(), self._service.fileno(), self._transferred]
        found = readable([*channels, *self._lookout.descriptors()], seconds)
        if channels[0] in found:
            self._take_connection()
        if channels[1] in found:
            with contextlib.suppress(OSError):
                self._service.recv(_MOST_RECEIVED)
        if channels[2] in found:
            os.read(self._transferred, _MOST_RECEIVED)

    def _take_connection(self) -> None:
        with contextlib.suppress(BlockingIOError):
            received, descriptors, _, _ = socket.recv_fds(self._connections, _MOST_RECEIVED, 1)
            for descriptor in descriptors:
                self._server.take(socket.socket(fileno=descriptor), received)


def main() -> None:
    """Run the process."""
    settings = begin()
    with contextlib.suppress(OSError):
        os.nice(_NICE)  # answers come first
    process = TransferProcess(settings)
    process.catch_up()
    report_ready(process.stop)
    process.run()


if __name__ == "__main__":
    main()
