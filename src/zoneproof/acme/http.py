"""What HTTP with a CA needs: which URLs may be opened, ACME's headers, errors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urljoin, urlsplit

import httpx2

from zoneproof.core.errors import AcmeConnectionError, InvalidInputError, InvalidNameError
from zoneproof.core.http import NoReplyError
from zoneproof.core.names import DomainName, is_host, is_loopback
from zoneproof.core.text import sanitize


def ca_at(url: str) -> str:
    """Return how messages name the CA behind a URL: ``the CA at host`` or ``host:port``."""
    try:
        return f"the CA at {sanitize(urlsplit(url).netloc.rpartition('@')[2], limit=100)}"
    except ValueError:
        return f"the CA at {sanitize(url, limit=100)}"


_USABLE = re.compile(r"[!-~]{1,2048}")
_LARGEST_PORT = 65535


def check_url(url: str, *, allow_http: bool, given_by: str = "") -> str:
    """Return the URL if it may be opened.

    ``given_by`` is the directory URL of the CA that handed it out: then a bad one raises
    AcmeConnectionError. Without it a person gave the URL, and InvalidInputError is raised.
    """
    reason = _objection(url, allow_http)
    if not reason:
        return url
    if given_by:
        raise AcmeConnectionError(
            f"{ca_at(given_by)} sent the URL '{sanitize(url, limit=200)}', which {reason};"
            " not using it"
        )
    raise InvalidInputError(f"the CA's URL '{sanitize(url, limit=200)}' {_in_ascii(url) or reason}")


def _in_ascii(url: str) -> str:
    """Say how to write a URL whose host name has other letters; empty for any other."""
    try:
        host = urlsplit(url).hostname or ""
        name = "" if host.isascii() else DomainName.parse(host).text
    except (ValueError, InvalidNameError):
        name = ""
    return f"has to be written in ASCII, with {name} as its host name" if name else ""


def _objection(url: str, allow_http: bool) -> str:
    # Parsed by what will open it, so that no two parsers can disagree about the host.
    try:
        parts = httpx2.URL(url) if _USABLE.fullmatch(url) else httpx2.URL()
        host = parts.host
    except (httpx2.InvalidURL, ValueError):
        return "is not a URL"
    if not is_host(host.removesuffix(".")) or not (
        parts.port is None or 0 < parts.port <= _LARGEST_PORT
    ):
        return "is not a URL"
    if parts.userinfo:
        return "has a user name in it"
    if parts.scheme == "https" or (allow_http and parts.scheme == "http" and is_loopback(host)):
        return ""
    if allow_http:
        return "does not start with https:// (http:// is for test CAs on this machine only)"
    return "does not start with https://"


_NONCE = re.compile(r"[A-Za-z0-9_-]{1,512}")
_LINK = re.compile(r"<([^<>]*)>")
_PARAMETER = re.compile(r'\s*;\s*([A-Za-z0-9*_.-]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*))?')


def links(values: Iterable[str], relation: str, base_url: str) -> list[str]:
    """Return the targets of all links of a relation (RFC 8288), made absolute, in order."""
    found = []
    for value in values:
        position = 0
        while match := _LINK.search(value, position):
            position = match.end()
            relations = ""
            while parameter := _PARAMETER.match(value, position):
                position = parameter.end()
                name, content = parameter.group(1).lower(), parameter.group(2) or ""
                if name == "rel" and not relations:
                    relations = _unquoted(content).lower()
            if relation.lower() in relations.split():
                found.append(_absolute(base_url, match.group(1)))
    return [url for url in found if url]


def replay_nonce(value: str | None) -> str | None:
    """Return a Replay-Nonce if it is base64url; others must be ignored (RFC 8555 section 6.5.1)."""
    return value if value and _NONCE.fullmatch(value) else None


def _unquoted(text: str) -> str:
    if text.startswith('"'):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def _absolute(base_url: str, target: str) -> str:
    if target.startswith(("https://", "http://")):
        return target  # signed and sent as it is, where urljoin would tidy it up
    try:
        return urljoin(base_url, target.strip())
    except ValueError:
        return ""


class ConnectionLostError(AcmeConnectionError):
    """No reply came: whether the CA did what it was asked may not be known."""


def connection_error(error: NoReplyError) -> AcmeConnectionError:
    """Return the error for people of a request to a CA that got no reply."""
    ca = ca_at(error.url)
    if error.hopeless:
        return AcmeConnectionError(f"{ca} cannot be used: {error.message}")
    if error.unsent:
        advice = "check its URL and this machine's network, or try again later"
        return ConnectionLostError(f"{ca} cannot be reached: {error.message}; {advice}")
    return ConnectionLostError(f"{ca}: {error.message}; try again later")
