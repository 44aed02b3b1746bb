"""Stored credentials: the fields that a provider needs, sealed, referred to by name."""

from __future__ import annotations

import difflib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from zoneproof.errors import InvalidInputError
from zoneproof.manager.settings import DnsSettings
from zoneproof.storage import Row, Store
from zoneproof.vault import Vault

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,100}")
_COLUMNS = "id, name, provider, fields, dns, created_at, changed_at"
_SAVE = """
INSERT INTO credentials (id, name, provider, fields, dns, created_at, changed_at)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET
  id = excluded.id, provider = excluded.provider, fields = excluded.fields, dns = excluded.dns,
  changed_at = excluded.changed_at
"""


@dataclass(frozen=True)
class Credential:
    """A provider's fields under a name, and how to wait for its DNS.

    Moments are ISO 8601 in UTC, empty before it is stored.
    """

    name: str
    provider: str
    fields: Mapping[str, str] = field(repr=False)
    dns: DnsSettings = field(default_factory=DnsSettings)
    created_at: str = ""
    changed_at: str = ""


def check_credential_name(name: str) -> str:
    """Return the name. Raises InvalidInputError."""
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            f"'{name[:80]}' cannot name a credential: use letters, digits, '.', '-' and '_'"
        )
    return name


class Credentials:
    """The stored credentials. Every method raises StorageError and VaultError."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def all(self) -> list[Credential]:
        """Return all, sorted by name."""
        return await self._select("ORDER BY name")

    async def find(self, name: str) -> Credential | None:
        """Return the one of that name, or None."""
        found = await self._select("WHERE name = ?", name)
        return found[0] if found else None

    async def get(self, name: str) -> Credential:
        """Return the one of that name. Raises InvalidInputError, with the nearest name."""
        found = await self.find(name)
        if found is None:
            near = difflib.get_close_matches(name, [one.name for one in await self.all()], n=1)
            advice = f"did you mean '{near[0]}'?" if near else "'zoneproof credential list' has all"
            raise InvalidInputError(f"there is no credential '{name[:80]}': {advice}")
        return found

    async def _select(self, rest: str, *parameters: str) -> list[Credential]:
        sql = f"SELECT {_COLUMNS} FROM credentials {rest}"  # noqa: S608  constant texts only
        rows = await self._store.read(lambda transaction: transaction.query(sql, parameters))
        return [self._credential(row) for row in rows]

    def _credential(self, row: Row) -> Credential:
        key, name, provider, sealed, dns, created_at, changed_at = map(str, row)
        fields = msgspec.json.decode(
            self._vault.open_text(sealed, _context(key)), type=dict[str, str]
        )
        settings = msgspec.json.decode(dns, type=DnsSettings)
        return Credential(name, provider, fields, settings, created_at, changed_at)

    async def save(self, credential: Credential) -> None:
        """Store the credential under its name, in place of an older one."""
        check_credential_name(credential.name)
        key = str(uuid.uuid4())
        sealed = self._vault.seal_text(msgspec.json.encode(dict(credential.fields)), _context(key))
        dns = msgspec.json.encode(credential.dns).decode()
        now = datetime.now(UTC).isoformat(timespec="seconds")
        await self._store.write(
            lambda transaction: transaction.execute(
                _SAVE, (key, credential.name, credential.provider, sealed, dns, now, now)
            )
        )

    async def remove(self, name: str) -> None:
        """Forget the credential. Whether certificates use it is for the caller to ask before."""
        await self._store.write(
            lambda transaction: transaction.execute(
                "DELETE FROM credentials WHERE name = ?", (name,)
            )
        )


def _context(key: str) -> str:
    return f"credentials|{key}|fields"
