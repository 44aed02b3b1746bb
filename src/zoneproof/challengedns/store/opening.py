"""Opens the service's database; the one place that chooses between SQLite and PostgreSQL."""

from __future__ import annotations

import pwd

from zoneproof.challengedns.config import Config
from zoneproof.challengedns.store.database import NO_HOOKS, Database, Hooks
from zoneproof.challengedns.store.sqlite_database import (
    open_sqlite_database,
    open_sqlite_database_to_read,
    require_not_lost,
)
from zoneproof.core.errors import ConfigError, InvalidInputError
from zoneproof.core.files import exists


def open_database(
    config: Config,
    new_owner: pwd.struct_passwd | None = None,
    hooks: Hooks = NO_HOOKS,
    *,
    may_only_read: bool = False,
) -> Database:
    """Open the database of a configuration.

    A SQLite file that is missing is made, by root for ``new_owner``; with ``may_only_read`` it is
    opened on a full disk too. Raises StorageError, and ConfigError for a URL that is none.
    """
    if config.postgres is None:
        return open_sqlite_database(config.database, new_owner, hooks, may_only_read=may_only_read)
    # PostgreSQL's client is imported only where it is used.
    from zoneproof.challengedns.store.postgres_database import PostgresDatabase

    try:
        return PostgresDatabase(config.postgres, hooks)
    except InvalidInputError as error:
        raise ConfigError(f"{config.path}: 'database': {error.message}") from error


def open_database_to_read(config: Config) -> Database:
    """Open the database of a configuration for those who only read, who need not be able to write.

    Raises StorageError, and ConfigError for a URL that is none.
    """
    if config.postgres is None:
        return open_sqlite_database_to_read(config.database)
    return open_database(config)


def database_exists(config: Config) -> bool:
    """Tell whether there is a database to open, without making one.

    Raises DamagedDatabaseError where there was one.
    """
    if config.postgres is None:
        require_not_lost(config.database)
        return exists(config.database)
    return True
