"""API tokens: for programs, each with a name, a role and an expiry; shown once."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import msgspec

from zoneproof.core import times
from zoneproof.core.errors import InvalidInputError
from zoneproof.manager.people.columns import check_name, digest, new_secret, now_text
from zoneproof.manager.people.roles import Role, parse_role
from zoneproof.storage import Stored, Transaction, reads, record, writes

PREFIX = "zp_"
_LONGEST = 3650  # days


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What may be shown of a token; times are RFC 3339 in UTC, ``used_at`` empty for never."""

    id: str
    name: str
    role: Role
    expires_at: str
    created_by: str
    created_at: str
    used_at: str = ""


class Tokens(Stored):
    """The stored tokens. Every method raises StorageError."""

    @writes
    def add(self, tx: Transaction, name: str, role: str, days: int, creator: str) -> str:
        """Return the secret of a new token that is good for so many days.

        Raises InvalidInputError.
        """
        if not 1 <= days <= _LONGEST:
            raise InvalidInputError(f"a token is good for 1 to {_LONGEST} days")
        secret = PREFIX + new_secret()
        ends = times.stamp(datetime.now(UTC) + timedelta(days=days))
        key, checked = str(uuid.uuid4()), check_name(name, "token")
        values = (key, digest(secret), checked, parse_role(role), ends, creator, now_text(), "")
        added = tx.execute(
            "INSERT INTO api_tokens"
            " (id, digest, name, role, expires_at, created_by, created_at, used_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING",
            values,
        )
        if not added:
            raise InvalidInputError(f"the token {name} already exists: choose another name")
        return secret

    @reads
    def all(self, tx: Transaction) -> list[Token]:
        """Return all, also those that have expired, sorted by name."""
        return self._select(tx, "ORDER BY name")

    @reads
    def find(self, tx: Transaction, secret: str) -> Token | None:
        """Return the token of that secret that has not expired, or None."""
        found = self._select(tx, "WHERE digest = ? AND expires_at >= ?", digest(secret), now_text())
        return found[0] if found else None

    def _select(self, tx: Transaction, rest: str, *parameters: str) -> list[Token]:
        rows = tx.query(
            "SELECT id, name, role, expires_at, created_by, created_at, used_at FROM api_tokens"  # noqa: S608  constant
            f" {rest}",
            parameters,
        )
        return [record(Token, row) for row in rows]

    @writes
    def note_use(self, tx: Transaction, token: Token) -> None:
        """Remember that the token was used now."""
        tx.execute("UPDATE api_tokens SET used_at = ? WHERE id = ?", (now_text(), token.id))

    @writes
    def remove(self, tx: Transaction, token_id: str) -> bool:
        """Remove a token; tells whether it was there."""
        return tx.execute("DELETE FROM api_tokens WHERE id = ?", (token_id,)) == 1
