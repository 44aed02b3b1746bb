"""The managed certificates of a home, and what happened to them, in the state database."""

from __future__ import annotations

import contextlib
import difflib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, TypeVar

import msgspec

from zoneproof.core.errors import InvalidInputError, InvalidNameError, StorageError
from zoneproof.core.names import Identifier
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.storage import Row, Store, Transaction
from zoneproof.vault import SealedColumn, Vault

S = TypeVar("S", bound=msgspec.Struct)
_PASSWORD = SealedColumn("certificates", "pkcs12_password")
_PENDING = SealedColumn("certificates", "pending")
_COLUMNS = "id, name, definition, state, pending IS NOT NULL"
_SAVE = """
INSERT INTO certificates (id, name, definition, pkcs12_password, state, created_at)
VALUES (?, ?, ?, NULL, '{}', ?)
ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, pending = NULL
"""


@dataclass(frozen=True)
class ManagedCertificate:
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


@dataclass(frozen=True)
class DamagedCertificate:
    """One whose stored definition cannot be read; ``error`` says why, and what to do."""

    name: str
    error: StorageError


class Certificates:
    """The stored definitions. Every method raises StorageError."""

    sealed: ClassVar = (_PASSWORD, _PENDING)

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def each(self) -> list[ManagedCertificate | DamagedCertificate]:
        """Return all, sorted by name, also those that cannot be read."""
        return await self._select("ORDER BY name")

    async def all(self) -> list[ManagedCertificate]:
        """Return all, sorted by name; one that cannot be read is an error."""
        return [_undamaged(one) for one in await self.each()]

    async def readable(self) -> list[ManagedCertificate]:
        """Return those that can be read, sorted by name."""
        return [one for one in await self.each() if isinstance(one, ManagedCertificate)]

    async def find_meant(self, text: str) -> ManagedCertificate | None:
        """Return the one of that name, or of the domain name that the text is, or None.

        ``Example.COM.`` and ``münchen.example`` mean ``example.com`` and
        ``xn--mnchen-3ya.example``.
        """
        found = await self._meant(text)
        return _undamaged(found) if found else None

    async def _meant(self, text: str) -> ManagedCertificate | DamagedCertificate | None:
        found = await self._select("WHERE name = ?", text)
        if not found:
            with contextlib.suppress(InvalidNameError):
                found = await self._select("WHERE name = ?", Identifier.parse(text).value)
        return found[0] if found else None

    async def look_up(self, name: str) -> ManagedCertificate | DamagedCertificate:
        """Return the one that is meant. Raises InvalidInputError, with the nearest name."""
        found = await self._meant(name)
        if found is None:
            names = [certificate.name for certificate in await self.each()]
            near = difflib.get_close_matches(name, names, n=1)
            advice = f"did you mean '{near[0]}'?" if near else "'zoneproof list' shows all"
            raise InvalidInputError(f"there is no managed certificate '{name[:80]}': {advice}")
        return found

    async def get(self, name: str) -> ManagedCertificate:
        """Return what :meth:`look_up` does; one that cannot be read is an error."""
        return _undamaged(await self.look_up(name))

    async def find(self, name: str) -> ManagedCertificate | None:
        """Return the one of that name, or None; one that cannot be read is an error."""
        found = await self._select("WHERE name = ?", name)
        return _undamaged(found[0]) if found else None

    async def _select(
        self, rest: str, *parameters: str
    ) -> list[ManagedCertificate | DamagedCertificate]:
        sql = f"SELECT {_COLUMNS} FROM certificates {rest}"  # noqa: S608  constant texts only
        rows = await self._store.read(lambda transaction: transaction.query(sql, parameters))
        return [_certificate(row) for row in rows]

    async def save(self, definition: CertificateDefinition) -> None:
        """Store a definition under its name, in place of an older one; its state stays.

        A pending change, which was one to the older definition, is dropped.
        """
        text = msgspec.json.encode(definition).decode()
        now = datetime.now(UTC).isoformat(timespec="seconds")
        await self._store.write(
            lambda transaction: transaction.execute(
                _SAVE, (str(uuid.uuid4()), definition.name, text, now)
            )
        )

    async def remove(self, name: str) -> bool:
        """Forget the definition and the state; the history stays. Tells whether it was there."""
        removed = await self._store.write(
            lambda transaction: transaction.execute(
                "DELETE FROM certificates WHERE name = ?", (name,)
            )
        )
        return removed == 1

    async def change_state(self, name: str, form: type[S], change: Callable[[S], S]) -> tuple[S, S]:
        """Replace the state by what ``change`` makes of it, in one transaction; return both.

        A certificate that is not stored has an empty state, and none is kept.
        """

        def work(transaction: Transaction) -> tuple[S, S]:
            rows = transaction.query("SELECT state FROM certificates WHERE name = ?", (name,))
            before = decode_state(name, str(rows[0][0]).encode() if rows else b"{}", form)
            after = change(before)
            transaction.execute(
                "UPDATE certificates SET state = ? WHERE name = ?",
                (msgspec.json.encode(after).decode(), name),
            )
            return before, after

        return await self._store.write(work)

    async def set_pkcs12_password(self, name: str, password: str) -> None:
        """Keep the password for the PKCS #12 file, sealed."""
        await self._seal(name, _PASSWORD, password.encode())

    async def pkcs12_password(self, name: str) -> bytes:
        """Return the password for the PKCS #12 file; empty for none."""
        return await self._opened(name, _PASSWORD)

    async def set_pending(self, name: str, change: bytes) -> None:
        """Keep a change of the definition, sealed, until an order has worked with it."""
        await self._seal(name, _PENDING, change)

    async def pending(self, name: str) -> bytes:
        """Return what :meth:`set_pending` was given; empty for nothing."""
        return await self._opened(name, _PENDING)

    async def _seal(self, name: str, column: SealedColumn, secret: bytes) -> None:
        certificate = await self.get(name)
        sql = f"UPDATE certificates SET {column.column} = ? WHERE id = ?"  # noqa: S608  our columns

        def work(transaction: Transaction) -> None:
            sealed = self._vault.seal_text(secret, column.context(certificate.id))
            transaction.execute(sql, (sealed, certificate.id))

        await self._store.write(work)

    async def _opened(self, name: str, column: SealedColumn) -> bytes:
        sql = f"SELECT id, {column.column} FROM certificates WHERE name = ?"  # noqa: S608  our columns
        rows = await self._store.read(lambda transaction: transaction.query(sql, (name,)))
        if not rows or rows[0][1] is None:
            return b""
        key, sealed = map(str, rows[0])
        return self._vault.open_text(sealed, column.context(key))


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


@dataclass(frozen=True)
class HistoryEntry:
    """``kind`` is one word such as ``issued``; ``at`` is ISO 8601 in UTC."""

    certificate: str
    at: str
    kind: str
    message: str


class History:
    """The stored entries. Every method raises StorageError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, certificate: str, kind: str, message: str) -> None:
        """Write down that something happened now; of more than 200 entries the oldest go."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")

        def work(transaction: Transaction) -> None:
            transaction.execute(
                "INSERT INTO history (id, certificate, at, kind, message) VALUES (?, ?, ?, ?, ?)",
                (str(uuid.uuid4()), certificate, now, kind, message[:2000]),
            )
            transaction.execute(
                "DELETE FROM history WHERE certificate = ? AND id NOT IN"
                " (SELECT id FROM history WHERE certificate = ? ORDER BY at DESC LIMIT ?)",
                (certificate, certificate, KEEP),
            )

        await self._store.write(work)

    async def of(self, certificate: str) -> list[HistoryEntry]:
        """Return a certificate's entries, oldest first."""
        rows = await self._store.read(
            lambda transaction: transaction.query(
                "SELECT certificate, at, kind, message FROM history"
                " WHERE certificate = ? ORDER BY at",
                (certificate,),
            )
        )
        return [HistoryEntry(*map(str, row)) for row in rows]
