"""What a request to a provider's API carries, before and after it is signed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import msgspec

from zoneproof.core.errors import InvalidInputError

_HEADER_VALUE = re.compile(r"[ -~]*")


@dataclass(frozen=True)
class Body:
    """What a request carries, and its Content-Type."""

    content: bytes = field(repr=False)
    content_type: str

    @classmethod
    def json(cls, content: object) -> Body:
        """Return what msgspec can encode as JSON."""
        return cls(msgspec.json.encode(content), "application/json")

    @classmethod
    def form(cls, fields: Mapping[str, object]) -> Body:
        """Return the fields as a web page's form sends them."""
        return cls(urlencode(fields).encode(), "application/x-www-form-urlencoded")

    @classmethod
    def xml(cls, root: ET.Element) -> Body:
        """Return an XML document, as XML-RPC and SOAP 1.1 take it."""
        content = ET.tostring(root, encoding="utf-8", xml_declaration=True)
        return cls(content, "text/xml; charset=utf-8")


@dataclass(frozen=True)
class ApiRequest:
    """A request, complete with its query: what signatures are made of."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(default=b"", repr=False)

    def with_headers(self, headers: Mapping[str, str]) -> ApiRequest:
        """Return it with these headers too."""
        return replace(self, headers={**self.headers, **headers})

    @property
    def json(self) -> dict[str, Any]:
        """The JSON object that it carries."""
        return msgspec.json.decode(self.content, type=dict[str, Any])

    def with_body(self, body: Body) -> ApiRequest:
        """Return it with another body."""
        return replace(self.with_headers({"Content-Type": body.content_type}), content=body.content)


def bearer(token: str) -> dict[str, str]:
    """Return the header of a Bearer authorization (RFC 6750 section 2.1)."""
    return {"Authorization": f"Bearer {token}"}


def check_headers(headers: Mapping[str, str]) -> None:
    """Raise InvalidInputError for a value that no header can carry; the message does not repeat it.

    Names of headers are ours.
    """
    for name, value in headers.items():
        if not _HEADER_VALUE.fullmatch(value):
            raise InvalidInputError(
                f"what goes into the header {name} has a line break or a character that is not"
                " ASCII: copy the key again"
            )
