"""ACME accounts: one for each CA, its key sealed in the state database."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from zoneproof.acme import AccountKey, AcmeClient, ExternalAccountBinding
from zoneproof.storage import Store, Transaction
from zoneproof.vault import Vault


@dataclass(frozen=True)
class StoredAccount:
    """An account key, and its URL at the CA (empty until the CA has confirmed it)."""

    id: str
    directory_url: str
    account_url: str
    key: AccountKey
    contact: tuple[str, ...]


@dataclass(frozen=True)
class AccountTerms:
    """What a new account needs from a person."""

    email: str = ""
    agree_to_terms: bool = False
    eab: ExternalAccountBinding | None = None


class Accounts:
    """The stored accounts."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def get_or_create(self, directory_url: str, contact: Sequence[str]) -> StoredAccount:
        """Return the account for the directory; a new one has a key and no URL yet.

        The key is stored before the CA hears of it, so that no account is ever lost.
        """
        new_id = str(uuid.uuid4())
        key = AccountKey.generate()
        sealed = self._vault.seal_text(key.to_pem(), f"accounts|{new_id}|private_key")
        now = datetime.now(UTC).isoformat(timespec="seconds")

        def insert(transaction: Transaction) -> None:
            transaction.execute(
                "INSERT INTO accounts"
                " (id, directory_url, account_url, private_key, contact, created_at)"
                " VALUES (?, ?, '', ?, ?, ?) ON CONFLICT (directory_url) DO NOTHING",
                (new_id, directory_url, sealed, json.dumps(list(contact)), now),
            )

        found = await self.get(directory_url)
        if found is None:
            await self._store.write(insert)
            found = await self.get(directory_url)
        assert found is not None
        return found

    async def get(self, directory_url: str) -> StoredAccount | None:
        """Return the account for the directory, if there is one."""
        rows = await self._store.read(
            lambda transaction: transaction.query(
                "SELECT id, account_url, private_key, contact FROM accounts"
                " WHERE directory_url = ?",
                (directory_url,),
            )
        )
        if not rows:
            return None
        account_id, account_url, sealed, contact = map(str, rows[0])
        pem = self._vault.open_text(sealed, f"accounts|{account_id}|private_key")
        return StoredAccount(
            account_id,
            directory_url,
            account_url,
            AccountKey.from_pem(pem),
            tuple(json.loads(contact)),
        )

    async def confirm(self, account: StoredAccount, account_url: str) -> None:
        """Remember the URL that the CA gave the account."""
        await self._store.write(
            lambda transaction: transaction.execute(
                "UPDATE accounts SET account_url = ? WHERE id = ?", (account_url, account.id)
            )
        )


async def sign_in(
    client: AcmeClient, accounts: Accounts, account: StoredAccount, terms: AccountTerms
) -> None:
    """Make the client use the stored account, whose key it has; register it at first use.

    Raises AcmeError.
    """
    if account.account_url:
        client.use_account(account.account_url)
        return
    registered = await client.register(
        contact=account.contact, agree_to_terms=terms.agree_to_terms, eab=terms.eab
    )
    await accounts.confirm(account, registered.url)
