"""Makes the man page, ``packaging/zoneproof.1``, from the help of all commands.

Run it with ``python -m tests.docs.man_page`` after a change of any help, and read the difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from tests.docs.page import DOCS, ROOT
from zoneproof.cli import GROUPS, root

PAGE = ROOT / "packaging/zoneproof.1"
_STATUS = re.compile(r"^\| (\d+) \| (.*) \|$", re.MULTILINE)
_AS_IT_IS = "\b"  # before a paragraph that click does not fill
_ENVIRONMENT = {
    "ZONEPROOF_HOME": "The folder with all state: /var/lib/zoneproof for root, else"
    " the user's data folder, if it is not set.",
    "ZONEPROOF_VAULT_KEY, ZONEPROOF_VAULT_KEY_FILE": "The key that opens stored secrets, or a file"
    " with it, instead of vault.key in the home.",
    "ZONEPROOF_DEBUG": "If it is set, a bug shows where it is.",
    "NO_COLOR": "If it is set, nothing is coloured.",
}
_FILES = {
    "$ZONEPROOF_HOME/settings.toml": "What holds for all certificates.",
    "$ZONEPROOF_HOME/live/NAME/": "A certificate's files: links to the newest version.",
    "$ZONEPROOF_HOME/logs/NAME.log": "What its orders did.",
    "$ZONEPROOF_HOME/state.sqlite3, vault.key": "Definitions and state; the key of its secrets.",
    "/etc/zoneproof/zoneproof.toml": "The configuration of the challenge service.",
}


def man_page() -> str:
    """Return the page."""
    lines = [
        r".\" Made by python -m tests.docs.man_page: change the help of the commands instead.",
        '.TH ZONEPROOF 1 "" "" "Zoneproof"',
        *_section("NAME", [r"zoneproof \- certificates by DNS validation, and the DNS service"]),
        *_section("SYNOPSIS", [r".B zoneproof", r"\fICOMMAND\fR [\fIoptions\fR]"]),
        *_section("DESCRIPTION", _text(root.help or "")),
    ]
    for heading, commands in GROUPS.items():
        lines += _section(heading.upper(), [])
        for name in commands:
            lines += _command(root, click.Context(root, info_name="zoneproof"), name)
    statuses = _STATUS.findall((DOCS / "manager.md").read_text("utf-8"))
    lines += _section("EXIT STATUS", _items(dict(statuses)))
    lines += _section("ENVIRONMENT", _items(_ENVIRONMENT))
    lines += _section("FILES", _items(_FILES))
    return "\n".join(lines) + "\n"


def _section(heading: str, lines: list[str]) -> list[str]:
    return [f'.SH "{heading}"', *lines]


def _command(group: click.Group, above: click.Context, name: str) -> Iterator[str]:
    command = group.get_command(above, name)
    assert command is not None
    context = click.Context(command, parent=above, info_name=name)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f'.SS "{_plain(f"{context.command_path} {usage}")}"'
    yield from _text(command.help or "")
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and isinstance(parameter, click.Option) and "--help" not in parameter.opts:
            yield from _items({record[0]: record[1]})
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            yield from _command(command, context, inner)


def _items(items: dict[str, str]) -> list[str]:
    lines = []
    for name, text in items.items():
        lines += [".TP", rf"\fB{_plain(name)}\fR", _plain(text.replace("`", ""))]
    return lines


def _text(text: str) -> list[str]:
    lines = []
    for paragraph in text.strip().split("\n\n"):
        content = [_plain(line.strip()) for line in paragraph.splitlines() if line.strip()]
        if paragraph.lstrip(" ").startswith(_AS_IT_IS):
            lines += [".PP", ".nf", *(line for line in content if line), ".fi"]
        else:
            lines += [".PP", *content]
    return lines


def _plain(text: str) -> str:
    """Return the text as roff takes it: nothing in it is a request or an escape."""
    escaped = text.strip(_AS_IT_IS).replace("\\", r"\e").replace("-", r"\-").replace('"', r"\(dq")
    return rf"\&{escaped}" if escaped[:1] in (".", "'") else escaped


if __name__ == "__main__":
    PAGE.write_text(man_page(), "utf-8")
