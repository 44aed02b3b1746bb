"""Registrations at challenge services, kept in the state database with their keys sealed."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import ClassVar

from zoneproof.core.names import DomainName
from zoneproof.providers import Registration
from zoneproof.storage import Row, Store, Transaction
from zoneproof.vault import SealedColumn, Vault

_PASSWORD = SealedColumn("registrations", "password")
_BY_DOMAIN = """
SELECT id, server, fulldomain, subdomain, username, password
FROM registrations WHERE server = ? AND domain = ?
"""
_BY_FULLDOMAIN = """
SELECT id, server, fulldomain, subdomain, username, password
FROM registrations WHERE server = ? AND fulldomain = ? ORDER BY created_at LIMIT 1
"""
_ALL = """
SELECT id, server, fulldomain, subdomain, username, password, domain
FROM registrations ORDER BY domain, server
"""
_INSERT = """
INSERT INTO registrations
    (id, server, fulldomain, subdomain, username, password, domain, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (server, domain) DO NOTHING
"""


class StoredRegistrations:
    """The RegistrationStore of the manager."""

    sealed: ClassVar = (_PASSWORD,)

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def all(self) -> list[tuple[DomainName, Registration]]:
        """Return all, each with its domain, sorted by domain. Raises VaultError."""
        rows = await self._store.read(lambda transaction: transaction.query(_ALL))
        return [(DomainName(str(row[6])), self._registration(row[:6])) for row in rows]

    async def get(self, server: str, domain: DomainName) -> Registration | None:
        """Return the registration of a domain, or None."""
        return await self._find(_BY_DOMAIN, server, domain)

    async def find(self, server: str, fulldomain: DomainName) -> Registration | None:
        """Return the registration whose values stand at ``fulldomain``, or None."""
        return await self._find(_BY_FULLDOMAIN, server, fulldomain)

    async def _find(self, sql: str, server: str, name: DomainName) -> Registration | None:
        rows = await self._store.read(
            lambda transaction: transaction.query(sql, (server, name.text))
        )
        return self._registration(rows[0]) if rows else None

    def _registration(self, row: Row) -> Registration:
        key, server, fulldomain, subdomain, username, sealed = map(str, row)
        password = self._vault.open_text(sealed, _PASSWORD.context(key)).decode()
        return Registration(server, DomainName(fulldomain), subdomain, username, password)

    async def domains(self) -> list[DomainName]:
        """Return every domain that has a registration at any service, sorted."""
        rows = await self._store.read(
            lambda transaction: transaction.query("SELECT DISTINCT domain FROM registrations")
        )
        return sorted(DomainName(str(row[0])) for row in rows)

    async def put(self, domain: DomainName, registration: Registration) -> Registration:
        """Keep the registration unless one is there already; return the one that is kept."""
        key = str(uuid.uuid4())
        now = datetime.now(UTC).isoformat(timespec="seconds")

        def insert(transaction: Transaction) -> None:
            sealed = self._vault.seal_text(registration.password.encode(), _PASSWORD.context(key))
            transaction.execute(
                _INSERT,
                (
                    key,
                    registration.server,
                    registration.fulldomain.text,
                    registration.subdomain,
                    registration.username,
                    sealed,
                    domain.text,
                    now,
                ),
            )

        await self._store.write(insert)
        kept = await self.get(registration.server, domain)
        assert kept is not None
        return kept

    async def remove(self, server: str, domain: DomainName) -> None:
        """Forget the registration of a domain; the service keeps it."""
        await self._store.write(
            lambda transaction: transaction.execute(
                "DELETE FROM registrations WHERE server = ? AND domain = ?", (server, domain.text)
            )
        )
