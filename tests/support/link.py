"""A link that can be cut and slowed down: TCP and UDP on one port, to another port on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, cast

from zoneproof.testing.ports import free_port

_HOST = "127.0.0.1"


class Link:
    """Carries what comes to ``port`` on to a target port; a context manager.

    A cut link takes connections and carries nothing, as a network does that drops packets.
    ``delay`` is in seconds, each way.
    """

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.target = target
        self.delay = 0.0
        self._is_cut = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.ways: set[asyncio.DatagramTransport] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._within(self._open())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._within(self._close())
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Carry nothing from now on; connections stay open and silent."""
        self._is_cut = True

    def mend(self) -> None:
        """Carry again; connections from before the cut have ended."""
        self._within(self._drop())
        self._is_cut = False

    def _within(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._connected, _HOST, self.port)
        self._udp, _ = await self._loop.create_datagram_endpoint(
            lambda: _UdpLink(self), (_HOST, self.port)
        )

    async def _drop(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _close(self) -> None:
        self._server.close()
        self._udp.abort()
        await self._drop()
        for way in self.ways:
            way.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        await asyncio.sleep(0)  # in which transports that were aborted close their sockets

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._keep(writer)
        while self._is_cut:
            await asyncio.sleep(0.02)
            if writer.transport.is_closing():
                return
        try:
            there_reader, there_writer = await asyncio.open_connection(_HOST, self.target)
        except OSError:
            writer.transport.abort()
            return
        self._keep(there_writer)
        await asyncio.gather(self._carry(reader, there_writer), self._carry(there_reader, writer))

    def _keep(self, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if self._is_cut:
                    continue
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(data)
                await writer.drain()
        if not self._is_cut:
            writer.transport.abort()

    def later(self, work: Callable[[], None]) -> None:
        """Do a work after the delay, unless the link is cut then."""
        if not self._is_cut:
            self._loop.call_later(self.delay, lambda: None if self._is_cut else work())


class _UdpLink(asyncio.DatagramProtocol):
    def __init__(self, link: Link) -> None:
        self._link = link
        self._ways: dict[tuple[str, int], asyncio.DatagramTransport] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._here = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._link.later(lambda: self._send(data, addr))

    def _send(self, data: bytes, addr: tuple[str, int]) -> None:
        asyncio.get_event_loop().create_task(self._send_on(data, addr))

    async def _send_on(self, data: bytes, addr: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        way, _ = await loop.create_datagram_endpoint(
            lambda: _WayBack(self._link, self._here, addr),
            remote_addr=(_HOST, self._link.target),
        )
        way.sendto(data)
        self._link.ways.add(way)
        loop.call_later(2, way.abort)


class _WayBack(asyncio.DatagramProtocol):
    def __init__(self, link: Link, here: asyncio.DatagramTransport, addr: tuple[str, int]) -> None:
        self._link = link
        self._here = here
        self._addr = addr

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._link.later(lambda: self._here.sendto(data, self._addr))
