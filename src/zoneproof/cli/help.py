"""The ``zoneproof help`` command: shows the help of the command that it is followed by."""

from __future__ import annotations

from collections.abc import Sequence

import click


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
                f"'{context.command_path}' has no commands of its own: omit"
                f" '{' '.join(words[at:])[:80]}'"
            )
        name, command, _ = context.command.resolve_command(context, [word])
        assert command is not None
        context = click.Context(command, parent=context, info_name=name)
    return context
