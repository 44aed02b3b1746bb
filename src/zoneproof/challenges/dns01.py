"""The dns-01 challenge: a TXT record below ``_acme-challenge`` (RFC 8555 section 8.4)."""

from __future__ import annotations

import hashlib

from zoneproof.acme.keys import base64url
from zoneproof.core.names import DomainName, Identifier

TYPE = "dns-01"
LABEL = "_acme-challenge"


def challenge_name(identifier: Identifier) -> DomainName:
    """Return where the CA looks; ``example.com`` and ``*.example.com`` share the name.

    Raises ValueError for an IP address, which dns-01 cannot validate (RFC 8738 section 7).
    """
    return identifier.domain.child(LABEL)


def txt_value(key_authorization: str) -> str:
    """Return the record's value: 43 characters of base64url."""
    return base64url(hashlib.sha256(key_authorization.encode("ascii")).digest())
