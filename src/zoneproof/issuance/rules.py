"""Domain match rules and CNAME delegation rules: which method, and where. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from zoneproof.challenges import dns01
from zoneproof.core.errors import InvalidInputError, InvalidNameError
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


@dataclass(frozen=True)
class MatchRule:
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


@dataclass(frozen=True)
class Match:
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
                    f"the pattern {pattern} stands in the match rules of two methods: remove one"
                )
            seen.add(pattern)


def match_identifier(identifier: Identifier, rules: Sequence[MatchRule]) -> Match:
    """Return the rule that fits the identifier best.

    A single rule takes every name, whatever its patterns. Raises InvalidInputError for a wildcard
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
            raise InvalidInputError(
                f"{identifier} has no method, and http-01 cannot validate a wildcard: give it one"
                " with a DNS provider or a credential"
            )
        if identifier.is_wildcard:
            raise InvalidInputError(
                f"no method matches {identifier}, and http-01 cannot validate a wildcard: add the"
                f" pattern {identifier} to a method's match rule"
            )
        return Match(None, "no match rule takes it")
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


@dataclass(frozen=True)
class DelegationRule:
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

    def publish_name(self, domain: DomainName) -> DomainName | None:
        """Return where the values of ``domain`` (without ``*.``) go; None if it does not match.

        Raises InvalidInputError if that name would be too long.
        """
        base = self.source.base
        matches = domain.is_below(base) if self.source.is_wildcard else domain == base
        if not matches:
            return None
        result = self.target.base
        rest = domain.relative_to(base)
        if self.target.is_wildcard and rest:
            result = result.child(rest)
        return result.child(dns01.LABEL)


@dataclass(frozen=True)
class DelegationRules:
    """Rules in their order."""

    rules: tuple[DelegationRule, ...] = ()

    @classmethod
    def parse(cls, text: str) -> DelegationRules:
        """Read rules separated by ``;``. Raises InvalidInputError, naming the one that is wrong."""
        parts = [part.strip() for part in text.split(";")]
        return cls(tuple(DelegationRule.parse(part) for part in parts if part))

    def __str__(self) -> str:
        return ";".join(map(str, self.rules))

    def publish_name(self, domain: DomainName) -> DomainName | None:
        """Return what the first matching rule says, None if none matches."""
        for rule in self.rules:
            name = rule.publish_name(domain)
            if name is not None:
                return name
        return None
