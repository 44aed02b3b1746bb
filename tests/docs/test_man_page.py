"""The man page is that of the commands as they are, and one that man can show."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.docs.man_page import PAGE, man_page
from tests.support.command_tree import COMMANDS


def test_it_is_made_from_the_help_as_it_is() -> None:
    assert PAGE.read_text("utf-8") == man_page(), "run python -m tests.docs.man_page"


def test_it_has_every_command_and_exit_status() -> None:
    page = PAGE.read_text("utf-8")
    for name in COMMANDS:
        assert f'.SS "zoneproof {name} '.replace("-", r"\-") in page
    for part in (r"\fB\-\-dry\-run\fR", r"\fB130\fR", "ZONEPROOF_HOME"):
        assert part in page


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_no_line_of_it_is_taken_for_something_else() -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", str(PAGE)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
