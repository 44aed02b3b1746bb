"""Asks a person: for a value, and before what cannot be undone."""

from __future__ import annotations

import select
import sys
from collections.abc import Callable
from typing import TypeVar

import click

from zoneproof.core.errors import InvalidInputError, ZoneproofError
from zoneproof.core.text import printable

T = TypeVar("T")

yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def can_ask() -> bool:
    """Tell whether a person is there to answer, who has typed nothing ahead.

    Lines that wait already are the rest of a block pasted into a shell: commands, not answers.
    """
    return sys.stdin.isatty() and not _has_input()


def _has_input() -> bool:
    try:
        return bool(select.select([sys.stdin], [], [], 0)[0])
    except OSError:  # Windows, where only sockets can be looked at
        return False


def confirm(question: str, *, yes: bool) -> None:
    """Return if the answer is yes, or ``yes`` says so.

    Raises ZoneproofError if it is no, and InvalidInputError where nobody can be asked.
    """
    if yes:
        return
    if not can_ask():
        raise InvalidInputError(f"{question} There is no terminal to ask at: add --yes to do it")
    if not click.confirm(question, err=True):
        raise ZoneproofError("nothing was changed")


def somebody_is_there() -> bool:
    """Tell whether a person can be asked for values, which may be typed ahead."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(
    question: str, read: Callable[[str], T], *, default: str | None = None, hidden: bool = False
) -> T:
    """Ask on stderr, and return what ``read`` makes of the answer.

    An answer for which it raises InvalidInputError is answered with that error, and the question
    is asked again; so is an empty one without a ``default``.
    """
    while True:
        answer = click.prompt(
            question,
            default=default or "",
            show_default=bool(default),
            hide_input=hidden,
            type=str,
            err=True,
        )
        if default is None and not answer:
            click.echo("zoneproof: write an answer, or press Ctrl-C to end this", err=True)
            continue
        try:
            return read(answer)
        except InvalidInputError as error:
            click.echo(f"zoneproof: {printable(error.message)}", err=True)
