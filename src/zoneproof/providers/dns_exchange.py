"""One question to a name server, and its answer."""

from __future__ import annotations

import asyncio


async def over_tcp(wire: bytes, address: str, port: int) -> bytes:
    """Return the answer (RFC 1035 section 4.2.2). Raises OSError, EOFError if there is none.

    The deadline is the caller's.
    """
    reader, writer = await asyncio.open_connection(address, port)
    try:
        writer.write(len(wire).to_bytes(2, "big") + wire)
        await writer.drain()
        size = int.from_bytes(await reader.readexactly(2), "big")
        return await reader.readexactly(size)
    finally:
        writer.close()


async def over_udp(wire: bytes, address: str, port: int) -> bytes:
    """Return the first answer from that address that has the message's id. Raises OSError.

    The deadline is the caller's.
    """
    loop = asyncio.get_running_loop()
    transport, waiting = await loop.create_datagram_endpoint(
        lambda: _AnswerTo(wire[:2], loop.create_future()), remote_addr=(address, port)
    )
    try:
        transport.sendto(wire)
        return await waiting.answer
    finally:
        transport.close()


class _AnswerTo(asyncio.DatagramProtocol):
    def __init__(self, message_id: bytes, answer: asyncio.Future[bytes]) -> None:
        self.answer = answer
        self._message_id = message_id

    def datagram_received(self, data: bytes, addr: object) -> None:
        del addr
        if data[:2] == self._message_id and not self.answer.done():
            self.answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)
