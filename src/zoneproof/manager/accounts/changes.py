"""What a person does with a CA account: register, change, give a new key, close, forget."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus

from msgspec.structs import replace

from zoneproof.acme import Account, AccountKey, CertificateAuthority, KeyKind, find_ca
from zoneproof.core.errors import (
    AcmeConnectionError,
    AcmeError,
    AcmeProblemError,
    InvalidInputError,
    VaultError,
)
from zoneproof.core.names import DomainName
from zoneproof.dnsquery import binding_records
from zoneproof.manager.accounts.account import AccountFacts, StoredAccount
from zoneproof.manager.accounts.clients import ClientPool, Directories, settle_rollover
from zoneproof.manager.accounts.store import Accounts, check_account_name, new_account
from zoneproof.manager.manager import Manager

_BAD_KEY = ("badSignatureAlgorithm", "badPublicKey")
_LOST = 0
_FROM_A_GATEWAY = (502, 503, 504)  # behind which the CA may still be at it
# No certificate has this name, because of the space.
_LOCK = ("account keys", "changes the key of an account")


@dataclass(frozen=True)
class RegisteredAccount:
    """An account that is registered: ``new`` by now, or long since; then some ``changes`` of it."""

    account: StoredAccount
    new: bool
    changes: Sequence[str] = ()

    @property
    def text(self) -> str:
        """What became of the account, for people."""
        if self.new:
            return f"the account {self.account.name} is registered"
        changes = ", ".join(self.changes) or "nothing was changed"
        return f"the account {self.account.name} was already registered; {changes}"


def _changes(before: StoredAccount, after: StoredAccount) -> list[str]:
    """Return what the terms of a run have changed of an account that is registered."""
    changes = []
    if after.ca_bundle != before.ca_bundle:
        changes.append(f"the CA bundle is {after.ca_bundle}")
    if after.allow_http != before.allow_http:
        changes.append("the CA may be without TLS")
    return changes


async def register(manager: Manager, ca: str = "", name: str = "") -> RegisteredAccount:
    """Return the account, registered with the run's terms; tells whether it was not before.

    ``ca`` is a short name or a directory URL, by default that of the settings' account; ``name``
    is by default the CA's. Raises AcmeError, InvalidInputError.
    """
    account, added = await _find_or_add(manager, ca, name)
    before = await manager.accounts.get(account.name)
    if account == before and account.account_url:
        return RegisteredAccount(account, new=False)
    try:
        async with manager.clients.use(account.name):
            pass
    except AcmeProblemError as error:
        if added and any(error.is_type(kind) for kind in _BAD_KEY):
            # No account can have this key, and another run may choose another kind.
            await manager.accounts.remove(account)
        raise
    after = await manager.accounts.get(account.name)
    return RegisteredAccount(after, not before.account_url, _changes(before, after))


async def _find_or_add(manager: Manager, ca: str, name: str) -> tuple[StoredAccount, bool]:
    authority, usual_name = await _authority(manager, ca)
    name = name or usual_name
    known = await manager.accounts.named(name)
    if known is None:
        check_account_name(name, authority)
        account = new_account(name, authority.directory_url, manager.run.terms)
        # Nothing is stored for what is not a CA, nor for a person who does not agree.
        directory = await manager.directories.get(account)
        directory.check_terms(agreed=manager.run.terms.agree_to_terms)
        added = await manager.accounts.add(account)
        return await manager.accounts.get(name), added
    if ca and known.directory_url != authority.directory_url:
        raise InvalidInputError(
            f"the account {name} is at {known.directory_url}, not at {authority.directory_url}:"
            " give the new account another --name"
        )
    return await manager.accounts.get_or_create(name, manager.run.terms), False


async def _authority(manager: Manager, ca: str) -> tuple[CertificateAuthority, str]:
    """Return the CA that is meant, and the name that its account has by default."""
    if not ca:
        usual = await manager.accounts.find(manager.settings.account)
        if usual is not None:
            return find_ca(usual.directory_url), usual.name
    authority = find_ca(ca or manager.settings.account)
    return authority, authority.name


async def ask(clients: ClientPool, account: StoredAccount) -> Account:
    """Return the account as the CA has it now. Raises AcmeError, InvalidInputError."""
    async with clients.use(_registered(account).name) as client:
        return await client.account()


@dataclass(frozen=True)
class AccountDetails:
    """An account, its ``status`` at the CA or the ``problem`` in asking, and what uses it."""

    facts: AccountFacts
    status: str
    problem: str
    used_by: Sequence[str]

    def as_fields(self) -> dict[str, object]:
        """Return all of it for programs."""
        more = {"status": self.status, "problem": self.problem, "used_by": self.used_by}
        return {**self.facts.as_fields(), **more}

    def rows(self) -> dict[str, str]:
        """Return what people are told of it, by what each is."""
        used_by = ", ".join(self.used_by)
        more = {"status": self.status, "problem": self.problem, "used by": used_by}
        return self.facts.rows() | {name: text for name, text in more.items() if text}


async def details(manager: Manager, name: str, *, ask_ca: bool) -> AccountDetails:
    """Return all that is known of an account. Raises InvalidInputError if there is none."""
    status, problem = "", ""
    found = await manager.accounts.get(name)
    if found.account_url and ask_ca:
        try:
            status = (await ask(manager.clients, found)).status
        except (AcmeError, VaultError) as error:
            problem = error.message
    users = await certificates_using(manager, found)
    found = await manager.accounts.get(name)  # whose URL or key may be another one by now
    return AccountDetails(found.facts, status, problem, users)


async def update_contact(
    accounts: Accounts, clients: ClientPool, account: StoredAccount, emails: Sequence[str]
) -> StoredAccount:
    """Replace the account's contacts at the CA and here. Raises AcmeError, InvalidInputError."""
    contact = tuple(f"mailto:{email}" for email in emails)
    async with clients.use(_registered(account).name) as client:
        await client.update_contact(contact)
    await accounts.set_contact(account, contact)
    return replace(account, contact=contact)


async def roll_over(manager: Manager, name: str, kind: KeyKind | None = None) -> StoredAccount:
    """Give the account a new key, by default of the same kind; finish what was cut off before.

    The key is stored before the CA hears of it, and stays until it is known whether the CA has it.
    Raises AcmeError, InvalidInputError, and BusyError also while one of the account's certificates
    is worked on: its order would continue with a key that the CA no longer takes.
    """
    async with _not_in_use(manager, name) as before:
        account = await settle_rollover(manager.accounts, before)
        if account.next_key is not None:
            account = await _give_key(manager.accounts, account, account.next_key)
        was_cut_off = before.next_key is not None
        if was_cut_off and kind in (None, account.key.algorithm):
            return account
        key = AccountKey.generate(kind or account.key.algorithm)
        await manager.accounts.keep_next_key(account, key)
        return await _give_key(manager.accounts, replace(account, kept_next_key=key), key)


async def _give_key(accounts: Accounts, account: StoredAccount, key: AccountKey) -> StoredAccount:
    async with account.client() as client:
        client.use_account(account.account_url)
        try:
            await client.roll_over_key(key)
        except AcmeError as error:
            if await _was_refused(accounts, account, error):
                await accounts.end_rollover(account, account.key)
            raise
    return await accounts.end_rollover(account, key)


async def _was_refused(accounts: Accounts, account: StoredAccount, error: AcmeError) -> bool:
    """Tell whether the CA surely has not taken the next key, and is not about to."""
    if not isinstance(error, AcmeProblemError | AcmeConnectionError):
        return True
    if error.status in (_LOST, *_FROM_A_GATEWAY):
        return False
    if error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return True
    # The CA itself failed, or does not know how: whose the key is tells what came of it.
    with suppress(AcmeError):
        return (await settle_rollover(accounts, account)).next_key is not None
    return error.status == HTTPStatus.NOT_IMPLEMENTED


@asynccontextmanager
async def _not_in_use(manager: Manager, name: str) -> AsyncIterator[StoredAccount]:
    """Give the registered account, whose key nobody else changes, and nobody orders with."""
    with manager.home.lock(*_LOCK):
        account = _registered(await manager.accounts.get(name))
        with manager.home.lock_each(await certificates_using(manager, account)):
            yield account


async def deactivate(manager: Manager, name: str) -> None:
    """Close the account at the CA for good, then forget it. Raises as :func:`roll_over` does."""
    async with _not_in_use(manager, name) as account:
        try:
            async with manager.clients.use(account.name) as client:
                await client.deactivate_account()
        except AcmeError as error:
            raise AcmeError(
                f"{account.name} was not deactivated, or its CA did not say so: {error.message};"
                f" 'zoneproof account remove {account.name}' only removes it here"
            ) from error
        await manager.accounts.remove(account)


async def remove(manager: Manager, account: StoredAccount, *, force: bool = False) -> list[str]:
    """Forget the account and its key, here only; return the certificates that use it.

    Raises InvalidInputError, naming them, if there are any; ``force`` forgets it anyway.
    """
    users = await certificates_using(manager, account)
    if users and not force:
        raise InvalidInputError(
            f"the account {account.name} is used by {', '.join(users)}: give"
            f" {'it' if len(users) == 1 else 'them'} another one with"
            " 'zoneproof edit NAME --account ACCOUNT', or add --force"
        )
    await manager.accounts.remove(account)
    return users


async def certificates_using(manager: Manager, account: StoredAccount) -> list[str]:
    """Return the names of the managed certificates whose account it is, or a fallback account."""
    ids: dict[str, str] = {}
    users = []
    for certificate in await manager.certificates.readable():
        definition = certificate.definition
        texts = (definition.account or manager.settings.account, *definition.fallback_accounts)
        for text in texts:
            if text not in ids:
                ids[text] = await _id_of(manager.accounts, text)
        if account.id in {ids[text] for text in texts}:
            users.append(definition.name)
    return users


async def _id_of(accounts: Accounts, text: str) -> str:
    with suppress(InvalidInputError):
        found = await accounts.find(text)
        return found.id if found else ""
    return ""


async def caa_records(
    directories: Directories, account: StoredAccount, names: Sequence[DomainName], method: str
) -> tuple[str, list[str]]:
    """Return the CA's name in CAA records, and the records that bind issuance to the account.

    Two for each name, in zone-file form (RFC 8657). Raises AcmeError, InvalidInputError.
    """
    url = _registered(account).account_url
    issuers = (await directories.get(account)).caa_identities
    if not issuers:
        raise AcmeError(
            f"{account.directory_url} does not say which name it uses in CAA records: see its "
            "documentation, or ask its support"
        )
    records = [
        record
        for name in names
        for record in binding_records(name, issuer=issuers[0], account_url=url, method=method)
    ]
    return issuers[0], records


def _registered(account: StoredAccount) -> StoredAccount:
    if account.account_url:
        return account
    raise InvalidInputError(
        f"the account {account.name} is not registered yet: 'zoneproof account register --name"
        f" {account.name}' does so"
    )
