"""The site that ``scripts/docs`` builds has no dead link, and needs no other host."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.page import DOCS

_LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
_FONTS_AND_IMAGES = re.compile(r"""url\(\s*["']?((?:https?:)?//[^)"']+)|@import""")


@dataclass
class Page(HTMLParser):
    """What a page links to, loads, and can be linked to."""

    path: Path
    links: list[str] = field(default_factory=list)
    links_in_text: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    _in_text: bool = False

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value}
        self._in_text = self._in_text or tag == "article"
        self.ids.update(filter(None, [values.get("id")]))
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
            if self._in_text:
                self.links_in_text.append(values["href"])
        elif tag in _LOADED and _LOADED[tag] in values:
            self.loads.append(values[_LOADED[tag]])

    def handle_endtag(self, tag: str) -> None:
        self._in_text = self._in_text and tag != "article"

    def target(self, link: str) -> tuple[Path, str]:
        """Return the file and the anchor that a link within the site leads to."""
        parts = urlsplit(link)
        path = self.path
        if parts.path:  # not resolved: that looks at every folder of thirty thousand paths
            path = Path(os.path.normpath(path.parent / unquote(parts.path)))
        return path, unquote(parts.fragment)


def is_local(link: str) -> bool:
    parts = urlsplit(link)
    return not parts.scheme and not parts.netloc


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    folder = tmp_path_factory.mktemp("site").resolve()
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going"]
    command += ["--doctree-dir", str(folder / "cache"), str(DOCS), str(folder / "pages")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {path: Page(path) for path in (folder / "pages").rglob("*.html")}


def test_every_page_of_the_documentation_is_there(site: dict[Path, Page]) -> None:
    root = next(path.parent for path in site if path.name == "search.html")
    made = {path.relative_to(root).with_suffix("").as_posix() for path in site}
    assert {
        path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md")
    } <= made


def test_no_link_is_dead(site: dict[Path, Page]) -> None:
    dead = []
    for page in site.values():
        for link in filter(is_local, {*page.links, *page.loads}):
            path, anchor = page.target(link)
            if not path.exists() or (anchor and path in site and anchor not in site[path].ids):
                dead.append(f"{page.path.name}: {link}")
    assert not dead


def test_it_can_be_read_without_a_host(site: dict[Path, Page]) -> None:
    elsewhere = [load for page in site.values() for load in page.loads if not is_local(load)]
    root = next(path.parent for path in site if path.name == "search.html")
    for sheet in root.rglob("*.css"):
        elsewhere += [found[0] for found in _FONTS_AND_IMAGES.finditer(sheet.read_text("utf-8"))]
    assert not elsewhere
    absolute = [link for page in site.values() for link in page.links if link.startswith("/")]
    assert not absolute


def test_the_first_page_leads_to_everything_in_two_clicks(
    site: dict[Path, Page],
) -> None:
    first = next(page for path, page in site.items() if path.name == "index.html")
    once = {first.target(link)[0] for link in first.links_in_text if is_local(link)} & set(site)
    twice = {
        site[path].target(link)[0]
        for path in once
        for link in site[path].links_in_text
        if is_local(link)
    }
    assert {path for path in site if path.name != "search.html"} - once - twice == set()
