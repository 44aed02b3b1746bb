"""Challenge tokens and key authorizations (RFC 8555 section 8.1)."""

from __future__ import annotations

import base64
import re

from zoneproof.errors import AcmeConnectionError

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,512}")


def base64url(data: bytes) -> str:
    """Encode as base64url without padding (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def check_token(token: str) -> str:
    """Return the token if it holds only base64url characters.

    A token becomes part of file names and URLs, so anything else is refused with
    AcmeConnectionError.
    """
    if not _TOKEN.fullmatch(token):
        raise AcmeConnectionError(
            f"the CA sent a challenge token that is not base64url: {token[:40]!r}; not using it"
        )
    return token


def key_authorization(token: str, thumbprint: str) -> str:
    """Join a token and the account key's RFC 7638 thumbprint (RFC 8555 section 8.1)."""
    return f"{check_token(token)}.{thumbprint}"
