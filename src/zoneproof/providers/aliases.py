"""What other ACME clients call the providers, also those that have closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from zoneproof.providers.contract import Alias
from zoneproof.providers.registry import describe, slugs
from zoneproof.providers.retired import RETIRED


def find_alias(
    client: str, name: str, setting: Callable[[str], str] = lambda _: ""
) -> tuple[str, Alias] | None:
    """Return the slug of what ``client`` calls ``name``, and what it calls the fields.

    ``setting`` returns the value of one of its settings, where a name means several providers.
    """
    found = [
        (slug, alias)
        for slug, aliases in _each()
        for alias in aliases
        if (alias.client, alias.name) == (client, name)
        and all(setting(one).upper() == value for one, value in alias.when.items())
    ]
    return max(found, key=lambda one: len(one[1].when), default=None)


def _each() -> Iterator[tuple[str, tuple[Alias, ...]]]:
    for slug in slugs():
        yield slug, describe(slug).aliases
    yield from ((slug, retired.aliases) for slug, retired in RETIRED.items())
