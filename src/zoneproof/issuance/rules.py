"""What an order can hold, and which method an identifier has. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import IntEnum

import msgspec

from zoneproof.acme import KNOWN, find_ca
from zoneproof.core.errors import InvalidInputError, InvalidNameError, NoDnsMethodError
from zoneproof.core.names import DomainName, Identifier


class Closeness(IntEnum):
    """How well a rule fits an identifier; more is better."""

    NONE = 0
    DEFAULT = 1
    ONE_BELOW = 2
    BARE = 3
    EQUAL = 4


_REASONS = {
    Closeness.DEFAULT: "the default",
    Closeness.ONE_BELOW: "one label below",
    Closeness.BARE: "the bare name of",
    Closeness.EQUAL: "equal to",
}


class MatchRule(msgspec.Struct, frozen=True):
    """The patterns of one method; none make it the default."""

    patterns: tuple[DomainName, ...] = ()

    @classmethod
    def parse(cls, text: str) -> MatchRule:
        """Read patterns separated by ``;`` (or ``,``). Raises InvalidInputError."""
        parts = [part.strip() for part in re.split("[;,]", text)]
        try:
            return cls(tuple(DomainName.parse(part) for part in parts if part))
        except InvalidNameError as error:
            raise InvalidInputError(f"in the match rule: {error.message}") from error

    def __str__(self) -> str:
        return ";".join(map(str, self.patterns))

    @property
    def is_default(self) -> bool:
        """Whether the rule takes what no other rule matches."""
        return not self.patterns


class Match(msgspec.Struct, frozen=True):
    """Which of the rules matched, and why; ``index`` is None for http-01, the fallback."""

    index: int | None
    reason: str


def check_rules(rules: Sequence[MatchRule]) -> None:
    """Raise InvalidInputError for two defaults, or one pattern in two rules."""
    if sum(rule.is_default for rule in rules) > 1:
        raise InvalidInputError(
            "two methods have no match rule, and only one can be the default: give one a rule"
        )
    seen: set[DomainName] = set()
    for rule in rules:
        for pattern in dict.fromkeys(rule.patterns):
            if pattern in seen:
                raise InvalidInputError(
                    f"the pattern {pattern} is in the match rules of two methods: remove one"
                )
            seen.add(pattern)


def match_identifier(identifier: Identifier, rules: Sequence[MatchRule]) -> Match:
    """Return the rule that fits the identifier best.

    A single rule takes every name, whatever its patterns. Raises NoDnsMethodError for a wildcard
    that no rule takes, since http-01 cannot validate it.
    """
    if len(rules) == 1:
        return Match(0, "the only method")
    if identifier.type != "dns":
        return Match(None, "an IP address, which only http-01 can validate")
    best, index, pattern = Closeness.NONE, None, None
    for position, rule in enumerate(rules):
        closeness, by = _closeness(identifier, rule)
        if closeness > best:
            best, index, pattern = closeness, position, by
    if index is None:
        if identifier.is_wildcard and not rules:
            raise NoDnsMethodError(
                f"{identifier} has no method, and http-01 cannot validate a wildcard: give it one"
                " with a DNS provider or a credential",
                identifier.domain.text,
            )
        if identifier.is_wildcard:
            raise NoDnsMethodError(
                f"no method matches {identifier}, and http-01 cannot validate a wildcard: add the"
                f" pattern {identifier} to a method's match rule",
                identifier.domain.text,
            )
        return Match(None, "no match rule matches it")
    reason = _REASONS[best]
    return Match(index, f"{reason} {pattern}" if pattern is not None else reason)


def _closeness(identifier: Identifier, rule: MatchRule) -> tuple[Closeness, DomainName | None]:
    if rule.is_default:
        return Closeness.DEFAULT, None
    found = [(_fit(identifier, pattern), pattern) for pattern in rule.patterns]
    return max(found, key=lambda pair: pair[0])


def _fit(identifier: Identifier, pattern: DomainName) -> Closeness:
    if identifier.value == pattern.text:
        return Closeness.EQUAL
    if identifier.is_wildcard or not pattern.is_wildcard:
        return Closeness.NONE
    if identifier.domain == pattern.base:
        return Closeness.BARE
    if identifier.domain.parent == pattern.base:
        return Closeness.ONE_BELOW
    return Closeness.NONE


class NameLimits(msgspec.Struct, frozen=True):
    """``what`` is the CA's profile, with a verb, for people."""

    what: str
    most_names: int = 100
    ip_addresses: bool = True


# Of the public CAs with a short name; one that takes fewer says so itself.
_USUAL = NameLimits("this CA accepts")
# DigiCert takes 250 names, Sectigo 1,000, and private CAs what they are set to. More are not read
# from any CA's order.
_OTHERS = NameLimits("CAs accept", 1000)
# https://letsencrypt.org/docs/profiles/, August 2026. The empty name is the default profile.
_LETS_ENCRYPT: Mapping[str, NameLimits] = {
    "": NameLimits("Let's Encrypt accepts", 100, ip_addresses=False),
    "classic": NameLimits("Let's Encrypt's profile classic accepts", 100, ip_addresses=False),
    "tlsserver": NameLimits("Let's Encrypt's profile tlsserver accepts", 25, ip_addresses=False),
    "shortlived": NameLimits("Let's Encrypt's profile shortlived accepts", 25),
}


def find_limits(directory_url: str, profile: str) -> NameLimits:
    """Return what is known of the CA's profile; an empty ``directory_url`` is any CA."""
    name = find_ca(directory_url).name if directory_url else ""
    if name in ("letsencrypt", "letsencrypt-staging"):
        return _LETS_ENCRYPT.get(profile, _USUAL)
    return _USUAL if name in KNOWN else _OTHERS


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
