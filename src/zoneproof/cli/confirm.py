"""Asks a person before something is done that cannot be taken back."""

from __future__ import annotations

import sys

import click

yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def can_ask() -> bool:
    """Tell whether a person is there to answer."""
    return sys.stdin.isatty()


def confirm(question: str, *, yes: bool) -> None:
    """Return if the answer is yes, or ``yes`` says so.

    Raises ZoneproofError if it is no, and InvalidInputError where nobody can be asked.
    """
    from zoneproof.errors import InvalidInputError, ZoneproofError

    if yes:
        return
    if not can_ask():
        raise InvalidInputError(f"{question} Nobody can be asked here: add --yes to do it")
    if not click.confirm(question, err=True):
        raise ZoneproofError("nothing was changed")
