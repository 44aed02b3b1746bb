"""The database of an acme-dns as an import reads it, whichever engine it has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

Row = tuple[object, ...]
PAGE = 1000


class SourceDatabase(Protocol):
    """An open database of either kind. Its methods raise StorageError, which names it.

    Cells come as they are: texts may be ``str`` or ``bytes`` (acme-dns stores its password hashes
    in SQLite as blobs), and anything can be there that somebody wrote by hand. ``is_version_0`` is
    whether its tables are those of the first acme-dns, in which values stand beside the accounts.
    """

    name: str
    is_version_0: bool

    async def schema(self) -> list[Row]:
        """Return all pairs of table and column, in lower case."""
        ...

    async def query(self, sql: str) -> list[Row]:
        """Return all rows."""
        ...

    def accounts(self) -> AsyncIterator[list[Row]]:
        """Give Username, Password, Subdomain and AllowFrom of all accounts, in pages."""
        ...

    def values(self) -> AsyncIterator[list[Row]]:
        """Give Subdomain, Value and the time of its update for all slots in use, in pages."""
        ...
