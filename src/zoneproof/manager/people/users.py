"""The people who sign in, and the one-time links with which they choose a password."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import msgspec

from zoneproof.core import times
from zoneproof.core.errors import InvalidInputError, NotFoundError
from zoneproof.manager.people.columns import check_name, digest, new_secret, now_text
from zoneproof.manager.people.roles import Role, parse_role
from zoneproof.storage import Row, Stored, Transaction, reads, writes

LINK_LASTS = timedelta(hours=24)
_SELECT = "SELECT id, name, role, password, created_at, signed_in_at FROM users"


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may sign in; times are RFC 3339 in UTC, ``signed_in_at`` empty for never.

    ``has_password`` is false until the person has opened the link.
    """

    id: str
    name: str
    role: Role
    has_password: bool
    created_at: str
    signed_in_at: str = ""


class Link(msgspec.Struct, frozen=True):
    """What a one-time link is for: the user's name and role.

    The name is empty in that for the first administrator, who chooses it.
    """

    name: str
    role: Role


class Users(Stored):
    """The stored users. Every method raises StorageError."""

    @reads
    def all(self, tx: Transaction) -> list[User]:
        """Return all, sorted by name."""
        return [_user(row) for row in tx.query(f"{_SELECT} ORDER BY name")]

    @reads
    def get(self, tx: Transaction, name: str) -> User:
        """Return the user of that name. Raises InvalidInputError."""
        rows = tx.query(f"{_SELECT} WHERE name = ?", (name,))
        if not rows:
            raise NotFoundError(
                f"there is no user '{name[:80]}': 'zoneproof web user list' shows all"
            )
        return _user(rows[0])

    @reads
    def has_administrator(self, tx: Transaction) -> bool:
        """Tell whether anybody is an administrator."""
        return bool(tx.query("SELECT 1 FROM users WHERE role = 'administrator' LIMIT 1"))

    @reads
    def password_of(self, tx: Transaction, name: str) -> str:
        """Return the hash of the user's password, empty for none or no such user."""
        rows = tx.query("SELECT password FROM users WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else ""

    @writes
    def add(self, tx: Transaction, name: str, role: str) -> User:
        """Add a user who has no password yet. Raises InvalidInputError if the name is taken."""
        values = (str(uuid.uuid4()), check_name(name, "user"), parse_role(role), "", now_text(), "")
        added = tx.execute(
            "INSERT INTO users (id, name, role, password, created_at, signed_in_at)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING",
            values,
        )
        if not added:
            raise InvalidInputError(
                f"the user {name} already exists: choose another name, or make a new link with"
                f" 'zoneproof web user link {name}'"
            )
        return self.get.within(tx, name)

    @writes
    def of_provider(self, tx: Transaction, issuer: str, subject: str, name: str, role: str) -> User:
        """Return the user who is the subject at an OpenID provider, with the role from there.

        Who comes for the first time is added under the name. Raises InvalidInputError if that is
        somebody else's here.
        """
        rows = tx.query(
            f"{_SELECT} WHERE issuer = ? AND subject = ?",
            (issuer, subject),
        )
        if not rows and tx.query("SELECT 1 FROM users WHERE name = ?", (name,)):
            raise InvalidInputError(
                f"a user {name} who signs in otherwise exists here: an administrator removes that"
                " one, or changes name_claim in settings.toml"
            )
        known = str(rows[0][1]) if rows else self.add.within(tx, name, role).name
        tx.execute(
            "UPDATE users SET role = ?, issuer = ?, subject = ? WHERE name = ?",
            (parse_role(role), issuer, subject, known),
        )
        return self.get.within(tx, known)

    @writes
    def set_role(self, tx: Transaction, name: str, role: str) -> User:
        """Give a user another role. Raises InvalidInputError, also for the last administrator."""
        user, wanted = self.get.within(tx, name), parse_role(role)
        if wanted != "administrator":
            self._require_another(tx, user)
        tx.execute("UPDATE users SET role = ? WHERE id = ?", (wanted, user.id))
        return self.get.within(tx, name)

    @writes
    def remove(self, tx: Transaction, name: str) -> None:
        """Remove a user with all sessions. Raises InvalidInputError, as :meth:`set_role` does."""
        user = self.get.within(tx, name)
        self._require_another(tx, user)
        tx.execute("DELETE FROM sessions WHERE user_id = ?", (user.id,))
        tx.execute("DELETE FROM passkeys WHERE user_id = ?", (user.id,))
        tx.execute("DELETE FROM sign_in_links WHERE name = ?", (name,))
        tx.execute("DELETE FROM users WHERE id = ?", (user.id,))

    def _require_another(self, tx: Transaction, user: User) -> None:
        if user.role != "administrator":
            return
        others = tx.query(
            "SELECT 1 FROM users WHERE role = 'administrator' AND id <> ? LIMIT 1", (user.id,)
        )
        if not others:
            raise InvalidInputError(
                f"{user.name} is the only administrator: make somebody else one first"
            )

    @writes
    def note_sign_in(self, tx: Transaction, user: User) -> None:
        """Remember that the user has just signed in."""
        tx.execute("UPDATE users SET signed_in_at = ? WHERE id = ?", (now_text(), user.id))

    @writes
    def add_link(self, tx: Transaction, name: str, role: str) -> str:
        """Return the secret of a new one-time link; older ones for the same name end."""
        secret = new_secret()
        ends = times.stamp(datetime.now(UTC) + LINK_LASTS)
        tx.execute("DELETE FROM sign_in_links WHERE name = ? OR expires_at < ?", (name, now_text()))
        tx.execute(
            "INSERT INTO sign_in_links (digest, name, role, expires_at) VALUES (?, ?, ?, ?)",
            (digest(secret), name, parse_role(role), ends),
        )
        return secret

    @reads
    def link(self, tx: Transaction, secret: str) -> Link:
        """Return what the link is for. Raises InvalidInputError for one that is used or too old.

        That for the first administrator ends as soon as there is one, however that came.
        """
        rows = tx.query(
            "SELECT name, role FROM sign_in_links WHERE digest = ? AND expires_at >= ?",
            (digest(secret), now_text()),
        )
        if not rows or (not rows[0][0] and self.has_administrator.within(tx)):
            raise InvalidInputError(
                "this link was used already or is too old: 'zoneproof web user link NAME' makes"
                " another one"
            )
        return Link(str(rows[0][0]), parse_role(str(rows[0][1])))

    @writes
    def use_link(self, tx: Transaction, secret: str, name: str, password: str) -> User:
        """End the link and set the password (its hash) of its user, who is made if need be.

        All sessions and passkeys of the user end: somebody else may have begun or registered them.
        Raises InvalidInputError.
        """
        link = self.link.within(tx, secret)
        name = link.name or name
        tx.execute("DELETE FROM sign_in_links WHERE digest = ?", (digest(secret),))
        if not link.name or not tx.query("SELECT 1 FROM users WHERE name = ?", (name,)):
            self.add.within(tx, name, link.role)
        self.set_password.within(tx, name, password)
        user = self.get.within(tx, name)
        tx.execute("DELETE FROM passkeys WHERE user_id = ?", (user.id,))
        return user

    @writes
    def set_password(self, tx: Transaction, name: str, password: str) -> None:
        """Set a user's password (its hash), and end all sessions, and a link for another one.

        Raises InvalidInputError.
        """
        user = self.get.within(tx, name)
        tx.execute("DELETE FROM sign_in_links WHERE name = ?", (name,))
        tx.execute("UPDATE users SET password = ? WHERE id = ?", (password, user.id))
        tx.execute("DELETE FROM sessions WHERE user_id = ?", (user.id,))


def _user(row: Row) -> User:
    key, name, role, password, created_at, signed_in_at = map(str, row)
    return User(
        id=key,
        name=name,
        role=parse_role(role),
        has_password=bool(password),
        created_at=created_at,
        signed_in_at=signed_in_at,
    )
