"""Asks questions: of recursive resolvers, and of authoritative servers directly."""

from __future__ import annotations

import asyncio
import io
import ipaddress
import math
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import dns.exception
import dns.flags
import dns.message
import msgspec

from zoneproof.core.aio import Closing
from zoneproof.core.errors import (
    DnsError,
    DnsNotAuthoritativeError,
    DnsServerError,
    DnsUnreachableError,
)
from zoneproof.core.files import read_file
from zoneproof.core.http import HttpClient
from zoneproof.core.names import DomainName
from zoneproof.dnsquery.messages import Answer, Status, read_answer
from zoneproof.dnsquery.transport import (
    LARGEST_REPLY,
    DohServer,
    ServerAddress,
    exchange,
    exchange_https,
)

T = TypeVar("T")

_MAX_AT_ONCE = 100
_MAX_AT_ONCE_PER_SERVER = 50
_KEEP_SECONDS = 60.0
_KEEP_FAILURE_SECONDS = 10.0
_KEEP_DEAD_SECONDS = 15.0
_MAX_LINKS = 11
_SYSTEM_FILE = Path("/etc/resolv.conf")


class Resolver(Closing):
    """Asks the given servers recursive questions, in order; without any, the system's resolvers.

    ``authoritative_port`` is the port at which authoritative servers are asked. ``timeout`` is
    the seconds that the first try waits for an answer. Belongs to one event loop; close it.
    Raises DnsError if the system's resolvers cannot be found out.
    """

    def __init__(
        self,
        servers: Sequence[ServerAddress | DohServer] | None = None,
        *,
        authoritative_port: int = 53,
        timeout: float = 2.0,
    ) -> None:
        self.servers = tuple(servers or _system_servers())
        self.authoritative_port = authoritative_port
        self.timeout = timeout
        self._at_once = asyncio.Semaphore(_MAX_AT_ONCE)
        self._at_once_per_server: dict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(_MAX_AT_ONCE_PER_SERVER)
        )
        self._first_contact: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._dead: dict[str, float] = {}
        self._answering: set[str] = set()
        self._kept: dict[Hashable, _Kept] = {}
        self._next_sweep = 0.0
        self._client: HttpClient | None = None

    async def close(self) -> None:
        """Release connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def query(self, name: DomainName, rdtype: str) -> Answer:
        """Ask the resolvers in order, twice at most; ``rdtype`` is a type such as ``TXT``.

        NODATA and NXDOMAIN are answers. CNAMEs are followed. Raises DnsServerError for SERVFAIL,
        REFUSED and answers without use, DnsUnreachableError where no server answers.
        """
        answer = await self._ask_in_order(name, rdtype)
        chain: tuple[DomainName, ...] = ()
        # A server that does not recurse leaves a CNAME out of its own zones unfollowed.
        while answer.chain and not answer.records and not answer.recursive:
            chain += answer.chain
            if len(chain) > _MAX_LINKS or name in chain or len(set(chain)) < len(chain):
                raise DnsServerError(f"the CNAMEs from {name} form a loop or are too many")
            answer = await self._ask_in_order(answer.chain[-1], rdtype)
        if answer.status is Status.REFERRAL:
            raise DnsServerError(
                f"the DNS server that was asked for {rdtype} of {answer.name} is not recursive: it "
                "only refers to other servers; use a recursive resolver"
            )
        if not chain:
            return answer
        return Answer(
            name,
            rdtype,
            answer.status,
            records=answer.records,
            chain=chain + answer.chain,
            soa=answer.soa,
        )

    async def query_shared(self, name: DomainName, rdtype: str) -> Answer:
        """Ask for zones, name servers and addresses, which many names have in common.

        The answer is kept for a minute; it may be a REFERRAL. Raises as :meth:`query` does.
        """
        return await self.shared((name, rdtype), lambda: self._ask_in_order(name, rdtype))

    async def ask_server(self, address: str, name: DomainName, rdtype: str) -> Answer:
        """Ask one authoritative server directly: no recursion, UDP, TCP where cut short, retries.

        The answer has authority, or is a REFERRAL. A server that does not answer at all is not
        asked again for 15 seconds. Raises DnsUnreachableError, DnsNotAuthoritativeError, or
        DnsServerError for REFUSED, SERVFAIL and answers without use.
        """
        if address not in self._answering:
            # One question finds out whether the server is there; the others wait for that.
            async with self._first_contact[address]:
                if address not in self._answering:
                    return await self._ask_directly(address, name, rdtype)
        async with self._at_once_per_server[address]:
            return await self._ask_directly(address, name, rdtype)

    async def _ask_directly(self, address: str, name: DomainName, rdtype: str) -> Answer:
        server = ServerAddress(address, self.authoritative_port)
        if self._dead.get(address, 0) > time.monotonic():
            raise DnsUnreachableError(f"the DNS server {server} did not answer a moment ago")
        tries = (self.timeout / 2, self.timeout / 2, self.timeout)
        try:
            async with self._at_once:
                reply = await exchange(server, name, rdtype, recursive=False, tries=tries)
        except DnsUnreachableError:
            self._dead[address] = time.monotonic() + _KEEP_DEAD_SECONDS
            self._answering.discard(address)
            raise
        self._answering.add(address)
        # Authoritative servers offer no recursion; what does, without authority, is in between.
        if reply.flags & dns.flags.RA and not reply.flags & dns.flags.AA:
            raise DnsNotAuthoritativeError(f"what answers at {server} for {name} is a resolver")
        answer = _read(reply, server, name, rdtype)
        if not answer.authoritative and answer.status is not Status.REFERRAL:
            raise DnsNotAuthoritativeError(f"the DNS server {server} has no authority over {name}")
        return answer

    def answering_first(self, addresses: Iterable[str]) -> list[str]:
        """Return the addresses, those that have answered before the others."""
        return sorted(addresses, key=lambda address: address not in self._answering)

    async def shared(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """Return what ``work`` returns, or did within the last minute, also to other callers.

        Callers with one key wait for one another; a DnsError is shared for ten seconds.
        """
        now = time.monotonic()
        if now > self._next_sweep:
            self._next_sweep = now + _KEEP_SECONDS
            self._kept = {k: kept for k, kept in self._kept.items() if kept.until > now}
        kept = self._kept.get(key)
        if kept is None or kept.until < now:
            kept = self._kept[key] = _Kept()
        async with kept.lock:
            if not kept.known:
                try:
                    kept.value = await work()
                except DnsError as error:
                    kept.error = error
                kept.known = True
                seconds = _KEEP_FAILURE_SECONDS if kept.error else _KEEP_SECONDS
                kept.until = time.monotonic() + seconds
        if kept.error:
            raise kept.error.with_traceback(None)
        value: T = kept.value
        return value

    async def _ask_in_order(self, name: DomainName, rdtype: str) -> Answer:
        problem: DnsError | None = None
        for seconds in (self.timeout, self.timeout * 2):
            for server in self.servers:
                try:
                    return await self._ask(server, name, rdtype, seconds)
                except DnsServerError as error:
                    problem = error
                except DnsUnreachableError as error:
                    problem = problem or error
        assert problem is not None
        raise problem

    async def _ask(
        self, server: ServerAddress | DohServer, name: DomainName, rdtype: str, seconds: float
    ) -> Answer:
        async with self._at_once:
            if isinstance(server, DohServer):
                self._client = self._client or HttpClient(
                    seconds=self.timeout * 2, connections=_MAX_AT_ONCE, max_body=LARGEST_REPLY
                )
                reply = await exchange_https(self._client, server, name, rdtype, timeout=seconds)
            else:
                reply = await exchange(server, name, rdtype, recursive=True, tries=(seconds,))
        return _read(reply, server, name, rdtype)


class _Kept(msgspec.Struct):
    """What :meth:`Resolver.shared` remembers for one key."""

    lock: asyncio.Lock = msgspec.field(default_factory=asyncio.Lock)
    known: bool = False
    value: Any = None
    error: DnsError | None = None
    until: float = math.inf


def _read(
    reply: dns.message.Message, server: ServerAddress | DohServer, name: DomainName, rdtype: str
) -> Answer:
    try:
        return read_answer(reply, name, rdtype)
    except DnsServerError as error:
        raise DnsServerError(
            f"the DNS server {server} was asked for {rdtype} of {name}: {error.message}",
            rcode=error.rcode,
        ) from error


def _usable_lines(file: Path) -> str:
    """Return the lines that name resolvers; the system, too, skips what is not an address."""
    lines = []
    with suppress(OSError):
        for line in read_file(file).decode(errors="replace").splitlines():
            words = line.split()
            with suppress(ValueError, IndexError):
                if words[0] == "nameserver" and ipaddress.ip_address(words[1]):
                    lines.append(f"{line}\n")
    return "".join(lines)


def _system_servers() -> tuple[ServerAddress, ...]:
    # Here, because it takes long, and whoever names resolvers does without.
    import dns.resolver

    try:
        system = dns.resolver.Resolver(io.StringIO(_usable_lines(_SYSTEM_FILE)))
    except dns.exception.DNSException as error:
        raise DnsError(
            f"this system's DNS resolvers cannot be determined ({_SYSTEM_FILE}: {error}): name one"
            " with --resolver, or resolvers in [dns] of settings.toml"
        ) from error
    return tuple(
        ServerAddress(server, system.nameserver_ports.get(server, system.port))
        for server in system.nameservers
        if isinstance(server, str)
    )
