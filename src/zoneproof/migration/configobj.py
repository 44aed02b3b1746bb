"""Reads the configuration files of certbot and its plugins, which ConfigObj writes.

The format is that of ConfigObj's documentation: ``name = value`` lines below ``[section]`` and
nested ``[[section]]`` lines, values that may be lists separated by commas, quotes, ``#`` comments.
A value over several lines, which certbot does not write, is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from zoneproof.migration.reading import read_text, unusable

_SECTION = re.compile(
    r"""(\[+)\s*("[^"]*"|'[^']*'|[^'"\s\]][^\]]*?)\s*(\]+)\s*(?:\#.*)?""", re.VERBOSE
)
_LINE = re.compile(r"""("[^"]*"|'[^']*'|[^'"=][^=]*?)\s*=\s*(.*)""", re.VERBOSE)
_TRIPLE = re.compile(r"""(\"{3}|'{3})(.*?)\1\s*(?:\#.*)?""", re.VERBOSE)
_ITEM = re.compile(
    r"""\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^'",\#\s][^,\#]*?)|)
    \s*(?P<end>,|\#.*$|$)""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Section:
    """Values by name, each a tuple of its items, and the sections below. The repr has no values."""

    values: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    sections: dict[str, Section] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return a value as one text, empty if it is not there or ``None``."""
        found = ", ".join(self.values.get(name, ()))
        return "" if found == "None" else found

    def items(self, name: str) -> tuple[str, ...]:
        """Return a value's items, none if it is not there."""
        return tuple(item for item in self.values.get(name, ()) if item)

    def is_true(self, name: str) -> bool:
        """Tell whether a value says yes, in one of ConfigObj's words for that."""
        return self.text(name).lower() in ("true", "on", "yes", "1")

    def is_false(self, name: str) -> bool:
        """Tell whether a value says no; one that is not there does not."""
        return self.text(name).lower() in ("false", "off", "no", "0")

    def section(self, name: str) -> Section:
        """Return a section below, an empty one if it is not there."""
        return self.sections.get(name, Section())


def read_configobj(path: Path) -> Section:
    """Return a file's content. Raises InvalidInputError, which names the line."""
    root = Section()
    above = [root]
    for number, line in enumerate(read_text(path).split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        header = _SECTION.fullmatch(stripped)
        if header:
            depth = len(header[1])
            if depth != len(header[3]) or depth > len(above):
                raise unusable(path, f"line {number}: the section's brackets are wrong")
            del above[depth:]
            above.append(above[-1].sections.setdefault(_unquoted(header[2]), Section()))
            continue
        entry = _LINE.fullmatch(stripped)
        items = _items(entry[2]) if entry else None
        if entry is None or items is None:
            raise unusable(path, f"line {number}: it is neither a section nor 'name = value'")
        above[-1].values[_unquoted(entry[1])] = items
    return root


def _items(text: str) -> tuple[str, ...] | None:
    triple = _TRIPLE.fullmatch(text)
    if triple:
        return (triple[2],)
    items: list[str] = []
    position = 0
    while match := _ITEM.match(text, position):
        item = match["double"] or match["single"] or match["bare"] or ""
        is_quoted = match["double"] is not None or match["single"] is not None
        is_last = match["end"] != ","
        # What follows the last comma is an item only if there is something.
        if item or is_quoted or not (is_last and items):
            items.append(item)
        if is_last:
            return () if items == [""] and "," in text and not is_quoted else tuple(items)
        position = match.end()
    return None


def _unquoted(text: str) -> str:
    return text[1:-1] if text[:1] in ("'", '"') else text
