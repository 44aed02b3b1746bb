"""Reads ``name=value`` options; a value can come from a file or from the environment."""

from __future__ import annotations

from collections.abc import Sequence

import click

from zoneproof.errors import InvalidInputError
from zoneproof.references import is_reference, read_reference


def parse_fields(texts: Sequence[str]) -> dict[str, str]:
    """Read ``name=value``, ``name=@file`` and ``name=env:VARIABLE``.

    Raises InvalidInputError, which never shows a value.
    """
    fields = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name.strip():
            raise InvalidInputError("--field wants name=value, name=@file or name=env:VARIABLE")
        name = name.strip()
        if name in fields:
            raise InvalidInputError(f"--field {name} is given twice: give it once")
        fields[name] = read_reference(value, f"--field {name}")
    return fields


def warn_of_literals(what: Sequence[str], safer: str) -> None:
    """Warn of secrets that stand on the command line; ``safer`` says how else to give one."""
    if what:
        click.echo(
            f"zoneproof: warning: {' and '.join(what)} can be read by others in the process list"
            f" while this runs: {safer} is safer",
            err=True,
        )


def warn_of_literal(option: str, value: str) -> None:
    """Warn if the secret that is an option's value stands on the command line itself."""
    if value and not is_reference(value):
        warn_of_literals([option], f"{option} @FILE or {option} env:VARIABLE")


def literal_fields(texts: Sequence[str]) -> set[str]:
    """Return the names of those fields whose value stands on the command line itself."""
    pairs = [text.partition("=") for text in texts]
    return {name.strip() for name, _, value in pairs if not is_reference(value)}
