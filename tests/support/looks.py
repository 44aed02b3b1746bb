"""How pages are looked at: light, dark, and as on a telephone; and what is wrong for whom."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 800}},
    "narrow": {"color_scheme": "light", "viewport": {"width": 360, "height": 740}},
    "narrow dark": {"color_scheme": "dark", "viewport": {"width": 360, "height": 740}},
}
_RUN = """([options, parts]) => {
  const there = parts.filter((part) => document.querySelector(part));
  if (parts.length && !there.length) return [];
  const where = there.length ? { include: there.map((part) => [part]) } : document;
  return axe.run(where, { resultTypes: ["violations"], ...options }).then((one) => one.violations);
}"""
_COLORS = ("color-contrast", "link-in-text-block")
_ALL: dict[str, Any] = {}
_BUT_COLORS = {"rules": {rule: {"enabled": False} for rule in _COLORS}}
_COLORS_ALONE = {"runOnly": {"type": "rule", "values": _COLORS}}
_OF_A_WIDTH = (".side", "thead")  # what style.css shows in one width and hides in another
# Colors take most of the time, and the same elements have the same in every width: each is looked
# at once in the light and once in the dark.
_RUNS: dict[str, list[tuple[dict[str, Any], tuple[str, ...]]]] = {
    "light": [(_BUT_COLORS, ()), (_COLORS_ALONE, _OF_A_WIDTH)],
    "dark": [(_COLORS_ALONE, ())],
    "narrow": [(_ALL, ())],
    "narrow dark": [(_COLORS_ALONE, _OF_A_WIDTH)],
}
_SERIOUS = ("serious", "critical")


def change_look(page: Page, look: str) -> None:
    """Show a page that is open in another look."""
    page.emulate_media(color_scheme=LOOKS[look]["color_scheme"])
    page.set_viewport_size(LOOKS[look]["viewport"])


def serious(page: Page, look: str = "") -> list[Any]:
    """Return what axe finds that keeps people from using a page, and where.

    With a look, what only another look can show is left to that one.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    return [
        (one["id"], [node["target"] for node in one["nodes"]])
        for run in (_RUNS[look] if look else [(_ALL, ())])
        for one in page.evaluate(_RUN, list(run))
        if one["impact"] in _SERIOUS
    ]


def picture(page: Any, name: str, look: str) -> None:
    folder = os.environ.get("ZONEPROOF_SCREENSHOTS", "")
    if folder and name and look in ("light", "dark"):
        suffix = "" if look == "light" else "-dark"
        path = Path(folder) / f"web-{name}{suffix}.png"
        page.screenshot(path=path, scale="css", caret="initial")  # hiding it needs an inline style
