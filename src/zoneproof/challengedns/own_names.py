"""The names that the service proves to a CA as its own, each by a registration in its own zone.

Name and target of each CNAME follow from the configuration alone: all nodes that share a database
answer alike, from the first moment, and whatever became of the database.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from zoneproof.challengedns.config import Config
from zoneproof.challengedns.dns.wire import CNAME, RRset, to_wire
from zoneproof.challengedns.dns.zones import ZoneData
from zoneproof.core.errors import ConfigError
from zoneproof.core.names import DomainName

_LABEL: Final = "_acme-challenge"  # RFC 8555 section 8.4
_NAMESPACE: Final = uuid.UUID("94c5a2f1-8f0f-4c0e-9d3e-6a6d7f3c1b52")
_TTL = 60  # seconds


def own_names(config: Config) -> tuple[DomainName, ...]:
    """Return the names for which the service, or another of its nodes, obtains a certificate.

    They are those of the API and, among several nodes, of the name servers in the zones: so a node
    answers for what only another one has on its certificate. None without ``tls = "auto"``.
    """
    if config.api.auto is None:
        return ()
    names = config.api.auto.domains
    if config.node is not None:
        names += tuple(
            name
            for zone in config.zones
            for name in zone.nameservers
            if any(name.is_below(other.name) for other in config.zones)
        )
    return tuple(dict.fromkeys(names))


def own_subdomain(name: DomainName) -> str:
    """Return the subdomain of the registration for one of the service's own names."""
    return str(uuid.uuid5(_NAMESPACE, name.text))


def own_aliases(config: Config, names: Sequence[DomainName]) -> dict[DomainName, DomainName]:
    """Return the CNAMEs that lead to the registrations for names, from challenge name to target."""
    zone = config.registration_zone
    return {name.child(_LABEL): zone.child(own_subdomain(name)) for name in names}


def with_own_names(config: Config, zones: Sequence[ZoneData]) -> list[ZoneData]:
    """Return the compiled zones with the CNAMEs for the service's own names in them.

    Raises ConfigError where the configuration has a record at one that this service needs itself.
    """
    found = list(zones)
    needed = own_aliases(config, config.api_names)
    for name, target in own_aliases(config, own_names(config)).items():
        owner = to_wire(name.text)
        home = max(
            (zone for zone in found if owner.endswith(zone.name)), key=lambda zone: len(zone.name)
        )
        if any(rrset.owner == owner for rrset in home.rrsets):
            if name not in needed:
                continue
            raise ConfigError(
                f"{config.path}: remove {name} from the 'records': with tls = \"auto\" the service"
                " makes it"
            )
        alias = RRset(owner, CNAME, _TTL, (to_wire(target.text),))
        found[found.index(home)] = replace(home, rrsets=(*home.rrsets, alias))
    return found
