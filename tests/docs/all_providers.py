"""The tables of ``docs/all-providers.md``: for readers who look for the provider that they have."""

from __future__ import annotations

from collections.abc import Iterable

from tests.docs.page import DOCS
from zoneproof.providers import describe, slugs
from zoneproof.providers.contract import ProviderInfo
from zoneproof.providers.retired import RETIRED

PAGE = DOCS / "all-providers.md"
# What a reader may look for under another heading than that of the services.
_OWN_SERVERS = {
    "infoblox",
    "ispconfig",
    "msdns",
    "powerdns",
    "rfc2136",
    "simplednsplus",
    "technitium",
}
_CHALLENGE_SERVICES = {"acme-dns", "certify-dns", "challenge"}
_ANYTHING_ELSE = {"exec", "httpreq", "manual", "script"}


def rewrite(text: str) -> str:
    """Return the page with each table between its two markers."""
    infos = sorted(map(describe, slugs()), key=lambda info: info.title.casefold())
    groups = (_OWN_SERVERS, _CHALLENGE_SERVICES, _ANYTHING_ELSE)
    services = [one for one in infos if not any(one.slug in group for group in groups)]
    tables = {
        "services": _table(services),
        "own servers": _table(one for one in infos if one.slug in _OWN_SERVERS),
        "challenge services": _table(one for one in infos if one.slug in _CHALLENGE_SERVICES),
        "anything else": _table(one for one in infos if one.slug in _ANYTHING_ELSE),
        "closed": _closed(),
    }
    for name, table in tables.items():
        begin, end = (
            f"<!-- {name}: python -m tests.docs.provider_pages -->",
            f"<!-- end: {name} -->",
        )
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n\n{table}\n\n{end}{rest.partition(end)[2]}"
    return text


def _table(infos: Iterable[ProviderInfo]) -> str:
    head = ["| provider | its name here | required fields | others |", "|---|---|---|---|"]
    return "\n".join([*head, *map(_row, infos)])


def _row(info: ProviderInfo) -> str:
    required = ", ".join(f"`{one.name}`" for one in info.fields if one.default is None)
    others = [one for one in info.fields if one.default is not None and not one.rare]
    cells = [
        f"[{info.title}](providers/{info.slug}.md)",
        f"`{info.slug}`",
        required,
        ", ".join(f"`{one.name}`" for one in others),
    ]
    return f"| {' | '.join(cells)} |"


def _closed() -> str:
    rows = [f"| `{name}` | {one.advice} |" for name, one in sorted(RETIRED.items())]
    return "\n".join(["| its name | what to use instead |", "|---|---|", *rows])
