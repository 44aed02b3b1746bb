"""Shows a CA's terms of service, and asks whether a person agrees to them."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from zoneproof.manager import Manager, RunOptions

T = TypeVar("T")


def run_with_terms(work: Callable[[Manager], Awaitable[T]], run: RunOptions, *, ask: bool) -> T:
    """Run the work; where it needs agreement to terms of service, ask for it if there is a person.

    Raises TermsNotAgreedError, with what to do, if there is none or the answer is no.
    """
    from zoneproof.cli.tasks import run_with_manager
    from zoneproof.errors import TermsNotAgreedError, printable

    try:
        return run_with_manager(work, run)
    except TermsNotAgreedError as error:
        if not (ask and sys.stdin.isatty()):
            text = f"{error.message}; read them, then add --agree-tos"
            raise TermsNotAgreedError(text, url=error.url) from error
        click.echo(f"terms of service: {printable(error.url)}")
        if not click.confirm("Have you read them, and do you agree to them?"):
            raise
    return run_with_manager(work, replace(run, terms=replace(run.terms, agree_to_terms=True)))
