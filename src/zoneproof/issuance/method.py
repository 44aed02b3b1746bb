"""Authorization methods, ready to use, and what no order can hold and no method can validate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from zoneproof.acme import find_ca
from zoneproof.challenges import dns01, http01
from zoneproof.challenges.http01 import HttpResponder
from zoneproof.core.errors import InvalidInputError, InvalidNameError
from zoneproof.core.names import Identifier
from zoneproof.dnsquery import PropagationPolicy, Resolver
from zoneproof.issuance.rules import DelegationRules
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


@dataclass(frozen=True)
class Limits:
    """``what`` is the CA's profile, with a verb, for people."""

    what: str
    most_names: int = 100
    ip_addresses: bool = True


# No CA is known to take more; one that takes fewer says so itself.
_USUAL = Limits("CAs take")
# https://letsencrypt.org/docs/profiles/, August 2026. The empty name is the default profile.
_LETS_ENCRYPT: Mapping[str, Limits] = {
    "": Limits("Let's Encrypt takes", 100, ip_addresses=False),
    "classic": Limits("Let's Encrypt's profile classic takes", 100, ip_addresses=False),
    "tlsserver": Limits("Let's Encrypt's profile tlsserver takes", 25, ip_addresses=False),
    "shortlived": Limits("Let's Encrypt's profile shortlived takes", 25),
}


def find_limits(directory_url: str, profile: str) -> Limits:
    """Return what is known of the CA's profile; an empty ``directory_url`` is any CA."""
    if directory_url and find_ca(directory_url).name in ("letsencrypt", "letsencrypt-staging"):
        return _LETS_ENCRYPT.get(profile, _USUAL)
    return _USUAL


def check_identifiers(
    identifiers: Sequence[Identifier], *, directory_url: str = "", profile: str = ""
) -> tuple[Identifier, ...]:
    """Return the identifiers if one order can hold them.

    Raises InvalidInputError for none, one listed twice, a wildcard together with a name that it
    covers, and more names, or other ones, than the CA's profile takes.
    """
    if not identifiers:
        raise InvalidInputError("name at least one identifier, such as example.com")
    limits = find_limits(directory_url, profile)
    if len(identifiers) > limits.most_names:
        raise InvalidInputError(
            f"{len(identifiers)} names are too many for one certificate: {limits.what} at"
            f" most {limits.most_names}; split them over several certificates"
        )
    seen: set[Identifier] = set()
    wildcards = {one for one in identifiers if one.is_wildcard}
    for identifier in identifiers:
        if identifier in seen:
            raise InvalidInputError(f"{identifier} is listed twice: name it once")
        seen.add(identifier)
        if identifier.type == "ip":
            if not limits.ip_addresses:
                raise InvalidInputError(
                    f"{identifier} is an IP address: {limits.what} host names only; use the profile"
                    " shortlived"
                )
            continue
        if identifier.is_wildcard:
            continue
        covering = Identifier("dns", f"*.{identifier.domain.parent}")
        if covering in wildcards:
            raise InvalidInputError(
                f"{identifier} is covered by {covering}, and CAs refuse the two together: drop"
                f" {identifier}"
            )
    return tuple(identifiers)


def check_method(identifier: Identifier, method: Method) -> None:
    """Raise InvalidInputError if the method cannot validate such an identifier at all."""
    if isinstance(method, DnsMethod):
        check_has_dns(identifier)
    if isinstance(method, HttpMethod) and identifier.is_wildcard:
        raise InvalidInputError(
            f"{identifier} is a wildcard, which http-01 cannot validate: choose a DNS provider"
        )


def check_has_dns(identifier: Identifier) -> None:
    """Raise InvalidInputError for what dns-01 cannot validate.

    That is an IP address (RFC 8738), and a name that leaves no room for ``_acme-challenge``.
    """
    if identifier.type == "ip":
        raise InvalidInputError(
            f"{identifier} is an IP address: CAs do not validate those by DNS, only by http-01"
        )
    try:
        dns01.challenge_name(identifier)
    except InvalidNameError as error:
        raise InvalidInputError(
            f"{identifier} is too long to be validated by DNS: its challenge name would be longer"
            " than a domain name can be; use http-01"
        ) from error
