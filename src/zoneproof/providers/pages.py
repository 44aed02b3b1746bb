"""Writes a provider's page of the documentation from its ``info``."""

from __future__ import annotations

from collections.abc import Iterable

from zoneproof.core.fields import fields_table
from zoneproof.providers.contract import Alias, Limits, ProviderInfo

_MADE = "<!-- written by python -m tests.docs.provider_pages, from the provider's info -->"


def page(info: ProviderInfo) -> str:
    """Return the whole page, in Markdown."""
    parts = [f"# {info.title}", _MADE]
    if info.homepage:
        parts.append(f"<{info.homepage}>")
    parts.append(f"```\n{_commands(info)}\n```")
    if info.fields:
        rows = fields_table(info.fields)
        parts.append("\n".join(rows))
    else:
        parts.append("It has no fields.")
    parts += filter(None, [info.notes, *details(info)])
    parts.append("[All providers](../all-providers.md), [more on credentials](../credentials.md)")
    return "\n\n".join(parts) + "\n"


def details(info: ProviderInfo) -> list[str]:
    """Return what there is to say besides the notes, as paragraphs in Markdown."""
    paragraphs = []
    if info.key_url:
        paragraphs.append(f"The key is made at <{info.key_url}>.")
    if info.key_expiry:
        noted = "A test of the credential notes when the key expires"
        paragraphs.append(f"{noted}, {info.key_expiry}.")
    if info.least_privilege:
        paragraphs.append(f"Least privilege: {info.least_privilege}")
    paragraphs.append(_limits(info))
    if info.name_servers:
        paragraphs.append(f"Zones there have the name servers {_code(info.name_servers)}.")
    if info.aliases:
        paragraphs.append(f"Other clients call it {'; '.join(map(_alias, info.aliases))}.")
    return paragraphs


def _commands(info: ProviderInfo) -> str:
    """Return what a newcomer types; a credential is asked for, so no secret is shown in a line."""
    issue = "zoneproof issue example.com '*.example.com'"
    if not info.fields:
        return f"{issue} --provider {info.slug}"
    return f"zoneproof credential add {info.slug}\n{issue} --credential {info.slug}"


def _limits(info: ProviderInfo) -> str:
    limits = info.limits
    ttl = f"TTL: {info.default_ttl} s"
    if not limits.has_ttl:
        ttl = "The service sets the TTL"
    elif limits.min_ttl > 1:
        ttl += f", at least {limits.min_ttl} s"
    others = []
    if limits.only_challenges:
        others.append("values at names that begin with `_acme-challenge` only")
    if limits.value_bytes < Limits().value_bytes:
        others.append(f"at most {limits.value_bytes} bytes in a value")
    if limits.value_pattern:
        ticks = "``" if "`" in limits.value_pattern else "`"
        others.append(f"values of {ticks}{limits.value_pattern}{ticks}")
    if limits.values_at_name:
        others.append(f"at most {limits.values_at_name} values at a name")
    return "; ".join([ttl, *others]) + "."


def _alias(alias: Alias) -> str:
    renamed = [(theirs, ours) for theirs, ours in alias.all_fields.items() if theirs != ours]
    parts = [f"`{setting}={value}`" for setting, value in alias.when.items()]
    parts += [f"`{theirs}` for `{ours.replace('.', '` and `')}`" for theirs, ours in renamed]
    settings = ", ".join(parts)
    return f"`{alias.name}` ({alias.client}{', with ' * bool(settings)}{settings})"


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)
