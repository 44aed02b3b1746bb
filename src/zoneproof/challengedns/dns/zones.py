"""The zones as DNS workers hold them, and what they hold for a name (RFC 1034 section 4.3.2)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from zoneproof.challengedns.dns import wire
from zoneproof.challengedns.dns.table import RegistrationTable
from zoneproof.challengedns.dns.wire import DS, SOA, RRset, parent

Node = Mapping[int, RRset]
"""The records at a name, by type; empty for a name that exists and has none."""

_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_REGISTRATION_LENGTH = 37
_WILDCARD = b"\x01*"
_SOA_NUMBERS = struct.Struct("!IIIII")
# Seconds. The first three are for secondary servers; checkers such as Zonemaster want all four to
# be about as long. How long a negative answer is cached is the smaller of the last and the record's
# own TTL (RFC 2308 section 5), which is short: a registration may be made any moment.
_REFRESH, _RETRY, _EXPIRE, _MINIMUM = 14_400, 3_600, 1_209_600, 300
_NEGATIVE_TTL = 30


class ZoneData(msgspec.Struct, frozen=True):
    """A zone on its way from the configuration to the workers; names on the wire, lower-case.

    ``rrsets`` hold everything but the SOA record. ``children`` are other zones of the service
    below this one.
    """

    name: bytes
    primary: bytes
    hostmaster: bytes
    registrations: bool
    rrsets: tuple[RRset, ...]
    children: tuple[bytes, ...] = ()


def is_registration_label(label: bytes) -> bool:
    """Tell whether a label (in lower case) is a UUID, which names nothing but registrations."""
    return _UUID.fullmatch(label) is not None


class ServedZone:
    """One zone's static records."""

    def __init__(self, data: ZoneData) -> None:
        self.name = data.name
        self._soa_names = data.primary + data.hostmaster
        self.has_registrations = data.registrations
        nodes: dict[bytes, dict[int, RRset]] = {data.name: {}}
        for rrset in data.rrsets:
            nodes.setdefault(rrset.owner, {})[rrset.rdtype] = rrset
        for child in data.children:
            nodes.setdefault(child, {})
        for name in list(nodes):
            above = name
            while above != data.name:
                above = parent(above)
                nodes.setdefault(above, {})
        self._nodes = nodes
        self._has_wildcards = any(name.startswith(_WILDCARD) for name in nodes)

    def soa(self, serial: int) -> RRset:
        """Return the SOA record; its TTL is also that of a negative answer (RFC 2308)."""
        numbers = _SOA_NUMBERS.pack(serial & 0xFFFFFFFF, _REFRESH, _RETRY, _EXPIRE, _MINIMUM)
        return RRset(self.name, SOA, _NEGATIVE_TTL, (self._soa_names + numbers,))

    def node(self, name: bytes) -> Node | None:
        """Return the static records at a name, or None if it holds none and nothing below does."""
        return self._nodes.get(name)

    def registration(self, name: bytes) -> str | None:
        """Return the subdomain if a registration could have this name."""
        if (
            self.has_registrations
            and name[_REGISTRATION_LENGTH:] == self.name
            and is_registration_label(name[1:_REGISTRATION_LENGTH])
        ):
            return name[1:_REGISTRATION_LENGTH].decode("ascii")
        return None

    def wildcard(self, name: bytes) -> Node | None:
        """Return the records that a ``*`` gives to a name without any (RFC 4592)."""
        if not self._has_wildcards:
            return None
        encloser = parent(name)
        while encloser not in self._nodes:
            encloser = parent(encloser)
        source = self._nodes.get(_WILDCARD + encloser)
        if source is None:
            return None
        return {
            rdtype: RRset(name, rdtype, rrset.ttl, rrset.rdatas) for rdtype, rrset in source.items()
        }


class ServedZones:
    """All zones of the service."""

    def __init__(self, zones: Iterable[ZoneData]) -> None:
        self._by_name = {data.name: ServedZone(data) for data in zones}

    def find(self, name: bytes, rdtype: int) -> ServedZone | None:
        """Return the zone that answers for a name: the longest one that contains it.

        DS belongs to the zone above the one that it is about (RFC 4035 section 3.1.4.1).
        """
        if rdtype == DS and name in self._by_name and name != b"\0":
            above = self.find(parent(name), 0)
            if above is not None:
                return above
        while name not in self._by_name:
            if name == b"\0":
                return None
            name = parent(name)
        return self._by_name[name]

    def registration_zones(self) -> list[bytes]:
        """Return the names of the zones below which registrations are answered."""
        return [name for name, zone in self._by_name.items() if zone.has_registrations]


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

    def __init__(self, zones: ServedZones, table: RegistrationTable) -> None:
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
        self, found: Resolution, zone: ServedZone, name: bytes, node: Node | None, rdtype: int
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

    def _node(self, zone: ServedZone, name: bytes) -> Node | None:
        node = zone.node(name)
        if node is None:
            node = self._registration(zone, name)
        if node is None:
            node = zone.wildcard(name)
            if node is not None and self._is_below_registration(zone, name):
                return None
        return node

    def _registration(self, zone: ServedZone, name: bytes) -> Node | None:
        subdomain = zone.registration(name)
        if subdomain is None:
            return None
        rdatas = self._table.values(name, subdomain)
        if rdatas is None:
            return None
        if not rdatas:
            return {}
        return {wire.TXT: RRset(name, wire.TXT, self._table.ttl, tuple(rdatas))}

    def _is_below_registration(self, zone: ServedZone, name: bytes) -> bool:
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
