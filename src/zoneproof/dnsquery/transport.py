"""One question to one DNS server: UDP, then TCP where the answer is cut short."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import dns.flags
import dns.message
import dns.rcode

from zoneproof.dnsquery.servers import ServerAddress
from zoneproof.dnsquery.wire import make_question, read_reply
from zoneproof.errors import DnsUnreachableError
from zoneproof.names import DomainName

_MAX_WRONG_PACKETS = 100
_MAX_PACKET = 65535
_NO_EDNS = (dns.rcode.FORMERR, dns.rcode.NOTIMP)


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


async def _ask_udp(server: ServerAddress, question: bytes) -> dns.message.Message:
    loop = asyncio.get_running_loop()
    family, kind, _, _, address = socket.getaddrinfo(
        server.ip, server.port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
    )[0]
    with socket.socket(family, kind) as sock:
        sock.setblocking(False)
        # A connected socket: the kernel drops packets from elsewhere and tells of a closed port.
        sock.connect(address)
        await loop.sock_sendall(sock, question)
        # The reply may come among whatever else arrives at the socket (RFC 5452 section 9).
        for _ in range(_MAX_WRONG_PACKETS):
            message = read_reply(await loop.sock_recv(sock, _MAX_PACKET), question)
            if message is not None:
                return message
    raise ConnectionError("only packets that are no reply to the question")


async def _ask_tcp(server: ServerAddress, question: bytes) -> dns.message.Message:
    reader, writer = await asyncio.open_connection(server.ip, server.port)
    try:
        writer.write(len(question).to_bytes(2, "big") + question)
        size = int.from_bytes(await reader.readexactly(2), "big")
        message = read_reply(await reader.readexactly(size), question)
    finally:
        writer.close()
    if message is None:
        raise ConnectionError("its reply over TCP does not belong to the question")
    return message
