"""The ``zoneproof web`` commands: serve the pages, and manage who may sign in."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import click

from zoneproof.cli.asking import confirm, yes_option
from zoneproof.cli.option_groups import Commands, authoritative_port_option, json_option
from zoneproof.cli.output import json_document, tell, tell_all
from zoneproof.cli.person import person
from zoneproof.cli.running import read_home, run_until_done, run_with_manager
from zoneproof.cli.streams import require_output, shown_once
from zoneproof.cli.web_options import USUAL_ADDRESS, serve_pages, web_options
from zoneproof.core import times
from zoneproof.core.errors import InvalidInputError
from zoneproof.manager import Home, Manager, RunOptions
from zoneproof.manager.people.roles import ROLES
from zoneproof.manager.people.users import User

_role_option = click.option(
    "--role",
    type=click.Choice(ROLES),
    default="viewer",
    show_default=True,
    metavar="ROLE",
    help=f"What the user may do: {', '.join(ROLES)}.",
)


def _check_url(context: click.Context, parameter: click.Parameter, text: str) -> str:
    del context, parameter
    try:
        found = urlsplit(text)
        usable = found.scheme in ("http", "https") and found.hostname and not set("?#") & set(text)
    except ValueError:
        usable = None
    if not usable:
        raise InvalidInputError(
            f"--url '{text[:80]}' is not where pages are: write it as https://certs.example.com"
        )
    return text


_url_option = click.option(
    "--url",
    default=f"http://{USUAL_ADDRESS}",
    show_default=True,
    metavar="URL",
    callback=_check_url,
    help="Where the pages are, for the link.",
)


@click.group(cls=Commands, invoke_without_command=True)
@click.option(
    "--listen", default=USUAL_ADDRESS, show_default=True, metavar="ADDRESS", help="Where to listen."
)
@web_options
@authoritative_port_option
@json_option
@click.pass_context
def web(
    context: click.Context,
    /,
    listen: str,
    authoritative_port: int | None,
    as_json: bool,
    **settings: Any,
) -> None:
    """Serve the web pages of this home until stopped, or manage who may sign in.

    \b
    zoneproof web
    zoneproof web --listen 0.0.0.0:8443 --tls-managed certs.example.com
    zoneproof web user add alice --role operator

    As long as nobody is an administrator, a start in a terminal or with --json prints a link for
    the first. Renewals are the business of 'zoneproof renew' or 'zoneproof run', which can serve
    the pages itself: 'zoneproof run --web ADDRESS'.
    """
    if context.invoked_subcommand:
        return
    run = RunOptions(authoritative_port=authoritative_port)
    first_link = as_json or sys.stdout.isatty()  # else it may be a log

    async def work() -> None:
        pages = serve_pages(
            Home.find(), listen, settings, run, as_json=as_json, first_link=first_link
        )
        async with pages:
            await asyncio.Event().wait()

    run_until_done(work())


@web.group(cls=Commands)
def user() -> None:
    """The people who may sign in to the web pages."""


@user.command()
@click.argument("name")
@_role_option
@_url_option
@json_option
def add(name: str, role: str, url: str, as_json: bool) -> None:
    """Add a user, and print a link to sign in.

    The person chooses a password with it, once, within 24 hours.
    """

    _make_link(lambda manager: manager.people.users.add(name, role), url, as_json=as_json)


@user.command()
@click.argument("name")
@_url_option
@json_option
def link(name: str, url: str, as_json: bool) -> None:
    """Print a new link, for another password."""
    _make_link(lambda manager: manager.people.users.get(name), url, as_json=as_json)


def _make_link(find: Callable[[Manager], Awaitable[User]], url: str, *, as_json: bool) -> None:
    require_output()

    async def work(manager: Manager) -> tuple[str, str]:
        found = await find(manager)
        return found.name, await manager.people.users.add_link(found.name, found.role)

    name, secret = run_with_manager(work, needs_secrets=False)
    full = f"{url.rstrip('/')}/welcome?token={secret}"
    shown_once(f"the link for {name} is lost: 'zoneproof web user link {name}' makes another")
    if as_json:
        json_document({"user": name, "link": full})
    else:
        click.echo(f"give this link to {name}; it works once, within 24 hours:\n\n  {full}\n")


@user.command("list")
@json_option
def list_users(as_json: bool) -> None:
    """List the users and their roles."""
    found = read_home(lambda manager: manager.people.users.all())
    tell_all(
        found,
        ("NAME", "ROLE", "PASSWORD", "SIGNED IN"),
        lambda one: (
            one.name,
            one.role,
            "yes" if one.has_password else "no",
            _how_long_ago(one.signed_in_at),
        ),
        if_none="no users yet: 'zoneproof web user add NAME --role administrator' adds the first",
        as_json=as_json,
    )


def _how_long_ago(moment: str) -> str:
    return times.distance(moment, datetime.now(UTC)) if moment else "never"


@web.group(cls=Commands)
def token() -> None:
    """The tokens with which programs use the REST API."""


@token.command("add")
@click.argument("name")
@_role_option
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=365,
    show_default=True,
    metavar="DAYS",
    help="For how many days it is good.",
)
@json_option
def add_token(name: str, role: str, days: int, as_json: bool) -> None:
    """Make a token, which is printed once."""
    require_output()
    secret = run_with_manager(
        lambda manager: manager.people.tokens.add(name, role, days, person()), needs_secrets=False
    )
    shown_once(
        f"the token {name} was made, and is lost: 'zoneproof web token remove {name}', then add it"
        " again"
    )
    tell({"name": name, "token": secret}, secret, as_json=as_json)


@token.command("list")
@json_option
def list_tokens(as_json: bool) -> None:
    """List the tokens; what is secret is never shown."""
    found = read_home(lambda manager: manager.people.tokens.all())
    tell_all(
        found,
        ("NAME", "ROLE", "EXPIRES", "USED"),
        lambda one: (
            one.name,
            one.role,
            times.distance(one.expires_at, datetime.now(UTC)),
            _how_long_ago(one.used_at),
        ),
        if_none="no tokens yet: 'zoneproof web token add'",
        as_json=as_json,
    )


@token.command("remove")
@click.argument("name")
@yes_option
@json_option
def remove_token(name: str, yes: bool, as_json: bool) -> None:
    """Remove a token: programs that use it are refused."""

    async def find(manager: Manager) -> str:
        found = [one for one in await manager.people.tokens.all() if one.name == name]
        if not found:
            raise InvalidInputError(
                f"there is no token '{name[:80]}': 'zoneproof web token list' shows all"
            )
        return found[0].id

    async def work(manager: Manager) -> None:
        await manager.people.tokens.remove(await find(manager))

    read_home(find)
    confirm(f"Remove the token {name}?", yes=yes)
    run_with_manager(work, needs_secrets=False)
    tell({"removed": name}, f"{name} is removed", as_json=as_json)


@user.command()
@click.argument("name")
@yes_option
@json_option
def remove(name: str, yes: bool, as_json: bool) -> None:
    """Remove a user, who is signed out everywhere."""
    read_home(lambda manager: manager.people.users.get(name))
    confirm(f"Remove the user {name}?", yes=yes)
    run_with_manager(lambda manager: manager.people.users.remove(name), needs_secrets=False)
    tell({"removed": name}, f"{name} is removed", as_json=as_json)
