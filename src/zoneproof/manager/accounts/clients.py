"""ACME clients signed in to the stored accounts, and the directories of CAs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

from zoneproof.acme import Account, AccountKey, AcmeClient, Directory, SharedCall, find_ca
from zoneproof.core.errors import (
    AcmeError,
    AcmeProblemError,
    InvalidInputError,
    RateLimitedError,
    TermsNotAgreedError,
)
from zoneproof.manager.accounts.account import AccountTerms, StoredAccount
from zoneproof.manager.accounts.store import Accounts


class Directories:
    """Fetches a CA's directory once for each way to reach it."""

    def __init__(self) -> None:
        self._known: dict[str, Directory] = {}
        self._fetching: defaultdict[str, SharedCall[Directory]] = defaultdict(SharedCall)

    async def get(self, account: StoredAccount) -> Directory:
        """Return the directory of the account's CA. Raises AcmeError, InvalidInputError."""
        key = f"{account.directory_url} {account.ca_bundle}"
        if key not in self._known:
            self._known[key] = await self._fetching[key](_fetch(account))
        return self._known[key]


async def _fetch(account: StoredAccount) -> Directory:
    async with account.client() as client:
        return await client.directory()


async def sign_in(
    client: AcmeClient, accounts: Accounts, account: StoredAccount, terms: AccountTerms
) -> None:
    """Make the client use the stored account, whose key it has; register it at first use.

    Raises AcmeError.
    """
    if account.account_url:
        client.use_account(account.account_url)
        return
    contact = (f"mailto:{terms.email}",) if terms.email else account.contact
    try:
        registered = await _register(client, contact, terms)
    except TermsNotAgreedError as error:
        raise error.with_remedy(
            f"run '{registering(account.directory_url, account.name)}'"
        ) from error
    await accounts.confirm(account, registered.url)
    if contact != account.contact:
        await accounts.set_contact(account, contact)


def registering(directory_url: str, name: str = "") -> str:
    """Return the command that registers an account at a CA whose terms are agreed to.

    ``name`` is the account's, by default the CA's.
    """
    ca = find_ca(directory_url).name
    named = f" --name {name}" if name not in ("", ca) else ""
    return f"zoneproof account register --ca {ca}{named} --agree-tos"


async def _register(client: AcmeClient, contact: tuple[str, ...], terms: AccountTerms) -> Account:
    try:
        return await client.register(
            contact=contact, agree_to_terms=terms.agree_to_terms, eab=terms.eab
        )
    except RateLimitedError:
        raise
    except (AcmeProblemError, InvalidInputError, TermsNotAgreedError):
        # The reply to an earlier run may have been lost: then the key has its account, and a
        # binding that is good for one account only is used up.
        try:
            return await client.find_account()
        except AcmeProblemError:
            pass
        raise


async def settle_rollover(accounts: Accounts, account: StoredAccount) -> StoredAccount:
    """Return the account with the key that the CA has, if a rollover was cut off.

    The key that is to come stays while the CA does not have it: another process may be about to
    send it. Raises AcmeError when the CA does not say.
    """
    if account.next_key is None or not account.account_url:
        return account
    async with account.client(account.next_key) as client:
        try:
            owner = (await client.find_account()).url
        except AcmeProblemError as error:
            if _says_nothing(error):
                raise
            owner = ""
    if owner != account.account_url:
        return account
    return await accounts.end_rollover(account, account.next_key)


def _says_nothing(error: AcmeProblemError) -> bool:
    return isinstance(error, RateLimitedError) or error.status >= 500


async def _is_closed(client: AcmeClient) -> bool:
    """Tell whether the CA takes nothing more from the account (RFC 8555 section 7.3.6)."""
    try:
        return (await client.account()).status != "valid"
    except AcmeProblemError as error:
        return error.is_type("unauthorized")
    except AcmeError:
        return False


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
        as such, so that the next run registers it anew. Of one that is closed there, the error
        says how to begin with another.
        """
        terms = terms or self._terms
        account = await self._accounts.get_or_create(text, terms)
        client = await self._signing_in[account.id](self._client(account.name, terms))
        try:
            yield client
        except AcmeProblemError as error:
            ca = find_ca(account.directory_url).title
            named_after_url = account.name == account.directory_url
            what = "your account" if named_after_url else f"the account {account.name}"
            option = "--ca" if named_after_url else "--name"
            if error.is_type("unauthorized") and await _is_closed(client):
                anew = registering(account.directory_url, account.name)
                raise AcmeProblemError(
                    f"{ca} does not accept {what} any more ({error.detail}). If it was deactivated"
                    f" there, run 'zoneproof account remove {account.name} --force', then '{anew}':"
                    " a new account, so CAA records that name the old one's URL change",
                    type=error.type,
                    detail=error.detail,
                    status=error.status,
                ) from error
            if not error.is_type("accountDoesNotExist"):
                raise
            await self._accounts.confirm(account, "")
            raise AcmeError(
                f"{ca} no longer knows {what}: run this again with"
                f" --agree-tos, or 'zoneproof account register {option} {account.name}', to"
                " register it anew"
            ) from error

    async def reach(self, text: str) -> None:
        """Reach the CA of a registered account as the terms say; that is kept if it answers.

        The CA is not asked where they say nothing new. Raises AcmeError and InvalidInputError.
        """
        stored = await self._accounts.find(text)
        if stored and stored.account_url and stored.reached_by(self._terms) != stored:
            async with self.use(stored.name):
                pass

    async def _client(self, name: str, terms: AccountTerms) -> AcmeClient:
        stored = await self._accounts.get(name)
        account = await settle_rollover(self._accounts, stored.reached_by(terms))
        account = account.reached_by(terms)
        key = account.key  # opened once: an RSA key takes a tenth of a second
        known = self._signed_in.get(_seat(account.account_url, key))
        if known is not None:
            return known
        client = account.client(key)
        try:
            if (account.ca_bundle, account.allow_http) != (stored.ca_bundle, stored.allow_http):
                await client.directory()
                await self._accounts.set_reach(account)
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
