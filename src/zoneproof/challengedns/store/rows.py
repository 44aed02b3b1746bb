"""The SQL of registrations: functions on an open transaction, whoever opened it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from zoneproof.challengedns.store import tenant_rows
from zoneproof.core.errors import StorageError
from zoneproof.storage import Row, Transaction, columns_of, matching, record

MAX_VALUES = 16
_KEPT_CHANGES = 20_000
_KEPT_DELETED = 100_000  # so that an import brings none of them back
_SWEEP_LIMIT = 500  # rows of a kind in a transaction: updates that come meanwhile hardly wait


@dataclass(frozen=True)
class RegistrationRow:
    """A row of the registrations. ``allowfrom`` holds CIDRs, ``created_at`` seconds since 1970."""

    subdomain: str
    username: str
    key_hash: str
    allowfrom: tuple[str, ...]
    note: str
    tenant: str | None
    disabled: bool
    created_at: int


_COLUMNS = columns_of(RegistrationRow)
_NETWORKS = msgspec.json.Decoder(tuple[str, ...])


def integer(value: object) -> int:
    """Return a number of a row."""
    assert isinstance(value, int)
    return value


def _registration(row: Row) -> RegistrationRow:
    subdomain, username, key_hash, allowfrom, *rest = row
    networks = _allowed(str(subdomain), str(allowfrom))
    return record(RegistrationRow, (subdomain, username, key_hash, networks, *rest), strict=False)


def _allowed(subdomain: str, text: str) -> tuple[str, ...]:
    try:
        allowed = _NETWORKS.decode(text)
    except msgspec.MsgspecError as error:
        raise StorageError(
            f"the addresses that may update the registration {subdomain} cannot be read: restore"
            " the database from a backup"
        ) from error
    return allowed


# --- reading -----------------------------------------------------------------------------------


def by_username(tx: Transaction, username: str) -> RegistrationRow | None:
    """Return the registration of an API user."""
    rows = tx.query(f"SELECT {_COLUMNS} FROM challenge_registration WHERE username = ?", [username])  # noqa: S608
    return _registration(rows[0]) if rows else None


def by_subdomain(tx: Transaction, subdomain: str) -> RegistrationRow | None:
    """Return the registration of a subdomain."""
    rows = tx.query(
        f"SELECT {_COLUMNS} FROM challenge_registration WHERE subdomain = ?",  # noqa: S608
        [subdomain],
    )
    return _registration(rows[0]) if rows else None


def page(
    tx: Transaction, tenant: str, after: str, limit: int, text: str = ""
) -> list[RegistrationRow]:
    """Return up to ``limit`` registrations that follow the subdomain ``after``, in its order.

    They are those of a tenant, or all if ``tenant`` is empty; with a text those in whose note,
    in any case (of ASCII letters), or at the beginning of whose subdomain it stands.
    """
    where, parameters = "subdomain > ?", [after]
    if tenant:
        where += " AND tenant = ?"
        parameters.append(tenant)
    if text:
        clause, patterns = matching(["note"], text, begin=["subdomain"])
        where += f" AND {clause}"
        parameters += patterns
    rows = tx.query(
        f"SELECT {_COLUMNS} FROM challenge_registration WHERE {where}"  # noqa: S608
        " ORDER BY subdomain LIMIT ?",
        [*parameters, limit],
    )
    return [_registration(row) for row in rows]


def live_values(tx: Transaction, subdomain: str, now: int) -> list[tuple[str, int]]:
    """Return the values of a subdomain that have not expired, and when they will; oldest first.

    Both times are value time.
    """
    rows = tx.query(
        "SELECT txt, expires_at FROM challenge_value WHERE subdomain = ? AND expires_at > ?"
        " ORDER BY generation",
        [subdomain, now],
    )
    return [(str(txt), integer(expires_at)) for txt, expires_at in rows]


def generation(tx: Transaction) -> int:
    """Return the number of the latest change."""
    return integer(tx.query("SELECT generation FROM challenge_generation")[0][0])


# --- writing -----------------------------------------------------------------------------------


def note_change(
    tx: Transaction, subdomain: str, *, is_new: bool = False, at_least: int = 0
) -> None:
    """Count a change of what is answered for a subdomain; from then on its number is the latest.

    Without a subdomain it is one of the zones themselves. Of what ``is_new`` no answer is known.
    """
    tx.execute(
        "UPDATE challenge_generation SET generation ="
        " CASE WHEN generation < ? THEN ? ELSE generation + 1 END",
        [at_least, at_least],
    )
    tx.execute(
        "INSERT INTO challenge_change (generation, subdomain, is_new)"
        " SELECT generation, ?, ? FROM challenge_generation",
        [subdomain, int(is_new)],
    )


def is_taken(tx: Transaction, subdomain: str) -> bool:
    """Tell whether a subdomain is, or ever was, a registration's."""
    return bool(
        tx.query(
            "SELECT 1 FROM challenge_registration WHERE subdomain = ?"
            " UNION ALL SELECT 1 FROM challenge_deleted_subdomain WHERE subdomain = ?",
            [subdomain, subdomain],
        )
    )


def insert(tx: Transaction, registration: RegistrationRow) -> None:
    """Add a registration; whoever adds it for a tenant counts it there."""
    tx.execute(
        f"INSERT INTO challenge_registration ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        [
            registration.subdomain,
            registration.username,
            registration.key_hash,
            json.dumps(registration.allowfrom),
            registration.note,
            registration.tenant,
            int(registration.disabled),
            registration.created_at,
        ],
    )
    note_change(tx, registration.subdomain, is_new=True)


def may_be_used_again(tx: Transaction, subdomain: str) -> None:
    """Remove a subdomain from those that were deleted."""
    tx.execute("DELETE FROM challenge_deleted_subdomain WHERE subdomain = ?", [subdomain])


def lock(tx: Transaction, subdomain: str) -> None:
    """Keep others from changing a registration until the transaction ends."""
    tx.execute(
        "UPDATE challenge_registration SET disabled = disabled WHERE subdomain = ?", [subdomain]
    )


def assign(tx: Transaction, registration: RegistrationRow, tenant: str | None) -> None:
    """Make a locked registration a tenant's, or nobody's, and count it less for the one it had.

    What is answered for it stays the same.
    """
    tx.execute(
        "UPDATE challenge_registration SET tenant = ? WHERE subdomain = ?",
        [tenant, registration.subdomain],
    )
    tenant_rows.count_one_less(tx, registration.tenant)


def assign_all_without_tenant(tx: Transaction, tenant: str, but: Sequence[str]) -> int:
    """Make registrations a tenant's that have none, and none of these notes; return how many."""
    spared = f" AND note NOT IN ({', '.join('?' * len(but))})" if but else ""
    return tx.execute(
        f"UPDATE challenge_registration SET tenant = ? WHERE tenant IS NULL{spared}",  # noqa: S608
        [tenant, *but],
    )


def save(tx: Transaction, registration: RegistrationRow) -> None:
    """Replace what can change of a registration: key, allowfrom, note, disabled."""
    tx.execute(
        "UPDATE challenge_registration SET key_hash = ?, allowfrom = ?, note = ?, disabled = ?"
        " WHERE subdomain = ?",
        [
            registration.key_hash,
            json.dumps(registration.allowfrom),
            registration.note,
            int(registration.disabled),
            registration.subdomain,
        ],
    )
    note_change(tx, registration.subdomain)


def delete(tx: Transaction, subdomain: str, now: int) -> None:
    """Remove a registration and its values, and keep its subdomain from being used again."""
    tx.execute("DELETE FROM challenge_value WHERE subdomain = ?", [subdomain])
    tx.execute("DELETE FROM challenge_activity WHERE subdomain = ?", [subdomain])
    tx.execute("DELETE FROM challenge_question WHERE subdomain = ?", [subdomain])
    gone = tx.query(
        "DELETE FROM challenge_registration WHERE subdomain = ? RETURNING tenant", [subdomain]
    )
    for (tenant,) in gone:
        tenant_rows.count_one_less(tx, tenant)
    tx.execute(
        "INSERT INTO challenge_deleted_subdomain (subdomain, deleted_at) VALUES (?, ?)",
        [subdomain, now],
    )
    note_change(tx, subdomain)


def put_value(tx: Transaction, subdomain: str, txt: str, now: int, expires_at: int) -> None:
    """Make ``txt`` the newest live value of a subdomain; of more than 16 the oldest goes.

    Both times are value time.
    """
    note_change(tx, subdomain)
    tx.execute(
        "INSERT INTO challenge_value (subdomain, txt, expires_at, generation)"
        " SELECT ?, ?, ?, generation FROM challenge_generation WHERE true"
        " ON CONFLICT (subdomain, txt) DO UPDATE"
        " SET expires_at = excluded.expires_at, generation = excluded.generation",
        [subdomain, txt, expires_at],
    )
    # One at a time is enough, and needs no order of all.
    tx.execute(
        "DELETE FROM challenge_value WHERE subdomain = ? AND generation = ("
        "SELECT CASE WHEN COUNT(*) > ? THEN MIN(generation) END FROM challenge_value"
        " WHERE subdomain = ? AND expires_at > ?)",
        [subdomain, MAX_VALUES, subdomain, now],
    )


def remove_value(tx: Transaction, subdomain: str, txt: str) -> None:
    """Make ``txt`` none of a subdomain's values."""
    if tx.execute("DELETE FROM challenge_value WHERE subdomain = ? AND txt = ?", [subdomain, txt]):
        note_change(tx, subdomain)


def sweep(tx: Transaction, now: int) -> bool:
    """Remove a few rows of each kind that are no longer of use; ``now`` is value time.

    Those are values that have expired, changes that every worker has long seen, and the names of
    registrations that were deleted long ago. Returns whether more are left to remove.
    """
    return any([_sweep_values(tx, now), _sweep_changes(tx), _sweep_deleted(tx)])


def _sweep_values(tx: Transaction, now: int) -> bool:
    expired = tx.query(
        "SELECT subdomain, txt FROM challenge_value WHERE expires_at <= ? LIMIT ?",
        [now, _SWEEP_LIMIT],
    )
    for row in expired:
        tx.execute("DELETE FROM challenge_value WHERE subdomain = ? AND txt = ?", row)
    # Workers know by themselves what has expired; secondaries learn it from the changes.
    for subdomain in {str(subdomain) for subdomain, _ in expired}:
        note_change(tx, subdomain)
    return len(expired) == _SWEEP_LIMIT


def _sweep_changes(tx: Transaction) -> bool:
    newest = tx.query(
        "SELECT generation FROM challenge_change ORDER BY generation DESC LIMIT 1 OFFSET ?",
        [_KEPT_CHANGES],
    )
    if not newest:
        return False
    oldest = tx.query(
        "SELECT generation FROM challenge_change ORDER BY generation LIMIT ?", [_SWEEP_LIMIT]
    )
    last, pruned = integer(newest[0][0]), integer(oldest[-1][0])
    pruned = min(last, pruned)
    tx.execute("DELETE FROM challenge_change WHERE generation <= ?", [pruned])
    tx.execute("UPDATE challenge_generation SET pruned = ?", [pruned])
    return pruned < last


def _sweep_deleted(tx: Transaction) -> bool:
    (row,) = tx.query("SELECT COUNT(*) FROM challenge_deleted_subdomain")
    too_many = integer(row[0]) - _KEPT_DELETED
    oldest = tx.query(
        "SELECT subdomain FROM challenge_deleted_subdomain ORDER BY deleted_at LIMIT ?",
        [max(0, min(too_many, _SWEEP_LIMIT))],
    )
    for found in oldest:
        tx.execute("DELETE FROM challenge_deleted_subdomain WHERE subdomain = ?", found)
    return too_many > len(oldest)
