"""Makes a client use a stored account: registers it at first use, ends a rollover cut off."""

from __future__ import annotations

from zoneproof.acme import Account, AcmeClient
from zoneproof.errors import (
    AcmeProblemError,
    InvalidInputError,
    RateLimitedError,
    TermsNotAgreedError,
)
from zoneproof.manager.accounts.stored import Accounts, AccountTerms, StoredAccount


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
    registered = await _register(client, contact, terms)
    await accounts.confirm(account, registered.url)
    if contact != account.contact:
        await accounts.set_contact(account, contact)


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
