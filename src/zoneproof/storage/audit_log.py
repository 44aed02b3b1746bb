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
    """A table of entries. ``order`` is the column that rises from each entry to the next."""

    name: str
    order: str

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
        tx.execute(
            f"DELETE FROM {self.name} WHERE {both} {self.order} < (SELECT {self.order}"  # noqa: S608
            f" FROM {self.name} {among} ORDER BY {self.order} DESC LIMIT 1 OFFSET ?)",
            [*parameters, *parameters, most - 1],
        )

    def newest(
        self,
        tx: Transaction,
        columns: Sequence[str],
        *,
        searched: Sequence[str],
        text: str = "",
        before: Value = None,
        most: int = 100,
        where: str = "",
        parameters: Sequence[Value] = (),
    ) -> list[Row]:
        """Return the newest entries that have a text, before one whose ``order`` is ``before``.

        ``columns`` and ``searched`` are columns, or what SQL makes of them.
        """
        conditions, values = [where] if where else [], list(parameters)
        if before is not None:
            conditions.append(f"{self.order} < ?")
            values.append(before)
        if text:
            clause, patterns = matching(searched, text)
            conditions.append(clause)
            values += patterns
        among = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        return tx.query(
            f"SELECT {', '.join(columns)} FROM {self.name} {among}"  # noqa: S608
            f" ORDER BY {self.order} DESC LIMIT ?",
            [*values, most],
        )
