"""Completes names in a shell, as far as they are known without a secret and without a network."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from zoneproof.manager import Manager

Completion = Callable[[click.Context, click.Parameter, str], list[str]]


def _of_home(names: Callable[[Manager], Awaitable[Iterable[str]]]) -> Completion:
    """Complete those of the names that begin so; none where the home cannot be read.

    A shell in the middle of a line is no place for errors, nor for making a home.
    """

    def complete(context: click.Context, parameter: click.Parameter, text: str) -> list[str]:
        from zoneproof.cli.running import read_home
        from zoneproof.core.errors import ZoneproofError

        del context, parameter
        try:
            found = read_home(names)
        except (ZoneproofError, OSError):
            return []
        return [name for name in found if name.startswith(text)]

    return complete


@_of_home
async def certificates(manager: Manager) -> Iterable[str]:
    """Complete the managed certificates."""
    return [one.name for one in await manager.certificates.each()]


@_of_home
async def credentials(manager: Manager) -> Iterable[str]:
    """Complete the credentials."""
    from zoneproof.manager import credential_summaries

    return [one.name for one in await credential_summaries(manager.store)]


@_of_home
async def accounts(manager: Manager) -> Iterable[str]:
    """Complete the stored accounts, which are there to be changed."""
    return await manager.accounts.names()


@_of_home
async def leftover_names(manager: Manager) -> Iterable[str]:
    """Complete the certificates and records of what is left over."""
    found = await manager.leftovers.find()
    return sorted({name for one in found for name in (one.certificate, one.name)})


def authorities(context: click.Context, parameter: click.Parameter, text: str) -> list[str]:
    """Return the CAs whose short name begins so."""
    from zoneproof.acme import KNOWN

    del context, parameter
    return [name for name in KNOWN if name.startswith(text)]


def accounts_and_authorities(
    context: click.Context, parameter: click.Parameter, text: str
) -> list[str]:
    """Return what can stand for an account: those that are stored, and the CAs."""
    stored = accounts(context, parameter, text)
    return list(dict.fromkeys([*stored, *authorities(context, parameter, text)]))


def providers(context: click.Context, parameter: click.Parameter, text: str) -> list[str]:
    """Return the providers whose slug begins so."""
    from zoneproof.providers import installed, slugs

    del context, parameter
    return [slug for slug in (*slugs(), *installed()) if slug.startswith(text)]


certificate_argument = click.argument("name", shell_complete=certificates)
credential_argument = click.argument("name", shell_complete=credentials)
account_argument = click.argument("name", shell_complete=accounts)
