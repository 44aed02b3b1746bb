"""Passkeys: the public keys with which people sign in instead of a password (WebAuthn)."""

from __future__ import annotations

import uuid

import msgspec

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.text import sanitize
from zoneproof.manager.people.columns import now_text
from zoneproof.manager.people.users import User
from zoneproof.storage import Stored, Transaction, reads, record, writes

_MOST = 20  # of one user
_SELECT = """
SELECT passkeys.id, users.name, credential_id, public_key, sign_count, passkeys.name,
  passkeys.created_at, used_at
FROM passkeys JOIN users ON users.id = passkeys.user_id
"""


class Passkey(msgspec.Struct, frozen=True, kw_only=True):
    """A key of a user's authenticator, called ``name``; texts of bytes are base64url.

    Times are RFC 3339 in UTC, ``used_at`` empty for never.
    """

    id: str
    user: str
    credential_id: str
    public_key: str
    sign_count: int
    name: str
    created_at: str
    used_at: str = ""


class Passkeys(Stored):
    """The stored keys. Every method raises StorageError."""

    @reads
    def of(self, tx: Transaction, user: str) -> list[Passkey]:
        """Return those of a user, the oldest first."""
        rows = tx.query(f"{_SELECT} WHERE users.name = ? ORDER BY passkeys.created_at", (user,))
        return [record(Passkey, row) for row in rows]

    @reads
    def find(self, tx: Transaction, credential_id: str) -> Passkey | None:
        """Return the one with that id, or None."""
        rows = tx.query(f"{_SELECT} WHERE credential_id = ?", (credential_id,))
        return record(Passkey, rows[0]) if rows else None

    @writes
    def add(
        self,
        tx: Transaction,
        user: User,
        credential_id: str,
        public_key: str,
        sign_count: int,
        name: str,
    ) -> None:
        """Store a key of a user. Raises InvalidInputError for a known one, or too many."""
        if len(self.of.within(tx, user.name)) >= _MOST:
            raise InvalidInputError(f"a user has at most {_MOST} passkeys: remove one first")
        called = sanitize(name, limit=60) or "passkey"
        values = (str(uuid.uuid4()), user.id, credential_id, public_key, sign_count, called)
        added = tx.execute(
            "INSERT INTO passkeys (id, user_id, credential_id, public_key, sign_count, name,"
            " created_at, used_at) VALUES (?, ?, ?, ?, ?, ?, ?, '')"
            " ON CONFLICT (credential_id) DO NOTHING",
            (*values, now_text()),
        )
        if not added:
            raise InvalidInputError("this passkey is already registered")

    @writes
    def note_use(self, tx: Transaction, passkey: Passkey, sign_count: int) -> None:
        """Remember that the key was used now, and its counter."""
        tx.execute(
            "UPDATE passkeys SET sign_count = ?, used_at = ? WHERE id = ?",
            (sign_count, now_text(), passkey.id),
        )

    @writes
    def remove(self, tx: Transaction, user: str, passkey_id: str) -> None:
        """Remove a key of the user's."""
        if passkey_id in {one.id for one in self.of.within(tx, user)}:
            tx.execute("DELETE FROM passkeys WHERE id = ?", (passkey_id,))
