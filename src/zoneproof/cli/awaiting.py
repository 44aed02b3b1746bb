"""Lets a person at a terminal create the records that an order waits for, and goes on with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from zoneproof.cli.asking import somebody_is_there
from zoneproof.cli.output import tell_error
from zoneproof.cli.running import run_with_terms
from zoneproof.core.errors import AwaitingUserError
from zoneproof.manager import Manager, RunOptions

T = TypeVar("T")


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
