"""Finds the zone of a name and its servers, without asking a recursive resolver for the name.

A resolver that is asked for a name that is not there yet remembers that it is not there. The CA
may use that resolver, and it may be ours for the rest of the run. So only names that surely exist
are asked there: the registered domain, name servers. From the zone found so, the way down to the
name is asked of the authoritative servers themselves.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import msgspec

from zoneproof.core.errors import DnsError, DnsServerError, DnsUnreachableError, NoSuchDomainError
from zoneproof.core.names import DomainName
from zoneproof.dnsquery.messages import Answer, Referral, Status
from zoneproof.dnsquery.resolver import Resolver

_MAX_NAMESERVERS = 32
_MAX_ADDRESSES_EACH = 8
_NEXT_SERVER_AFTER = 0.3


class NameServer(msgspec.Struct, frozen=True):
    """A name server's name, and the IP addresses at which it can be asked from here."""

    name: DomainName
    addresses: tuple[str, ...]


class ZoneCut(msgspec.Struct, frozen=True):
    """A zone and its authoritative servers: those that it names and those that its parent names."""

    name: DomainName
    nameservers: tuple[NameServer, ...]

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address of every server, once."""
        return tuple(dict.fromkeys(a for server in self.nameservers for a in server.addresses))


async def find_zone(resolver: Resolver, name: DomainName) -> ZoneCut:
    """Return the zone in which ``name`` is or would be, found by SOA questions from above.

    Names that do not exist, empty non-terminals, CNAMEs at the name and NS delegations right at
    it are all understood. Where no authoritative server answers, the resolver is asked for the
    name after all. What was found is kept for a minute. Raises NoSuchDomainError if not even the
    top-level domain exists, DnsError if the resolvers do not help.
    """
    return await resolver.shared(("zone", name), lambda: _cut_only(resolver, name))


async def _cut_only(resolver: Resolver, name: DomainName) -> ZoneCut:
    cut, _ = await _find(resolver, name, "SOA")
    return cut


async def _find(resolver: Resolver, name: DomainName, rdtype: str) -> tuple[ZoneCut, Answer | None]:
    """Return the zone, and the answer of its servers for ``rdtype`` if the way there gave it."""
    cut = await _start(resolver, name)
    referred = False
    while True:
        try:
            deeper, answer = await _one_cut_deeper(resolver, cut, name, rdtype)
        except DnsError:
            if not referred:
                cut = await _by_recursion(resolver, cut, name)
            return cut, None
        if deeper is None:
            return cut, answer
        cut, referred = deeper, True


async def query_authoritative(resolver: Resolver, name: DomainName, rdtype: str) -> Answer:
    """Ask the servers of the name's own zone; the resolvers only where none of those answers.

    The answer is fresh and leaves nothing in any cache. CNAMEs are not followed into zones of
    other servers. Raises as :func:`find_zone` does.
    """
    on_the_way: Answer | None = None

    async def find() -> ZoneCut:
        nonlocal on_the_way
        cut, on_the_way = await _find(resolver, name, rdtype)
        return cut

    cut = await resolver.shared(("zone", name), find)
    if on_the_way is not None:
        return on_the_way
    try:
        return await ask_zone(resolver, cut, name, rdtype, _is_no_referral)
    except DnsError as error:
        problem = error
    try:
        return await resolver.query(name, rdtype)
    except DnsServerError as error:
        raise DnsServerError(_nobody(cut, name, problem, error), rcode=error.rcode) from error
    except DnsUnreachableError as error:
        raise DnsUnreachableError(_nobody(cut, name, problem, error)) from error


def _nobody(cut: ZoneCut, name: DomainName, of_servers: DnsError, of_resolvers: DnsError) -> str:
    """Say who does not answer: often a resolver only fails because the zone's servers do."""
    servers = ", ".join(str(server.name) for server in cut.nameservers)
    return (
        f"the name servers of the zone {cut.name}{servers and f' ({servers})'} do not answer for"
        f" {name}: {of_servers.message}; check its NS records and these servers. Asked in their"
        f" place, {of_resolvers.message}"
    )


async def missing_domain(resolver: Resolver, cut: ZoneCut, name: DomainName) -> DomainName | None:
    """Return the domain that would have to be registered for ``name``, None if none is missing.

    That can be told where ``cut``, the zone of the name, is a top-level domain. One that the root
    does not delegate is somebody's own, and names may come to be there. Nothing is raised.
    """
    if len(cut.name.labels) != 1 or name == cut.name:
        return None
    domain = DomainName(".".join(name.labels[-2:]))
    try:
        if (await query_authoritative(resolver, domain, "SOA")).status is not Status.NXDOMAIN:
            return None
        keys = await resolver.query_shared(cut.name, "DS")  # which the zone above has
    except DnsError:
        return None
    is_public = keys.status is Status.RECORDS or keys.soa == DomainName("")
    return domain if is_public and keys.status is not Status.NXDOMAIN else None


async def ask_zone(
    resolver: Resolver,
    cut: ZoneCut,
    name: DomainName,
    rdtype: str,
    usable: Callable[[Answer], bool],
) -> Answer:
    """Ask the zone's servers, the next one when one fails or takes long, for a usable answer.

    Raises the last DnsError if none gives one.
    """
    waiting = deque(resolver.answering_first(cut.addresses))
    tasks: list[asyncio.Task[Answer]] = []
    pending: set[asyncio.Task[Answer]] = set()
    problem: DnsError = DnsUnreachableError(f"no server of {cut.name} has an address to ask at")
    try:
        while waiting or pending:
            if waiting:
                question = resolver.ask_server(waiting.popleft(), name, rdtype)
                tasks.append(asyncio.create_task(question))
                pending.add(tasks[-1])
            done, pending = await asyncio.wait(
                pending,
                timeout=_NEXT_SERVER_AFTER if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                try:
                    answer = task.result()
                except DnsError as error:
                    problem = error
                    continue
                if usable(answer):
                    return answer
                problem = DnsServerError(
                    f"a server of {cut.name} answers for {name} as if the zone were not its own"
                )
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    raise problem


def _is_no_referral(answer: Answer) -> bool:
    return answer.status is not Status.REFERRAL


async def _start(resolver: Resolver, name: DomainName) -> ZoneCut:
    """Return a zone at or above the name that the resolvers know, asking from the top."""
    depth = len(name.labels)
    candidates = deque(
        DomainName(".".join(name.labels[-count:])) for count in range(min(2, depth), depth + 1)
    )
    problem: DnsError = DnsServerError(f"the DNS does not say which zone {name} is in")
    asked: set[DomainName] = set()
    while candidates:
        candidate = candidates.popleft()
        asked.add(candidate)
        try:
            answer = await resolver.query_shared(candidate, "SOA")
        except DnsServerError as error:
            # A resolver for internal zones only may refuse the domain and know what is below.
            problem = error
            continue
        if answer.referral:
            return await _cut_of(resolver, answer.referral)
        owner = _zone_of(answer)
        if owner is not None and not owner.text:
            raise NoSuchDomainError(
                f"{name} is in no zone: the DNS says that '{name.labels[-1]}' does not exist"
            )
        if owner is not None:
            return await _cut_named(resolver, owner)
        if candidate.parent.text and candidate.parent not in asked:
            candidates.appendleft(candidate.parent)
    raise problem


async def _one_cut_deeper(
    resolver: Resolver, cut: ZoneCut, name: DomainName, rdtype: str
) -> tuple[ZoneCut | None, Answer | None]:
    """Return the next zone below ``cut`` on the way to ``name``, or None if ``cut`` is its zone.

    An answer without records names its zone, whatever was asked. So the name is asked for
    ``rdtype``, and that answer is returned as well where ``cut`` is the zone. Raises DnsError if
    none of the zone's servers gives an answer of use.
    """
    usable = partial(_tells_zone, cut)
    probe, asked, found = name, rdtype, None
    while probe != cut.name:
        answer = await ask_zone(resolver, cut, probe, asked, usable)
        if answer.referral:
            return await _cut_of(resolver, answer.referral), None
        found = found or answer
        if answer.chain or (answer.records and asked == "CNAME"):
            # A CNAME hides the SOA of its own zone: the name above is in the same zone or its top.
            probe, asked = probe.parent, "SOA"
        elif answer.records and asked != "SOA":
            asked = "SOA"
        else:
            owner = _zone_of(answer)
            if owner is None or owner == cut.name:
                return None, found
            return await _cut_at_same_servers(resolver, cut, owner), None
    return None, found


def _tells_zone(cut: ZoneCut, answer: Answer) -> bool:
    if answer.referral:
        return answer.referral.zone.is_below(cut.name) and answer.referral.zone != cut.name
    owner = _zone_of(answer)
    return owner is None or owner.is_below(cut.name)


def _zone_of(answer: Answer) -> DomainName | None:
    """Return the zone that an answer names, None if it names none."""
    if answer.chain:
        return None
    if answer.records:
        return answer.name if answer.rdtype == "SOA" else None
    return answer.soa if answer.soa is not None and answer.name.is_below(answer.soa) else None


async def _by_recursion(resolver: Resolver, cut: ZoneCut, name: DomainName) -> ZoneCut:
    """Find the zone by asking the resolvers upwards from the name: the way without port 53."""
    probe = name
    while probe != cut.name:
        try:
            owner = _zone_of(await resolver.query_shared(probe, "SOA"))
        except DnsServerError:
            owner = None
        if owner is not None:
            deeper = owner.is_below(cut.name) and owner != cut.name
            return await _cut_named(resolver, owner) if deeper else cut
        probe = probe.parent
    return cut


async def _cut_named(resolver: Resolver, zone: DomainName) -> ZoneCut:
    answer = await resolver.query_shared(zone, "NS")
    if answer.referral and answer.referral.zone == zone:
        return await _cut_of(resolver, answer.referral)
    return await _cut(resolver, zone, answer.targets, {})


async def _cut_of(resolver: Resolver, referral: Referral) -> ZoneCut:
    return await _cut(resolver, referral.zone, referral.nameservers, referral.glue)


async def _cut_at_same_servers(resolver: Resolver, above: ZoneCut, zone: DomainName) -> ZoneCut:
    async def work() -> ZoneCut:
        answer = await ask_zone(resolver, above, zone, "NS", _is_no_referral)
        return await _cut(resolver, zone, answer.targets, {})

    return await resolver.shared(("same servers", above.name, zone), work)


async def _cut(
    resolver: Resolver,
    zone: DomainName,
    names: Iterable[DomainName],
    glue: Mapping[DomainName, tuple[str, ...]],
) -> ZoneCut:
    """Return the zone with these servers and those that they themselves name."""
    known = tuple(dict.fromkeys(names))[:_MAX_NAMESERVERS]

    async def work() -> ZoneCut:
        servers = await _with_addresses(resolver, known, glue)
        try:
            cut = ZoneCut(zone, servers)
            apex = (await ask_zone(resolver, cut, zone, "NS", _is_no_referral)).targets
        except DnsError:
            apex = ()
        new = [name for name in dict.fromkeys(apex) if name not in known]
        more = await _with_addresses(resolver, new[: _MAX_NAMESERVERS - len(known)], glue)
        return ZoneCut(zone, servers + more)

    return await resolver.shared(("cut", zone, frozenset(known)), work)


async def _with_addresses(
    resolver: Resolver, names: Iterable[DomainName], glue: Mapping[DomainName, tuple[str, ...]]
) -> tuple[NameServer, ...]:
    async def look_up(name: DomainName, rdtype: str) -> tuple[str, ...]:
        try:
            return (await resolver.query_shared(name, rdtype)).addresses
        except DnsError:
            return ()

    async def one(name: DomainName) -> NameServer:
        v4, v6 = await asyncio.gather(look_up(name, "A"), look_up(name, "AAAA"))
        usable = [a for a in v4 + v6 or glue.get(name, ()) if _can_be_asked(a)]
        return NameServer(name, tuple(dict.fromkeys(usable))[:_MAX_ADDRESSES_EACH])

    return tuple(await asyncio.gather(*(one(name) for name in names)))


def _can_be_asked(address: str) -> bool:
    """Tell whether the address is one machine's and, for IPv6, there is a route to it."""
    ip = ipaddress.ip_address(address)
    if ip.is_multicast or ip.is_unspecified:
        return False
    if ip.version == 4:
        return True
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            # Connecting a UDP socket only looks up the route; nothing is sent.
            probe.connect((address, 53))
    except OSError:
        return False
    return True
