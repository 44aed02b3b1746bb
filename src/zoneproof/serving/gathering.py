"""Writes an answer at once: what serves HTTP writes its head and its body one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

_AT_ONCE = 16 * 1024  # bytes, after which a client that does not read is to be noticed


class GatheringTransport(asyncio.Transport):
    """A transport that writes what it is given at the end of a turn of the event loop.

    Each write is a system call, a TLS record and a packet, and wakes the client. A client that
    ``is_sending`` when the connection is to end would lose the answer, because the kernel then
    resets the connection: so it is left open for reading.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        is_sending: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._is_sending = is_sending
        self._is_ending = False
        self._gathered: list[bytes] = []
        self._size = 0

    def write(self, data: Any) -> None:
        """Write bytes soon, in their order."""
        if not self._gathered:
            self._loop.call_soon(self.flush)
        self._gathered.append(data)
        self._size += len(data)
        if self._size > _AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered; before what may end the connection."""
        gathered, self._gathered, self._size = self._gathered, [], 0
        if gathered and not self._transport.is_closing():
            self._transport.write(b"".join(gathered))

    def close(self) -> None:
        """End the connection once all is written, and once the client has stopped sending."""
        self.flush()
        if self._is_ending or self._transport.is_closing() or not self._is_sending():
            self._transport.close()
            return
        self._is_ending = True
        try:
            if self._transport.can_write_eof():  # TLS cannot
                self._transport.write_eof()
            self._transport.resume_reading()
        except OSError:  # it was reset in the meantime
            self._transport.close()

    def abort(self) -> None:
        """End the connection at once."""
        self._transport.abort()

    def is_closing(self) -> bool:
        """Tell whether it has ended, or is about to."""
        return self._is_ending or self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the transport tells of itself."""
        return self._transport.get_extra_info(name, default)
