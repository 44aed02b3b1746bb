"""ACME accounts of any CA under names, their keys sealed in the state database."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import msgspec

from zoneproof.acme import KNOWN, AccountKey, CertificateAuthority, find_ca
from zoneproof.core import times
from zoneproof.core.errors import InvalidInputError, NotFoundError
from zoneproof.manager.accounts.account import AccountReach, AccountTerms, SealedKey, StoredAccount
from zoneproof.storage import Row, Store, Stored, Transaction, Value, among, parsed, reads, writes
from zoneproof.vault import SealedColumn, Vault

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_COLUMNS = """
id, name, directory_url, account_url, private_key, next_key, contact, ca_bundle, allow_http,
created_at
"""
_REACH = "name, directory_url, account_url, ca_bundle, allow_http"
_KEY = SealedColumn("accounts", "private_key", "the key of the account")
_NEXT_KEY = SealedColumn("accounts", "next_key", "the next key of the account")
_INSERT = """
INSERT INTO accounts (id, name, directory_url, account_url, private_key, next_key, contact,
                      ca_bundle, allow_http, created_at)
VALUES (?, ?, ?, ?, ?, NULL, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING
"""


class Accounts(Stored):
    """The stored accounts. Every method raises StorageError and VaultError."""

    sealed: ClassVar = (_KEY, _NEXT_KEY)

    def __init__(self, store: Store, vault: Vault) -> None:
        super().__init__(store)
        self._vault = vault

    @reads
    def all(self, tx: Transaction) -> list[StoredAccount]:
        """Return all, sorted by name."""
        return self._select(tx, "ORDER BY name")

    @reads
    def names(self, tx: Transaction) -> list[str]:
        """Return the names of all, sorted, which takes no secret."""
        return [str(row[0]) for row in tx.query("SELECT name FROM accounts ORDER BY name")]

    @reads
    def find(self, tx: Transaction, text: str) -> StoredAccount | None:
        """Return the account of that name, or the one named after the CA that ``text`` means.

        Raises InvalidInputError if the text is neither an account's name nor a CA.
        """
        return self.named.within(tx, self._meant(tx, text))

    @reads
    def reach(self, tx: Transaction, text: str) -> AccountReach | None:
        """Return what is no secret of the account that :meth:`find` returns. Raises as that."""
        name = self._meant(tx, text)
        rows = tx.query(f"SELECT {_REACH} FROM accounts WHERE name = ?", (name,))  # noqa: S608  constant
        return _reach(rows[0]) if rows else None

    @reads
    def reaches(self, tx: Transaction) -> list[AccountReach]:
        """Return what is no secret of all accounts, sorted by name."""
        return [_reach(row) for row in tx.query(f"SELECT {_REACH} FROM accounts ORDER BY name")]  # noqa: S608  constant

    def _meant(self, tx: Transaction, text: str) -> str:
        """Return the name of the account that is meant, be it there or not."""
        if text in self.names.within(tx):
            return text
        try:
            return find_ca(text).name
        except InvalidInputError as error:
            raise NotFoundError(
                f"there is no account '{text[:100]}', and {error.message}"
            ) from error

    @reads
    def revisions(self, tx: Transaction, names: Collection[str] | None = None) -> dict[str, str]:
        """Return a text for each of that name, or for all, that every change makes another one.

        No secret is opened, so a new key alone is not a change.
        """
        rest, parameters = among(names)
        columns = "name, id, directory_url, account_url, contact, ca_bundle, allow_http"
        rows = tx.query(f"SELECT {columns} FROM accounts {rest}", parameters)  # noqa: S608  constant
        return {str(name): " ".join(map(str, facts)) for name, *facts in rows}

    @reads
    def named(self, tx: Transaction, name: str) -> StoredAccount | None:
        """Return the account of exactly that name, or None."""
        found = self._select(tx, "WHERE name = ?", name)
        return found[0] if found else None

    @reads
    def get(self, tx: Transaction, text: str) -> StoredAccount:
        """Return what :meth:`find` does. Raises InvalidInputError if there is none."""
        found = self.find.within(tx, text)
        if found is None:
            raise NotFoundError(
                f"there is no account '{text[:100]}' yet: 'zoneproof account register --ca"
                f" {text[:100]}' makes one"
            )
        return found

    async def get_or_create(self, text: str, terms: AccountTerms) -> StoredAccount:
        """Return the account of that name or CA; a new one has a key and no URL yet.

        The key is stored before the CA hears of it, so that no account is ever lost. How the CA is
        reached by the terms is stored, too, unless the account is registered: then that waits until
        the CA has answered (:meth:`set_reach`).
        """
        found = await self.find(text)
        if found is None:
            ca = find_ca(text)
            await self.add(new_account(ca.name, ca.directory_url, terms))
            found = await self.get(text)
        reached = found.reached_by(terms)
        if reached != found and not found.account_url:
            await self.set_reach(reached)
        return reached

    @writes
    def set_reach(self, tx: Transaction, account: StoredAccount) -> None:
        """Remember how the account's CA is reached."""
        tx.execute(
            "UPDATE accounts SET ca_bundle = ?, allow_http = ? WHERE id = ?",
            (str(account.ca_bundle or ""), int(account.allow_http), account.id),
        )

    @writes
    def add(self, tx: Transaction, account: StoredAccount) -> bool:
        """Store a new account; tells whether it was added, which a taken name prevents."""
        values = (
            account.id,
            account.name,
            account.directory_url,
            account.account_url,
            self._sealed(account.id, _KEY, account.key),
            json.dumps(list(account.contact)),
            str(account.ca_bundle or ""),
            int(account.allow_http),
            times.stamp(datetime.now(UTC), "seconds"),
        )
        return tx.execute(_INSERT, values) == 1

    @writes
    def confirm(self, tx: Transaction, account: StoredAccount, account_url: str) -> None:
        """Remember the URL that the CA gave the account."""
        tx.execute("UPDATE accounts SET account_url = ? WHERE id = ?", (account_url, account.id))

    @writes
    def set_contact(self, tx: Transaction, account: StoredAccount, contact: Sequence[str]) -> None:
        """Remember the account's contacts."""
        text = json.dumps(list(contact))
        tx.execute("UPDATE accounts SET contact = ? WHERE id = ?", (text, account.id))

    @writes
    def keep_next_key(self, tx: Transaction, account: StoredAccount, key: AccountKey) -> None:
        """Keep the key that a rollover is about to bring in."""
        tx.execute(
            "UPDATE accounts SET next_key = ? WHERE id = ?",
            (self._sealed(account.id, _NEXT_KEY, key), account.id),
        )

    @writes
    def end_rollover(
        self, tx: Transaction, account: StoredAccount, key: AccountKey
    ) -> StoredAccount:
        """Make ``key``, the old or the new one, the account's only key; return it as it is then.

        Nothing is changed if another process has ended this rollover already.
        """
        rows = tx.query("SELECT next_key FROM accounts WHERE id = ?", (account.id,))
        pending = self._next_key(account.id, account.name, rows[0][0]) if rows else None
        known = account.next_key
        if pending and known and pending.open().thumbprint == known.thumbprint:
            tx.execute(
                "UPDATE accounts SET private_key = ?, next_key = NULL WHERE id = ?",
                (self._sealed(account.id, _KEY, key), account.id),
            )
        return self.get.within(tx, account.name)

    @writes
    def remove(self, tx: Transaction, account: StoredAccount) -> None:
        """Forget the account and its key."""
        tx.execute("DELETE FROM accounts WHERE id = ?", (account.id,))

    def _select(self, tx: Transaction, rest: str, *parameters: str) -> list[StoredAccount]:
        sql = f"SELECT {_COLUMNS} FROM accounts {rest}"  # noqa: S608  constant texts only
        return [self._account(row) for row in tx.query(sql, parameters)]

    def _account(self, row: Row) -> StoredAccount:
        key, name, directory_url, account_url, sealed, _, contact, bundle, _, created_at = map(
            str, row
        )
        return StoredAccount(
            id=key,
            name=name,
            directory_url=directory_url,
            account_url=account_url,
            kept_key=SealedKey(name, sealed, _KEY.context(key), self._vault),
            contact=parsed(contact, _texts, ()),
            kept_next_key=self._next_key(key, name, row[5]),
            ca_bundle=Path(bundle) if bundle else None,
            allow_http=bool(row[8]),
            created_at=created_at,
        )

    def _sealed(self, account_id: str, column: SealedColumn, key: AccountKey) -> str:
        return self._vault.seal(key.to_pem(), column.context(account_id))

    def _next_key(self, account_id: str, name: str, sealed: Value) -> SealedKey | None:
        context = _NEXT_KEY.context(account_id)
        return SealedKey(name, str(sealed), context, self._vault) if sealed else None


def _reach(row: Row) -> AccountReach:
    name, directory_url, account_url, bundle, allow_http = row
    return AccountReach(
        str(name),
        str(directory_url),
        str(account_url),
        Path(str(bundle)) if bundle else None,
        bool(allow_http),
    )


def _texts(text: str) -> tuple[str, ...]:
    texts: tuple[str, ...] = msgspec.json.decode(text, type=tuple[str, ...])
    return texts


def check_account_name(name: str, ca: CertificateAuthority) -> str:
    """Return the name if an account at the CA can have it. Raises InvalidInputError."""
    if name == ca.name or (_NAME.fullmatch(name) and name.lower() not in KNOWN):
        return name
    raise InvalidInputError(
        f"'{name[:80]}' is not a valid account name at {ca.title}: use letters, digits, '.', '-' "
        "and"
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
        kept_key=key or AccountKey.generate(terms.key_kind),
        contact=(f"mailto:{terms.email}",) if terms.email else (),
        ca_bundle=terms.ca_bundle.absolute() if terms.ca_bundle else None,
        allow_http=terms.allow_http,
    )
