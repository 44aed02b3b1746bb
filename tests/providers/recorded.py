"""Holds what providers ask and what fakes answer against exchanges that others have recorded.

Of an exchange these are the facts: method, path, the names in query and body, the names in the
reply. They are written down as::

    POST /v1/zones/{zone}/records name ttl type +comment -> record(id name ttl type)
    +GET /v1/zones

A ``+`` marks what is not in the recorded exchanges and comes from another source; names in
parentheses belong to the one before; ``#`` is a number; ``Command=list`` after the path is a name
with its value. What goes on in the next line is indented.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree as ET

from tests.support.fake_http import Reply, Request

_GROUP = re.compile(r"(\S+)\(([^)]*)\)")


@dataclass(frozen=True)
class Exchange:
    """A kind of exchange; names of the request may have a plus, the reply's have none."""

    method: str
    path: re.Pattern[str]
    value: str  # such as Command=list, or nothing
    request: frozenset[str]
    reply: frozenset[str]
    recorded: bool

    def fits(self, request: Request) -> bool:
        """Tell whether a request is of this kind."""
        url = urlsplit(request.path)
        words = url.query + "&" + request.body.decode(errors="replace")
        return bool(
            request.method == self.method
            and self.path.fullmatch(url.path)
            and (not self.value or self.value in words.split("&"))
        )

    def differences(self, request: Request, reply: Reply) -> list[str]:
        """Return the names that are not known, none if nothing was recorded."""
        if not self.recorded:
            return []
        sent = names_of(request.body) | set(_words(urlsplit(request.path).query))
        got = names_of(reply.content()) if reply.status < 300 else set()
        unknown = [f"sends {name}" for name in sorted(sent - self.request)]
        return unknown + [f"answers {name}" for name in sorted(got - self.reply)]


def read_exchanges(text: str) -> list[Exchange]:
    """Return the exchanges that a text lists."""
    lines = re.sub(r"\n {2,}", " ", text.strip()).splitlines()
    return [_exchange(line) for line in lines]


def _exchange(line: str) -> Exchange:
    asked, _, answered = line.partition("->")
    method, path, *words = asked.split(maxsplit=2)
    rest = words[0].split(maxsplit=1) if words else []
    value = rest.pop(0) if rest and "=" in rest[0] else ""
    pattern = re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))
    names = frozenset(_names(" ".join(rest)))
    return Exchange(
        method.lstrip("+"), pattern, value, names, frozenset(_names(answered)), method[0] != "+"
    )


def _names(text: str) -> Iterator[str]:
    for prefix, group in _GROUP.findall(text):
        for name in group.split():
            yield f"{prefix}.{name}".replace("+", "")
    yield from (name.lstrip("+") for name in _GROUP.sub("", text).split())


def names_of(body: bytes) -> set[str]:
    """Return the names in JSON, XML or a form: members by their path, attributes by element."""
    text = body.decode(errors="replace").strip()
    if text[:1] == "<":
        return set(_elements(ET.fromstring(text)))
    try:
        return set(_members(json.loads(text), ""))
    except ValueError:
        return set(_words(text))


def _elements(root: ET.Element) -> Iterator[str]:
    for element in root.iter():
        tag = element.tag.rpartition("}")[2]
        yield tag
        yield from (f"{tag}.{name}" for name in element.attrib)


def _members(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, part in value.items():
            own = "#" if name.isdigit() else name
            yield from _members(part, f"{path}.{own}" if path else own)
    elif isinstance(value, list):
        for part in value:
            yield from _members(part, path)
    elif path:
        yield path


def _words(text: str) -> Iterable[str]:
    return (re.sub(r"\d+$", "#", name) for name, _ in parse_qsl(text, keep_blank_values=True))
