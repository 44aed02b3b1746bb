"""One question to one DNS server: UDP, then TCP where the answer is cut short."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from zoneproof.dnsquery.answer import wire_name
from zoneproof.dnsquery.servers import ServerAddress
from zoneproof.errors import DnsUnreachableError
from zoneproof.names import DomainName

# The size that passes every network without fragments (DNS flag day 2020).
_UDP_PAYLOAD = 1232
_MAX_WRONG_PACKETS = 100
_NO_EDNS = (dns.rcode.FORMERR, dns.rcode.NOTIMP)


def make_question(
    name: DomainName, rdtype: str, *, recursive: bool, edns: bool = True
) -> dns.message.QueryMessage:
    """Return a question with a random id."""
    question = dns.message.make_query(
        wire_name(name),
        dns.rdatatype.from_text(rdtype),
        use_edns=0 if edns else False,
        payload=_UDP_PAYLOAD,
    )
    if not recursive:
        question.flags &= ~dns.flags.RD
    return question


def read_reply(data: bytes, question: dns.message.Message) -> dns.message.Message | None:
    """Return the message if it is well formed and a reply to the question, else None."""
    try:
        message = dns.message.from_wire(data, ignore_trailing=True)
        return message if question.is_response(message) else None
    except (dns.exception.DNSException, ValueError):
        return None


async def exchange(
    server: ServerAddress,
    name: DomainName,
    rdtype: str,
    *,
    recursive: bool,
    tries: Sequence[float],
) -> dns.message.Message:
    """Ask until a reply to this very question comes. ``tries`` are the seconds for each try.

    Raises DnsUnreachableError, naming the server and what happened last.
    """
    problem = "no answer"
    for seconds in tries:
        try:
            async with asyncio.timeout(seconds):
                return await _ask(server, name, rdtype, recursive=recursive)
        except TimeoutError:
            problem = "no answer"
        except (OSError, EOFError) as error:
            problem = getattr(error, "strerror", None) or str(error) or type(error).__name__
    raise DnsUnreachableError(f"the DNS server {server} cannot be reached: {problem}")


async def _ask(
    server: ServerAddress, name: DomainName, rdtype: str, *, recursive: bool
) -> dns.message.Message:
    question = make_question(name, rdtype, recursive=recursive)
    reply = await _ask_udp(server, question)
    if reply.rcode() in _NO_EDNS:
        # A server from before EDNS (RFC 6891 section 7).
        question = make_question(name, rdtype, recursive=recursive, edns=False)
        reply = await _ask_udp(server, question)
    if reply.flags & dns.flags.TC:
        reply = await _ask_tcp(server, question)
    return reply


class _Reply(asyncio.DatagramProtocol):
    """Waits for the reply among whatever else arrives at the socket (RFC 5452 section 9)."""

    def __init__(self, question: dns.message.Message) -> None:
        self.message: asyncio.Future[dns.message.Message] = (
            asyncio.get_running_loop().create_future()
        )
        self._question = question
        self._wrong = 0

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        if self.message.done():
            return
        message = read_reply(data, self._question)
        if message is not None:
            self.message.set_result(message)
            return
        self._wrong += 1
        if self._wrong >= _MAX_WRONG_PACKETS:
            self._fail(ConnectionError("only packets that are no reply to the question"))

    def error_received(self, exc: Exception) -> None:
        self._fail(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionError("the socket was closed"))

    def _fail(self, error: Exception) -> None:
        if not self.message.done():
            self.message.set_exception(error)
            # A question that is cancelled while its socket opens leaves nobody to hear of it.
            self.message.exception()


async def _ask_udp(server: ServerAddress, question: dns.message.Message) -> dns.message.Message:
    # A connected socket: the kernel drops packets from elsewhere and tells of a closed port.
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Reply(question), remote_addr=(server.ip, server.port)
    )
    try:
        transport.sendto(question.to_wire())
        return await protocol.message
    finally:
        transport.abort()


async def _ask_tcp(server: ServerAddress, question: dns.message.Message) -> dns.message.Message:
    reader, writer = await asyncio.open_connection(server.ip, server.port)
    try:
        wire = question.to_wire()
        writer.write(len(wire).to_bytes(2, "big") + wire)
        size = int.from_bytes(await reader.readexactly(2), "big")
        message = read_reply(await reader.readexactly(size), question)
    finally:
        writer.close()
    if message is None:
        raise ConnectionError("its reply over TCP does not belong to the question")
    return message
