"""A provider's fields from the command line, and from a person at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import click

from zoneproof.cli.fields import literal_fields, parse_fields
from zoneproof.errors import InvalidInputError
from zoneproof.providers import CredentialField, ProviderInfo, shown_field


def given_fields(info: ProviderInfo, texts: Sequence[str]) -> dict[str, str]:
    """Read the options, and warn once of secrets that stand on the command line.

    Raises InvalidInputError, also for a field that the provider does not have.
    """
    fields = parse_fields(texts)
    known = {field.name: field for field in info.fields}
    for name in fields:
        if name not in known:
            raise InvalidInputError(
                f"provider {info.slug} has no field '{name[:40]}': its fields are"
                f" {', '.join(known) or 'none'}"
            )
    literal = literal_fields(texts)
    seen = [
        name
        for name, value in fields.items()
        if name in literal and shown_field(known[name], value) != value
    ]
    if seen:
        click.echo(
            f"zoneproof: warning: {' and '.join(seen)} can be read by others in the process list"
            f" while this runs: --field {seen[0]}=@FILE or {seen[0]}=env:VARIABLE is safer",
            err=True,
        )
    return fields


def is_missing(field: CredentialField, fields: Mapping[str, str]) -> bool:
    """Tell whether the field is required and not given."""
    return field.default is None and not fields.get(field.name)


def require_all(info: ProviderInfo, fields: Mapping[str, str]) -> None:
    """Raise InvalidInputError, which names all required fields that are not there."""
    missing = [field for field in info.fields if is_missing(field, fields)]
    if not missing:
        return
    named = "; ".join(f"{field.name} ({field.help})" for field in missing)
    options = " ".join(f"--field {field.name}=..." for field in missing)
    raise InvalidInputError(f"provider {info.slug} needs {named}: add {options}")


def somebody_is_there() -> bool:
    """Tell whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask_for_rest(info: ProviderInfo, fields: Mapping[str, str]) -> dict[str, str]:
    """Ask a person for the fields that were not given; the questions go to stderr."""
    answers = dict(fields)
    for field in info.fields:
        if field.name in answers:
            continue
        answers[field.name] = click.prompt(
            f"{field.name} ({field.help})",
            default=field.default,
            show_default=bool(field.default),
            hide_input=field.secret,
            type=click.Choice(field.choices) if field.choices else str,
            show_choices=False,
            err=True,
        )
    return answers
