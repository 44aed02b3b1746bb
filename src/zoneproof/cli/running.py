"""Runs a command's work to its end: signals end it gently, a person is asked for what it needs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import click
from msgspec.structs import replace

from zoneproof.cli.asking import can_ask
from zoneproof.cli.audited import audit
from zoneproof.cli.output import tell_error
from zoneproof.core.errors import AwaitingUserError, TermsNotAgreedError
from zoneproof.core.text import printable
from zoneproof.manager import Home, Manager, RunOptions, open_manager

T = TypeVar("T")


def run_until_done(work: Coroutine[Any, Any, T]) -> T:
    """Run the coroutine. SIGINT, SIGTERM and SIGHUP cancel it, so that it can clean up first.

    SIGHUP is that of a terminal that is gone; under nohup it is still ignored. Raises
    KeyboardInterrupt after such a signal.
    """

    async def guarded() -> T:
        task = asyncio.ensure_future(work)
        terminated = False

        def stop() -> None:
            nonlocal terminated
            terminated = True
            task.cancel()

        # Windows has no such handlers, and ends processes without asking.
        with contextlib.suppress(NotImplementedError, AttributeError):
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGTERM, stop)
            if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
                loop.add_signal_handler(signal.SIGHUP, stop)
        try:
            return await task
        except asyncio.CancelledError:
            if terminated:
                raise KeyboardInterrupt from None
            raise

    if sys.version_info < (3, 12) and sys.platform == "linux" and hasattr(os, "pidfd_open"):
        # Python 3.12 does so by itself; 3.11 starts a thread for each script that a provider runs.
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
    running = guarded()
    with contextlib.closing(work), contextlib.closing(running):  # which begin in a loop, if any
        return asyncio.run(running)


def run_with_manager(
    work: Callable[[Manager], Awaitable[T]],
    run: RunOptions | None = None,
    *,
    needs_secrets: bool = True,
    to_read: bool = False,
) -> T:
    """Open the manager's home, run the work with it, and close it.

    Work that ``needs_secrets`` does not begin without the vault key. Work that only has ``to_read``
    creates nothing; all other work is noted in the audit log.
    """

    home = Home.find()
    if not to_read:
        audit(home)

    async def work_in_home() -> T:
        opened = open_manager(home, run, needs_secrets=needs_secrets, to_read=to_read)
        async with opened as manager:
            return await work(manager)

    return run_until_done(work_in_home())


def read_home(work: Callable[[Manager], Awaitable[T]], run: RunOptions | None = None) -> T:
    """Run work that only reads, and opens no secret, as :func:`run_with_manager` does."""
    return run_with_manager(work, run, needs_secrets=False, to_read=True)


def run_with_terms(work: Callable[[Manager], Awaitable[T]], run: RunOptions, *, ask: bool) -> T:
    """Run the work; where it needs agreement to terms of service, ask for it if there is a person.

    Raises TermsNotAgreedError, with what to do, if there is none or the answer is no.
    """
    try:
        return run_with_manager(work, run)
    except TermsNotAgreedError as error:
        if not (ask and can_ask()):
            raise error.with_remedy("add --agree-tos") from error
        click.echo(f"terms of service: {printable(error.url)}")
        if not click.confirm("Have you read them, and do you agree to them?"):
            raise
    return run_with_manager(
        work,
        replace(run, terms=replace(run.terms, agree_to_terms=True)),
    )


def run_with_person(
    work: Callable[[Manager], Awaitable[T]],
    again: Callable[[Manager, str], Awaitable[T]],
    run: RunOptions,
    *,
    ask: bool,
) -> T:
    """Run the work, which may need agreement to terms and records that a person creates.

    Where somebody can answer, these are awaited, and ``again`` is run with the certificate's
    name until they are there. Otherwise raises AwaitingUserError, as it does when the person
    leaves; the order waits then.
    """
    try:
        return run_with_terms(work, run, ask=ask)
    except AwaitingUserError as error:
        if not (ask and error.certificate and can_ask() and sys.stderr.isatty()):
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
    question = "press Enter when they exist, or Ctrl-C to do it later"
    if len(waiting.records) == 1:
        question = question.replace("they exist", "it exists")
    try:
        click.prompt(question, default="", show_default=False, prompt_suffix=": ", err=True)
    except click.Abort as abort:
        click.echo("", err=True)
        raise AwaitingUserError(f"{name} waits: 'zoneproof resume {name}' continues") from abort
