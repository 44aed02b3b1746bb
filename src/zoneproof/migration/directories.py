"""Finds a CA's directory URL from what the clients keep of it in folder names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from zoneproof.acme.cas import KNOWN

# The account keys of Let's Encrypt's first API, closed since 2021, are good at its second.
_FIRST_API: Mapping[str, str] = {
    "acme-v01.api.letsencrypt.org": "acme-v02.api.letsencrypt.org",
    "acme-staging.api.letsencrypt.org": "acme-staging-v02.api.letsencrypt.org",
}


def current(directory_url: str) -> str:
    """Return the URL, that of Let's Encrypt's second API for its first."""
    for old, new in _FIRST_API.items():
        if host_of(directory_url) == old:
            return f"https://{new}/directory"
    return directory_url


def from_folders(parts: Iterable[str], known: Mapping[str, str]) -> str:
    """Return the URL whose host and path are the folders' names.

    ``known`` are URLs that the client uses, by their :func:`place`: they tell what the folders'
    names do not. Empty without folders.
    """
    names = "/".join(parts)
    return current(known.get(names, f"https://{names}")) if names else ""


def place(url: str, *, with_port: bool) -> str:
    """Return a URL's host and path, as a client makes folders of them."""
    host, slash, path = url.partition("://")[2].partition("/")
    if not with_port:
        host = host.partition(":")[0]
    return f"{host}{slash}{path}".rstrip("/")


def from_host(host: str) -> str:
    """Return the directory URL of the CA whose API is at ``host``; empty if it is not one of ours.

    A colon before the port may be written as ``_``.
    """
    host = _FIRST_API.get(host, host)
    found = [ca.directory_url for ca in KNOWN.values() if host_of(ca.directory_url) == host]
    return found[0] if len(found) == 1 else ""


def host_of(url: str) -> str:
    """Return a URL's host and port, empty for what is not a URL."""
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""


def account_url(url: str, directory_url: str) -> str:
    """Return an account's URL if the CA can still know it, else nothing."""
    if not url.startswith(("https://", "http://")) or not url.isprintable() or " " in url:
        return ""
    return url if host_of(url) == host_of(directory_url) else ""
