"""Takes over an account by its key, and hands one to another machine in a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec.structs import replace

from zoneproof.acme import AccountKey, find_ca
from zoneproof.core.errors import AcmeError, AcmeProblemError, InvalidInputError
from zoneproof.core.files import read_named
from zoneproof.core.secretive import Secretive
from zoneproof.manager.accounts.account import StoredAccount
from zoneproof.manager.accounts.changes import register as register_account
from zoneproof.manager.accounts.store import Accounts, check_account_name, new_account
from zoneproof.manager.manager import Manager

_LARGEST = 64 * 1024


class AccountFile(Secretive, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account for another machine, as JSON. ``private_key`` is PKCS #8 PEM."""

    format: Literal["zoneproof-account-1"] = "zoneproof-account-1"
    name: str
    directory_url: str
    account_url: str
    contact: tuple[str, ...]
    private_key: str

    def __repr__(self) -> str:
        return f"AccountFile({self.name!r})"

    @property
    def key(self) -> AccountKey:
        """The key. Raises InvalidInputError."""
        return AccountKey.from_pem(self.private_key.encode())


def to_file(account: StoredAccount) -> bytes:
    """Return the content of a file for another machine. Raises InvalidInputError."""
    if not account.account_url:
        raise InvalidInputError(
            f"the account {account.name} is not registered: there is nothing to share yet"
        )
    if account.next_key is not None:
        raise InvalidInputError(
            f"a key rollover of {account.name} was interrupted, so its key may still change:"
            f" 'zoneproof account rollover {account.name}' finishes it"
        )
    content = AccountFile(
        name=account.name,
        directory_url=account.directory_url,
        account_url=account.account_url,
        contact=account.contact,
        private_key=account.key.to_pem().decode(),
    )
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def read_account_file(path: Path) -> AccountFile:
    """Read what :func:`to_file` made. Raises InvalidInputError."""
    try:
        return msgspec.json.decode(read_named(path, _LARGEST), type=AccountFile)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise InvalidInputError(
            f"{path} is not a file of 'zoneproof account export': for a key alone use --key"
        ) from None


def read_account_key(path: Path) -> AccountKey:
    """Read a PEM or JSON Web Key file of any ACME client.

    Raises InvalidInputError, which never repeats the file's content.
    """
    content = read_named(path, _LARGEST)
    read = AccountKey.from_jwk if content.lstrip().startswith(b"{") else AccountKey.from_pem
    try:
        return read(content)
    except InvalidInputError as error:
        raise InvalidInputError(f"{path}: {error.message}") from None


async def import_account(
    manager: Manager,
    key: AccountKey,
    ca: str,
    name: str = "",
    *,
    contact: Sequence[str] = (),
    register: bool = False,
) -> tuple[StoredAccount, bool]:
    """Store the account that the key has at the CA; tells whether it was not stored before.

    ``ca`` is a short name or a directory URL, ``name`` is by default the CA's, ``contact`` are
    ``mailto:`` URLs for what the CA does not tell. A key without an account is an error, or is
    registered with the run's terms. Raises AcmeError, InvalidInputError.
    """
    authority = find_ca(ca)
    name = check_account_name(name or authority.name, authority)
    account = new_account(name, authority.directory_url, manager.run.terms, key)
    account = replace(account, contact=tuple(contact) or account.contact)
    known = await _known(manager.accounts, account)
    if known is not None and known.account_url:
        return known, False
    found = await _found(account, register=register)
    if known is None and not await manager.accounts.add(found):
        raise _taken(name)
    stored = await manager.accounts.get(name)
    if found.account_url:
        await manager.accounts.confirm(stored, found.account_url)
        return replace(stored, account_url=found.account_url), True
    return (await register_account(manager, ca, name)).account, True


async def _known(accounts: Accounts, account: StoredAccount) -> StoredAccount | None:
    """Return the stored account of that name and key. Raises InvalidInputError for half of it."""
    for other in await accounts.all():
        same_key = (
            other.directory_url == account.directory_url
            and other.key.thumbprint == account.key.thumbprint
        )
        if other.name == account.name:
            if same_key:
                return other
            raise _taken(account.name)
        if same_key:
            raise InvalidInputError(f"the account {other.name} already has this key")
    return None


def _taken(name: str) -> InvalidInputError:
    return InvalidInputError(
        f"an account {name} with another key already exists: import this one under another name"
    )


async def _found(account: StoredAccount, *, register: bool) -> StoredAccount:
    """Return the account with what the CA says of it; one without a URL is to be registered."""
    async with account.client() as client:
        try:
            found = await client.find_account()
        except AcmeProblemError as error:
            if not error.is_type("accountDoesNotExist"):
                raise
            if not register:
                raise AcmeError(
                    f"{account.directory_url} knows no account with this key: is it the right CA?"
                    " --register creates a new account with it"
                ) from error
            return account
    contact = found.contact or account.contact
    return replace(account, account_url=found.url, contact=contact)
