"""Who is signed in, and where: sessions of browsers."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import msgspec

from zoneproof.core import times
from zoneproof.manager.people.columns import digest, new_secret, now_text
from zoneproof.manager.people.roles import Role
from zoneproof.manager.people.users import User
from zoneproof.storage import Stored, Transaction, reads, record, writes

IDLE = timedelta(hours=12)
LONGEST = timedelta(days=14)


class WebSession(msgspec.Struct, frozen=True, kw_only=True):
    """A signed-in browser; times are RFC 3339 in UTC."""

    id: str
    user: str
    role: Role
    address: str
    browser: str
    created_at: str
    seen_at: str


class Sessions(Stored):
    """The stored sessions. Every method raises StorageError."""

    @writes
    def begin(self, tx: Transaction, user: User, address: str, browser: str) -> str:
        """Return the secret of a new session, for the browser's cookie."""
        tx.execute("DELETE FROM sessions WHERE seen_at < ? OR created_at < ?", _limits())
        secret, now = new_secret(), now_text()
        tx.execute(
            "INSERT INTO sessions (id, digest, user_id, address, browser, created_at, seen_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (str(uuid.uuid4()), digest(secret), user.id, address, browser[:200], now, now),
        )
        return secret

    @reads
    def find(self, tx: Transaction, secret: str) -> WebSession | None:
        """Return the session of that secret that is still good, or None."""
        found = self._select(tx, "AND sessions.digest = ?", digest(secret))
        return found[0] if found else None

    @reads
    def all(self, tx: Transaction) -> list[WebSession]:
        """Return all that are still good, the one used last first."""
        return self._select(tx, "ORDER BY seen_at DESC")

    def _select(self, tx: Transaction, rest: str, *parameters: str) -> list[WebSession]:
        idle, oldest = _limits()
        rows = tx.query(
            "SELECT sessions.id, users.name, users.role, address, browser, sessions.created_at,"  # noqa: S608  constant
            " seen_at FROM sessions JOIN users ON users.id = sessions.user_id"
            f" WHERE seen_at >= ? AND sessions.created_at >= ? {rest}",
            (idle, oldest, *parameters),
        )
        return [record(WebSession, row) for row in rows]

    @writes
    def note_use(self, tx: Transaction, session: WebSession) -> None:
        """Remember that the session was used now."""
        tx.execute("UPDATE sessions SET seen_at = ? WHERE id = ?", (now_text(), session.id))

    @writes
    def end(self, tx: Transaction, session_id: str) -> None:
        """End a session."""
        tx.execute("DELETE FROM sessions WHERE id = ?", (session_id,))


def _limits() -> tuple[str, str]:
    now = datetime.now(UTC)
    return times.stamp(now - IDLE), times.stamp(now - LONGEST)
