"""The http-01 challenge: a file below ``/.well-known`` on port 80 (RFC 8555 section 8.3)."""

from __future__ import annotations

from zoneproof.challenges.token import check_token

TYPE = "http-01"


def path(token: str) -> str:
    """Return the URL path that the CA requests; its body is the key authorization."""
    return f"/.well-known/acme-challenge/{check_token(token)}"
