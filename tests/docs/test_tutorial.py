"""The tutorial is true: its commands, run in order, print what it shows."""

from __future__ import annotations

from pathlib import Path

from tests.docs.page import steps
from tests.docs.tutorial import PAGE, comparable, open_tutorial


def test_every_command_prints_what_the_page_shows(tmp_path: Path) -> None:
    with open_tutorial(tmp_path) as tutorial:
        for step in steps(PAGE.read_text("utf-8")):
            told = "$ echo $?" in step.shown
            assert tutorial.status == 0 or told, "a command failed, and the page does not say so"
            output = tutorial.do(step)
            assert comparable(output) == comparable(step.output), step.text
