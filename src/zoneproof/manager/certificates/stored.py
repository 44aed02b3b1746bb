"""The managed certificates of a home, in the state database."""

from __future__ import annotations

import contextlib
import difflib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, TypeVar

import msgspec

from zoneproof.errors import InvalidInputError, InvalidNameError, StorageError
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.names import Identifier
from zoneproof.storage import Row, Store, Transaction
from zoneproof.vault import SealedColumn, Vault

S = TypeVar("S", bound=msgspec.Struct)
_PASSWORD = SealedColumn("certificates", "pkcs12_password")
_COLUMNS = "id, name, definition, state"
_SAVE = """
INSERT INTO certificates (id, name, definition, pkcs12_password, state, created_at)
VALUES (?, ?, ?, NULL, '{}', ?)
ON CONFLICT (name) DO UPDATE SET definition = excluded.definition
"""


@dataclass(frozen=True)
class ManagedCertificate:
    """A definition as it is stored; ``state`` is JSON, for ``certificates.state`` to read."""

    id: str
    definition: CertificateDefinition
    state: bytes

    @property
    def name(self) -> str:
        """The certificate's name."""
        return self.definition.name


class Certificates:
    """The stored definitions. Every method raises StorageError."""

    sealed: ClassVar = (_PASSWORD,)

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def all(self) -> list[ManagedCertificate]:
        """Return all, sorted by name."""
        return await self._select("ORDER BY name")

    async def find(self, name: str) -> ManagedCertificate | None:
        """Return the one of that name, or None."""
        found = await self._select("WHERE name = ?", name)
        return found[0] if found else None

    async def find_meant(self, text: str) -> ManagedCertificate | None:
        """Return the one of that name, or of the domain name that the text is, or None.

        ``Example.COM.`` and ``münchen.example`` mean ``example.com`` and
        ``xn--mnchen-3ya.example``.
        """
        found = await self.find(text)
        if found is None:
            with contextlib.suppress(InvalidNameError):
                found = await self.find(Identifier.parse(text).value)
        return found

    async def get(self, name: str) -> ManagedCertificate:
        """Return the one that is meant. Raises InvalidInputError, with the nearest name."""
        found = await self.find_meant(name)
        if found is None:
            names = [certificate.name for certificate in await self.all()]
            near = difflib.get_close_matches(name, names, n=1)
            advice = f"did you mean '{near[0]}'?" if near else "'zoneproof list' shows all"
            raise InvalidInputError(f"there is no managed certificate '{name[:80]}': {advice}")
        return found

    async def _select(self, rest: str, *parameters: str) -> list[ManagedCertificate]:
        sql = f"SELECT {_COLUMNS} FROM certificates {rest}"  # noqa: S608  constant texts only
        rows = await self._store.read(lambda transaction: transaction.query(sql, parameters))
        return [_certificate(row) for row in rows]

    async def save(self, definition: CertificateDefinition) -> None:
        """Store a definition under its name, in place of an older one; its state stays."""
        text = msgspec.json.encode(definition).decode()
        now = datetime.now(UTC).isoformat(timespec="seconds")
        await self._store.write(
            lambda transaction: transaction.execute(
                _SAVE, (str(uuid.uuid4()), definition.name, text, now)
            )
        )

    async def remove(self, name: str) -> None:
        """Forget the definition and the state; the history stays."""
        await self._store.write(
            lambda transaction: transaction.execute(
                "DELETE FROM certificates WHERE name = ?", (name,)
            )
        )

    async def change_state(self, name: str, form: type[S], change: Callable[[S], S]) -> tuple[S, S]:
        """Replace the state by what ``change`` makes of it, in one transaction; return both.

        A certificate that is not stored has an empty state, and none is kept.
        """

        def work(transaction: Transaction) -> tuple[S, S]:
            rows = transaction.query("SELECT state FROM certificates WHERE name = ?", (name,))
            before = msgspec.json.decode(str(rows[0][0]) if rows else "{}", type=form)
            after = change(before)
            transaction.execute(
                "UPDATE certificates SET state = ? WHERE name = ?",
                (msgspec.json.encode(after).decode(), name),
            )
            return before, after

        return await self._store.write(work)

    async def set_pkcs12_password(self, name: str, password: str) -> None:
        """Keep the password for the PKCS #12 file, sealed."""
        certificate = await self.get(name)

        def work(transaction: Transaction) -> None:
            sealed = self._vault.seal_text(password.encode(), _PASSWORD.context(certificate.id))
            transaction.execute(
                "UPDATE certificates SET pkcs12_password = ? WHERE id = ?", (sealed, certificate.id)
            )

        await self._store.write(work)

    async def pkcs12_password(self, name: str) -> bytes:
        """Return the password for the PKCS #12 file; empty for none."""
        rows = await self._store.read(
            lambda transaction: transaction.query(
                "SELECT id, pkcs12_password FROM certificates WHERE name = ?", (name,)
            )
        )
        if not rows or rows[0][1] is None:
            return b""
        key, sealed = map(str, rows[0])
        return self._vault.open_text(sealed, _PASSWORD.context(key))


def _certificate(row: Row) -> ManagedCertificate:
    key, name, definition, state = map(str, row)
    try:
        parsed = msgspec.json.decode(definition, type=CertificateDefinition)
    except msgspec.MsgspecError as error:
        raise StorageError(
            f"the stored definition of {name} cannot be read ({error}): a newer Zoneproof may have"
            " written it; update Zoneproof, or restore the state database from a backup"
        ) from error
    return ManagedCertificate(key, parsed, state.encode())
