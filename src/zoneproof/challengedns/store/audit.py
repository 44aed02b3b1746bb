"""The service's audit log: who did what to which tenant, key or registration, and when.

An entry is written in the transaction in which the thing is done. It shows ids and names of keys,
never a key. A share of the log belongs to each who can write into it, so that nobody, whatever they
repeat, pushes out what others did.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from zoneproof.challengedns.store.tenant_rows import LicenceKey
from zoneproof.storage import Transaction, Value, record
from zoneproof.storage.audit_log import OK, AuditTable

KEEP_OF_OPERATOR: Final = 20_000
KEEP_OF_TENANT: Final = 2_000
KEEP_OF_STRANGERS: Final = 1_000
"""How many entries stay of what each has done; of more the oldest go."""
KEEP_SECONDS: Final = 400 * 86_400
"""For how long an entry stays at most."""

_SWEEP_LIMIT = 500
_OPERATOR, _STRANGER = "", "?"
_TABLE = AuditTable("challenge_audit", ("number",))
_COLUMNS = ("number", "at", "who", "address", "action", "subject", "result", "tenant")
# Who works for the operator, and from where, is nothing that tenants are to see.
_FOR_TENANT = {
    "who": "CASE WHEN author = '' THEN 'operator' ELSE who END",
    "address": "CASE WHEN author = '' THEN '' ELSE address END",
}


@dataclass(frozen=True)
class ServiceAuditEntry:
    """``at`` is in seconds since 1970; ``tenant`` is whom it concerns, empty for none.

    ``who`` is a key (``operator, key 3f9a01bc``), a session that was begun with one (``team,
    session of key 3f9a01bc``), ``command line (USER)``, ``service`` or ``stranger``. ``address`` is
    empty for what was done on the machine itself; ``result`` is ``ok`` or why it failed.
    """

    number: int
    at: int
    who: str
    address: str
    action: str
    subject: str
    result: str
    tenant: str


@dataclass(frozen=True)
class Actor:
    """Who does something; ``author`` is whose share of the log it takes."""

    who: str
    address: str = ""
    author: str = _OPERATOR


SERVICE: Final = Actor("service")
"""The service itself, as when it is told to reload."""


def holder_of(key: LicenceKey, address: str, *, by_session: bool = False) -> Actor:
    """Return who uses a key, or a session that was begun with it."""
    how = "session of key" if by_session else "key"
    return Actor(f"{key.tenant or 'operator'}, {how} {key.id}", address, key.tenant or _OPERATOR)


def stranger(address: str) -> Actor:
    """Return somebody who could not show a key that works."""
    return Actor("stranger", address, _STRANGER)


@dataclass(frozen=True)
class ServiceAudit:
    """Notes what one actor does; what nobody in particular does is not noted.

    ``clock`` gives seconds since 1970.
    """

    actor: Actor | None = None
    clock: Callable[[], float] = time.time

    def note(
        self,
        tx: Transaction,
        action: str,
        subject: str = "",
        *,
        tenant: str | None = None,
        result: str = OK,
    ) -> None:
        """Write down what is done in a transaction, and which tenant it concerns."""
        actor = self.actor
        if actor is None:
            return
        ((number,),) = tx.query("SELECT COALESCE(MAX(number), 0) + 1 FROM challenge_audit")
        _TABLE.add(
            tx,
            number=number,
            at=int(self.clock()),
            who=actor.who,
            address=actor.address,
            action=action,
            subject=subject,
            result=result,
            tenant=tenant or "",
            author=actor.author,
        )
        keep = {_OPERATOR: KEEP_OF_OPERATOR, _STRANGER: KEEP_OF_STRANGERS}
        most = keep.get(actor.author, KEEP_OF_TENANT)
        _TABLE.keep_newest(tx, most, "author = ?", [actor.author])


UNNOTED: Final = ServiceAudit()
"""What notes nothing."""


def entries(
    tx: Transaction,
    *,
    text: str = "",
    tenant: str = "",
    before: int | None = None,
    limit: int = 100,
) -> list[ServiceAuditEntry]:
    """Return the newest entries for the operator, before that of a number.

    They have a text somewhere, and concern a tenant, if these are given.
    """
    where, parameters = ("tenant = ?", [tenant]) if tenant else ("", [])
    return _newest(tx, _COLUMNS, where, parameters, text, before, limit)


def entries_for(
    tx: Transaction,
    tenant: str,
    since: int,
    *,
    text: str = "",
    before: int | None = None,
    limit: int = 100,
) -> list[ServiceAuditEntry]:
    """Return the newest entries that a tenant may see: what concerns it, as :func:`entries` does.

    ``since`` is when the tenant was created: what is older concerned another one of that name.
    """
    columns = [_FOR_TENANT.get(column, column) for column in _COLUMNS]
    return _newest(tx, columns, "tenant = ? AND at >= ?", [tenant, since], text, before, limit)


def _newest(
    tx: Transaction,
    columns: Sequence[str],
    where: str,
    parameters: Sequence[Value],
    text: str,
    before: int | None,
    limit: int,
) -> list[ServiceAuditEntry]:
    rows = _TABLE.newest(
        tx,
        columns,
        searched=columns[2:],
        text=text,
        before=() if before is None else (before,),
        most=limit,
        where=where,
        parameters=parameters,
    )
    return [record(ServiceAuditEntry, row, strict=False) for row in rows]


def sweep_audit(tx: Transaction, now: int) -> bool:
    """Remove a few entries that are too old; tell whether more are left to remove."""
    oldest = tx.query(
        "SELECT number, at FROM challenge_audit ORDER BY number LIMIT ?", [_SWEEP_LIMIT]
    )
    old = [number for number, at in oldest if int(str(at)) <= now - KEEP_SECONDS]
    for number in old:
        tx.execute("DELETE FROM challenge_audit WHERE number = ?", [number])
    return len(old) == _SWEEP_LIMIT
