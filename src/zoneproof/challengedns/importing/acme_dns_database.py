"""What an acme-dns keeps in its database, and what it takes to read that.

The tables are those of acme-dns's ``db.go``, from v0.1 to v2.0.2 and the development after it.
There are two generations. Version 0, of acme-dns v0.1, has the one table
``records(Username, Password, Subdomain, Value, LastActive, AllowFrom)``. Version 1, since v0.2, has
``records(Username, Password, Subdomain, AllowFrom)``, ``txt(Subdomain, Value, LastUpdate)`` with
as many rows for each subdomain as it has slots, and ``acmedns(Name, Value)`` with ``db_version``.
A SQLite file that was brought from version 0 to 1 keeps the old columns, out of use.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

Row = tuple[object, ...]
PAGE = 1000


class Database(Protocol):
    """An open database of either kind. Its methods raise StorageError, which names it.

    Cells come as they are: texts may be ``str`` or ``bytes`` (acme-dns stores its password hashes
    in SQLite as blobs), and anything can be there that somebody wrote by hand.
    """

    name: str

    async def schema(self) -> list[Row]:
        """Return all pairs of table and column, in lower case."""
        ...

    async def query(self, sql: str) -> list[Row]:
        """Return all rows."""
        ...

    def accounts(self) -> AsyncIterator[list[Row]]:
        """Give Username, Password, Subdomain and AllowFrom of all accounts, in pages."""
        ...

    def values(self, *, of_version_0: bool) -> AsyncIterator[list[Row]]:
        """Give Subdomain, Value and the time of its update for all slots in use, in pages."""
        ...
