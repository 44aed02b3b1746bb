"""Asks a person: for a value, before what cannot be undone, and for records to create."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from zoneproof.cli.output import tell_error
from zoneproof.cli.running import run_with_terms
from zoneproof.core.errors import AwaitingUserError, InvalidInputError, ZoneproofError
from zoneproof.core.text import printable
from zoneproof.manager import Manager, RunOptions

T = TypeVar("T")

yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def can_ask() -> bool:
    """Tell whether a person is there to answer."""
    return sys.stdin.isatty()


def confirm(question: str, *, yes: bool) -> None:
    """Return if the answer is yes, or ``yes`` says so.

    Raises ZoneproofError if it is no, and InvalidInputError where nobody can be asked.
    """
    if yes:
        return
    if not can_ask():
        raise InvalidInputError(f"{question} Nobody can be asked here: add --yes to do it")
    if not click.confirm(question, err=True):
        raise ZoneproofError("nothing was changed")


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


def run_with_person(
    work: Callable[[Manager], Awaitable[T]],
    again: Callable[[Manager, str], Awaitable[T]],
    run: RunOptions,
    *,
    ask: bool,
) -> T:
    """Run the work, which may need agreement to terms and records that a person creates.

    Where somebody can be asked, these are awaited, and ``again`` is run with the certificate's
    name until they are there. Otherwise raises AwaitingUserError, as it does when the person
    leaves; the order waits then.
    """
    try:
        return run_with_terms(work, run, ask=ask)
    except AwaitingUserError as error:
        if not (ask and error.certificate and somebody_is_there()):
            raise
        waiting, name = error, error.certificate
    while True:
        _wait_for(waiting, name)
        try:
            return run_with_terms(lambda manager: again(manager, name), run, ask=ask)
        except AwaitingUserError as error:
            waiting = error


def _wait_for(waiting: AwaitingUserError, name: str) -> None:
    tell_error(waiting)
    question = "press Enter when they are there, or Ctrl-C to do it later"
    if len(waiting.records) == 1:
        question = question.replace("they are", "it is")
    try:
        click.prompt(question, default="", show_default=False, prompt_suffix=": ", err=True)
    except click.Abort as abort:
        click.echo("", err=True)
        raise AwaitingUserError(f"{name} waits: 'zoneproof resume {name}' continues") from abort
