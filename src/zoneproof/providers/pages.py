"""Writes the reference of all providers into the documentation, from their ``info``.

``python -m zoneproof.providers.pages docs/providers.md`` replaces what stands between the markers.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from zoneproof.providers.contract import Alias, CredentialField, ProviderInfo
from zoneproof.providers.registry import describe, slugs

BEGIN = "<!-- providers: written by python -m zoneproof.providers.pages -->"
END = "<!-- end of providers -->"


def section(info: ProviderInfo) -> str:
    """Return a provider's part of the page, in Markdown."""
    lines = [f"### `{info.slug}`: {info.title}", ""]
    if info.homepage:
        lines += [f"<{info.homepage}>", ""]
    if info.fields:
        lines += ["| field | what it is | default |", "|---|---|---|"]
        lines += [_row(field) for field in info.fields]
    else:
        lines += ["It has no fields."]
    lines += ["", f"{info.notes} TTL: {info.default_ttl} s.".strip(), ""]
    for paragraph in details(info):
        lines += [paragraph, ""]
    return "\n".join(lines)


def details(info: ProviderInfo) -> list[str]:
    """Return what there is to say besides the notes, as paragraphs in Markdown."""
    paragraphs = []
    if info.least_privilege:
        paragraphs.append(f"Least privilege: {info.least_privilege}")
    if info.name_servers:
        paragraphs.append(f"Zones there have the name servers {_code(info.name_servers)}.")
    if info.aliases:
        paragraphs.append(f"Other clients call it {'; '.join(map(_alias, info.aliases))}.")
    return paragraphs


def rewrite(page: str) -> str:
    """Return the page with the sections of all providers between its two markers."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    sections = "\n".join(section(describe(slug)) for slug in slugs())
    return f"{before}{BEGIN}\n\n{sections}\n{END}{after}"


def _alias(alias: Alias) -> str:
    renamed = [(theirs, ours) for theirs, ours in alias.fields.items() if theirs != ours]
    settings = ", ".join(f"`{theirs}` for `{ours}`" for theirs, ours in renamed)
    return f"`{alias.name}` ({alias.client}{', with ' * bool(settings)}{settings})"


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _row(field: CredentialField) -> str:
    what = field.help.replace("|", "\\|")
    if field.choices:
        what += f" ({', '.join(field.choices)})"
    if field.secret:
        what += "; secret"
    default = "required" if field.default is None else f"`{field.default}`" if field.default else ""
    return f"| `{field.name}` | {what} | {default} |"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(rewrite(target.read_text("utf-8")), "utf-8")
