"""Where a question can be sent: a DNS server's address, or a DNS-over-HTTPS URL."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from zoneproof.errors import InvalidInputError

_FORMS = "give IP, IP:port, [IPv6]:port or an https:// URL for DNS over HTTPS"


@dataclass(frozen=True)
class ServerAddress:
    """A DNS server's IP address and port, asked over UDP and TCP."""

    ip: str
    port: int = 53

    def __str__(self) -> str:
        if self.port == 53:
            return self.ip
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


@dataclass(frozen=True)
class DohServer:
    """A DNS-over-HTTPS server's URL (RFC 8484)."""

    url: str

    def __str__(self) -> str:
        return self.url


def parse_server(text: str) -> ServerAddress | DohServer:
    """Read ``IP``, ``IP:port``, ``[IPv6]:port`` or ``https://…``.

    ``http://`` is taken for loopback hosts only. Raises InvalidInputError.
    """
    stripped = text.strip()
    text = stripped[:100]
    if "://" in stripped:
        return DohServer(_check_url(stripped))
    host, port = stripped, "53"
    if stripped.startswith("["):
        host, bracket, rest = stripped[1:].partition("]")
        host = host if bracket else ""
        port = rest[1:] if rest.startswith(":") else rest or port
    elif stripped.count(":") == 1:
        host, _, port = stripped.partition(":")
    try:
        ip = str(ipaddress.ip_address(host))
    except ValueError:
        raise InvalidInputError(f"'{text}' is no DNS server: {_FORMS}") from None
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        raise InvalidInputError(f"'{text}' is no DNS server: its port must be 1 to 65535")
    return ServerAddress(ip, int(port))


def _check_url(text: str) -> str:
    # Published as RFC 8484 URI templates; the variable only matters for GET.
    url = text.removesuffix("{?dns}")
    text = text[:100]
    try:
        parts = urlsplit(url)
        host = None if parts.port == 0 else parts.hostname
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in ("https", "http") or not host or not url.isascii():
        raise InvalidInputError(f"'{text}' is no DNS-over-HTTPS server: {_FORMS}")
    if parts.username is not None or parts.fragment:
        raise InvalidInputError(
            f"the DNS-over-HTTPS URL of {host} may hold neither a user name nor '#'"
        )
    if parts.scheme == "http" and not _is_loopback(host):
        raise InvalidInputError(
            f"'{text}' is not encrypted: DNS over HTTPS needs https:// (http:// only for loopback)"
        )
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
