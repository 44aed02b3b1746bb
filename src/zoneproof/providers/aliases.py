"""What other ACME clients call the providers, also those that have closed."""

from __future__ import annotations

from collections.abc import Iterator

from zoneproof.providers.contract import Alias
from zoneproof.providers.registry import describe, slugs
from zoneproof.providers.retired import RETIRED


def find_alias(client: str, name: str) -> tuple[str, Alias] | None:
    """Return the slug of what ``client`` calls ``name``, and what it calls the fields."""
    for slug, aliases in _each():
        for alias in aliases:
            if (alias.client, alias.name) == (client, name):
                return slug, alias
    return None


def _each() -> Iterator[tuple[str, tuple[Alias, ...]]]:
    for slug in slugs():
        yield slug, describe(slug).aliases
    yield from ((slug, retired.aliases) for slug, retired in RETIRED.items())
