"""The ``zoneproof`` command: where its commands are, and how errors are told."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

import click

from zoneproof import __version__
from zoneproof.cli.option_groups import LazyCommands
from zoneproof.cli.streams import lost_output, prepare_streams
from zoneproof.core.errors import (
    BugError,
    ExhaustedError,
    InvalidInputError,
    ZoneproofError,
    ungrouped,
)
from zoneproof.core.text import printable

# Under each heading: the command, where it is in this room, and what it does in a line.
GROUPS = {
    "Certificates": {
        "issue": (".issue:issue_command", "Obtain a certificate now, and manage it."),
        "preview": (".preview:preview", "Show what issuing would do, changing nothing."),
        "add": (".edit:add", "Save a certificate without obtaining it yet."),
        "edit": (".edit:edit", "Change a managed certificate."),
        "apply": (".edit:apply", "Change the managed certificates to match a file."),
        "list": (".status:list_certificates", "List the managed certificates."),
        "show": (".status:show", "Show a certificate in detail."),
        "history": (".status:history", "Show the history of a certificate."),
        "renew": (".renew:renew", "Renew the certificates that are due."),
        "run": (".renew:run", "Keep all certificates renewed until stopped."),
        "resume": (".renew:resume", "Continue an order after you created its records."),
        "deploy": (".deploy:deploy", "Deploy a certificate to where it is used."),
        "revoke": (".edit:revoke", "Revoke a certificate at its CA."),
        "remove": (".edit:remove", "Stop managing a certificate."),
    },
    "What certificates need": {
        "provider": (".provider:provider", "Show the DNS providers and their fields."),
        "credential": (
            ".credential:credential",
            "Store and test the credentials of DNS providers.",
        ),
        "account": (".account:account", "Register and manage the accounts at CAs."),
        "registration": (
            ".registration:registration",
            "Add and show the registrations at challenge services.",
        ),
        "leftover": (".leftover:leftover", "Show or give up records that could not be removed."),
        "notify": (".notify:notify", "Test notifications by e-mail and webhook."),
        "doctor": (".doctor:doctor", "Check the DNS for a name before issuing."),
    },
    "In a browser": {
        "web": (".web:web", "Serve the web pages, and manage who may sign in."),
    },
    "Import and export": {
        "export": (".transfer:export", "Write everything, or certificates, to a file."),
        "import": (".import_:import_", "Import from other clients and archives."),
    },
    "The challenge service": {
        "challenge": (
            ".challenge.command:challenge",
            "Run and administer the DNS service that answers challenges.",
        ),
        "demo": (".demo:demo", "Obtain a wildcard certificate from a test CA."),
    },
    "Kubernetes": {
        "kubernetes": (".kubernetes:kubernetes", "Run what belongs inside a cluster."),
    },
    "Help": {
        "help": (".:help_command", "Show the help of a command."),
    },
}
_INTERRUPTED = 130


@click.group(
    cls=LazyCommands, table=GROUPS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="zoneproof")
def root() -> None:
    """TLS certificates by DNS validation, and the DNS service that answers it.

    Begin with 'zoneproof doctor example.com', or 'zoneproof demo'.
    """


def _complete(context: click.Context, parameter: click.Parameter, text: str) -> list[str]:
    """Return the commands below those that are named already."""
    assert parameter.name is not None
    try:
        found = _find(context.find_root(), context.params.get(parameter.name) or ())
    except click.UsageError:
        return []
    if not isinstance(found.command, click.Group):
        return []
    return [name for name in found.command.list_commands(found) if name.startswith(text)]


@click.command("help")
@click.argument("words", nargs=-1, metavar="[COMMAND]...", shell_complete=_complete)
@click.pass_context
def help_command(context: click.Context, words: Sequence[str]) -> None:
    """Show the help of a command, or of Zoneproof.

    \b
    zoneproof help issue
    zoneproof help credential add
    """
    found = _find(context.find_root(), words)
    click.echo(found.get_help(), color=context.color)


def _find(context: click.Context, words: Sequence[str]) -> click.Context:
    """Return the context of the command that the words name. Raises click.UsageError."""
    for at, word in enumerate(words):
        if not isinstance(context.command, click.Group):
            raise click.UsageError(
                f"'{context.command_path}' has no subcommands: omit '{' '.join(words[at:])[:80]}'"
            )
        name, command, _ = context.command.resolve_command(context, [word])
        assert command is not None
        context = click.Context(command, parent=context, info_name=name)
    return context


def main() -> None:
    """Run the command line; the one place where errors become text and exit codes.

    0 done, 1 failed, 2 wrong input, 3 awaiting user, 130 interrupted, 70 a bug of ours.
    """
    # Commands make many objects that live to the end: looking for garbage early finds none.
    gc.set_threshold(100_000, 20, 20)
    prepare_streams()
    try:
        status = _run()
    except SystemExit as end:
        status = int(end.code or 0)
    if problem := lost_output():
        click.echo(f"zoneproof: {printable(problem)}", err=True)
        status = status or ZoneproofError.exit_code
    gc.freeze()  # nor is it worth looking for it at the end
    sys.exit(status)


def _run() -> int:
    options = {"as_json": "--json" in sys.argv}  # until the command has heard it
    try:
        _require_text(sys.argv[1:])
        color = False if os.environ.get("NO_COLOR") else None
        with ungrouped():
            return int(
                root(prog_name="zoneproof", standalone_mode=False, obj=options, color=color) or 0
            )
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.UsageError as error:
        return _tell(_wrong_usage(error), as_json=options["as_json"])
    except ZoneproofError as error:
        return _tell(error, as_json=options["as_json"])
    except (KeyboardInterrupt, click.Abort) as error:
        if error.__cause__ is None and sys.stderr.isatty():
            click.echo(err=True)  # ends the line of a question, which click leaves open
        click.echo("zoneproof: interrupted", err=True)
        return _INTERRUPTED
    except Exception as error:
        if os.environ.get("ZONEPROOF_DEBUG"):
            raise
        if exhausted := ExhaustedError.of(error):
            return _tell(exhausted, as_json=options["as_json"])
        text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        bug = BugError(
            f"a bug in Zoneproof: {text}; set ZONEPROOF_DEBUG=1 to see where, and please report it"
        )
        return _tell(bug, as_json=options["as_json"])


def _require_text(words: Sequence[str]) -> None:
    """Refuse bytes that are no UTF-8: nothing that is stored, asked or sent could hold them."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError as error:
            raise InvalidInputError(
                f"the argument '{printable(word[:80])}' is not UTF-8: write it in that encoding"
            ) from error


def _wrong_usage(error: click.UsageError) -> InvalidInputError:
    """Say what click refuses as everything else is said: in one line, or as JSON."""
    path = error.ctx.command_path if error.ctx else "zoneproof"
    text = error.format_message().rstrip(".").replace("a valid integer range", "a whole number")
    joint = " See" if text.endswith(("?", "?)")) else "; see"
    return InvalidInputError(f"{text}{joint} '{path} --help'")


def _tell(error: ZoneproofError, *, as_json: bool) -> int:
    from zoneproof.cli.output import json_error, tell_error

    json_error(error) if as_json else tell_error(error)
    return error.exit_code
