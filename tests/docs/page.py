"""A page of the documentation as a list of steps: commands with their output, records, settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n?", re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """Something that a reader does. ``kind`` is the language of its block.

    In ``console`` blocks each ``$`` begins a step, and ``output`` is what the page shows below it.
    """

    kind: str
    text: str
    output: str = ""

    @property
    def shown(self) -> str:
        """The step as it stands in the page."""
        return f"$ {self.text}\n{self.output}" if self.kind == "console" else self.text


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield the language and the content of each fenced block."""
    for found in _BLOCK.finditer(text):
        yield found[1], found[2]


def steps(text: str) -> list[Step]:
    """Return all steps of a page, in order."""
    return [step for block in steps_of_blocks(text) for step in block]


def steps_of_blocks(text: str) -> list[list[Step]]:
    """Return the steps of each block of a page."""
    return [list(_steps(kind, content)) for kind, content in blocks(text)]


def _steps(kind: str, content: str) -> Iterator[Step]:
    if kind != "console":
        yield Step(kind, content)
        return
    _, *parts = _COMMAND.split(content)
    for command, output in zip(parts[::2], parts[1::2], strict=True):
        yield Step(kind, command, output)


def with_outputs(text: str, run: Callable[[Step], str]) -> str:
    """Return the page with the output that ``run`` returns for each step of a console."""

    def rewritten(block: re.Match[str]) -> str:
        kind = block[1]
        done = [(step, run(step)) for step in _steps(kind, block[2])]
        if kind != "console":
            return block[0]
        content = "".join(replace(step, output=output).shown for step, output in done)
        return f"```{kind}\n{content}```"

    return _BLOCK.sub(rewritten, text)
