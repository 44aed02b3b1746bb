"""One question to one server: UDP, TCP where cut short, or DNS over HTTPS (RFC 8484)."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

import dns.flags
import dns.message
import dns.rcode
import msgspec

from zoneproof.core.errors import DnsUnreachableError, InvalidInputError
from zoneproof.core.http import HttpClient, NoReplyError, Reply
from zoneproof.core.names import DomainName, is_loopback
from zoneproof.dnsquery.messages import make_question, read_reply

_FORMS = "give IP, IP:port, [IPv6]:port or an https:// URL for DNS over HTTPS"


class ServerAddress(msgspec.Struct, frozen=True):
    """A DNS server's IP address and port, asked over UDP and TCP."""

    ip: str
    port: int = 53

    def __str__(self) -> str:
        if self.port == 53:
            return self.ip
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


class DohServer(msgspec.Struct, frozen=True):
    """A DNS-over-HTTPS server's URL (RFC 8484)."""

    url: str

    def __str__(self) -> str:
        return self.url


def parse_server(text: str) -> ServerAddress | DohServer:
    """Read ``IP``, ``IP:port``, ``[IPv6]:port`` or ``https://…``.

    ``http://`` is taken for loopback hosts only. Raises InvalidInputError.
    """
    stripped = text.strip()
    text = stripped[:100]
    if "://" in stripped:
        return DohServer(_check_url(stripped))
    host, port = stripped, "53"
    if stripped.startswith("["):
        host, bracket, rest = stripped[1:].partition("]")
        host = host if bracket else ""
        port = rest[1:] if rest.startswith(":") else rest or port
    elif stripped.count(":") == 1:
        host, _, port = stripped.partition(":")
    try:
        ip = str(ipaddress.ip_address(host))
    except ValueError:
        raise InvalidInputError(f"'{text}' is not a DNS server: {_FORMS}") from None
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        raise InvalidInputError(f"'{text}' is not a DNS server: its port must be 1 to 65535")
    return ServerAddress(ip, int(port))


def _check_url(text: str) -> str:
    # Published as RFC 8484 URI templates; the variable only matters for GET.
    url = text.removesuffix("{?dns}")
    text = text[:100]
    try:
        parts = urlsplit(url)
        host = None if parts.port == 0 else parts.hostname
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in ("https", "http") or not host or not url.isascii():
        raise InvalidInputError(f"'{text}' is not a DNS-over-HTTPS server: {_FORMS}")
    if parts.username is not None or parts.fragment:
        raise InvalidInputError(
            f"the DNS-over-HTTPS URL of {host} must not contain a user name or '#'"
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise InvalidInputError(
            f"'{text}' is not encrypted: DNS over HTTPS needs https:// (http:// only for loopback)"
        )
    return url


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
    raise ConnectionError("only packets that do not answer the question")


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


LARGEST_REPLY = 65535  # bytes
_MEDIA_TYPE = "application/dns-message"
_HEADERS = {"Content-Type": _MEDIA_TYPE, "Accept": _MEDIA_TYPE}


async def exchange_https(
    client: HttpClient, server: DohServer, name: DomainName, rdtype: str, *, timeout: float
) -> dns.message.Message:
    """Ask once, within ``timeout`` seconds. Raises DnsUnreachableError, naming the server."""
    # RFC 8484 section 4.1: the same question is the same HTTP request, so that caches work.
    question = b"\0\0" + make_question(name, rdtype, recursive=True)[2:]
    try:
        reply = await client.exchange(
            "POST", server.url, content=question, headers=_HEADERS, seconds=timeout
        )
        problem = _not_dns(reply)
    except NoReplyError as error:
        problem = error.message
    if not problem:
        message = read_reply(reply.body, question)
        if message is not None:
            return message
        problem = "its body is not a reply to the question"
    raise DnsUnreachableError(f"the DNS-over-HTTPS server {server} cannot be used: {problem}")


def _not_dns(reply: Reply) -> str:
    if reply.status != 200:
        return f"it answers HTTP {reply.status}"
    if reply.headers.get("content-type", "").partition(";")[0].strip() != _MEDIA_TYPE:
        return f"its answer is not {_MEDIA_TYPE}"
    return ""
