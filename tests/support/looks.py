"""How pages are looked at: light, dark, and as on a telephone; and what is wrong for whom."""

from __future__ import annotations

from typing import Any

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 800}},
    "narrow": {"color_scheme": "light", "viewport": {"width": 360, "height": 740}},
    "narrow dark": {"color_scheme": "dark", "viewport": {"width": 360, "height": 740}},
}
_SERIOUS = ("serious", "critical")


def serious(report: Any) -> list[Any]:
    """Return what axe finds that keeps people from using a page, and where."""
    return [
        (one["id"], [node["target"] for node in one["nodes"]])
        for one in report.response["violations"]
        if one["impact"] in _SERIOUS
    ]
