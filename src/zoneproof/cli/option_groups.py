"""Options that several commands share, groups of commands, and help that shows them in groups."""

from __future__ import annotations

import difflib
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zoneproof.core.errors import ConfigError, InvalidInputError
from zoneproof.core.text import printable

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])
Option = Callable[[Any], Any]

PATH = click.Path(path_type=Path)


def together(*options: Option) -> Option:
    """Return one option that adds all of these to a command, in this order."""

    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def check_email(context: click.Context, parameter: click.Parameter, given: Any) -> Any:
    """Return the address or addresses, if they are such. Raises click.BadParameter."""
    from zoneproof.core.names import require_email

    del context, parameter
    for text in [given] if isinstance(given, str) else given:
        try:
            if text:
                require_email(text)
        except InvalidInputError as error:
            raise click.BadParameter(printable(error.message)) from error
    return given


def _check_ca_bundle(
    context: click.Context, parameter: click.Parameter, given: Path | None
) -> Path | None:
    """Return the file, if it has roots to trust. Raises ConfigError."""
    del context, parameter
    if given:
        from zoneproof.core.files import exists, is_file
        from zoneproof.core.http import tls_context

        if exists(given) and not is_file(given):
            raise ConfigError(
                f"the CA bundle {given} cannot be used: name a file that stays, because it is read"
                " again whenever the CA is asked"
            )
        tls_context(given)
    return given


resolver_option = click.option(
    "--resolver",
    "resolvers",
    multiple=True,
    metavar="SERVER",
    help="Resolver to ask, not the system's: IP, IP:port or https URL. Repeatable.",
)
ca_bundle_option = click.option(
    "--ca-bundle",
    type=PATH,
    metavar="FILE",
    callback=_check_ca_bundle,
    help="PEM file of roots to trust, for a test CA.",
)
email_option = click.option(
    "--email",
    default="",
    metavar="ADDRESS",
    callback=check_email,
    help="Contact for a new account.",
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
expires_option = click.option(
    "--expires",
    default="",
    metavar="DATE",
    help="The day on which the key expires, as 2027-03-01, for reminders.",
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Show what would be done, and do nothing."
)
dns_settings_options = together(
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


def _remember(context: click.Context, _: click.Parameter, as_json: bool) -> bool:
    """Let what tells errors know how this command tells things."""
    context.ensure_object(dict)["as_json"] = as_json
    return as_json


def json_flag(text: str) -> Option:
    """Return the option --json with a help text of its own."""
    return click.option("--json", "as_json", is_flag=True, callback=_remember, help=text)


json_option = json_flag("Print the result as JSON.")
json_events_option = json_flag("Print JSON, a line for each event.")
authoritative_port_option = click.option(
    "--authoritative-port",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="Port of authoritative servers.  [default: 53]",
)


class Commands(click.Group):
    """A group that answers a command that it does not have with the nearest one.

    What is wrong with the options of one that it has is told of that one.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that is named. Raises click.UsageError."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            if error.ctx is None and ctx.invoked_subcommand:  # as click's own parser leaves it
                command = self.get_command(ctx, ctx.invoked_subcommand)
                assert command is not None
                error.ctx = click.Context(command, parent=ctx, info_name=ctx.invoked_subcommand)
            raise

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


@contextmanager
def _interrupted_afterwards() -> Iterator[None]:
    """Let Ctrl-C wait for the end of an import, in which it may be told, but end nothing."""
    pressed: list[object] = []
    usual = signal.default_int_handler
    is_ours = threading.current_thread() is threading.main_thread()
    if is_ours and signal.getsignal(signal.SIGINT) is usual:
        signal.signal(signal.SIGINT, lambda *_: pressed.append(None))
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, usual)
    else:
        yield
    if pressed:
        raise KeyboardInterrupt


class LazyCommands(Commands):
    """A group whose commands are imported when they run.

    ``table`` has headings, and below each the commands: where each is in this room, as
    ``.module:attribute``, and what it does in a line.
    """

    def __init__(
        self, *arguments: Any, table: Mapping[str, Mapping[str, tuple[str, str]]], **more: Any
    ):
        super().__init__(*arguments, **more)
        self._table = table
        self._found = {name: found for group in table.values() for name, found in group.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        del ctx
        return sorted(self._found)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command, and return it."""
        del ctx
        if cmd_name not in self._found:
            return None
        module, _, attribute = self._found[cmd_name][0].partition(":")
        with _interrupted_afterwards():
            command: click.Command = getattr(import_module(module, __package__), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands below their headings."""
        del ctx
        longest = max(map(len, self._found))
        for heading, group in self._table.items():
            with formatter.section(heading):
                formatter.write_dl(
                    [(name.ljust(longest), text) for name, (_, text) in group.items()]
                )

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands and options that begin so."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=text)
            for name, (_, text) in sorted(self._found.items())
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)


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
