"""A page that never comes to an end costs its test, and not the process."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.inner_pytest import BARE, COMMAND

_SPINNING = """
import pytest
from tests.support.browser import open_browser

@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with open_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser.new_page()

@pytest.mark.timeout(1, func_only=True)
def test_one(page):
    page.evaluate("() => { while (true) {} }")

def test_another(page):
    assert page.context.browser.new_page().evaluate("1 + 1") == 2
"""


def test_a_test_whose_page_hangs_fails_in_its_time_and_the_browser_goes_on(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(_SPINNING)
    done = subprocess.run(
        [*COMMAND, "-p", "pytest_timeout", "--rootdir=."],
        cwd=tmp_path,
        env=BARE,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert "FAILED test_it.py::test_one - Failed: Timeout (>1.0s)" in done.stdout
    assert "1 failed, 1 passed" in done.stdout
