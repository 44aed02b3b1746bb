"""Connections, transactions and migrations of a database, whatever its tables mean.

Of tables it knows only what all audit logs have in common.

:class:`Store` is what the other rooms see; :func:`open_sqlite` opens the default implementation.
"""

from zoneproof.storage.migrations import Migration, load_migrations
from zoneproof.storage.operations import Stored, reads, writes
from zoneproof.storage.sqlite import (
    SqliteStore,
    open_in_thread,
    open_sqlite,
    open_sqlite_to_read,
)
from zoneproof.storage.store import (
    Row,
    Store,
    Transaction,
    Value,
    among,
    columns_of,
    matching,
    parsed,
    record,
)

__all__ = [
    "Migration",
    "Row",
    "SqliteStore",
    "Store",
    "Stored",
    "Transaction",
    "Value",
    "among",
    "columns_of",
    "load_migrations",
    "matching",
    "open_in_thread",
    "open_sqlite",
    "open_sqlite_to_read",
    "parsed",
    "reads",
    "record",
    "writes",
]
