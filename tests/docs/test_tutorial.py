"""The tutorial is true: its commands, run in order, print what it shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.page import Step, steps, steps_of_blocks
from tests.docs.tutorial import PAGE, Tutorial, comparable, open_tutorial

_VALIDATED = "handed to the CA"


def test_every_command_prints_what_the_page_shows(tmp_path: Path) -> None:
    for attempt in range(3):
        with open_tutorial(tmp_path / str(attempt)) as tutorial:
            if follow(tutorial):
                return
    pytest.fail("the CA did not validate what the page says")


def follow(tutorial: Tutorial) -> bool:
    """Do as the page says; False if the CA took an earlier validation where the page shows another.

    Pebble does so once in a hundred times even when it is told never to.
    """
    for step in steps(PAGE.read_text("utf-8")):
        told = "$ echo $?" in step.shown
        assert tutorial.status == 0 or told, "a command failed, and the page does not say so"
        output = tutorial.do(step)
        if tutorial.status == 0 and _validated(output) != _validated(step.output):
            return False
        assert comparable(output) == comparable(step.output), step.text
    return True


def test_its_blocks_paste_at_a_terminal(tmp_path: Path) -> None:
    """Each is typed at once: what asks a question would swallow the lines behind it."""
    with open_tutorial(tmp_path) as tutorial:
        for block in steps_of_blocks(PAGE.read_text("utf-8")):
            if block[0].kind == "console":
                statuses, told = tutorial.paste(block)
                assert statuses == exit_codes(block), told
            else:
                tutorial.do(block[0])


def exit_codes(block: list[Step]) -> list[int]:
    """Return the commands' exit codes: 0 unless the page asks for it next."""
    following = [*block[1:], None]
    return [int(after.output) if after and after.text == "echo $?" else 0 for after in following]


def _validated(output: str) -> list[str]:
    """Return what the output says of challenges, without the seconds."""
    return re.findall(rf"\d+ challenges? {_VALIDATED}", output)
