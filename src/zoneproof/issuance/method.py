"""Authorization methods, ready to use: an opened provider and how to wait for it, or a responder.

A method is itself, whatever its settings: two with the same settings are two methods.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from zoneproof.challenges import dns01, http01
from zoneproof.dnsquery import PropagationPolicy, Resolver
from zoneproof.errors import InvalidInputError
from zoneproof.http01 import HttpResponder
from zoneproof.issuance.delegation_rules import DelegationRules
from zoneproof.providers import DelegatedProvider, Provider


@dataclass(frozen=True, eq=False)
class DnsMethod:
    """Validation by dns-01. ``fields`` are the provider's, kept to open it again.

    ``zone`` is the id or name of the provider's zone, empty for the one that holds the publish
    name. ``resolver`` answers for this method's names instead of the run's. ``credential`` is the
    stored credential that the fields came from, empty for none.

    Making one raises InvalidInputError for delegation rules or a zone together with a provider
    that publishes at a name of its own.
    """

    type: ClassVar[str] = dns01.TYPE

    slug: str
    provider: Provider
    propagation: PropagationPolicy
    fields: Mapping[str, str] = field(repr=False)
    ttl: int | None = None  # seconds; None means the provider's default
    delegation: DelegationRules = field(default_factory=DelegationRules)
    follow_cname: bool = True
    zone: str = ""
    resolver: Resolver | None = None
    propagation_seconds: float = 600.0  # how long DNS may take
    credential: str = ""

    def __post_init__(self) -> None:
        if (self.delegation.rules or self.zone) and isinstance(self.provider, DelegatedProvider):
            what = "delegation rules" if self.delegation.rules else f"the zone '{self.zone[:80]}'"
            raise InvalidInputError(
                f"{self.provider.info.title} says itself where it publishes, so {what} cannot be"
                " given together with it: leave one of the two away"
            )

    @property
    def record_ttl(self) -> int:
        """The TTL for new records, in seconds."""
        return self.ttl or self.provider.info.default_ttl


@dataclass(frozen=True, eq=False)
class HttpMethod:
    """Validation by http-01, for names that have a web server, and for IP addresses."""

    type: ClassVar[str] = http01.TYPE

    responder: HttpResponder


Method = DnsMethod | HttpMethod


@dataclass(frozen=True)
class Choice:
    """The method for one identifier, and why it is this one."""

    method: Method
    reason: str
