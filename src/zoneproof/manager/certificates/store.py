"""The managed certificates of a home, and what happened to them, in the state database."""

from __future__ import annotations

import contextlib
import difflib
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

import msgspec

from zoneproof.core import times
from zoneproof.core.errors import InvalidInputError, InvalidNameError, NotFoundError, StorageError
from zoneproof.core.names import Identifier
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.storage import Row, Store, Stored, Transaction, reads, record, writes
from zoneproof.vault import SealedColumn, Vault, naming

S = TypeVar("S", bound=msgspec.Struct)
_PASSWORD = SealedColumn("certificates", "pkcs12_password", "the PKCS #12 password of")
_PENDING = SealedColumn("certificates", "pending", "the pending change of")
# What each is called, and what helps where it cannot be opened.
_SECRETS = {
    _PASSWORD: ("the PKCS #12 password", "--pkcs12-password VALUE' sets another"),
    _PENDING: ("the pending change", "--discard-change' discards it"),
}
_COLUMNS = "id, name, definition, state, pending IS NOT NULL"
_SAVE = """
INSERT INTO certificates (id, name, definition, pkcs12_password, state, created_at)
VALUES (?, ?, ?, NULL, '{}', ?)
ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, pending = NULL
"""


class ManagedCertificate(msgspec.Struct, frozen=True):
    """A definition as it is stored; ``state`` is JSON, for ``certificates.state`` to read.

    ``has_pending`` tells that a change waits for an order that proves it.
    """

    id: str
    definition: CertificateDefinition
    state: bytes
    has_pending: bool = False

    @property
    def name(self) -> str:
        """The certificate's name."""
        return self.definition.name


class DamagedCertificate(msgspec.Struct, frozen=True):
    """One whose stored definition cannot be read; ``error`` says why, and what to do."""

    name: str
    error: StorageError


def plain_name(name: str) -> str:
    """Return what no two certificates' names share."""
    return name.lower().rstrip(".")


def spelled_otherwise(name: str, other: str) -> str:
    """Say that a new name is that of a certificate, spelled otherwise."""
    return (
        f"'{name}' is another spelling of the certificate {other}: change that one, or give"
        " another name"
    )


class Certificates(Stored):
    """The stored definitions. Every method raises StorageError."""

    sealed: ClassVar = (_PASSWORD, _PENDING)

    def __init__(self, store: Store, vault: Vault) -> None:
        super().__init__(store)
        self._vault = vault

    @reads
    def each(self, tx: Transaction) -> list[ManagedCertificate | DamagedCertificate]:
        """Return all, sorted by name, also those that cannot be read."""
        return self._select(tx, "ORDER BY name")

    @reads
    def readable(self, tx: Transaction) -> list[ManagedCertificate]:
        """Return those that can be read, sorted by name."""
        return [one for one in self.each.within(tx) if isinstance(one, ManagedCertificate)]

    @reads
    def find_meant(self, tx: Transaction, text: str) -> ManagedCertificate | None:
        """Return the one of that name, or of the domain name that the text is, or None.

        ``Example.COM.`` and ``münchen.example`` mean ``example.com`` and
        ``xn--mnchen-3ya.example``.
        """
        found = self._meant(tx, text)
        return _undamaged(found) if found else None

    def _meant(self, tx: Transaction, text: str) -> ManagedCertificate | DamagedCertificate | None:
        found = self._select(tx, "WHERE name = ?", text)
        if not found:
            with contextlib.suppress(InvalidNameError):
                found = self._select(tx, "WHERE name = ?", Identifier.parse(text).value)
        return found[0] if found else None

    @reads
    def look_up(self, tx: Transaction, name: str) -> ManagedCertificate | DamagedCertificate:
        """Return the one that is meant. Raises InvalidInputError, with the nearest name."""
        found = self._meant(tx, name)
        if found is None:
            names = [certificate.name for certificate in self.each.within(tx)]
            near = difflib.get_close_matches(name, names, n=1)
            advice = f"did you mean '{near[0]}'?" if near else "'zoneproof list' shows all"
            raise NotFoundError(f"there is no managed certificate '{name[:80]}': {advice}")
        return found

    @reads
    def get(self, tx: Transaction, name: str) -> ManagedCertificate:
        """Return what :meth:`look_up` does; one that cannot be read is an error."""
        return _undamaged(self.look_up.within(tx, name))

    @reads
    def find(self, tx: Transaction, name: str) -> ManagedCertificate | None:
        """Return the one of that name, or None; one that cannot be read is an error."""
        found = self._select(tx, "WHERE name = ?", name)
        return _undamaged(found[0]) if found else None

    @reads
    def require_distinct(self, tx: Transaction, name: str) -> None:
        """Raise InvalidInputError for a new name that means another certificate, spelled otherwise.

        Such as ``EXAMPLE.com`` where there is ``example.com``, or the other way round.
        """
        spelled = "SELECT name FROM certificates WHERE rtrim(lower(name), '.') = ?"
        found = [str(row[0]) for row in tx.query(spelled, (plain_name(name),))]
        if found and name not in found:
            raise InvalidInputError(spelled_otherwise(name, found[0]))

    def _select(
        self, tx: Transaction, rest: str, *parameters: str
    ) -> list[ManagedCertificate | DamagedCertificate]:
        sql = f"SELECT {_COLUMNS} FROM certificates {rest}"  # noqa: S608  constant texts only
        return [_certificate(row) for row in tx.query(sql, parameters)]

    @writes
    def save(self, tx: Transaction, definition: CertificateDefinition) -> None:
        """Store a definition under its name, in place of an older one; its state stays.

        A pending change, which was one to the older definition, is dropped, and so are the password
        of a PKCS #12 file that is no longer written, and what is remembered of tasks that the new
        one does not have: one that comes back has to be done. Raises InvalidInputError, as
        :meth:`require_distinct` does.
        """
        self.require_distinct.within(tx, definition.name)
        text = msgspec.json.encode(definition).decode()
        now = times.stamp(datetime.now(UTC), "seconds")
        tx.execute(_SAVE, (str(uuid.uuid4()), definition.name, text, now))
        ((state,),) = tx.query("SELECT state FROM certificates WHERE name = ?", (definition.name,))
        tx.execute(
            "UPDATE certificates SET state = ? WHERE name = ?",
            (_with_tasks(str(state), definition), definition.name),
        )
        if not definition.pkcs12:
            forget = "UPDATE certificates SET pkcs12_password = NULL WHERE name = ?"
            tx.execute(forget, (definition.name,))

    @writes
    def remove(self, tx: Transaction, name: str) -> bool:
        """Forget the definition and the state; the history stays. Tells whether it was there."""
        return tx.execute("DELETE FROM certificates WHERE name = ?", (name,)) == 1

    @writes
    def change_state(
        self, tx: Transaction, name: str, form: type[S], change: Callable[[S], S]
    ) -> tuple[S, S]:
        """Replace the state by what ``change`` makes of it; return both.

        A certificate that is not stored has an empty state, and none is kept.
        """
        rows = tx.query("SELECT state FROM certificates WHERE name = ?", (name,))
        before = decode_state(name, str(rows[0][0]).encode() if rows else b"{}", form)
        after = change(before)
        tx.execute(
            "UPDATE certificates SET state = ? WHERE name = ?",
            (msgspec.json.encode(after).decode(), name),
        )
        return before, after

    @writes
    def set_pkcs12_password(self, tx: Transaction, name: str, password: str) -> None:
        """Keep the password for the PKCS #12 file, sealed."""
        self._seal(tx, name, _PASSWORD, password.encode())

    @reads
    def pkcs12_password(self, tx: Transaction, name: str) -> bytes:
        """Return the password for the PKCS #12 file; empty for none."""
        return self._opened(tx, name, _PASSWORD)

    @writes
    def set_pending(self, tx: Transaction, name: str, change: bytes) -> None:
        """Keep a change of the definition, sealed, until an order has worked with it."""
        self._seal(tx, name, _PENDING, change)

    @writes
    def discard_pending(self, tx: Transaction, name: str) -> bool:
        """Forget what :meth:`set_pending` was given; tells whether there was something."""
        forget = "UPDATE certificates SET pending = NULL WHERE name = ? AND pending IS NOT NULL"
        return tx.execute(forget, (name,)) == 1

    @reads
    def pending(self, tx: Transaction, name: str) -> bytes:
        """Return what :meth:`set_pending` was given; empty for nothing."""
        return self._opened(tx, name, _PENDING)

    def _seal(self, tx: Transaction, name: str, column: SealedColumn, secret: bytes) -> None:
        certificate = self.get.within(tx, name)
        sealed = self._vault.seal(secret, column.context(certificate.id))
        sql = f"UPDATE certificates SET {column.column} = ? WHERE id = ?"  # noqa: S608  our columns
        tx.execute(sql, (sealed, certificate.id))

    def _opened(self, tx: Transaction, name: str, column: SealedColumn) -> bytes:
        sql = f"SELECT id, {column.column} FROM certificates WHERE name = ?"  # noqa: S608  our columns
        rows = tx.query(sql, (name,))
        if not rows or rows[0][1] is None:
            return b""
        key, sealed = map(str, rows[0])
        what, way_out = _SECRETS[column]
        with naming(f"{what} of {name}", f"'zoneproof edit {name} {way_out}"):
            return self._vault.open(sealed, column.context(key))


def _with_tasks(text: str, definition: CertificateDefinition) -> str:
    """Return the state without what it has of tasks that the definition does not have."""
    known = {task.name: task.fingerprint for task in definition.deploy}
    try:
        state = msgspec.json.decode(text, type=dict[str, Any])
        for outcome in {"deployed", "not_deployed"} & state.keys():
            tasks = msgspec.convert(state[outcome], dict[str, dict[str, Any]])
            state[outcome] = {
                name: what
                for name, what in tasks.items()
                if name in known and what.get("task", "") in ("", known[name])
            }
    except msgspec.MsgspecError:
        return text  # it is damaged, of which whoever reads it is told
    return msgspec.json.encode(state).decode()


def decode_state(name: str, state: bytes, form: type[S]) -> S:
    """Return what a stored state says. Raises StorageError."""
    try:
        return msgspec.json.decode(state, type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StorageError(
            f"the stored state of {name} cannot be read ({error}): restore the state database from"
            " a backup, or remove the certificate and add it again ('zoneproof list --toml' has its"
            " definition)"
        ) from error


def _certificate(row: Row) -> ManagedCertificate | DamagedCertificate:
    key, name, definition, state = map(str, row[:4])
    try:
        parsed = msgspec.json.decode(definition, type=CertificateDefinition)
        if parsed.name != name:
            raise msgspec.ValidationError(f"it is that of {parsed.name[:80]!r}")
    except msgspec.MsgspecError as error:
        return DamagedCertificate(
            name,
            StorageError(
                f"the stored definition of {name} cannot be read ({error}): if a newer Zoneproof"
                " wrote it, update Zoneproof; else restore the state database from a backup, or"
                f" define it anew with 'zoneproof apply', or 'zoneproof remove {name}'"
            ),
        )
    return ManagedCertificate(key, parsed, state.encode(), has_pending=bool(row[4]))


def _undamaged(found: ManagedCertificate | DamagedCertificate) -> ManagedCertificate:
    if isinstance(found, DamagedCertificate):
        raise found.error
    return found


KEEP = 200  # entries for each certificate


class HistoryEntry(msgspec.Struct, frozen=True):
    """``kind`` is one word such as ``issued``; ``at`` is RFC 3339 in UTC."""

    certificate: str
    at: str
    kind: str
    message: str


class History(Stored):
    """The stored entries. Every method raises StorageError."""

    @writes
    def add(self, tx: Transaction, certificate: str, kind: str, message: str) -> None:
        """Write down that something happened now; of more than 200 entries the oldest go."""
        now = times.stamp(datetime.now(UTC))
        tx.execute(
            "INSERT INTO history (id, certificate, at, kind, message) VALUES (?, ?, ?, ?, ?)",
            (str(uuid.uuid4()), certificate, now, kind, message[:2000]),
        )
        tx.execute(
            "DELETE FROM history WHERE certificate = ? AND id NOT IN"
            " (SELECT id FROM history WHERE certificate = ? ORDER BY at DESC LIMIT ?)",
            (certificate, certificate, KEEP),
        )

    @reads
    def is_empty(self, tx: Transaction) -> bool:
        """Tell whether nothing has ever happened to any certificate."""
        return not tx.query("SELECT 1 FROM history LIMIT 1")

    @reads
    def of(self, tx: Transaction, certificate: str) -> list[HistoryEntry]:
        """Return a certificate's entries, oldest first."""
        rows = tx.query(
            "SELECT certificate, at, kind, message FROM history WHERE certificate = ? ORDER BY at",
            (certificate,),
        )
        return [record(HistoryEntry, row) for row in rows]

    @reads
    def latest(self, tx: Transaction, most: int) -> list[HistoryEntry]:
        """Return the newest entries of all certificates, the newest first."""
        rows = tx.query(
            "SELECT certificate, at, kind, message FROM history ORDER BY at DESC LIMIT ?", (most,)
        )
        return [record(HistoryEntry, row) for row in rows]
