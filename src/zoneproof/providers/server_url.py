"""The URL of a challenge service, which may carry a licence key that nobody must see."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import unquote, urlsplit

from zoneproof.core.errors import InvalidInputError, InvalidNameError
from zoneproof.core.names import DomainName
from zoneproof.core.secretive import Secretive

_KEY_PATH = re.compile(r"(/k/)([^/?#]+)")
_USER_PART = re.compile(r"//.*@")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:%-]+)*")
_CALLS = ("/register", "/update", "/health")
_DEFAULT_PORTS = {"https": 443, "http": 80}


def mask_url(text: str) -> str:
    """Return a URL, or what was meant to be one, without its user part and ``/k/`` key."""
    return _KEY_PATH.sub(r"\1***", _USER_PART.sub("//", text))


class ServerUrl(Secretive, frozen=True):
    """A service's base URL, taken apart. Made by :meth:`parse`.

    ``shown`` is for people and ``identity`` for the registration store: the identity has no licence
    key at all, so that a registration is found again after the key was replaced. ``user`` and
    ``password`` are empty unless the URL had a user part.
    """

    shown: str
    identity: str
    base: str
    user: str
    password: str

    @classmethod
    def parse(cls, text: str) -> ServerUrl:
        """Read ``https://[user:key@]host[:port][/prefix]``; a final ``/`` makes no difference.

        Raises InvalidInputError, which repeats no part of the text, nor does a cause: it may be
        a key in the wrong place.
        """
        text = text.strip()
        if not text.isprintable() or " " in text:
            raise _unusable("it has spaces or control characters in it")
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise _unusable("it is not a URL") from None
        if port == 0:
            raise _unusable("0 is not a valid port")
        if parts.scheme not in _DEFAULT_PORTS:
            raise _unusable("it must begin with https:// (or http:// for a private network)")
        if "@" in parts.path:
            raise _unusable("a '/' in its user part must be written as %2F")
        if parts.query or parts.fragment or "?" in text or "#" in text:
            raise _unusable("omit what follows '?' or '#'")
        path = parts.path.rstrip("/")
        if not _PATH.fullmatch(path):
            raise _unusable("its path has an empty part or characters that a URL cannot have")
        if path.endswith(_CALLS):  # as examples with curl have it
            raise _unusable(f"omit '/{path.rpartition('/')[2]}' at its end")
        origin = f"{parts.scheme}://{_host(parts.hostname)}"
        if port not in (None, _DEFAULT_PORTS[parts.scheme]):
            origin += f":{port}"
        return cls(
            shown=origin + _KEY_PATH.sub(r"\1***", path),
            identity=origin + _KEY_PATH.sub("", path),
            base=origin + path,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown: the key in the user part and the key in the path."""
        found = [self.password or self.user, f"{self.user}:{self.password}" if self.user else ""]
        for match in _KEY_PATH.finditer(self.base):
            found += [match[2], unquote(match[2])]
        return tuple(secret for secret in found if secret)


def _host(host: str | None) -> str:
    if not host:
        raise _unusable("it has no host name")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return f"[{address}]" if address.version == 6 else str(address)
    try:
        return DomainName.parse(host).text
    except InvalidNameError:
        raise _unusable("its host is neither a name nor an IP address") from None


def _unusable(reason: str) -> InvalidInputError:
    return InvalidInputError(
        f"the server's URL cannot be used: {reason}; give it like https://auth.example.org"
    )
