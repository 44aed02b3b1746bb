"""Finds the licence key in a request: in its Authorization header, or in its path."""

from __future__ import annotations

import base64
import re

from starlette.requests import Request

_PATH = re.compile(r"(?:.*/)?k/+([^/]+)/+(?:register|update)/*", re.DOTALL)
_PATH_KEY = "zoneproof.licence_key"
_STANDARD = str.maketrans("-_", "+/")


def key_in_path(path: str) -> dict[str, str]:
    """Return what a request's scope holds of a path ``…/k/<key>/register`` or ``…/update``."""
    match = _PATH.fullmatch(path)
    return {_PATH_KEY: match[1]} if match else {}


def path_key(request: Request) -> str:
    """Return the key that stands in the path, or an empty text."""
    key: str = request.scope.get(_PATH_KEY, "")
    return key


def licence_key(request: Request) -> str:
    """Return the key that stands in the path, else that of the Authorization header, else "".

    The header is ``Bearer <key>``, or Basic (RFC 7617) with any user and the key as password, or
    with the key as user and no password, as clients make it of ``https://user:key@host/``.
    """
    scheme, _, credentials = request.headers.get("authorization", "").strip().partition(" ")
    if found := path_key(request):
        return found
    match scheme.lower():
        case "bearer":
            return credentials.strip()
        case "basic":
            user, _, password = _decoded(credentials.strip()).partition(":")
            return password or user
    return ""


def _decoded(text: str) -> str:
    # Standard base64 and base64url without padding both come from clients in the field.
    text = text.rstrip("=").translate(_STANDARD)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except ValueError:
        return ""
