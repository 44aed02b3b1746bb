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
_RUN = "options => axe.run({resultTypes: ['violations'], ...options}).then(one => one.violations)"
_COLORS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
_SERIOUS = ("serious", "critical")


def change_look(page: Page, look: str) -> None:
    """Show a page that is open in another look."""
    page.emulate_media(color_scheme=LOOKS[look]["color_scheme"])
    page.set_viewport_size(LOOKS[look]["viewport"])


def serious(page: Page, look: str = "light") -> list[Any]:
    """Return what axe finds that keeps people from using a page in a look, and where.

    In the dark only colors differ from the same in the light.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    return [
        (one["id"], [node["target"] for node in one["nodes"]])
        for one in page.evaluate(_RUN, _COLORS if "dark" in look else {})
        if one["impact"] in _SERIOUS
    ]


def picture(page: Any, name: str, look: str) -> None:
    folder = os.environ.get("ZONEPROOF_SCREENSHOTS", "")
    if folder and name and look in ("light", "dark"):
        suffix = "" if look == "light" else "-dark"
        path = Path(folder) / f"web-{name}{suffix}.png"
        page.screenshot(path=path, scale="css", caret="initial")  # hiding it needs an inline style
