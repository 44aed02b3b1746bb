"""Options that several commands share, and help that shows them in groups."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
Option = Callable[[Any], Any]

PATH = click.Path(path_type=Path)

resolver_option = click.option(
    "--resolver",
    "resolvers",
    multiple=True,
    metavar="SERVER",
    help="IP, IP:port or https URL to ask, not the system's. Repeatable.",
)
ca_bundle_option = click.option(
    "--ca-bundle",
    type=PATH,
    metavar="FILE",
    help="PEM file of roots to trust, for a test CA.",
)
email_option = click.option(
    "--email", default="", metavar="ADDRESS", help="Contact for a new account."
)
agree_tos_option = click.option(
    "--agree-tos", is_flag=True, help="Agree to the CA's terms of service."
)
field_option = click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=VALUE",
    help="A provider's field; VALUE can be @file or env:VARIABLE. Repeatable.",
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Show what would be done, and do nothing."
)
DNS_SETTINGS: tuple[Option, ...] = (
    click.option(
        "--propagation",
        metavar="HOW",
        help="How to know that DNS has the values: authoritative, SECONDS, or"
        " authoritative+SECONDS.  [default: authoritative]",
    ),
    click.option(
        "--propagation-timeout",
        type=click.FloatRange(min=1),
        metavar="SECONDS",
        help="How long to wait for DNS.  [default: 600]",
    ),
    resolver_option,
)


def add_options(command: F, options: Iterable[Option]) -> F:
    """Return the command with the options, in this order."""
    for option in reversed(tuple(options)):
        command = option(command)
    return command


class Commands(click.Group):
    """A group that answers a command that it does not have with the nearest one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command's name, itself, and its arguments. Raises click.UsageError."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            if not near:
                raise
            advice = f"{error.message} Did you mean '{near[0]}'?"
            raise click.UsageError(advice, ctx) from error


class GroupedHelp(click.Command):
    """A command with so many options that its help shows them in groups.

    ``groups`` are the headings with the names of the options below them; the others come last.
    """

    def __init__(self, *arguments: Any, groups: Iterable[tuple[str, Iterable[str]]], **more: Any):
        super().__init__(*arguments, **more)
        self._heading_of = {name: heading for heading, names in groups for name in names}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options below their headings."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                heading = self._heading_of.get(parameter.name or "", "Other options")
                sections.setdefault(heading, []).append(record)
        others = sections.pop("Other options", [])
        for heading, records in [*sections.items(), ("Other options", others)]:
            with formatter.section(heading):
                formatter.write_dl(records)
