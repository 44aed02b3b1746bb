"""CNAME delegation rules: where the TXT of an identifier is published instead. Pure functions.

A rule is ``source:target``; several are separated by ``;`` and the first that matches wins. They
work on identifiers without ``*.``, because a name and its wildcard share one challenge name.
"""

from __future__ import annotations

from dataclasses import dataclass

from zoneproof.challenges import dns01
from zoneproof.errors import InvalidInputError, InvalidNameError
from zoneproof.names import DomainName


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
