"""Recognises the providers of a zone by the names of its name servers."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from zoneproof.core.names import DomainName
from zoneproof.providers.contract import ProviderInfo
from zoneproof.providers.registry import describe, slugs


def recognize(name_servers: Iterable[DomainName]) -> list[ProviderInfo]:
    """Return the providers that one of the name servers belongs to, by their ``info``.

    The provider with the longest pattern comes first: a pattern for a part of a domain says more
    than one for the whole. A zone with name servers of two providers is at both. Imports every
    provider, so it is for when nobody has said which one is meant.
    """
    names = [server.text.lower() for server in name_servers]
    found: list[tuple[int, ProviderInfo]] = []
    for slug in slugs():
        info = describe(slug)
        matching = [
            len(pattern)
            for pattern in info.name_servers
            if any(fnmatchcase(name, pattern.lower()) for name in names)
        ]
        if matching:
            found.append((max(matching), info))
    return [info for _, info in sorted(found, key=lambda one: -one[0])]
