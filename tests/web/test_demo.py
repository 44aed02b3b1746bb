"""``zoneproof demo --web``: a newcomer clicks through a real issuance after one command."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path

from playwright.sync_api import expect

import tests.support.peers  # noqa: F401  tells where Pebble is
from tests.web.conftest import Watch
from tests.web.visiting import become_administrator
from zoneproof.testing.background import BackgroundServer

LONG = 60_000  # milliseconds


def test_the_demo_ends_with_a_certificate_that_was_clicked_for(
    watch: Watch, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "zoneproof", "demo", "--web"]
    environment = {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    with BackgroundServer("the demo", command, "Ctrl-C ends", environment=environment) as demo:
        (link,) = re.findall(r"http://127\.0\.0\.1:\d+/welcome\S+", "\n".join(demo.lines))
        page = watch(link.partition("/welcome")[0]).page
        become_administrator(page, link)
        page.get_by_role("link", name="demo.test").first.click()
        page.get_by_role("button", name="Look again").first.click()
        expect(page.locator("#run-status")).to_have_text("done", timeout=LONG)
        page.goto("/certificates/demo.test")
        expect(page.locator("main")).to_contain_text("valid")
        demo.stop(signal.SIGINT)
    assert list(tmp_path.iterdir()) == []
