"""What each authoritative server shows of the TXT values that are expected at a name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from enum import Enum

import msgspec
from msgspec.structs import replace

from zoneproof.core.errors import DnsNotAuthoritativeError, DnsServerError, DnsUnreachableError
from zoneproof.core.names import DomainName
from zoneproof.dnsquery.messages import Status
from zoneproof.dnsquery.resolver import Resolver
from zoneproof.dnsquery.zones import ZoneCut


class ServerStatus(Enum):
    """How one server at one address answers."""

    VISIBLE = "has every value"
    MISSING = "lacks a value"
    FAILING = "answers with an error"
    FOREIGN = "answers without authority"
    UNREACHABLE = "does not answer"


class Verdict(Enum):
    """What all servers of the zone together say of a name."""

    VISIBLE = "visible"
    NOT_YET = "not yet visible"
    UNKNOWN = "cannot be known"


class ServerReport(msgspec.Struct, frozen=True):
    """One server at one address; ``address`` is empty for a server of which none is known.

    ``missing`` are the values that it lacks, ``detail`` is the error code or what else is odd.
    ``texts`` are the values that it has at the very name, not at the end of the CNAME there, whose
    target is ``cname``.
    """

    server: DomainName
    address: str
    status: ServerStatus
    missing: frozenset[str] = frozenset()
    detail: str = ""
    texts: tuple[str, ...] = ()
    cname: DomainName | None = None

    def __str__(self) -> str:
        where = f"{self.server} ({self.address or 'no address'})"
        return f"{where} {self.status.value}" + (f" ({self.detail})" if self.detail else "")


class NameReport(msgspec.Struct, frozen=True):
    """The servers' answers for one publish name.

    ``zone`` is None where it could not be found; ``note`` says why, or why nothing can be known.
    """

    name: DomainName
    zone: DomainName | None
    servers: tuple[ServerReport, ...] = ()
    note: str = ""

    @property
    def verdict(self) -> Verdict:
        """VISIBLE if every server that answers has every value, and at least one does.

        UNKNOWN if no server could be asked: all are silent, or something else answers for them.
        """
        statuses = {server.status for server in self.servers}
        if ServerStatus.MISSING in statuses:
            return Verdict.NOT_YET
        if ServerStatus.VISIBLE in statuses:
            return Verdict.VISIBLE
        return Verdict.NOT_YET if ServerStatus.FAILING in statuses else Verdict.UNKNOWN

    @property
    def tolerated(self) -> tuple[ServerReport, ...]:
        """The servers that gave no answer of use; they hold up nothing while another one does."""
        return tuple(
            server
            for server in self.servers
            if server.status not in (ServerStatus.VISIBLE, ServerStatus.MISSING)
        )

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for each server that holds the name up, or one for all if none answers."""
        if self.verdict is Verdict.VISIBLE:
            return ()
        lacking = [server for server in self.servers if server.missing]
        if lacking:
            return tuple(_still_lacks(self.name, server) for server in lacking)
        if self.verdict is Verdict.UNKNOWN:
            return (f"the TXT at {self.name} cannot be checked: {self.note}",)
        shown = ", ".join(str(server) for server in self.servers)
        return (f"no server of the zone {self.zone} answers for {self.name}: {shown}",)


def _still_lacks(name: DomainName, server: ServerReport) -> str:
    values = " and ".join(sorted(server.missing))
    plural = "s" if len(server.missing) > 1 else ""
    detail = f" ({server.detail})" if server.detail else ""
    return (
        f"{server.server} ({server.address}) still lacks the TXT value{plural} {values} at"
        f" {name}{detail}"
    )


async def look(
    resolver: Resolver, cut: ZoneCut, values: frozenset[str], before: NameReport
) -> NameReport:
    """Ask every server of the zone, except those of ``before`` that had every value already."""
    earlier = {(report.server, report.address): report for report in before.servers}

    async def one(server: DomainName, address: str) -> ServerReport:
        known = earlier.get((server, address))
        if known and known.status is ServerStatus.VISIBLE:
            return known
        report = await _check_server(resolver, server, address, before.name, values)
        told = report.status in (ServerStatus.VISIBLE, ServerStatus.MISSING)
        if known and known.status is ServerStatus.MISSING and not told:
            # Silence does not turn a stale server into one that can be passed over.
            return replace(known, detail=f"it now {report.status.value}")
        return report

    asked = [
        one(server.name, address) for server in cut.nameservers for address in server.addresses
    ]
    silent = [
        ServerReport(server.name, "", ServerStatus.UNREACHABLE, detail="its address is not known")
        for server in cut.nameservers
        if not server.addresses
    ]
    report = replace(before, zone=cut.name, servers=(*await asyncio.gather(*asked), *silent))
    if report.verdict is not Verdict.UNKNOWN:
        return report
    return replace(report, note=_why_unknown(cut, report.servers))


async def _check_server(
    resolver: Resolver, server: DomainName, address: str, name: DomainName, values: frozenset[str]
) -> ServerReport:
    try:
        answer = await resolver.ask_server(address, name, "TXT")
    except DnsUnreachableError:
        return ServerReport(server, address, ServerStatus.UNREACHABLE)
    except DnsNotAuthoritativeError:
        return ServerReport(server, address, ServerStatus.FOREIGN)
    except DnsServerError as error:
        detail = error.rcode or error.message
        return ServerReport(server, address, ServerStatus.FAILING, detail=detail)
    if answer.status is Status.REFERRAL:
        return ServerReport(server, address, ServerStatus.FOREIGN)
    missing = values - frozenset(answer.texts)
    cname = answer.chain[0] if answer.chain else None
    texts = () if cname else answer.texts
    if not missing:
        return ServerReport(server, address, ServerStatus.VISIBLE, texts=texts, cname=cname)
    detail = f"it has a CNAME to {cname} there" if cname else ""
    return ServerReport(server, address, ServerStatus.MISSING, missing, detail, texts, cname)


def _why_unknown(cut: ZoneCut, servers: Iterable[ServerReport]) -> str:
    if any(server.status is ServerStatus.FOREIGN for server in servers):
        return (
            f"something between here and the servers of {cut.name} answers in their place"
            " (port 53 is redirected, or the delegation is wrong)"
        )
    return f"no authoritative server of {cut.name} answers here (port 53 may be blocked)"
