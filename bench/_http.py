"""An HTTP/1.1 client that does next to nothing, so that what is measured is the server."""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections.abc import Callable
from typing import NamedTuple, Self

_HEAD = re.compile(
    rb"HTTP/1\.1 (\d{3}) .*?\r\ncontent-length: *(\d+)\r\n", re.DOTALL | re.IGNORECASE
)
_SECONDS = 60.0


class Reply(NamedTuple):
    """An HTTP answer."""

    status: int
    body: bytes


class Connection:
    """One keep-alive connection; a context manager. Failures are OSError."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, timeout=_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._socket.fileno()

    def send(self, request: bytes) -> None:
        """Send a whole request; the reply must be received before the next."""
        self._socket.sendall(request)

    def receive(self) -> Reply | None:
        """Take what has arrived, or wait for something; None if the reply is not whole yet."""
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionResetError("the server closed the connection")
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        found = _HEAD.match(head + b"\r\n")
        if not separator or not found or len(body) < int(found[2]):
            return None
        self._received = b""
        return Reply(int(found[1]), body)

    def exchange(self, request: bytes) -> Reply:
        """Send a request and return its reply."""
        self.send(request)
        while (reply := self.receive()) is None:
            pass
        return reply


def call_for(
    address: tuple[str, int],
    connections: int,
    next_request: Callable[[], bytes],
    is_over: Callable[[], bool],
) -> float:
    """Keep ``connections`` busy, each with a request at a time, and return replies a second.

    It ends when ``is_over`` says so and there was a reply. Raises ValueError for a reply that is
    not 200 or 201, TimeoutError if there is none for 60 seconds.
    """
    count = 0
    with selectors.DefaultSelector() as selector:
        for _ in range(connections):
            connection = Connection(address)
            selector.register(connection, selectors.EVENT_READ, connection)
            connection.send(next_request())
        start = last = time.perf_counter()
        while not (is_over() and count):
            if time.perf_counter() - last > _SECONDS:
                raise TimeoutError(f"the API did not reply in {_SECONDS:.0f} seconds")
            for key, _ in selector.select(0.1):
                reply = key.data.receive()
                if reply is None:
                    continue
                if reply.status not in (200, 201):
                    raise ValueError(f"the API answered {reply.status} {reply.body!r}")
                count += 1
                last = time.perf_counter()
                key.data.send(next_request())
        seconds = time.perf_counter() - start
        for key in list(selector.get_map().values()):
            key.data.__exit__()
    return count / seconds
