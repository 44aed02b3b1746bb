"""ACME clients, signed in to the stored accounts, one for each account, closed together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from zoneproof.acme import AcmeClient
from zoneproof.errors import AcmeError, AcmeProblemError
from zoneproof.manager.accounts import Accounts, AccountTerms, StoredAccount, sign_in
from zoneproof.providers.locks import KeyedLocks


class ClientPool:
    """Signs in once to each account; certificates of one account share its client."""

    def __init__(self, accounts: Accounts, terms: AccountTerms) -> None:
        self._accounts = accounts
        self._terms = terms
        self._signed_in: dict[str, AcmeClient] = {}
        self._locks = KeyedLocks()

    @asynccontextmanager
    async def use(self, text: str) -> AsyncIterator[AcmeClient]:
        """Give the client of an account's name or a CA, which is registered at first use.

        Raises AcmeError and InvalidInputError; an account that the CA no longer knows is forgotten
        as such, so that the next run registers it anew.
        """
        async with self._locks(text):
            account = await self._accounts.get_or_create(text, self._terms)
        async with self._locks(account.id):
            client = self._signed_in.get(account.id)
            if client is None:
                client = await self._sign_in(account)
        try:
            yield client
        except AcmeProblemError as error:
            if not error.is_type("accountDoesNotExist"):
                raise
            await self._accounts.confirm(account, "")
            raise AcmeError(
                f"{client.directory_url} no longer knows the account {account.name}: run this again"
                " to register it anew"
            ) from error

    async def _sign_in(self, account: StoredAccount) -> AcmeClient:
        client = account.client()
        try:
            await sign_in(client, self._accounts, account, self._terms)
        except BaseException:
            await client.close()
            raise
        self._signed_in[account.id] = client
        return client

    async def close(self) -> None:
        """Release all connections."""
        while self._signed_in:
            _, client = self._signed_in.popitem()
            await client.close()
