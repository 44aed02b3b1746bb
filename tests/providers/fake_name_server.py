"""A name server whose answers to updates a test makes up (messages of RFC 2136 and RFC 8945)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import dns.message
import dns.rcode
import dns.tsig

from zoneproof.testing.ports import free_port

Answer = Callable[[dns.message.Message], bytes | None]


class FakeNameServer:
    """Listens on TCP and UDP at one loopback port; ``answer`` makes the bytes, None is silence."""

    def __init__(self, answer: Answer, key: dns.tsig.Key | None) -> None:
        self.answer = answer
        self.port = 0
        self.received = 0
        self.most_at_once = 0
        self._at_once = 0
        self._key = key

    def _respond(self, wire: bytes) -> bytes | None:
        self.received += 1
        return self.answer(dns.message.from_wire(wire, keyring=self._key))

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            size = int.from_bytes(await reader.readexactly(2), "big")
            reply = self._respond(await reader.readexactly(size))
            if reply is None:
                await reader.read()
            else:
                writer.write(len(reply).to_bytes(2, "big") + reply)
                await writer.drain()
        finally:
            self._at_once -= 1
            writer.close()

    def datagram(self, wire: bytes) -> bytes | None:
        """Answer a datagram."""
        return self._respond(wire)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: FakeNameServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self._server.datagram(data)
        if reply is not None:
            self._transport.sendto(reply, addr)


@asynccontextmanager
async def fake_name_server(
    answer: Answer, key: dns.tsig.Key | None = None
) -> AsyncIterator[FakeNameServer]:
    """Run the server until the block ends. ``key`` is what it verifies requests with."""
    fake = FakeNameServer(answer, key)
    fake.port = free_port()
    here = ("127.0.0.1", fake.port)
    tcp = await asyncio.start_server(fake._serve_tcp, *here)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Datagrams(fake), local_addr=here
    )
    try:
        yield fake
    finally:
        transport.close()
        tcp.close()


def response(rcode: dns.rcode.Rcode) -> Answer:
    """Answer with the rcode, signed if the request was."""

    def answer(request: dns.message.Message) -> bytes:
        reply = dns.message.make_response(request)
        reply.set_rcode(rcode)
        return reply.to_wire()

    return answer


def unsigned(rcode: dns.rcode.Rcode) -> Answer:
    """Answer with the rcode and no signature, and like Knot without repeating the zone."""

    def answer(request: dns.message.Message) -> bytes:
        flags = 0xA800 | int(rcode)  # QR, opcode UPDATE
        return request.id.to_bytes(2, "big") + flags.to_bytes(2, "big") + bytes(8)

    return answer
