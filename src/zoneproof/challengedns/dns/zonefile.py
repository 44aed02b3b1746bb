"""Turns the zones of the configuration into the data that DNS workers answer from."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import dns.exception
import dns.name
import dns.rdata
import dns.rdatatype
import dns.zonefile

from zoneproof.challengedns.config import ZoneConfig
from zoneproof.challengedns.dns.wire import AAAA, CNAME, NS, A, RRset, to_wire
from zoneproof.challengedns.dns.zones import ZoneData, is_registration_label
from zoneproof.core.errors import ConfigError, InvalidInputError
from zoneproof.core.names import DomainName, require_email

_MAX_LABEL = 63
_REFUSED = {
    "SOA": "the service makes it",
    "NS": "list the name servers in 'nameservers'; delegation below the zone is not served",
    "DNAME": "use CNAME records",
    "DS": "the zone is not signed",
    "DNSKEY": "the zone is not signed",
    "RRSIG": "the zone is not signed",
    "NSEC": "the zone is not signed",
    "NSEC3": "the zone is not signed",
    "NSEC3PARAM": "the zone is not signed",
}


def compile_zones(path: Path, zones: Sequence[ZoneConfig]) -> list[ZoneData]:
    """Return the zones' data.

    Raises ConfigError for a record that cannot be served, naming the file, zone and line.
    """
    try:
        return list(_compiled(tuple(zones)))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}") from error


@functools.lru_cache(1)  # whoever starts or reloads asks for the same two or three times
def _compiled(zones: Sequence[ZoneConfig]) -> Sequence[ZoneData]:
    data = [_compile(zone, zones) for zone in zones]
    for zone in zones:
        _check_nameservers(zone, zones, data)
    return data


def _compile(zone: ZoneConfig, zones: Sequence[ZoneConfig]) -> ZoneData:
    apex = to_wire(zone.name.text)
    found: dict[tuple[bytes, int], RRset] = {}
    for number, line in enumerate(zone.records.splitlines(), 1):
        text = line.strip()
        if text and not text.startswith(";"):
            try:
                _add(found, apex, _read(zone, zones, text))
            except ConfigError as error:
                raise ConfigError(
                    f"zone {zone.name}, line {number} of 'records' ({text[:80]}): {error.message}"
                ) from error
    nameservers = tuple(to_wire(name.text) for name in zone.nameservers)
    found[apex, NS] = RRset(apex, NS, zone.ttl, nameservers)
    return ZoneData(
        name=apex,
        primary=nameservers[0],
        hostmaster=_hostmaster(zone),
        registrations=zone.registrations,
        rrsets=tuple(found.values()),
        children=tuple(
            to_wire(other.name.text)
            for other in zones
            if other is not zone and other.name.is_below(zone.name)
        ),
    )


def _read(zone: ZoneConfig, zones: Sequence[ZoneConfig], text: str) -> RRset:
    try:
        rrsets = dns.zonefile.read_rrsets(
            text, rdclass=None, default_ttl=zone.ttl, origin=_dns_name(zone.name)
        )
    except (dns.exception.DNSException, ValueError) as error:
        reason = (str(error).partition(": ")[2] or str(error)).rstrip(".")
        if reason == "Text input is malformed":
            reason = "it is not a record, or its data does not fit its type"
        if reason == "string too long":
            raise ConfigError(
                "one text in a record has at most 255 bytes: split a longer one into several in"
                ' quotes, as \'name TXT "first part" "second part"\', which readers join'
            ) from error
        raise ConfigError(f"{reason}; write one record as 'www 300 IN A 192.0.2.1'") from error
    if not rrsets:
        raise ConfigError("the name is not in the zone; end only full names with a dot")
    rrset = rrsets[0]
    kind = dns.rdatatype.to_text(rrset.rdtype)
    if kind in _REFUSED or dns.rdatatype.is_metatype(rrset.rdtype):
        raise ConfigError(
            f"{kind} cannot be here: {_REFUSED.get(kind, 'it is not a type of data')}"
        )
    owner = rrset.name.canonicalize().to_wire()
    assert owner is not None
    _check_owner(zone, zones, rrset.name)
    return RRset(owner, int(rrset.rdtype), rrset.ttl, tuple(_wire(rdata) for rdata in rrset))


@functools.lru_cache
def _dns_name(name: DomainName) -> dns.name.Name:
    return dns.name.from_text(name.fqdn)


def _wire(rdata: dns.rdata.Rdata) -> bytes:
    data = rdata.to_wire()
    assert data is not None
    return data


def _check_owner(zone: ZoneConfig, zones: Sequence[ZoneConfig], owner: dns.name.Name) -> None:
    below = owner.relativize(_dns_name(zone.name)).labels
    if zone.registrations and below and is_registration_label(below[-1].lower()):
        raise ConfigError("names that begin with a UUID are for registrations")
    for other in zones:
        is_inner = other.name != zone.name and other.name.is_below(zone.name)
        if is_inner and owner.is_subdomain(_dns_name(other.name)):
            raise ConfigError(f"the name is in the zone {other.name}: move the record there")


def _add(found: dict[tuple[bytes, int], RRset], apex: bytes, new: RRset) -> None:
    others = {rdtype for owner, rdtype in found if owner == new.owner}
    if new.rdtype == CNAME and new.owner == apex:
        raise ConfigError("the zone's own name cannot be a CNAME")
    if others and CNAME in {*others, new.rdtype}:
        raise ConfigError("a name with a CNAME can have no other record")
    old = found.get((new.owner, new.rdtype), new)
    rdatas = tuple(dict.fromkeys(old.rdatas + new.rdatas))
    ttl = min(old.ttl, new.ttl)
    found[new.owner, new.rdtype] = RRset(new.owner, new.rdtype, ttl, rdatas)


def _hostmaster(zone: ZoneConfig) -> bytes:
    # RFC 1035 section 8: the part before the @ is the first label, dots and all.
    mailbox, at, domain = zone.hostmaster.rpartition("@")
    try:
        if not at:
            name = DomainName.parse(domain)  # as the record has it, with a dot for the @
            if len(name.labels) < 2 or name.is_wildcard:
                raise ValueError
            return to_wire(name.text)
        require_email(zone.hostmaster)
        local = mailbox.encode("ascii")
        if len(local) > _MAX_LABEL:
            raise ValueError
        return bytes([len(local)]) + local + to_wire(DomainName.parse(domain).text)
    except (ValueError, InvalidInputError):
        raise ConfigError(
            f"zone {zone.name}: 'hostmaster' is '{zone.hostmaster}', which is not a mail address:"
            " write it as hostmaster@example.org"
        ) from None


def _check_nameservers(
    zone: ZoneConfig, zones: Sequence[ZoneConfig], compiled: Sequence[ZoneData]
) -> None:
    for nameserver in zone.nameservers:
        homes = [each for each in zones if nameserver.is_below(each.name)]
        is_address = nameserver.text.rpartition(".")[2].isdigit()
        if nameserver.is_wildcard or is_address or not (homes or nameserver.parent.text):
            raise ConfigError(
                f"zone {zone.name}: '{nameserver.text or '.'}' in 'nameservers' is not the whole"
                f" name of a host: write it as ns1.{zone.name}"
            )
        if not homes:
            continue
        home = max(homes, key=lambda each: len(each.name.labels))
        owner = to_wire(nameserver.text)
        rrsets = compiled[zones.index(home)].rrsets
        if not any(rrset.owner == owner and rrset.rdtype in {A, AAAA} for rrset in rrsets):
            name = nameserver.relative_to(home.name) or "@"
            raise ConfigError(
                f"zone {zone.name}: its name server {nameserver} has no address: add a line such"
                f" as '{name} A 192.0.2.1' to the 'records' of zone {home.name}"
            )
