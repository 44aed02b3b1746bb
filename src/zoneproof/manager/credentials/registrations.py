"""Registrations at challenge services, kept in the state database with their keys sealed."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import ClassVar

from zoneproof.core import times
from zoneproof.core.names import DomainName
from zoneproof.providers import Registration
from zoneproof.storage import Row, Store, Stored, Transaction, reads, writes
from zoneproof.vault import SealedColumn, Vault, naming

_PASSWORD = SealedColumn("registrations", "password", "the registration of", "domain")
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


class StoredRegistrations(Stored):
    """The RegistrationStore of the manager."""

    sealed: ClassVar = (_PASSWORD,)

    def __init__(self, store: Store, vault: Vault) -> None:
        super().__init__(store)
        self._vault = vault

    @reads
    def all(self, tx: Transaction) -> list[tuple[DomainName, Registration]]:
        """Return all, each with its domain, sorted by domain. Raises VaultError."""
        rows = tx.query(_ALL)
        return [(DomainName(str(row[6])), self._registration(row[:6])) for row in rows]

    @reads
    def without_passwords(self, tx: Transaction) -> list[tuple[DomainName, Registration]]:
        """Return what :meth:`all` does with empty passwords, which opens no secret."""
        return [
            (DomainName(str(row[6])), _registration(map(str, row[:5]), ""))
            for row in tx.query(_ALL)
        ]

    @reads
    def get(self, tx: Transaction, server: str, domain: DomainName) -> Registration | None:
        """Return the registration of a domain, or None."""
        return self._find(tx, _BY_DOMAIN, server, domain)

    @reads
    def find(self, tx: Transaction, server: str, fulldomain: DomainName) -> Registration | None:
        """Return the registration whose values stand at ``fulldomain``, or None."""
        return self._find(tx, _BY_FULLDOMAIN, server, fulldomain)

    def _find(
        self, tx: Transaction, sql: str, server: str, name: DomainName
    ) -> Registration | None:
        rows = tx.query(sql, (server, name.text))
        return self._registration(rows[0]) if rows else None

    def _registration(self, row: Row) -> Registration:
        *place, sealed = map(str, row)
        key, _, fulldomain = place[:3]
        way_out = (
            "'zoneproof registration remove' and 'registration add' make another for the domain,"
            " which needs another CNAME"
        )
        with naming(f"the password of the registration {fulldomain}", way_out):
            password = self._vault.open(sealed, _PASSWORD.context(key)).decode()
        return _registration(place, password)

    @reads
    def domains(self, tx: Transaction) -> list[DomainName]:
        """Return every domain that has a registration at any service, sorted."""
        rows = tx.query("SELECT DISTINCT domain FROM registrations")
        return sorted(DomainName(str(row[0])) for row in rows)

    @writes
    def put(self, tx: Transaction, domain: DomainName, registration: Registration) -> Registration:
        """Keep the registration unless one already exists; return the one that is kept."""
        key = str(uuid.uuid4())
        tx.execute(
            _INSERT,
            (
                key,
                registration.server,
                registration.fulldomain.text,
                registration.subdomain,
                registration.username,
                self._vault.seal(registration.password.encode(), _PASSWORD.context(key)),
                domain.text,
                times.stamp(datetime.now(UTC), "seconds"),
            ),
        )
        kept = self.get.within(tx, registration.server, domain)
        assert kept is not None
        return kept

    @writes
    def remove(self, tx: Transaction, server: str, domain: DomainName) -> None:
        """Forget the registration of a domain; the service keeps it."""
        tx.execute(
            "DELETE FROM registrations WHERE server = ? AND domain = ?", (server, domain.text)
        )


def _registration(place: Iterable[str], password: str) -> Registration:
    _, server, fulldomain, subdomain, username = place
    return Registration(server, DomainName(fulldomain), subdomain, username, password)
