"""Clients that come to a TLS server all the time, and what they got."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from cryptography import x509

_SECONDS = 60  # in which a server answers


async def served(port: int) -> str:
    """Return the serial number (hex) of the certificate that a client gets, with a whole answer.

    Raises OSError, which ssl.SSLError is, too, or ValueError for an answer that is cut off.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=_context())
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        if not answer.startswith(b"HTTP/1.1 "):
            raise ValueError(f"no answer, but {answer[:100]!r}")
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return f"{x509.load_der_x509_certificate(der).serial_number:x}"
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


class Load:
    """How often each certificate was seen, by its serial number, and what went wrong."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.failures: list[str] = []
        self._changed = asyncio.Condition()
        self._ended = False

    def end(self) -> None:
        """Let no client come again."""
        self._ended = True

    async def until_seen(self, serial: str, seconds: float = _SECONDS) -> None:
        """Wait until a client gets the certificate. Raises TimeoutError."""
        async with self._changed, asyncio.timeout(seconds):
            await self._changed.wait_for(lambda: self.seen[serial] > 0)

    async def come(self, port: int) -> None:
        """Be a client that comes again and again, until the end.

        Whoever cancels it instead may leave a connection: asyncio closes none that is just made.
        """
        while not self._ended:
            try:
                async with asyncio.timeout(_SECONDS):
                    serial = await served(port)
            except (OSError, ValueError, EOFError) as error:
                self.failures.append(f"{type(error).__name__}: {error}")
                await asyncio.sleep(0)
                continue
            async with self._changed:
                self.seen[serial] += 1
                self._changed.notify_all()


@asynccontextmanager
async def load(port: int, clients: int) -> AsyncIterator[Load]:
    """Let so many clients come until the block ends."""
    found = Load()
    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(found.come(port))
        yield found
        found.end()


def _context() -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made
