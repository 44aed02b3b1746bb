"""Registering an account and changing its key: what takes more than one request."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from zoneproof.acme.cas import binding_by_email, find_ca
from zoneproof.acme.http import ConnectionLostError
from zoneproof.acme.jws import ExternalAccountBinding, Signer, bound_key, key_change
from zoneproof.acme.keys import AccountKey
from zoneproof.acme.messages import Account, Directory, parse_account
from zoneproof.acme.transport import Session
from zoneproof.core.errors import (
    AcmeError,
    AcmeProblemError,
    InvalidInputError,
    RateLimitedError,
)


def contact_urls(contact: Sequence[str]) -> list[str]:
    """Return e-mail addresses as ``mailto:`` URLs, and URLs as they are."""
    return [text if ":" in text else f"mailto:{text}" for text in contact]


async def register(
    session: Session,
    contact: Sequence[str],
    *,
    agree_to_terms: bool,
    binding: ExternalAccountBinding | None,
) -> Account:
    """Create the key's account, or find it, and use it (RFC 8555 section 7.3)."""
    directory = await session.directory()
    directory.check_terms(agreed=agree_to_terms)
    urls = contact_urls(contact)
    payload: dict[str, Any] = {"contact": urls} if urls else {}
    if agree_to_terms:
        payload["termsOfServiceAgreed"] = True
    binding = binding or await _binding(session, directory, urls)
    if binding:
        payload["externalAccountBinding"] = bound_key(binding, session.key, directory.new_account)
    return await new_account(session, payload)


async def new_account(session: Session, payload: dict[str, Any]) -> Account:
    """Ask newAccount, and use the account that it returns."""
    url = (await session.directory()).new_account
    reply = await session.post(url, payload, signer=Signer(session.key))
    account = parse_account(reply.body, session.location_of(reply))
    session.account_url = account.url
    return account


async def _binding(
    session: Session, directory: Directory, contact: Sequence[str]
) -> ExternalAccountBinding | None:
    ca = find_ca(session.directory_url)
    if not (ca.needs_binding or directory.external_account_required):
        return None
    if not ca.binding_url:
        raise InvalidInputError(
            f"{session.ca} needs an external account binding: get a key identifier and an HMAC key"
            " from its web site and give both, in a command with --eab-kid and --eab-hmac-key"
        )
    emails = [url.removeprefix("mailto:") for url in contact if url.startswith("mailto:")]
    if not emails:
        raise InvalidInputError(
            f"{session.ca} binds accounts to an e-mail address: give one, or a key identifier and"
            " an HMAC key from its web site"
        )
    return await binding_by_email(emails[0], session, ca.binding_url)


async def roll_over_key(session: Session, new_key: AccountKey) -> None:
    """Give the account a new key and use it (section 7.3.5).

    Whatever the CA replied, it is asked whose the new key is: a wrong belief about that would lose
    the account.
    """
    url = session.offered((await session.directory()).key_change, "changes of account keys")
    account_url = session.required_account_url()
    payload = key_change(new_key, session.key, account_url=account_url, url=url)
    confirmed = False
    lost: AcmeError | None = None
    try:
        # Signed by a key that may be replaced by then, a repeated request proves nothing.
        await session.post(url, payload, repeatable=False)
        confirmed = True
    except ConnectionLostError as error:
        lost = error
    except AcmeProblemError as error:
        if error.status != HTTPStatus.CONFLICT:
            raise
    try:
        owner = await _owner_of(session, new_key)
    except AcmeError:
        owner = account_url if confirmed else ""
    if owner != account_url:
        raise lost or AcmeError(
            f"{session.ca} did not accept the new account key: use a fresh one that no other "
            "account has"
        )
    session.key = new_key


async def _owner_of(session: Session, key: AccountKey) -> str:
    """Return the URL of the account with this key, empty if there is none.

    Raises AcmeError when the CA does not say.
    """
    url = (await session.directory()).new_account
    try:
        reply = await session.post(url, {"onlyReturnExisting": True}, signer=Signer(key))
    except RateLimitedError:
        raise
    except AcmeProblemError as error:
        if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        return ""
    return session.location_of(reply)
