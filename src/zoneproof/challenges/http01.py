"""The http-01 challenge (RFC 8555 section 8.3), and what everything that answers it promises."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from zoneproof.acme.keys import check_token

TYPE = "http-01"


def path(token: str) -> str:
    """Return the URL path that the CA requests; its body is the key authorization."""
    return f"/.well-known/acme-challenge/{check_token(token)}"


FOLDERS = (".well-known", "acme-challenge")


@dataclass(frozen=True)
class Leftover:
    """A file that stays behind if the process dies now.

    ``folders`` is how many of the folders above it are ours, from the innermost one upwards.
    """

    webroot: Path
    token: str
    folders: int

    @property
    def path(self) -> Path:
        """The file's path (RFC 8555 section 8.3)."""
        return self.webroot.joinpath(*FOLDERS, self.token)


class HttpResponder(Protocol):
    """Makes key authorizations appear at ``/.well-known/acme-challenge/<token>``.

    Putting a token twice and removing one that is not there succeed. Every method may raise
    HttpResponderError; a token that is not base64url raises AcmeConnectionError.
    """

    @property
    def where(self) -> str:
        """Where the answers are, for people: ``files below /var/www``."""
        ...

    async def check(self) -> None:
        """See whether answers could be given; nothing is left changed."""
        ...

    def leftover(self, token: str) -> Leftover | None:
        """Return what a crash after :meth:`put` would leave behind, None for nothing.

        Such a responder's answers are removed by way of the journal, all others by
        :meth:`remove`.
        """
        ...

    async def put(self, token: str, key_authorization: str) -> None:
        """Answer for the token from now on."""
        ...

    async def remove(self, token: str) -> None:
        """Answer for the token no more."""
        ...

    async def close(self) -> None:
        """Remove what this responder still answers, and release what it holds."""
        ...
