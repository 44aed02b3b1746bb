"""The service's side: what the transfer process is given, and the wait for the secondaries."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from zoneproof.challengedns.config import Config
from zoneproof.challengedns.dns.secondary import SecondaryData
from zoneproof.challengedns.dns.wire import to_wire
from zoneproof.challengedns.secondaries.progress import (
    AXFRS,
    IS_LIVE,
    IXFRS,
    LATE_SINCE,
    NOTIFIES,
    REACHED,
    SLOTS,
    Progress,
    progress_memory,
)
from zoneproof.challengedns.store.value_time import machine_seconds
from zoneproof.core.errors import UnconfirmedChangeError

_PATIENCE = 5.0  # seconds beyond what the slowest secondary may take: for the transfer process
_LOOK_SECONDS = 0.5  # in case that a word of it was lost


@dataclass(frozen=True)
class SecondaryStatus:
    """How a secondary is. ``seconds_late`` is for how long it lacks a change, or an answer."""

    name: str
    is_live: bool
    seconds_late: float
    whole_transfers: int
    incremental_transfers: int
    notices: int


class _Shared:
    """Memory, and sockets that connect the service, the TCP worker and the transfer process.

    ``to_give``, ``to_take``, ``woken`` and ``progress`` are the descriptors that they inherit.
    """

    def __init__(self) -> None:
        kind = socket.SOCK_SEQPACKET
        self._sockets = (
            *socket.socketpair(socket.AF_UNIX, kind),
            *socket.socketpair(socket.AF_UNIX, kind),
        )
        give, take, self.wake, woken = self._sockets
        self.to_give, self.to_take, self.woken = give.fileno(), take.fileno(), woken.fileno()
        self.wake.setblocking(False)
        self._memory = progress_memory()
        self.progress, self.cells = self._memory.descriptor, Progress(self._memory.mapped)

    def close(self) -> None:
        """Release this side of it."""
        for each in self._sockets:
            each.close()
        self._memory.close()


class SecondaryBarrier:
    """What changes wait at. Of the event loop."""

    def __init__(self) -> None:
        self._shared: _Shared | None = None
        self._secondaries: list[SecondaryData] = []
        self._news: asyncio.Event | None = None

    @property
    def shared(self) -> _Shared:
        """What is shared with workers, made once there is a secondary."""
        if self._shared is None:
            self._shared = _Shared()
        return self._shared

    def prepare(self, config: Config) -> list[SecondaryData]:
        """Return the secondaries of a configuration, with their secrets and their slots.

        Raises ConfigError for a secret that cannot be read.
        """
        secrets = {each.name: each.secret() for each in config.secondaries}
        slots = {each.name: each.slot for each in self._secondaries}
        used = set(slots.values())
        free = (slot for slot in range(SLOTS) if slot not in used)
        for name in secrets:
            if name not in slots:
                slots[name] = next(free)
                self.shared.cells.clear(slots[name])
        return [
            SecondaryData(
                name=each.name,
                slot=slots[each.name],
                host=each.address.host,
                port=each.address.port,
                key=each.key,
                algorithm=each.algorithm,
                secret=secrets[each.name],
                networks=[str(network) for network in each.transfer_from],
                zones=[to_wire(zone.text) for zone in each.zones],
                name_servers=[(server.host, server.port) for server in each.name_servers],
                wait=each.wait,
            )
            for each in config.secondaries
        ]

    def use(self, secondaries: Sequence[SecondaryData]) -> None:
        """Wait for these from now on, whose transfer process runs."""
        self._secondaries = list(secondaries)
        if secondaries and self._news is None:
            self._news = asyncio.Event()
            asyncio.get_running_loop().add_reader(self.shared.wake.fileno(), self._take_news)

    async def passed(self, change: int) -> None:
        """Return once every secondary that is live answers from a change.

        Raises UnconfirmedChangeError if that is not known in time.
        """
        if self._news is None or not self._secondaries:
            return
        with contextlib.suppress(BlockingIOError):
            self.shared.wake.send(b"\0")
        patience = max(each.wait for each in self._secondaries) + _PATIENCE
        deadline = machine_seconds() + patience
        while behind := self._behind(change):
            if machine_seconds() > deadline:
                raise UnconfirmedChangeError(
                    "the change is stored, but not yet answered everywhere"
                    f" (secondary {', '.join(behind)}): repeat it"
                )
            news = self._news
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), _LOOK_SECONDS)

    def statuses(self) -> list[SecondaryStatus]:
        """Return how all are."""
        now = machine_seconds()
        found = []
        for each in self._secondaries:
            since = self.shared.cells.get(each.slot, LATE_SINCE)
            found.append(
                SecondaryStatus(
                    name=each.name,
                    is_live=bool(self.shared.cells.get(each.slot, IS_LIVE)),
                    seconds_late=max(0.0, now - since / 1000) if since else 0.0,
                    whole_transfers=self.shared.cells.get(each.slot, AXFRS),
                    incremental_transfers=self.shared.cells.get(each.slot, IXFRS),
                    notices=self.shared.cells.get(each.slot, NOTIFIES),
                )
            )
        return found

    def close(self) -> None:
        """Release memory and sockets."""
        if self._news is not None:
            asyncio.get_running_loop().remove_reader(self.shared.wake.fileno())
        if self._shared is not None:
            self._shared.close()

    def _behind(self, change: int) -> list[str]:
        return [
            each.name
            for each in self._secondaries
            if self.shared.cells.get(each.slot, IS_LIVE)
            and self.shared.cells.get(each.slot, REACHED) < change
        ]

    def _take_news(self) -> None:
        with contextlib.suppress(OSError):
            while self.shared.wake.recv(4096):
                pass
        news, self._news = self._news, asyncio.Event()
        if news is not None:
            news.set()
