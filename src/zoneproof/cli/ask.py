"""Asks a person for a value, until it is one that can be used."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

import click

from zoneproof.errors import InvalidInputError, printable

T = TypeVar("T")


def somebody_is_there() -> bool:
    """Tell whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(
    question: str, read: Callable[[str], T], *, default: str | None = None, hidden: bool = False
) -> T:
    """Ask on stderr, and return what ``read`` makes of the answer.

    An answer for which it raises InvalidInputError is answered with that error, and the question
    is asked again.
    """
    while True:
        answer = click.prompt(
            question,
            default=default,
            show_default=bool(default),
            hide_input=hidden,
            type=str,
            err=True,
        )
        try:
            return read(answer)
        except InvalidInputError as error:
            click.echo(f"zoneproof: {printable(error.message)}", err=True)
