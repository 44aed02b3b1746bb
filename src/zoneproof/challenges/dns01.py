"""The dns-01 challenge (RFC 8555 section 8.4): its TXT record, where that goes, and by what."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import ClassVar, Self

import msgspec

from zoneproof.acme.keys import base64url
from zoneproof.challenges.method import Detail
from zoneproof.core.errors import (
    InvalidInputError,
    InvalidNameError,
    ProviderError,
    ZoneproofError,
)
from zoneproof.core.names import DomainName, Identifier
from zoneproof.core.secretive import Secretive
from zoneproof.dnsquery import PropagationPolicy, Resolver
from zoneproof.providers import DelegatedProvider, Provider, TxtRecord, Zone, require_files

TYPE = "dns-01"
LABEL = "_acme-challenge"


def challenge_name(identifier: Identifier) -> DomainName:
    """Return where the CA looks; ``example.com`` and ``*.example.com`` share the name.

    Raises ValueError for an IP address, which dns-01 cannot validate (RFC 8738 section 7).
    """
    return identifier.domain.child(LABEL)


def txt_value(key_authorization: str) -> str:
    """Return the record's value: 43 characters of base64url."""
    return base64url(hashlib.sha256(key_authorization.encode("ascii")).digest())


def check_has_dns(identifier: Identifier, label: str = LABEL) -> None:
    """Raise InvalidInputError for what cannot be validated by DNS.

    That is an IP address (RFC 8738), and a name that leaves no room for the ``label``.
    """
    if identifier.type == "ip":
        raise InvalidInputError(
            f"{identifier} is an IP address: CAs do not validate those by DNS, only by http-01"
        )
    try:
        identifier.domain.child(label)
    except InvalidNameError as error:
        raise InvalidInputError(
            f"{identifier} is too long to be validated by DNS: its challenge name would be longer"
            " than a domain name can be; use http-01"
        ) from error


class DelegationRule(msgspec.Struct, frozen=True):
    """``source`` matches itself, or with ``*.`` its base and everything below it.

    ``target`` is used as it is, or with ``*.`` takes the place of the source's base.
    """

    source: DomainName
    target: DomainName

    @classmethod
    def parse(cls, text: str) -> DelegationRule:
        """Read ``source:target``. Raises InvalidInputError, naming the rule."""
        source, separator, target = text.partition(":")
        try:
            if not separator or ":" in target:
                raise InvalidInputError("write it as source:target")
            rule = cls(DomainName.parse(source), DomainName.parse(target))
        except (InvalidNameError, InvalidInputError) as error:
            raise InvalidInputError(
                f"the delegation rule '{text[:120]}' cannot be used: {error.message}"
            ) from error
        return rule

    def __str__(self) -> str:
        return f"{self.source}:{self.target}"

    def matches(self, domain: DomainName) -> bool:
        """Tell whether the rule is about ``domain`` (without ``*.``)."""
        base = self.source.base
        return domain.is_below(base) if self.source.is_wildcard else domain == base

    def publish_name(self, domain: DomainName, label: str = LABEL) -> DomainName | None:
        """Return where the values of ``domain`` (without ``*.``) go; None if it does not match.

        ``label`` is what stands before the domain in its challenge name. Raises InvalidInputError
        if the publish name would be too long.
        """
        if not self.matches(domain):
            return None
        result = self.target.base
        rest = domain.relative_to(self.source.base)
        if self.target.is_wildcard and rest:
            result = result.child(rest)
        return result.child(label)


class DelegationRules(msgspec.Struct, frozen=True):
    """Rules in their order."""

    rules: tuple[DelegationRule, ...] = ()

    @classmethod
    def parse(cls, text: str) -> DelegationRules:
        """Read rules separated by ``;``. Raises InvalidInputError, naming the one that is wrong."""
        parts = [part.strip() for part in text.split(";")]
        return cls(tuple(DelegationRule.parse(part) for part in parts if part))

    def __str__(self) -> str:
        return ";".join(map(str, self.rules))

    def publish_name(self, domain: DomainName, label: str = LABEL) -> DomainName | None:
        """Return what the first matching rule says, None if none matches."""
        for rule in self.rules:
            name = rule.publish_name(domain, label)
            if name is not None:
                return name
        return None


class DnsMethod(Secretive, frozen=True, eq=False):
    """Validation by a TXT record. ``fields`` are the provider's, kept to open it again.

    ``zone`` is the id or name of the provider's zone, empty for the one that holds the publish
    name. ``resolver`` answers for this method's names instead of the run's. ``credential`` is the
    stored credential that the fields came from, empty for none.

    Making one raises InvalidInputError for delegation rules or a zone together with a provider
    that publishes at a name of its own.
    """

    type: ClassVar[str] = TYPE
    stays: ClassVar[bool] = False  # what it publishes
    longest_label: ClassVar[str] = LABEL

    slug: str
    provider: Provider
    propagation: PropagationPolicy
    fields: Mapping[str, str]
    ttl: int | None = None  # seconds; None means the provider's default
    delegation: DelegationRules = msgspec.field(default_factory=DelegationRules)
    follow_cname: bool = True
    zone: str = ""
    resolver: Resolver | None = None
    propagation_seconds: float = 600.0  # how long DNS may take
    credential: str = ""

    def __post_init__(self) -> None:
        if (self.delegation.rules or self.zone) and isinstance(self.provider, DelegatedProvider):
            what = "delegation rules" if self.delegation.rules else f"the zone '{self.zone[:80]}'"
            raise InvalidInputError(
                f"{self.provider.info.title} decides itself where it publishes, so {what} cannot "
                "be given with it: omit one of them"
            )

    @property
    def record_ttl(self) -> int:
        """The TTL for new records, in seconds."""
        return self.ttl or self.provider.info.default_ttl

    @property
    def label(self) -> str:
        """What stands before the domain in its challenge name."""
        return self.longest_label

    def for_account(self, account_url: str) -> Self:
        """Return the method for the CA's account with the URL: the same for all of them."""
        del account_url
        return self

    def challenge_name(self, domain: DomainName) -> DomainName:
        """Return where the CA looks."""
        return domain.child(self.label)

    def expected_name(self, domain: DomainName) -> DomainName | None:
        """Return where the delegation rules have a CNAME lead, None for wherever it does."""
        return self.delegation.publish_name(domain, self.label)

    def check(self, identifier: Identifier) -> None:
        """Raise InvalidInputError for an IP address and a name that is too long."""
        check_has_dns(identifier, self.longest_label)

    async def require_usable(self) -> None:
        """Raise InvalidInputError for a file of the provider's that cannot be used."""
        require_files(self.provider.info, self.fields)

    def details(self, zone: Zone | None) -> tuple[Detail, ...]:
        """Return the provider, the credential, ``zone`` and the propagation policy."""
        what = "registration" if isinstance(self.provider, DelegatedProvider) else "zone"
        written_to = (f"the {what} {zone.name}", str(zone.name)) if zone else ("", "")
        return (
            Detail("provider", "provider", self.provider.info.title, self.slug),
            Detail("credential", "credential", self.credential, self.credential),
            Detail("written to", "provider_zone", *written_to),
            Detail("waits for DNS", "propagation", self.propagation.text, str(self.propagation)),
        )


class ChallengeRecord(msgspec.Struct, frozen=True):
    """A TXT value to publish by ``method``; ``name`` is relative to the zone."""

    method: DnsMethod
    zone: Zone
    name: str
    value: str

    @property
    def full_name(self) -> DomainName:
        """The name of the record."""
        return self.zone.record(self.name)

    @property
    def txt(self) -> TxtRecord:
        """The record as providers take it."""
        return TxtRecord(self.name, self.value, self.method.record_ttl)


def batches(
    records: Iterable[ChallengeRecord],
) -> list[tuple[Provider, Zone, list[ChallengeRecord]]]:
    """Put together what goes to a zone by the same provider."""
    found: dict[tuple[Provider, Zone], list[ChallengeRecord]] = {}
    for item in records:
        found.setdefault((item.method.provider, item.zone), []).append(item)
    return [(provider, zone, items) for (provider, zone), items in found.items()]


def error_of(error: ZoneproofError, record: TxtRecord) -> ZoneproofError | None:
    """Return what became of a record of the batch that failed with the error; None for done."""
    return error.of(record) if isinstance(error, ProviderError) else error
