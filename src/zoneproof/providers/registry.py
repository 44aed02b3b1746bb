"""Finds providers by slug without importing the others."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from zoneproof.core.errors import InvalidInputError, NotFoundError
from zoneproof.core.fields import CredentialField, check_value, filled_in
from zoneproof.core.text import sanitize
from zoneproof.providers import catalog
from zoneproof.providers.contract import Provider, ProviderContext, ProviderInfo
from zoneproof.providers.retired import RETIRED
from zoneproof.providers.server_url import mask_url

if TYPE_CHECKING:
    from zoneproof.providers.adapters import Adapter


def slugs() -> list[str]:
    """Return the slugs of all providers, sorted."""
    return sorted(catalog.MODULES)


def installed() -> dict[str, str]:
    """Return those that other programs on this machine bring: the title of each slug."""
    return {
        f"{family}:{name}": title
        for family in catalog.FAMILIES
        for name, title in _family(family).installed().items()
    }


def exists(slug: str) -> bool:
    """Tell whether there is, or can be, such a provider."""
    family, colon, _ = slug.partition(":")
    return slug in catalog.MODULES or (bool(colon) and family in catalog.FAMILIES)


def short_name(slug: str) -> str:
    """Return what a credential of the provider is called unless it is given a name."""
    return slug.rpartition(":")[2]


def describe(slug: str) -> ProviderInfo:
    """Return a provider's description.

    Raises InvalidInputError for an unknown slug, and for a retired one with what to use instead.
    """
    return load(slug).info


def open_provider(slug: str, context: ProviderContext) -> Provider:
    """Make a provider from its fields, defaults filled in.

    Raises InvalidInputError for an unknown slug, and for a field that is unknown, missing or not
    one of its choices; the message names the field and says what it is.
    """
    made = load(slug)
    return made(_checked(made.info, context))


def check_answer(slug: str, field: CredentialField, value: str) -> str:
    """Return a field's value if it can be used here and now. Raises as :func:`check_field` does."""
    check_field(slug, field, value)
    if field.file and value:
        field.file(value)
    return value


def check_field(slug: str, field: CredentialField, value: str) -> str:
    """Return the value of a provider's field. Raises InvalidInputError, which names the field."""
    return check_value(f"provider {slug}", field, value)


def require_files(info: ProviderInfo, fields: Mapping[str, str]) -> None:
    """Raise InvalidInputError if a file that the fields name cannot be used as it is now."""
    for field in info.fields:
        if field.file and fields.get(field.name):
            field.file(fields[field.name])


def files_of(info: ProviderInfo, fields: Mapping[str, str]) -> list[Path]:
    """Return the files of this machine that the fields name."""
    named = [fields.get(field.name) for field in info.fields if field.file]
    return [Path(value) for value in named if value]


def shown_field(field: CredentialField, value: str) -> str:
    """Return a field's value as people may see it: no secret, no key that is part of a URL."""
    if field.secret:
        return "(hidden)" if value else ""
    if field.shown:
        return field.shown(value)
    return mask_url(value) if field.url else value


def load(slug: str) -> type[Provider]:
    """Return a provider's class. Raises what :func:`describe` does."""
    if slug in RETIRED:
        raise InvalidInputError(f"the provider {slug} no longer exists: {RETIRED[slug].advice}")
    family, colon, name = slug.partition(":")
    if colon and family in catalog.FAMILIES:
        return _family(family).named(name)
    if slug in catalog.FAMILIES:
        raise NotFoundError(
            f"there is no provider '{slug}': name one of its, as {_family(slug).form}; 'zoneproof"
            " provider list' shows those that are installed"
        )
    if slug not in catalog.MODULES:
        near = difflib.get_close_matches(slug, catalog.MODULES, n=1)
        advice = f"did you mean '{near[0]}'?" if near else f"use {', '.join(slugs())}"
        raise NotFoundError(f"there is no provider '{sanitize(slug)}': {advice}")
    found: type[Provider] = _imported(catalog.MODULES[slug])
    return found


def _family(family: str) -> type[Adapter]:
    found: type[Adapter] = _imported(catalog.FAMILIES[family])
    return found


def _imported(where: str) -> Any:
    module, _, name = where.partition(":")
    return getattr(import_module(f"zoneproof.providers.{module}"), name)


def check_names(info: ProviderInfo, names: Iterable[str]) -> None:
    """Raise InvalidInputError for a name that no field of the provider can have."""
    for name in names:
        if not info.field(name):
            known = ", ".join(field.name for field in info.fields) or "none"
            others = f", and {info.free_fields}" if info.free_fields else ""
            raise InvalidInputError(
                f"provider {info.slug} has no field '{sanitize(name, limit=40)}': its fields are"
                f" {known}{others}"
            )


def _checked(info: ProviderInfo, context: ProviderContext) -> ProviderContext:
    check_names(info, context.fields)
    free = dict(context.fields) if info.free_fields else {}
    where = f"provider {info.slug}"
    values = filled_in(where, info.fields, context.fields, option="--field ")
    return replace(context, fields=free | values)
