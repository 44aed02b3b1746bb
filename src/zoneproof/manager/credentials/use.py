"""Which certificates use a stored credential, and the changes that keep the two in step."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec

from zoneproof.core.errors import InvalidInputError
from zoneproof.manager.credentials.expiry import reminder
from zoneproof.manager.credentials.store import check_credential_name, no_credential, taken
from zoneproof.storage import Store, Transaction, parsed


class CredentialSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A credential without its fields; ``used_by`` are names of certificates, moments are UTC.

    ``expires`` is the day on which its key ceases to work, None where that is not known.
    """

    name: str
    provider: str
    created_at: str
    changed_at: str
    expires: date | None = None
    used_by: tuple[str, ...] = ()


class _Method(msgspec.Struct):
    credential: str = ""


class _Definition(msgspec.Struct):
    method: tuple[_Method, ...] = ()
    deploy: tuple[_Method, ...] = ()


async def credential_summaries(store: Store) -> list[CredentialSummary]:
    """Return all credentials, sorted by name. No secret is opened. Raises StorageError."""

    def work(transaction: Transaction) -> list[CredentialSummary]:
        users = _users(transaction)
        rows = transaction.query(
            "SELECT name, provider, created_at, changed_at, expires FROM credentials ORDER BY name"
        )
        return [
            CredentialSummary(
                name=str(name),
                provider=str(provider),
                created_at=str(created_at),
                changed_at=str(changed_at),
                expires=parsed(expires, date.fromisoformat, None),
                used_by=users.get(str(name), ()),
            )
            for name, provider, created_at, changed_at, expires in rows
        ]

    return await store.read(work)


async def credentials_by_provider(store: Store) -> dict[str, list[str]]:
    """Return the names of the credentials of each provider. Raises StorageError."""
    names: dict[str, list[str]] = {}
    for one in await credential_summaries(store):
        names.setdefault(one.provider, []).append(one.name)
    return names


async def expiring_keys(store: Store, today: date) -> dict[str, date]:
    """Return the credentials whose keys expire within 30 days, or have, and when."""
    found = await credential_summaries(store)
    return {one.name: one.expires for one in found if one.expires and reminder(one.expires, today)}


async def credential_users(store: Store, name: str) -> tuple[str, ...]:
    """Return the names of the certificates that use the credential. Raises StorageError."""
    return await store.read(lambda transaction: _users(transaction).get(name, ()))


async def rename_credential(store: Store, old: str, new: str) -> tuple[str, ...]:
    """Rename a credential everywhere at once, and return the certificates that use it.

    Raises InvalidInputError if there is none, or if the new name is taken or none; StorageError.
    """
    check_credential_name(new)

    def work(transaction: Transaction) -> tuple[str, ...]:
        if transaction.query("SELECT name FROM credentials WHERE name = ?", (new,)):
            raise taken(new)
        if not transaction.execute("UPDATE credentials SET name = ? WHERE name = ?", (new, old)):
            raise no_credential(transaction, old)
        users = _users(transaction).get(old, ())
        for certificate in users:
            _refer_to(transaction, certificate, old, new)
        transaction.execute(
            "UPDATE publications SET credential = ? WHERE credential = ?", (new, old)
        )
        return users

    return await store.write(work)


async def remove_credential(store: Store, name: str, *, force: bool = False) -> tuple[str, ...]:
    """Forget a credential, and return the certificates that used it.

    Raises InvalidInputError if there is none, or if certificates use it and ``force`` is false;
    StorageError.
    """

    def work(transaction: Transaction) -> tuple[str, ...]:
        users = _users(transaction).get(name, ())
        if not transaction.execute("DELETE FROM credentials WHERE name = ?", (name,)):
            raise no_credential(transaction, name)
        if users and not force:
            raise InvalidInputError(
                f"the credential {name} is used by {', '.join(users)}: give"
                f" {'it' if len(users) == 1 else 'them'} another one with 'zoneproof edit', or add"
                " --force"
            )
        return users

    return await store.write(work)


def _users(transaction: Transaction) -> Mapping[str, tuple[str, ...]]:
    """Return for each credential that is referred to the certificates that do so."""
    users: dict[str, tuple[str, ...]] = {}
    rows = transaction.query("SELECT name, definition FROM certificates ORDER BY name")
    for certificate, text in rows:
        try:
            definition = msgspec.json.decode(str(text), type=_Definition)
        except msgspec.MsgspecError:  # a damaged one, which `list` tells of
            continue
        for credential in sorted(
            {one.credential for one in (*definition.method, *definition.deploy)}
        ):
            users[credential] = (*users.get(credential, ()), str(certificate))
    return users


def _refer_to(transaction: Transaction, certificate: str, old: str, new: str) -> None:
    rows = transaction.query("SELECT definition FROM certificates WHERE name = ?", (certificate,))
    # Read as plain JSON, so that what a newer version wrote beside it stays.
    definition: dict[str, Any] = msgspec.json.decode(str(rows[0][0]))
    for one in (*definition.get("method", ()), *definition.get("deploy", ())):
        if one.get("credential") == old:
            one["credential"] = new
    transaction.execute(
        "UPDATE certificates SET definition = ? WHERE name = ?",
        (msgspec.json.encode(definition).decode(), certificate),
    )
