"""The audit log: who did what, when, from where, and with what result."""

from __future__ import annotations

import uuid

import msgspec

from zoneproof.manager.people.columns import now_text
from zoneproof.storage import Stored, Transaction, Value, audit_log, reads, record, writes
from zoneproof.storage.audit_log import AuditTable

KEEP = 50_000  # entries; of more the oldest go
KEEP_OF_FAILED = 10_000
"""How many of them are sign-ins that failed: strangers, however many, push out nothing else."""
OK = audit_log.OK
SIGN_IN_FAILED = "sign-in failed"

# Many are of the same millisecond; those have the order in which they were added.
_TABLE = AuditTable("audit", ("at", "rowid"))
_SHOWN = ("rowid", "at", "who", "address", "action", "subject", "result")


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """``at`` is RFC 3339 in UTC, ``who`` a user, ``token NAME`` or ``command line (USER)``.

    ``address`` is empty for the command line; ``result`` is ``ok`` or why it failed. ``number``
    rises with ``at``, and tells entries of the same millisecond apart.
    """

    number: int
    at: str
    who: str
    address: str
    action: str
    subject: str
    result: str


class Audit(Stored):
    """The stored entries. Every method raises StorageError."""

    @writes
    def add(
        self,
        tx: Transaction,
        who: str,
        action: str,
        subject: str = "",
        *,
        address: str = "",
        result: str = OK,
    ) -> None:
        """Write down what somebody did just now."""
        _TABLE.add(
            tx,
            id=str(uuid.uuid4()),
            at=now_text(),
            who=who,
            address=address,
            action=action,
            subject=subject,
            result=result,
        )
        if action == SIGN_IN_FAILED:
            _TABLE.keep_newest(tx, KEEP_OF_FAILED, "action = ?", [SIGN_IN_FAILED])
        _TABLE.keep_newest(tx, KEEP)

    @reads
    def latest(
        self,
        tx: Transaction,
        text: str = "",
        *,
        most: int = 100,
        before: str = "",
        number: int = 0,
    ) -> list[AuditEntry]:
        """Return the newest entries in which the text occurs, before a time if one is given.

        With a ``number`` also those of that time with a lower one.
        """
        place: list[Value] = [before, number] if number else [before]
        rows = _TABLE.newest(
            tx,
            _SHOWN,
            searched=_SHOWN[2:],
            text=text,
            before=place if before else (),
            most=most,
        )
        return [record(AuditEntry, row) for row in rows]

    @reads
    def failed_sign_ins(self, tx: Transaction, name: str, since: str) -> int:
        """Return how often signing in with the user's name failed since a time."""
        rows = tx.query(
            "SELECT COUNT(*) FROM audit WHERE at > ? AND action = ? AND subject = ?",
            (since, SIGN_IN_FAILED, name),
        )
        return int(str(rows[0][0]))
