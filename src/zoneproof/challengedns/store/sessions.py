"""Sessions of the service's pages: who has shown a key is known by a cookie for some hours."""

from __future__ import annotations

import secrets
from typing import Final

from zoneproof.challengedns.store import tenant_rows
from zoneproof.challengedns.store.keys import hash_key
from zoneproof.challengedns.store.tenant_rows import LicenceKey
from zoneproof.challengedns.store.tenants import authenticate_key, require_usable
from zoneproof.core.errors import RegistrationError
from zoneproof.storage import Transaction

SECONDS: Final = 12 * 3600
"""How long a session lasts."""
MOST: Final = 100
"""How many sessions a key has at once; of more the oldest end."""


def begin(tx: Transaction, key: str, now: int) -> tuple[str, LicenceKey]:
    """Begin a session with a licence key or an operator's key; return its secret and the key.

    Raises what :func:`authenticate_key` raises. ``now`` is in seconds since 1970.
    """
    found = authenticate_key(tx, key, now)
    secret = secrets.token_urlsafe(30)
    tx.execute("DELETE FROM challenge_session WHERE expires_at <= ?", [now])
    tx.execute(
        "DELETE FROM challenge_session WHERE key_id = ? AND id NOT IN (SELECT id"
        " FROM challenge_session WHERE key_id = ? ORDER BY expires_at DESC LIMIT ?)",
        [found.id, found.id, MOST - 1],
    )
    tx.execute(
        "INSERT INTO challenge_session (id, key_id, expires_at) VALUES (?, ?, ?)",
        [hash_key(secret), found.id, now + SECONDS],
    )
    return secret, found


def key_of(tx: Transaction, secret: str, now: int) -> LicenceKey:
    """Return the key of a session, which may be used as if it had just been sent.

    Raises RegistrationError ``forbidden`` where the session or its key has ended or the tenant is
    disabled, and ``licence_expired``.
    """
    rows = tx.query(
        "SELECT key_id FROM challenge_session WHERE id = ? AND expires_at > ?",
        [hash_key(secret), now],
    )
    found = tenant_rows.key(tx, str(rows[0][0])) if rows else None
    if found is None:
        raise RegistrationError("the session has ended: sign in again", code="forbidden")
    if found[0].tenant is not None:
        require_usable(tx, found[0].tenant, now)
    return found[0]


def end(tx: Transaction, secret: str) -> None:
    """End a session."""
    tx.execute("DELETE FROM challenge_session WHERE id = ?", [hash_key(secret)])
