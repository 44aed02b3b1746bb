"""An authorization method, ready to use: an opened provider and how to wait for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from zoneproof.dnsquery import PropagationPolicy
from zoneproof.issuance.delegation_rules import DelegationRules
from zoneproof.providers import Provider


@dataclass(frozen=True)
class Method:
    """How identifiers are validated. ``fields`` are the provider's, kept to open it again."""

    slug: str
    provider: Provider
    propagation: PropagationPolicy
    fields: Mapping[str, str] = field(repr=False)
    ttl: int | None = None  # seconds; None means the provider's default
    delegation: DelegationRules = field(default_factory=DelegationRules)

    @property
    def record_ttl(self) -> int:
        """The TTL for new records, in seconds."""
        return self.ttl or self.provider.info.default_ttl
