"""ACME clients, signed in to the stored accounts, one for each account, closed together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

from zoneproof.acme import AccountKey, AcmeClient, SharedCall, find_ca
from zoneproof.errors import AcmeError, AcmeProblemError
from zoneproof.manager.accounts.sign_in import settle_rollover, sign_in
from zoneproof.manager.accounts.stored import Accounts, AccountTerms

_Seat: TypeAlias = tuple[str, str]


class ClientPool:
    """Signs in once to each account; certificates of one account share its client.

    What another process does to an account meanwhile is noticed at its next use: a new key or a
    new URL is another client.
    """

    def __init__(self, accounts: Accounts, terms: AccountTerms) -> None:
        self._accounts = accounts
        self._terms = terms
        self._signed_in: dict[_Seat, AcmeClient] = {}
        self._signing_in: defaultdict[str, SharedCall[AcmeClient]] = defaultdict(SharedCall)

    @asynccontextmanager
    async def use(self, text: str, terms: AccountTerms | None = None) -> AsyncIterator[AcmeClient]:
        """Give the client of an account's name or a CA, which is registered at first use.

        ``terms`` are for that registration, by default those of the run.
        Raises AcmeError and InvalidInputError; an account that the CA no longer knows is forgotten
        as such, so that the next run registers it anew.
        """
        terms = terms or self._terms
        account = await self._accounts.get_or_create(text, terms)
        client = await self._signing_in[account.id](self._client(account.name, terms))
        try:
            yield client
        except AcmeProblemError as error:
            if not error.is_type("accountDoesNotExist"):
                raise
            await self._accounts.confirm(account, "")
            ca = find_ca(account.directory_url).title
            named_after_url = account.name == account.directory_url
            what = "your account" if named_after_url else f"the account {account.name}"
            option = "--ca" if named_after_url else "--name"
            raise AcmeError(
                f"{ca} no longer knows {what}: run this again with"
                f" --agree-tos, or 'zoneproof account register {option} {account.name}', to"
                " register it anew"
            ) from error

    async def _client(self, name: str, terms: AccountTerms) -> AcmeClient:
        account = await settle_rollover(self._accounts, await self._accounts.get(name))
        known = self._signed_in.get(_seat(account.account_url, account.key))
        if known is not None:
            return known
        client = account.client()
        try:
            await sign_in(client, self._accounts, account, terms)
        except BaseException:
            await client.close()
            raise
        known = self._signed_in.setdefault(_seat(client.account_url, client.key), client)
        if known is not client:
            await client.close()
        return known

    async def close(self) -> None:
        """Release all connections."""
        while self._signed_in:
            _, client = self._signed_in.popitem()
            await client.close()


def _seat(account_url: str, key: AccountKey) -> _Seat:
    return account_url, key.thumbprint
