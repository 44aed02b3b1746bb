"""ACME accounts of any CA under names, their keys sealed in the state database."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from zoneproof.acme import (
    KNOWN,
    AccountKey,
    AcmeClient,
    CertificateAuthority,
    ExternalAccountBinding,
    KeyKind,
    find_ca,
)
from zoneproof.core import times
from zoneproof.core.errors import InvalidInputError
from zoneproof.storage import Row, Store, Transaction, Value, among
from zoneproof.vault import SealedColumn, Vault

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_COLUMNS = """
id, name, directory_url, account_url, private_key, next_key, contact, ca_bundle, allow_http,
created_at
"""
_REACH = "name, directory_url, account_url, ca_bundle, allow_http"
_KEY = SealedColumn("accounts", "private_key")
_NEXT_KEY = SealedColumn("accounts", "next_key")
_INSERT = """
INSERT INTO accounts (id, name, directory_url, account_url, private_key, next_key, contact,
                      ca_bundle, allow_http, created_at)
VALUES (?, ?, ?, ?, ?, NULL, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING
"""


class AccountFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What may be shown of an account. ``ca`` is the CA's short name, or its directory URL."""

    name: str
    ca: str
    directory_url: str
    account_url: str
    registered: bool
    contact: tuple[str, ...]
    key_type: str
    rollover_pending: bool
    ca_bundle: str
    created_at: str

    def as_fields(self) -> dict[str, Any]:
        """Return the facts by name."""
        return msgspec.structs.asdict(self)

    def rows(self) -> dict[str, str]:
        """Return what people are told of it, by what each is."""
        rows = {
            "CA": self.ca,
            "directory": self.directory_url if self.ca != self.directory_url else "",
            "account URL": self.account_url or "not registered",
            "contact": self.contact_text,
            "key": self.key_type,
            "rollover": "was cut off; its next use continues it" if self.rollover_pending else "",
            "CA bundle": self.ca_bundle,
            "stored": times.at(self.created_at),
        }
        return {name: text for name, text in rows.items() if text}

    @property
    def contact_text(self) -> str:
        """The mail addresses, or other URLs, that the CA has."""
        return ", ".join(text.removeprefix("mailto:") for text in self.contact)


@dataclass(frozen=True)
class StoredAccount:
    """An account key, and its URL at the CA (empty until the CA has confirmed it).

    ``next_key`` is there while a rollover may have been done. ``ca_bundle`` are the only roots to
    trust for the CA, ``allow_http`` lets a CA without TLS on this machine through.
    """

    id: str
    name: str
    directory_url: str
    account_url: str
    key: AccountKey
    contact: tuple[str, ...] = ()
    next_key: AccountKey | None = None
    ca_bundle: Path | None = None
    allow_http: bool = False
    created_at: str = ""

    @property
    def facts(self) -> AccountFacts:
        """What may be shown of it: everything but the keys."""
        return AccountFacts(
            name=self.name,
            ca=find_ca(self.directory_url).name,
            directory_url=self.directory_url,
            account_url=self.account_url,
            registered=bool(self.account_url),
            contact=self.contact,
            key_type=self.key.algorithm.lower(),
            rollover_pending=self.next_key is not None,
            ca_bundle=str(self.ca_bundle or ""),
            created_at=self.created_at,
        )

    def client(self, key: AccountKey | None = None) -> AcmeClient:
        """Return a client for the account's CA and a key of it; the account is not in use yet."""
        return AcmeClient(
            self.directory_url,
            key or self.key,
            ca_bundle=self.ca_bundle,
            allow_http=self.allow_http,
        )


@dataclass(frozen=True)
class AccountReach:
    """Where an account is and how its CA is reached: what takes no secret to know.

    ``account_url`` is empty until the CA has confirmed the account.
    """

    name: str
    directory_url: str
    account_url: str
    ca_bundle: Path | None
    allow_http: bool


@dataclass(frozen=True)
class AccountTerms:
    """What a new account needs from a person, and how to reach its CA.

    ``ca_bundle`` and ``allow_http`` also change an account that is there, if they are given.
    """

    email: str = ""
    agree_to_terms: bool = False
    eab: ExternalAccountBinding | None = None
    key_kind: KeyKind = "ES256"
    ca_bundle: Path | None = None
    allow_http: bool = False


class Accounts:
    """The stored accounts. Every method raises StorageError and VaultError."""

    sealed: ClassVar = (_KEY, _NEXT_KEY)

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def all(self) -> list[StoredAccount]:
        """Return all, sorted by name."""
        return await self._select("ORDER BY name")

    async def names(self) -> list[str]:
        """Return the names of all, sorted, which takes no secret."""
        sql = "SELECT name FROM accounts ORDER BY name"
        rows = await self._store.read(lambda transaction: transaction.query(sql))
        return [str(row[0]) for row in rows]

    async def find(self, text: str) -> StoredAccount | None:
        """Return the account of that name, or the one named after the CA that ``text`` means.

        Raises InvalidInputError if the text is neither an account's name nor a CA.
        """
        return await self.named(await self._meant(text))

    async def reach(self, text: str) -> AccountReach | None:
        """Return what is no secret of the account that :meth:`find` returns. Raises as that."""
        name = await self._meant(text)
        sql = f"SELECT {_REACH} FROM accounts WHERE name = ?"  # noqa: S608  constant texts only
        rows = await self._store.read(lambda transaction: transaction.query(sql, (name,)))
        if not rows:
            return None
        _, directory_url, account_url, bundle, allow_http = rows[0]
        return AccountReach(
            name,
            str(directory_url),
            str(account_url),
            Path(str(bundle)) if bundle else None,
            bool(allow_http),
        )

    async def _meant(self, text: str) -> str:
        """Return the name of the account that is meant, be it there or not."""
        if text in await self.names():
            return text
        try:
            return find_ca(text).name
        except InvalidInputError as error:
            raise InvalidInputError(
                f"there is no account '{text[:100]}', and {error.message}"
            ) from error

    async def revisions(self, names: Collection[str] | None = None) -> dict[str, str]:
        """Return a text for each of that name, or for all, that every change makes another one.

        No secret is opened, so a new key alone is no change.
        """
        rest, parameters = among(names)
        columns = "name, id, directory_url, account_url, contact, ca_bundle, allow_http"
        sql = f"SELECT {columns} FROM accounts {rest}"  # noqa: S608  constant texts only
        rows = await self._store.read(lambda transaction: transaction.query(sql, parameters))
        return {str(name): " ".join(map(str, facts)) for name, *facts in rows}

    async def named(self, name: str) -> StoredAccount | None:
        """Return the account of exactly that name, or None."""
        found = await self._select("WHERE name = ?", name)
        return found[0] if found else None

    async def get(self, text: str) -> StoredAccount:
        """Return what :meth:`find` does. Raises InvalidInputError if there is none."""
        found = await self.find(text)
        if found is None:
            raise InvalidInputError(
                f"there is no account '{text[:100]}' yet: 'zoneproof account register --ca"
                f" {text[:100]}' makes one"
            )
        return found

    async def get_or_create(self, text: str, terms: AccountTerms) -> StoredAccount:
        """Return the account of that name or CA; a new one has a key and no URL yet.

        The key is stored before the CA hears of it, so that no account is ever lost.
        """
        found = await self.find(text)
        if found is None:
            ca = find_ca(text)
            await self.add(new_account(ca.name, ca.directory_url, terms))
            found = await self.get(text)
        bundle = terms.ca_bundle.absolute() if terms.ca_bundle else found.ca_bundle
        reached = replace(found, ca_bundle=bundle, allow_http=found.allow_http or terms.allow_http)
        if reached != found:
            await self._store.write(
                lambda transaction: transaction.execute(
                    "UPDATE accounts SET ca_bundle = ?, allow_http = ? WHERE id = ?",
                    (str(bundle or ""), int(reached.allow_http), found.id),
                )
            )
        return reached

    async def add(self, account: StoredAccount) -> bool:
        """Store a new account; tells whether it was added, which a taken name prevents."""

        def work(transaction: Transaction) -> int:
            values = (
                account.id,
                account.name,
                account.directory_url,
                account.account_url,
                self._sealed(account.id, _KEY, account.key),
                json.dumps(list(account.contact)),
                str(account.ca_bundle or ""),
                int(account.allow_http),
                datetime.now(UTC).isoformat(timespec="seconds"),
            )
            return transaction.execute(_INSERT, values)

        return await self._store.write(work) == 1

    async def confirm(self, account: StoredAccount, account_url: str) -> None:
        """Remember the URL that the CA gave the account."""
        await self._set(account, "account_url", account_url)

    async def set_contact(self, account: StoredAccount, contact: Sequence[str]) -> None:
        """Remember the account's contacts."""
        await self._set(account, "contact", json.dumps(list(contact)))

    async def keep_next_key(self, account: StoredAccount, key: AccountKey) -> None:
        """Keep the key that a rollover is about to bring in."""
        await self._store.write(
            lambda transaction: transaction.execute(
                "UPDATE accounts SET next_key = ? WHERE id = ?",
                (self._sealed(account.id, _NEXT_KEY, key), account.id),
            )
        )

    async def end_rollover(self, account: StoredAccount, key: AccountKey) -> StoredAccount:
        """Make ``key``, the old or the new one, the account's only key; return it as it is then.

        Nothing is changed if another process has ended this rollover already.
        """

        def work(transaction: Transaction) -> None:
            rows = transaction.query("SELECT next_key FROM accounts WHERE id = ?", (account.id,))
            pending = self._next_key(account.id, rows[0][0]) if rows else None
            if pending and account.next_key and pending.thumbprint == account.next_key.thumbprint:
                transaction.execute(
                    "UPDATE accounts SET private_key = ?, next_key = NULL WHERE id = ?",
                    (self._sealed(account.id, _KEY, key), account.id),
                )

        await self._store.write(work)
        return await self.get(account.name)

    async def remove(self, account: StoredAccount) -> None:
        """Forget the account and its key."""
        await self._store.write(
            lambda transaction: transaction.execute(
                "DELETE FROM accounts WHERE id = ?", (account.id,)
            )
        )

    async def _set(self, account: StoredAccount, column: str, value: str) -> None:
        sql = f"UPDATE accounts SET {column} = ? WHERE id = ?"  # noqa: S608  our own columns
        await self._store.write(lambda transaction: transaction.execute(sql, (value, account.id)))

    async def _select(self, rest: str, *parameters: str) -> list[StoredAccount]:
        sql = f"SELECT {_COLUMNS} FROM accounts {rest}"  # noqa: S608  constant texts only
        rows = await self._store.read(lambda transaction: transaction.query(sql, parameters))
        return [self._account(row) for row in rows]

    def _account(self, row: Row) -> StoredAccount:
        key, name, directory_url, account_url, sealed, _, contact, bundle, _, created_at = map(
            str, row
        )
        return StoredAccount(
            id=key,
            name=name,
            directory_url=directory_url,
            account_url=account_url,
            key=self._opened(key, _KEY, sealed),
            contact=tuple(json.loads(contact)),
            next_key=self._next_key(key, row[5]),
            ca_bundle=Path(bundle) if bundle else None,
            allow_http=bool(row[8]),
            created_at=created_at,
        )

    def _sealed(self, account_id: str, column: SealedColumn, key: AccountKey) -> str:
        return self._vault.seal_text(key.to_pem(), column.context(account_id))

    def _next_key(self, account_id: str, sealed: Value) -> AccountKey | None:
        return self._opened(account_id, _NEXT_KEY, str(sealed)) if sealed else None

    def _opened(self, account_id: str, column: SealedColumn, sealed: str) -> AccountKey:
        pem = self._vault.open_text(sealed, column.context(account_id))
        return AccountKey.from_pem(pem)


def check_account_name(name: str, ca: CertificateAuthority) -> str:
    """Return the name if an account at the CA can have it. Raises InvalidInputError."""
    if name == ca.name or (_NAME.fullmatch(name) and name.lower() not in KNOWN):
        return name
    raise InvalidInputError(
        f"'{name[:80]}' cannot name an account at {ca.title}: use letters, digits, '.', '-' and"
        " '_', and no other CA's name"
    )


def new_account(
    name: str, directory_url: str, terms: AccountTerms, key: AccountKey | None = None
) -> StoredAccount:
    """Return an account, by default with a fresh key, which is neither stored nor registered."""
    return StoredAccount(
        id=str(uuid.uuid4()),
        name=name,
        directory_url=directory_url,
        account_url="",
        key=key or AccountKey.generate(terms.key_kind),
        contact=(f"mailto:{terms.email}",) if terms.email else (),
        ca_bundle=terms.ca_bundle.absolute() if terms.ca_bundle else None,
        allow_http=terms.allow_http,
    )
