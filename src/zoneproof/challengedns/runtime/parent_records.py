"""The records that a parent zone must hold, so that the DNS finds a zone of the service."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zoneproof.challengedns.config import ZoneConfig
from zoneproof.challengedns.dns.wire import AAAA, A, to_wire
from zoneproof.challengedns.dns.zones import ZoneData
from zoneproof.core.names import DomainName

_TTL = 3600  # seconds


@dataclass(frozen=True)
class ParentRecords:
    """What delegates a zone: its name servers, and the addresses of those that are inside it."""

    zone: DomainName
    nameservers: tuple[DomainName, ...]
    glue: Mapping[DomainName, tuple[str, ...]]

    @property
    def lines(self) -> list[str]:
        """The records in zone-file form."""
        found = [f"{self.zone.fqdn} {_TTL} IN NS {name.fqdn}" for name in self.nameservers]
        for name, addresses in self.glue.items():
            found += [self.glue_line(name, address) for address in addresses]
        return found

    @staticmethod
    def glue_line(name: DomainName, address: str) -> str:
        """Return one address record in zone-file form."""
        kind = "AAAA" if ":" in address else "A"
        return f"{name.fqdn} {_TTL} IN {kind} {address}"


def parent_records(zone: ZoneConfig, zones: Sequence[ZoneData]) -> ParentRecords:
    """Return what the parent of a zone must hold; ``zones`` are all of the service, compiled."""
    glue = {
        name: addresses_of(name, zones) for name in zone.nameservers if name.is_below(zone.name)
    }
    return ParentRecords(zone.name, zone.nameservers, glue)


def addresses_of(name: DomainName, zones: Sequence[ZoneData]) -> tuple[str, ...]:
    """Return the addresses that the service's own zones hold for a name."""
    owner = to_wire(name.text)
    return tuple(
        str(ipaddress.ip_address(rdata))
        for zone in zones
        for rrset in zone.rrsets
        if rrset.owner == owner and rrset.rdtype in (A, AAAA)
        for rdata in rrset.rdatas
    )
