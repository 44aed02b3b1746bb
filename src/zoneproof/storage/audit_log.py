"""What all audit logs have in common, whichever database they are in: cleaned, found, bounded."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from zoneproof.core.text import sanitize
from zoneproof.storage.store import Row, Transaction, Value, matching

OK = "ok"
"""The result of what was done; else it says why it was not."""
_LONGEST = 500


class AuditTable(msgspec.Struct, frozen=True):
    """A table of entries. ``order`` are columns of which no two entries have the same values.

    Together they rise from each entry to the next.
    """

    name: str
    order: tuple[str, ...]

    def add(self, tx: Transaction, **values: Value) -> None:
        """Write down an entry; its texts become one printable line each."""
        cleaned = [
            sanitize(value, limit=_LONGEST) if isinstance(value, str) else value
            for value in values.values()
        ]
        places = ", ".join("?" * len(values))
        tx.execute(f"INSERT INTO {self.name} ({', '.join(values)}) VALUES ({places})", cleaned)  # noqa: S608

    def keep_newest(
        self, tx: Transaction, most: int, where: str = "", parameters: Sequence[Value] = ()
    ) -> None:
        """Remove all but the newest; with a condition, of those that fulfil it."""
        among = f"WHERE {where}" if where else ""
        both = f"{where} AND" if where else ""
        columns = ", ".join(self.order)
        tx.execute(
            f"DELETE FROM {self.name} WHERE {both} ({columns}) < (SELECT {columns}"  # noqa: S608
            f" FROM {self.name} {among} ORDER BY {self._newest_first} LIMIT 1 OFFSET ?)",
            [*parameters, *parameters, most - 1],
        )

    def newest(
        self,
        tx: Transaction,
        columns: Sequence[str],
        *,
        searched: Sequence[str],
        text: str = "",
        before: Sequence[Value] = (),
        most: int = 100,
        where: str = "",
        parameters: Sequence[Value] = (),
    ) -> list[Row]:
        """Return the newest entries that have a text, before one whose ``order`` is ``before``.

        That may be the first of its columns: then none is returned that is equal in these.
        ``columns`` and ``searched`` are columns, or what SQL makes of them.
        """
        conditions, values = [where] if where else [], list(parameters)
        if before:
            known = ", ".join(self.order[: len(before)])
            conditions.append(f"({known}) < ({', '.join('?' * len(before))})")
            values += before
        if text:
            clause, patterns = matching(searched, text)
            conditions.append(clause)
            values += patterns
        among = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        return tx.query(
            f"SELECT {', '.join(columns)} FROM {self.name} {among}"  # noqa: S608
            f" ORDER BY {self._newest_first} LIMIT ?",
            [*values, most],
        )

    @property
    def _newest_first(self) -> str:
        return ", ".join(f"{column} DESC" for column in self.order)
