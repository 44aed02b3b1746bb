"""Notes in a home's audit log what a command did there, once, when it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click

from zoneproof.cli.person import person
from zoneproof.core.errors import StorageError, ZoneproofError
from zoneproof.manager import Home
from zoneproof.manager.people.audit import OK, Audit

_NOTED = "zoneproof.audited"
# What a timer runs every hour; what comes of it is in the history of each certificate.
_UNATTENDED = ("renew",)


def audit(home: Home) -> None:
    """See to it that the command that is running is noted with its result when it ends."""
    context = click.get_current_context(silent=True)
    if context is None or _NOTED in context.find_root().meta:
        return
    command = " ".join(context.command_path.split()[1:])
    subject = " ".join(_arguments(context))
    if command in _UNATTENDED and not subject:
        return
    root = context.find_root()
    root.meta[_NOTED] = True
    root.with_resource(_noting(home, command, subject))


def _arguments(context: click.Context) -> list[str]:
    """Return the arguments, which are names; an option may hold a secret."""
    found: list[str] = []
    for parameter in context.command.params:
        if isinstance(parameter, click.Argument) and parameter.name:
            value = context.params.get(parameter.name) or ()
            found += map(str, value if isinstance(value, tuple) else (value,))
    return found


@contextmanager
def _noting(home: Home, action: str, subject: str) -> Iterator[None]:
    async def write(result: str) -> None:
        store = await asyncio.to_thread(home.open_store)
        try:
            await Audit(store).add(person(), action, subject, result=result)
        finally:
            await store.close()

    failure: BaseException | None = None
    try:
        yield
    except BaseException as error:
        failure = error
        raise
    finally:
        # What cannot be written is no reason to fail for a command that is done.
        with suppress(StorageError):
            asyncio.run(write(_result(failure)))


def _result(error: BaseException | None) -> str:
    match error:
        case None:
            return OK
        case ZoneproofError():
            return error.message
        case SystemExit():
            return f"exit code {error.code}" if error.code else OK
        case click.exceptions.Exit():
            return f"exit code {error.exit_code}" if error.exit_code else OK
        case KeyboardInterrupt() | click.Abort():
            return "interrupted"
    return type(error).__name__
