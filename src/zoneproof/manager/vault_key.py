"""A new vault key: every stored secret is sealed anew, then the older keys can go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial

import msgspec

from zoneproof.core.errors import VaultError
from zoneproof.issuance import Journal
from zoneproof.manager.accounts.store import Accounts
from zoneproof.manager.certificates.store import Certificates
from zoneproof.manager.credentials.registrations import StoredRegistrations
from zoneproof.manager.credentials.store import Credentials
from zoneproof.manager.manager import Manager
from zoneproof.storage import Transaction
from zoneproof.vault import SealedColumn

# All that stores secrets in the state database.
SEALED: tuple[SealedColumn, ...] = (
    *Accounts.sealed,
    *Certificates.sealed,
    *Credentials.sealed,
    *StoredRegistrations.sealed,
    *Journal.sealed,
)
_AT_ONCE = 100  # secrets in one transaction
_LOCK = "the vault key"


class Rotation(msgspec.Struct, frozen=True):
    """The id of the key that seals now, and how many secrets were sealed anew with it.

    ``elsewhere`` is where keys are that their owner manages, empty for those in ``vault.key``.
    """

    key_id: str
    resealed: int
    elsewhere: str = ""


async def rotate_key(manager: Manager) -> Rotation:
    """Make a new key and seal every secret with it; older keys stay until they are dropped.

    A rotation that was cut off is completed by the next one. Raises BusyError, StorageError and
    VaultError; as long as a secret does not open that somebody needs, there is no new key.
    """
    with manager.home.lock(_LOCK):
        await _require_opened(manager)
        # Everybody seals in a transaction: after this one, nothing more with an older key.
        key_id = await manager.store.write(lambda _: manager.vault.rotate())
        return Rotation(key_id, await _reseal_all(manager), manager.vault.elsewhere)


async def drop_older_keys(manager: Manager) -> int:
    """Forget all keys but the newest, and return how many; what they still seal is sealed anew.

    Raises as :func:`rotate_key` does; no key goes as long as such a secret does not open.
    """
    with manager.home.lock(_LOCK):
        await _require_opened(manager)
        await _reseal_all(manager)
        return manager.vault.drop_older()


async def _reseal_all(manager: Manager) -> int:
    return sum([await _reseal(manager, column) for column in SEALED])


async def _require_opened(manager: Manager) -> None:
    """Raise VaultError, which names what it is, if a secret that cannot be lost does not open."""
    names, reasons = dict[str, None](), list[str]()
    for column in SEALED:
        if column.can_be_lost:
            continue
        async for rows in _batches(manager, column):
            for key, sealed, name in rows:
                try:
                    manager.vault.open(sealed, column.context(key))
                except VaultError as error:
                    names[f"{column.what} {name}"] = None
                    reasons.append(error.message)
    if names:
        raise VaultError(
            f"no key is changed as long as these cannot be opened: {', '.join(names)};"
            f" of the first: {reasons[0]}"
        )


async def _reseal(manager: Manager, column: SealedColumn) -> int:
    """Seal a column anew, some rows at a time, and return how many it were."""
    resealed = 0
    async for rows in _batches(manager, column):
        changes = []
        for key, sealed, _ in rows:
            try:
                new = manager.vault.reseal(sealed, column.context(key))
            except VaultError:
                if not column.can_be_lost:
                    raise
                continue
            if new is not None:
                changes.append((new, key, sealed))
        resealed += await manager.store.write(partial(_replace, column, changes))
    return resealed


async def _batches(
    manager: Manager, column: SealedColumn
) -> AsyncIterator[list[tuple[str, str, str]]]:
    """Yield the ids of some rows at a time, what is sealed there, and what names them."""
    after = ""
    while rows := await manager.store.read(partial(_rows, column, after)):
        yield rows
        after = rows[-1][0]


def _rows(column: SealedColumn, after: str, transaction: Transaction) -> list[tuple[str, str, str]]:
    name = column.column
    sql = (
        f"SELECT id, {name}, {column.named_by} FROM {column.table}"  # noqa: S608  our own names
        f" WHERE {name} IS NOT NULL AND id > ? ORDER BY id LIMIT {_AT_ONCE}"
    )
    found = transaction.query(sql, (after,))
    return [(str(key), str(sealed), str(named)) for key, sealed, named in found]


def _replace(
    column: SealedColumn, changes: Sequence[tuple[str, str, str]], transaction: Transaction
) -> int:
    """Store what was sealed anew, except where another process has stored something else."""
    name = column.column
    sql = f"UPDATE {column.table} SET {name} = ? WHERE id = ? AND {name} = ?"  # noqa: S608
    return sum(transaction.execute(sql, change) for change in changes)
