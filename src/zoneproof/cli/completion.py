"""Completes names in a shell, as far as they are known without a secret and without a network."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from zoneproof.manager import Manager


def certificates(context: click.Context, parameter: click.Parameter, text: str) -> list[str]:
    """Return the managed certificates whose name begins so."""
    del context, parameter

    async def names(manager: Manager) -> Iterable[str]:
        return [one.name for one in await manager.certificates.each()]

    return _beginning(text, names)


def credentials(context: click.Context, parameter: click.Parameter, text: str) -> list[str]:
    """Return the credentials whose name begins so."""
    del context, parameter

    async def names(manager: Manager) -> Iterable[str]:
        from zoneproof.manager import credential_summaries

        return [one.name for one in await credential_summaries(manager.store)]

    return _beginning(text, names)


def accounts(context: click.Context, parameter: click.Parameter, text: str) -> list[str]:
    """Return the stored accounts whose name begins so, which are there to be changed."""
    del context, parameter

    async def names(manager: Manager) -> Iterable[str]:
        return await manager.accounts.names()

    return _beginning(text, names)


def leftover_names(context: click.Context, parameter: click.Parameter, text: str) -> list[str]:
    """Return the certificates and records that begin so, of what is left over."""
    del context, parameter

    async def names(manager: Manager) -> Iterable[str]:
        found = await manager.leftovers.find()
        return sorted({name for one in found for name in (one.certificate, one.name)})

    return _beginning(text, names)


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


def _beginning(text: str, names: Callable[[Manager], Awaitable[Iterable[str]]]) -> list[str]:
    """Return those of the names that begin so; none where the home cannot be read.

    A shell in the middle of a line is no place for errors, nor for making a home.
    """
    from zoneproof.cli.running import read_home
    from zoneproof.core.errors import ZoneproofError

    try:
        found = read_home(names)
    except (ZoneproofError, OSError):
        return []
    return [name for name in found if name.startswith(text)]
