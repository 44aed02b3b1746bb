"""Which columns of a database hold sealed secrets."""

from __future__ import annotations

import msgspec


class SealedColumn(msgspec.Struct, frozen=True):
    """A column with what :meth:`Vault.seal_text` returned, in a table whose key is ``id``.

    Whoever stores secrets declares its columns, so that a rotation of the key reaches them all.
    """

    table: str
    column: str

    def context(self, key: str) -> str:
        """Return the context for the row whose ``id`` is ``key``."""
        return f"{self.table}|{key}|{self.column}"
