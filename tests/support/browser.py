"""A real browser for the tests: Debian's Chromium, and what it complains about."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from tests.support.peers import TOOLS

# Not the window's clientWidth, in which there is the gutter of a scroll bar.
_OVERFLOW = """() => {
  const width = (one) => Math.floor(one.getBoundingClientRect().width);
  const root = document.documentElement;
  const tables = [...document.querySelectorAll("table:not(.hidden)")];
  const beyond = tables.map((one) => width(one) - width(one.parentElement));
  return Math.max(root.scrollWidth - width(root), ...beyond);
}"""
PATIENCE = 90_000  # milliseconds: nothing is told from how long it took
_ROOT = TOOLS / "browser"
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig><dir>{fonts}</dir><cachedir>{cache}</cachedir></fontconfig>
"""


@contextmanager
def open_browser(folder: Path) -> Iterator[Browser]:
    """Start Chromium with the libraries and fonts that scripts/install unpacked."""
    libraries = [path for part in ("usr/lib", "lib") for path in _ROOT.glob(f"{part}/*-linux-gnu*")]
    libraries += [path / "pulseaudio" for path in libraries]
    fonts = folder / "fonts.conf"
    fonts.write_text(_FONTS.format(fonts=_ROOT / "usr/share/fonts", cache=folder / "font-cache"))
    environment: dict[str, str | float | bool] = {
        **os.environ,
        "LD_LIBRARY_PATH": ":".join(map(str, libraries)),
        "FONTCONFIG_FILE": str(fonts),
    }
    if sys.version_info < (3, 12):  # commands inside of tests leave one that is for their loop
        asyncio.set_child_watcher(asyncio.ThreadedChildWatcher())
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_ROOT / "usr/lib/chromium/chromium-headless-shell",
            args=["--no-sandbox"],  # which root cannot have
            env=environment,
        )
        yield browser
        browser.close()


class Watched:
    """A browser's page; what goes wrong in it is remembered."""

    def __init__(self, browser: Browser, base: str, **options: Any) -> None:
        self.base = base
        self.complaints: list[str] = []
        self.context: BrowserContext = browser.new_context(base_url=base, **options)
        self.context.set_default_timeout(PATIENCE)
        self.page: Page = self.context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))

    def _heard(self, message: ConsoleMessage) -> None:
        # The browser logs every answer that is an error; a CSP report is an error, too.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def use_cookies(self, cookies: Mapping[str, str]) -> None:
        """Be signed in as somebody else is."""
        where = {"domain": urlsplit(self.base).hostname, "path": "/"}
        how = {"secure": True, "httpOnly": True, "sameSite": "Lax"}
        found: Any = [
            {"name": name, "value": value, **where, **how} for name, value in cookies.items()
        ]
        self.context.add_cookies(found)

    @property
    def overflow(self) -> int:
        """How many pixels the page is wider than the window, or a table than its box."""
        return int(self.page.evaluate(_OVERFLOW))


@contextmanager
def open_window(browser: Browser, base: str) -> Iterator[Watched]:
    """Open a window in which tests see one page after another."""
    watched = Watched(browser, base)
    yield watched
    watched.context.close()
    assert watched.complaints == []
