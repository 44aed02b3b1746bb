"""The zones as DNS workers hold them: static records by name, found in a few dictionary steps."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping

import msgspec

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


class Zone:
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


class Zones:
    """All zones of the service."""

    def __init__(self, zones: Iterable[ZoneData]) -> None:
        self._by_name = {data.name: Zone(data) for data in zones}

    def find(self, name: bytes, rdtype: int) -> Zone | None:
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
