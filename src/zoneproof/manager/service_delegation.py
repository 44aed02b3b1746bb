"""Looks whether the DNS leads to the challenge service: delegation, glue, answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from zoneproof.challengedns.config import Config, ZoneConfig
from zoneproof.challengedns.dns.zones import ZoneData
from zoneproof.challengedns.runtime.check import CheckFinding, Level
from zoneproof.challengedns.runtime.parent_records import (
    ParentRecords,
    addresses_of,
    parent_records,
)
from zoneproof.core.errors import DnsError
from zoneproof.core.names import DomainName
from zoneproof.dnsquery import Answer, Resolver, Status, find_zone

_SUBJECT = "delegation"
_CONNECT_SECONDS = 3.0
_MAX_PARENT_SERVERS = 16


async def check_delegation(
    config: Config, zones: Sequence[ZoneData], resolver: Resolver, *, is_running: bool
) -> list[CheckFinding]:
    """Ask the parent of every zone for the delegation, and the name servers for the zone.

    The latter only while the service runs.
    """
    findings: list[CheckFinding] = []
    for zone in config.zones:
        if any(zone.name.is_below(other.name) for other in config.zones if other is not zone):
            continue  # the service is its own parent there
        wanted = parent_records(zone, zones)
        findings += [found async for found in _check_parent(resolver, wanted)]
        if is_running:
            findings += [found async for found in _check_servers(resolver, zone, zones)]
    if not is_running:
        findings.append(
            CheckFinding(
                Level.NOTE,
                _SUBJECT,
                "the name servers can be checked once the service runs: check again then",
            )
        )
    return list(dict.fromkeys(findings))


async def _check_parent(resolver: Resolver, wanted: ParentRecords) -> AsyncIterator[CheckFinding]:
    try:
        cut = await find_zone(resolver, wanted.zone.parent)
    except DnsError as error:
        yield _problem(
            f"the parent zone of {wanted.zone} is not found ({error.message}); it needs these"
            " records",
            *wanted.lines,
        )
        return
    addresses = cut.addresses[:_MAX_PARENT_SERVERS]
    answers = await asyncio.gather(
        *(resolver.ask_server(address, wanted.zone, "NS") for address in addresses),
        return_exceptions=True,
    )
    usable = [answer for answer in answers if isinstance(answer, Answer)]
    if not usable:
        yield _problem(f"no server of {cut.name}, the parent of {wanted.zone}, answers from here")
    found = [finding for answer in usable for finding in _compare(wanted, answer, cut.name)]
    for finding in dict.fromkeys(found):
        yield finding
    if usable and not found:
        names = ", ".join(map(str, wanted.nameservers))
        yield CheckFinding(Level.OK, _SUBJECT, f"{cut.name} delegates {wanted.zone} to {names}")


def _compare(wanted: ParentRecords, answer: Answer, parent: DomainName) -> list[CheckFinding]:
    referral = answer.referral
    if referral is not None and referral.zone != wanted.zone:
        return []  # a server further up, which only knows the zone in between
    names = referral.nameservers if referral else answer.targets
    if answer.status in (Status.NODATA, Status.NXDOMAIN) or not names:
        return [
            _problem(
                f"{parent} does not delegate {wanted.zone}: create these records there",
                *wanted.lines,
            )
        ]
    findings = []
    missing = [name for name in wanted.nameservers if name not in names]
    if missing:
        lines = [
            line
            for line in wanted.lines
            if any(line.endswith(f" NS {name.fqdn}") for name in missing)
        ]
        shown = ", ".join(map(str, missing))
        findings.append(
            _problem(f"{parent} does not name {shown} as a server of {wanted.zone}", *lines)
        )
    findings += [
        _problem(
            f"{parent} names {name} as a server of {wanted.zone}, and the configuration does not:"
            " remove it there, or add it to 'nameservers'"
        )
        for name in names
        if name not in wanted.nameservers
    ]
    if referral is not None:
        findings += _compare_glue(wanted, referral.glue, names, parent)
    return findings


def _compare_glue(
    wanted: ParentRecords,
    glue: Mapping[DomainName, tuple[str, ...]],
    names: Sequence[DomainName],
    parent: DomainName,
) -> list[CheckFinding]:
    findings = []
    for name, addresses in wanted.glue.items():
        if name not in names:
            continue
        there = glue.get(name, ())
        missing = [address for address in addresses if address not in there]
        if missing:
            findings.append(
                _problem(
                    f"{parent} does not give {', '.join(missing)} as the address of {name} (glue): "
                    "create it there",
                    *(wanted.glue_line(name, address) for address in missing),
                )
            )
        wrong = [address for address in there if address not in addresses]
        if wrong:
            findings.append(
                _problem(
                    f"{parent} gives {', '.join(wrong)} as an address of {name} (glue), and the"
                    " configuration does not: remove it there, or add it to the 'records'"
                )
            )
    return findings


async def _check_servers(
    resolver: Resolver, zone: ZoneConfig, zones: Sequence[ZoneData]
) -> AsyncIterator[CheckFinding]:
    for name in zone.nameservers:
        addresses = addresses_of(name, zones) or await _look_up(resolver, name)
        if not addresses:
            yield _problem(f"the name server {name} has no address")
        for address in addresses:
            yield await _check_server(resolver, zone, name, address)


async def _check_server(
    resolver: Resolver, zone: ZoneConfig, name: DomainName, address: str
) -> CheckFinding:
    port = resolver.authoritative_port
    where = f"{name} at {address}"
    try:
        await resolver.ask_server(address, zone.name, "SOA")
    except DnsError as error:
        return _problem(
            f"{where} does not answer for {zone.name}: {error.message}; if that is this machine, "
            f"check its firewall and port forwarding for UDP and TCP port {port}"
        )
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(address, port)
        writer.close()
    except (OSError, TimeoutError):
        return _problem(f"{where} does not accept TCP on port {port}, which CAs need: open it too")
    return CheckFinding(Level.OK, _SUBJECT, f"{where} answers for {zone.name}")


async def _look_up(resolver: Resolver, name: DomainName) -> tuple[str, ...]:
    found: tuple[str, ...] = ()
    for rdtype in ("A", "AAAA"):
        try:
            found += (await resolver.query(name, rdtype)).addresses
        except DnsError:
            continue
    return found


def _problem(text: str, *records: str) -> CheckFinding:
    return CheckFinding(Level.PROBLEM, _SUBJECT, text, records)
