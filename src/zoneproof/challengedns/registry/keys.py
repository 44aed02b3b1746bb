"""Random keys: made, and compared with the hashes that are all that is kept of them."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

NO_KEY_HAS_THIS_HASH = "-" * 64

_LICENCE = re.compile(r"zp_([0-9a-f]{8})_[A-Za-z0-9_-]{40}")


def new_key() -> str:
    """Return a new API key: 40 characters of base64url, 240 random bits."""
    return secrets.token_urlsafe(30)


def new_licence_key() -> tuple[str, str]:
    """Return the id of a new licence key, 8 hex digits, and the key, in which the id stands."""
    key_id = secrets.token_hex(4)
    return key_id, f"zp_{key_id}_{new_key()}"


def licence_key_id(key: str) -> str | None:
    """Return the id that stands in a licence key; None if the text has not the form of one."""
    match = _LICENCE.fullmatch(key)
    return match[1] if match else None


def hash_key(key: str) -> str:
    """Return the SHA-256 of a key, 64 hex digits."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def has_hash(key: str, expected: str) -> bool:
    """Tell whether a key has a hash, in a time that tells nothing of either."""
    return hmac.compare_digest(expected, hash_key(key))
