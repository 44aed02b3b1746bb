"""Every ``zoneproof`` command line that a message tells somebody to run can be run."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import zoneproof
from tests.support.command_tree import check

SOURCE = Path(zoneproof.__file__).parent
_TOLD = re.compile(r"""'zoneproof ([^'`]+)'|`zoneproof ([^`]+)`|next: zoneproof ([a-z -]+)$""")


def texts_of(module: Path) -> Iterator[str]:
    """Yield each text of the module; what is put into it at run time is ``NAME``."""
    inside: set[ast.AST] = set()
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.JoinedStr):
            inside.update(node.values)
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "NAME"
                for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in inside:
            yield node.value


def told_commands(module: Path) -> Iterator[str]:
    for text in texts_of(module):
        for found in _TOLD.finditer(text):
            yield next(filter(None, found.groups()))


def modules() -> list[Path]:
    return [path for path in sorted(SOURCE.rglob("*.py")) if any(told_commands(path))]


@pytest.mark.parametrize("module", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_each_has_a_command_and_options_with_their_values(module: Path) -> None:
    for line in told_commands(module):
        try:
            check(shlex.split(line))
        except (click.UsageError, ValueError) as error:
            raise AssertionError(f"zoneproof {line}: {error}") from error
