"""Which URLs the client is willing to open: https, or http to this machine when that is allowed."""

from __future__ import annotations

import ipaddress
import re

import httpx2

from zoneproof.acme.text import ca_at, shown
from zoneproof.errors import AcmeConnectionError, InvalidInputError

_USABLE = re.compile(r"[!-~]{1,2048}")
_HOST = re.compile(r"([A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?")
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
            f"{ca_at(given_by)} handed out the URL '{shown(url, 200)}', which {reason}; not using"
            " it"
        )
    raise InvalidInputError(f"the CA's URL '{shown(url, 200)}' {reason}")


def _objection(url: str, allow_http: bool) -> str:
    # Parsed by what will open it, so that no two parsers can disagree about the host.
    try:
        parts = httpx2.URL(url) if _USABLE.fullmatch(url) else httpx2.URL()
        host = parts.host
    except (httpx2.InvalidURL, ValueError):
        return "is no URL"
    if not _is_host(host) or not (parts.port is None or 0 < parts.port <= _LARGEST_PORT):
        return "is no URL"
    if parts.userinfo:
        return "has a user name in it"
    if parts.scheme == "https" or (allow_http and parts.scheme == "http" and _is_loopback(host)):
        return ""
    if allow_http:
        return "does not start with https:// (http:// is for test CAs on this machine only)"
    return "does not start with https://"


def _is_host(text: str) -> bool:
    return _address(text) is not None or (len(text) <= 253 and bool(_HOST.fullmatch(text)))


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return address.is_loopback if address else host == "localhost"


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
