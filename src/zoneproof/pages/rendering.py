"""Templates: everything that others wrote is text in them, and says nothing invisible."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from zoneproof import __version__
from zoneproof.core import times
from zoneproof.core.names import with_readable
from zoneproof.core.text import count, printable, some
from zoneproof.pages.assets import all_assets

_CODE = re.compile(r"`([^`]+)`")
_BLOCK = re.compile(r"```\w*\n(.*?)\n?```", re.DOTALL)
_PAGE = re.compile(r"\[([^\]]+)\]\([^)\s]+\)")  # of the documentation, which is elsewhere
_LINK = re.compile(r"&lt;(https://[^&\s]+)&gt;")
_BROWSERS = {"Firefox/": "Firefox", "Edg/": "Edge", "Chrome/": "Chrome", "Safari/": "Safari"}
_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS X", "Linux")


class Templates:
    """The templates of a package, beside those of all pages, with what all of them use."""

    def __init__(self, package: str) -> None:
        packages = (package, "zoneproof.pages")
        self._environment = Environment(
            loader=ChoiceLoader([PackageLoader(one) for one in packages]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_visible,
        )
        self._environment.filters.update(
            at=times.at,
            distance=lambda moment: times.distance(moment, datetime.now(UTC)),
            at_and_distance=lambda moment: times.at_and_distance(moment, datetime.now(UTC)),
            clock=_clock,
            count=count,
            some=some,
            with_readable=with_readable,
            iso=_iso,
            coded=_coded,
            browser=_browser,
        )
        self._environment.globals.update(asset=all_assets().url, version=__version__, root="")

    def render(self, template: str, context: Mapping[str, Any]) -> str:
        """Return a template's text with the context's values."""
        return self._environment.get_template(template).render(context)


@functools.cache
def templates_of(package: str) -> Templates:
    """Return the templates of a package: each is compiled once in a process, when it is needed."""
    return Templates(package)


def _visible(value: Any) -> Any:
    """Return what goes into a page: of text, nothing that is not seen but line ends."""
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return "\n".join(map(printable, value.replace("\r\n", "\n").split("\n")))


def _clock(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S}"


def _iso(moment: datetime) -> str:
    return times.stamp(moment, "seconds")


def _coded(text: str) -> Markup:
    """Return our own Markdown with its code and its links; the rest stays text."""
    found = _BLOCK.sub(r"<pre>\1</pre>", str(escape(text)))
    found = _PAGE.sub(r"\1", _CODE.sub(r"<code>\1</code>", found))
    return Markup(_LINK.sub(r'<a href="\1" rel="noreferrer">\1</a>', found))  # noqa: S704  escaped


def _browser(agent: str) -> str:
    """Return what a User-Agent means, in two words; its beginning where nobody knows."""
    name = next((title for token, title in _BROWSERS.items() if token in agent), "")
    system = next((one for one in _SYSTEMS if one in agent), "")
    return " on ".join(filter(None, (name, system))) or agent[:40] or "unknown"
