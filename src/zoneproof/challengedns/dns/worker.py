"""A DNS worker process: what it is told arrives on its standard input, and it ends with that.

The input is a length (4 bytes), :class:`WorkerSettings` as MessagePack, and then nothing until the
service closes it or dies; both mean: answer what has arrived, and end. Signals are left to the
service, since a terminal or a service manager sends them to the whole group.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from zoneproof.challengedns.dns.answers import Responder
from zoneproof.challengedns.dns.asked import asked_names
from zoneproof.challengedns.dns.counters import shared_cells
from zoneproof.challengedns.dns.lease import shared_lease
from zoneproof.challengedns.dns.secondary import SecondaryData
from zoneproof.challengedns.dns.table import RegistrationTable
from zoneproof.challengedns.dns.watched import shared_answers
from zoneproof.challengedns.dns.zones import ServedZones, ZoneData
from zoneproof.challengedns.store.announcements import announced_number
from zoneproof.challengedns.store.reader import Reader
from zoneproof.challengedns.store.value_time import machine_seconds
from zoneproof.serving import logs
from zoneproof.serving.limits import RateLimit

if TYPE_CHECKING:
    from zoneproof.challengedns.dns.signatures import SecondaryKeys

READY = b"ready\n"
_LENGTH = 4


class WorkerSettings(msgspec.Struct, frozen=True):
    """What a worker needs to know.

    ``sockets`` are descriptors that it inherits, ``counters`` is that of its counting memory,
    ``watched`` that of the answers that somebody watches, ``asked`` that of the last question for
    each registration, where ``notes_questions``, and ``lease`` that of until when it may answer,
    for a node among several, whose name is ``node``. What ``secondaries`` ask to transfer by TCP
    goes through the socket ``transfers`` to the process that makes transfers (``transport`` is then
    ``transfers``), which shares ``progress`` with the service and is woken by ``wake``. ``listen``
    are the addresses at which DNS is answered.
    ``values_ahead`` is how far the time by which values expire is ahead of the machine's seconds.
    """

    transport: Literal["udp", "tcp", "transfers"]
    sockets: list[int]
    database: str
    generation: int
    values_ahead: int
    zones: list[ZoneData]
    value_ttl: int
    table_bytes: int
    rate_limit: int
    tcp_connections: int
    tcp_connections_of_one: int
    tcp_idle_timeout: float
    log: logs.ServerLogSettings = logs.ServerLogSettings()
    counters: int = -1
    lease: int = -1
    watched: int = -1
    asked: int = -1
    notes_questions: bool = False
    node: str = ""
    secondaries: list[SecondaryData] = []
    transfers: int = -1
    progress: int = -1
    wake: int = -1
    listen: list[str] = []

    @property
    def descriptors(self) -> list[int]:
        """What it inherits."""
        others = (self.counters, self.watched, self.asked, self.lease)
        transfers = (self.transfers, self.progress, self.wake)
        return [*self.sockets, *(each for each in (*others, *transfers) if each >= 0)]


def encode(settings: WorkerSettings) -> bytes:
    """Return what to write to a worker's standard input."""
    data = msgspec.msgpack.encode(settings)
    return len(data).to_bytes(_LENGTH, "big") + data


def begin() -> WorkerSettings:
    """Read what the process is told, and set it up as every worker is."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    length = int.from_bytes(sys.stdin.buffer.read(_LENGTH), "big")
    settings = msgspec.msgpack.decode(sys.stdin.buffer.read(length), type=WorkerSettings)
    logs.set_up(settings.log)
    return settings


def main() -> None:
    """Run the worker."""
    settings = begin()
    responder = _responder(settings)
    sockets = [socket.socket(fileno=number) for number in settings.sockets]
    # Nothing here makes reference cycles, and a collection would delay answers.
    gc.collect()
    gc.freeze()
    gc.disable()
    if settings.transport == "udp":
        _serve_udp(settings, sockets, responder)
    else:
        _serve_tcp(settings, sockets, responder)


def _responder(settings: WorkerSettings) -> Responder:
    database = Path(settings.database)
    zones = ServedZones(settings.zones)
    table = RegistrationTable(
        Reader(database, settings.values_ahead),
        zones.registration_zones(),
        settings.value_ttl,
        generation=settings.generation,
        clock=machine_seconds,
        max_bytes=settings.table_bytes,
        lease=shared_lease(settings.lease),
    )
    return Responder(
        zones,
        table,
        announced_number(database),
        clock=machine_seconds,
        cells=shared_cells(settings.counters),
        node=settings.node,
        keys=_keys(settings),
    )


def _keys(settings: WorkerSettings) -> SecondaryKeys | None:
    if not settings.secondaries:
        return None
    from zoneproof.challengedns.dns.signatures import SecondaryKeys

    return SecondaryKeys(settings.secondaries)


def _serve_udp(
    settings: WorkerSettings, sockets: list[socket.socket], responder: Responder
) -> None:
    from zoneproof.challengedns.dns.udp import UdpServer

    limit = RateLimit(settings.rate_limit, settings.rate_limit) if settings.rate_limit else None
    watched, asked = shared_answers(settings.watched), asked_names(settings.asked)
    server = UdpServer(sockets, responder, limit, watched, asked)
    report_ready(server.stop)
    server.run()


def _serve_tcp(
    settings: WorkerSettings, sockets: list[socket.socket], responder: Responder
) -> None:
    from zoneproof.challengedns.dns.tcp import TcpServer
    from zoneproof.challengedns.dns.transfer_desk import TransferDesk

    keys = _keys(settings)
    desk = None
    if keys is not None and settings.transfers >= 0:
        desk = TransferDesk(keys, socket.socket(fileno=settings.transfers))
    server = TcpServer(
        sockets,
        responder,
        max_connections=settings.tcp_connections,
        max_of_one=settings.tcp_connections_of_one,
        idle_timeout=settings.tcp_idle_timeout,
        watched=shared_answers(settings.watched),
        asked=asked_names(settings.asked),
        desk=desk,
    )
    report_ready(server.stop)
    server.run()


def report_ready(stop: Callable[[], object]) -> None:
    """Tell the service that this process answers; call ``stop`` once it is to end."""

    def wait_for_end() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        stop()

    threading.Thread(target=wait_for_end, name="end-of-input", daemon=True).start()
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
