"""A DNS server that says what a test wants it to say, true or not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from types import TracebackType
from typing import Self, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from zoneproof.testing.ports import free_port

Packets = dns.message.Message | bytes | list[bytes] | None


class FakeDns:
    """Speaks RFC 1035 over UDP, and over TCP where ``tcp`` is given.

    ``answer`` gets each question and returns a message, bytes, several packets, or None to stay
    silent. ``asked`` keeps ``(name, type)`` of each question over UDP.
    """

    def __init__(
        self,
        answer: Callable[[dns.message.Message], Packets],
        *,
        tcp: Callable[[dns.message.Message], dns.message.Message | bytes] | None = None,
        address: str = "127.0.0.1",
        port: int | None = None,
    ) -> None:
        self.address = address
        self.port = port or free_port(address)
        self.asked: list[tuple[str, str]] = []
        self._answer = answer
        self._tcp = tcp
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Udp(self), local_addr=(self.address, self.port)
        )
        if self._tcp:
            self._server = await asyncio.start_server(self._serve_tcp, self.address, self.port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._transport.close()
        if self._server:
            self._server.close()

    def packets(self, data: bytes) -> list[bytes]:
        question = dns.message.from_wire(data, keyring=False)  # signed or not
        asked = question.question[0]
        name = asked.name.to_text(omit_final_dot=True).lower()
        self.asked.append((name, dns.rdatatype.to_text(asked.rdtype)))
        answer = self._answer(question)
        if isinstance(answer, dns.message.Message):
            return [answer.to_wire()]
        if isinstance(answer, bytes):
            return [answer]
        return answer or []

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._tcp
        size = int.from_bytes(await reader.readexactly(2), "big")
        answer = self._tcp(dns.message.from_wire(await reader.readexactly(size)))
        wire = answer if isinstance(answer, bytes) else answer.to_wire(max_size=65535)
        writer.write(len(wire).to_bytes(2, "big") + wire)
        writer.close()


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: FakeDns) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        for packet in self._server.packets(data):
            self._transport.sendto(packet, addr)


def reply(
    question: dns.message.Message,
    *answer: str,
    authority: tuple[str, ...] = (),
    additional: tuple[str, ...] = (),
    rcode: dns.rcode.Rcode = dns.rcode.NOERROR,
    authoritative: bool = True,
    recursive: bool = False,
) -> dns.message.Message:
    """Answer the question with records written as ``name type data``."""
    message = dns.message.make_response(question, recursion_available=recursive)
    message.set_rcode(rcode)
    if authoritative:
        message.flags |= dns.flags.AA
    for section, lines in (
        (message.answer, answer),
        (message.authority, authority),
        (message.additional, additional),
    ):
        section.extend(map(_record, lines))
    return message


@cache
def _record(line: str) -> dns.rrset.RRset:
    name, rdtype, data = line.split(" ", 2)
    return dns.rrset.from_text(f"{name}.", 60, "IN", rdtype, data)


def soa(zone: str) -> str:
    """Return a zone's SOA record."""
    return f"{zone} SOA ns.{zone}. hostmaster.{zone}. 1 3600 600 86400 60"
