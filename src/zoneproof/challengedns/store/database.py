"""The service's database, whichever it is: a SQLite file, or PostgreSQL that several nodes share.

The only place that chooses: what is common to both is here, what each does is in
``sqlite_database`` and ``postgres_database``.
"""

from __future__ import annotations

import pwd
from collections.abc import Callable
from typing import Protocol, TypeVar

from zoneproof.challengedns.config import Config
from zoneproof.challengedns.store.sqlite_database import (
    Confirm,
    Observe,
    by_nobody,
    open_sqlite_database,
)
from zoneproof.core.errors import ConfigError, InvalidInputError, StorageError
from zoneproof.storage import Transaction

T = TypeVar("T")


class Database(Protocol):
    """The database of the service: a Store whose writes the DNS answers once they return."""

    failure: StorageError | None
    """Why the last write failed, or None if it did not."""

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in a transaction that sees one consistent state, and return its result."""
        ...

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in a transaction and return its result once all DNS workers answer with it.

        It is done even if its caller goes away meanwhile.
        """
        ...

    async def note(self, work: Callable[[Transaction], T]) -> T:
        """Do what :meth:`write` does for what no answer depends on: wait only for the commit."""
        ...

    async def check(self) -> None:
        """Raise StorageError if this service should not be asked."""
        ...

    async def close(self) -> None:
        """Finish what was begun and release the database."""
        ...


def open_database(
    config: Config,
    new_owner: pwd.struct_passwd | None = None,
    *,
    may_only_read: bool = False,
    observe: Observe | None = None,
    require_readers: Callable[[], None] = lambda: None,
    confirm: Confirm = by_nobody,
) -> Database:
    """Open the database of a configuration.

    A SQLite file that is missing is made, by root for ``new_owner``; with ``may_only_read`` it is
    opened on a full disk too. ``require_readers`` raises StorageError while what is written would
    not be answered here; ``confirm`` waits for the secondaries. Raises StorageError, and
    ConfigError for a URL that is none.
    """
    if config.postgres is None:
        return open_sqlite_database(
            config.database,
            new_owner,
            may_only_read=may_only_read,
            observe=observe,
            require_readers=require_readers,
            confirm=confirm,
        )
    from zoneproof.challengedns.store.postgres_database import PostgresDatabase

    try:
        return PostgresDatabase(
            config.postgres, observe=observe, require_readers=require_readers, confirm=confirm
        )
    except InvalidInputError as error:
        raise ConfigError(f"{config.path}: 'database': {error.message}") from error


def database_exists(config: Config) -> bool:
    """Tell whether there is a database to open, without making one."""
    return config.postgres is not None or config.database.exists()
