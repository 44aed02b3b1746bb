"""Finds what the zones hold for a name and type: the rules of RFC 1034 section 4.3.2."""

from __future__ import annotations

from dataclasses import dataclass, field

from zoneproof.challengedns.dns import wire
from zoneproof.challengedns.dns.table import RegistrationTable
from zoneproof.challengedns.dns.wire import RRset
from zoneproof.challengedns.dns.zone import Node, Zone, Zones

_MAX_LINKS = 11
_HINFO_RDATA = b"\x07RFC8482\x00"
_HINFO_TTL = 3600


@dataclass
class Resolution:
    """The answer's code and its three sections."""

    rcode: int = wire.NOERROR
    answer: list[RRset] = field(default_factory=list)
    authority: list[RRset] = field(default_factory=list)
    additional: list[RRset] = field(default_factory=list)


class Lookup:
    """Looks names up in the static zones and in the table of registrations."""

    def __init__(self, zones: Zones, table: RegistrationTable) -> None:
        self._zones = zones
        self._table = table

    def resolve(self, name: bytes, rdtype: int) -> Resolution | None:
        """Return what to answer, or None for a name outside our zones.

        A CNAME is followed while its target lies in our zones; the code is that of the last name
        (RFC 6604). Raises StorageError when the answer depends on storage that cannot be read.
        """
        zone = self._zones.find(name, rdtype)
        if zone is None:
            return None
        found = Resolution()
        for _ in range(_MAX_LINKS):
            node = self._node(zone, name)
            cname = node.get(wire.CNAME) if node else None
            if cname is None or rdtype in (wire.CNAME, wire.ANY):
                self._conclude(found, zone, name, node, rdtype)
                break
            if cname in found.answer:
                break
            found.answer.append(cname)
            name = cname.rdatas[0].lower()
            following = self._zones.find(name, rdtype)
            if following is None:
                break
            zone = following
        return found

    def _conclude(
        self, found: Resolution, zone: Zone, name: bytes, node: Node | None, rdtype: int
    ) -> None:
        soa = zone.soa(self._table.generation)
        if node is None:
            found.rcode = wire.NXDOMAIN
            found.authority.append(soa)
            return
        if name == zone.name:
            node = {**node, wire.SOA: soa}
        rrset = _any(name, node) if rdtype == wire.ANY else node.get(rdtype)
        if rrset is None:
            found.authority.append(soa)
            return
        found.answer.append(rrset)
        if rdtype == wire.NS:
            found.additional += self._addresses(rrset)

    def _addresses(self, nameservers: RRset) -> list[RRset]:
        found = []
        for target in nameservers.rdatas:
            name = target.lower()
            zone = self._zones.find(name, wire.A)
            node = zone.node(name) if zone else None
            found += [node[rdtype] for rdtype in (wire.A, wire.AAAA) if node and rdtype in node]
        return found

    def _node(self, zone: Zone, name: bytes) -> Node | None:
        node = zone.node(name)
        if node is None:
            node = self._registration(zone, name)
        if node is None:
            node = zone.wildcard(name)
            if node is not None and self._is_below_registration(zone, name):
                return None
        return node

    def _registration(self, zone: Zone, name: bytes) -> Node | None:
        subdomain = zone.registration(name)
        if subdomain is None:
            return None
        rdatas = self._table.values(name, subdomain)
        if rdatas is None:
            return None
        if not rdatas:
            return {}
        return {wire.TXT: RRset(name, wire.TXT, self._table.ttl, tuple(rdatas))}

    def _is_below_registration(self, zone: Zone, name: bytes) -> bool:
        while name != zone.name:
            name = wire.parent(name)
            if self._registration(zone, name) is not None:
                return True
        return False


def _any(name: bytes, node: Node) -> RRset | None:
    # RFC 8482 sections 4.2 and 4.3: the CNAME if there is one, else a HINFO made for the purpose.
    if not node or wire.CNAME in node:
        return node.get(wire.CNAME)
    return RRset(name, wire.HINFO, _HINFO_TTL, (_HINFO_RDATA,))
