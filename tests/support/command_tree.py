"""The tree of commands: each of them with its options, and whether a command line fits."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from zoneproof.cli import root

# What stands in a page for something of the reader's own.
_PLACEHOLDER = re.compile(r"\.\.\.|…|\[?[A-Z][A-Z-]+(\.\.\.)?\]?")


def commands(
    group: click.Group = root, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, click.Command]]:
    """Yield every command that is not a group, with its name."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(commands())


def options_of(command: click.Command) -> dict[str, click.Option]:
    """Return the options by each way to write them."""
    return {
        text: option
        for option in command.params
        if isinstance(option, click.Option)
        for text in (*option.opts, *option.secondary_opts)
    }


def check(words: list[str]) -> None:
    """Raise click.UsageError for a command or an option that there is not, or lacks its value."""
    command: click.Command = root
    context = click.Context(root, info_name="zoneproof")
    rest = list(words)
    while isinstance(command, click.Group) and rest:
        if rest[0] in ("--help", "--version", "-h") or _PLACEHOLDER.fullmatch(rest[0]):
            return
        if rest[0].startswith("-") and command.invoke_without_command:
            break  # the options of a group that does something by itself
        _, inner, rest = command.resolve_command(context, rest)
        assert inner is not None
        command = inner
    options = options_of(command)
    for word, following in zip(rest, [*rest[1:], ""], strict=False):
        text, equals, _ = word.partition("=")
        if text.startswith("-") and text not in {*options, "--help", "-h", "-"}:
            raise click.NoSuchOption(text)
        needs_value = text in options and not (
            options[text].is_flag or options[text].count or options[text]._flag_needs_value
        )
        if needs_value and not equals and following.partition("=")[0] in {"", *options}:
            raise click.BadOptionUsage(text, f"{text} lacks its value")
