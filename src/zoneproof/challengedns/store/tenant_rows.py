"""The SQL of tenants and keys: functions on an open transaction, whoever opened it."""

from __future__ import annotations

from dataclasses import dataclass

from zoneproof.storage import Transaction, Value, columns_of, matching, record


@dataclass(frozen=True)
class Tenant:
    """Who may have up to ``quota`` registrations, and has ``registrations`` of them.

    ``expires_at`` (None: never) and ``created_at`` are seconds since 1970.
    """

    name: str
    quota: int
    registrations: int
    expires_at: int | None
    disabled: bool
    created_at: int


@dataclass(frozen=True)
class LicenceKey:
    """A tenant's licence key, or the operator's when ``tenant`` is None."""

    id: str
    tenant: str | None
    note: str
    created_at: int


_TENANT, _KEY = columns_of(Tenant), columns_of(LicenceKey)


# --- tenants -----------------------------------------------------------------------------------


def get(tx: Transaction, name: str) -> Tenant | None:
    """Return a tenant."""
    rows = tx.query(f"SELECT {_TENANT} FROM challenge_tenant WHERE name = ?", [name])  # noqa: S608
    return record(Tenant, rows[0], strict=False) if rows else None


def page(tx: Transaction, after: str, limit: int, text: str = "") -> list[Tenant]:
    """Return up to ``limit`` tenants that follow the name ``after``, in its order.

    With a text they are those in whose name it stands.
    """
    where, parameters = "name > ?", [after]
    if text:
        clause, patterns = matching(["name"], text)
        where += f" AND {clause}"
        parameters += patterns
    rows = tx.query(
        f"SELECT {_TENANT} FROM challenge_tenant WHERE {where} ORDER BY name LIMIT ?",  # noqa: S608
        [*parameters, limit],
    )
    return [record(Tenant, row, strict=False) for row in rows]


def insert(tx: Transaction, tenant: Tenant) -> bool:
    """Add a tenant; False if there is one of that name."""
    return bool(
        tx.execute(
            f"INSERT INTO challenge_tenant ({_TENANT}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608
            " ON CONFLICT (name) DO NOTHING",
            [
                tenant.name,
                tenant.quota,
                tenant.registrations,
                tenant.expires_at,
                int(tenant.disabled),
                tenant.created_at,
            ],
        )
    )


def lock(tx: Transaction, name: str) -> None:
    """Keep others from changing a tenant until the transaction ends."""
    tx.execute("UPDATE challenge_tenant SET disabled = disabled WHERE name = ?", [name])


def save(tx: Transaction, tenant: Tenant) -> None:
    """Replace what can change of a tenant: quota, expires_at, disabled."""
    tx.execute(
        "UPDATE challenge_tenant SET quota = ?, expires_at = ?, disabled = ? WHERE name = ?",
        [tenant.quota, tenant.expires_at, int(tenant.disabled), tenant.name],
    )


def count_more(tx: Transaction, name: str, more: int) -> bool:
    """Count so many more registrations for a tenant, if its quota allows that many, and its peak.

    One statement looks and counts, so it is right with any number of writers: those of the same
    tenant wait for its row, and look again when it is theirs.
    """
    return bool(
        tx.execute(
            "UPDATE challenge_tenant SET registrations = registrations + ?,"
            " peak = CASE WHEN registrations + ? > peak THEN registrations + ? ELSE peak END"
            " WHERE name = ? AND registrations + ? <= quota",
            [more, more, more, name, more],
        )
    )


def count_one_less(tx: Transaction, name: Value) -> None:
    """Count one registration less for a tenant; None is none."""
    if name is not None:
        tx.execute(
            "UPDATE challenge_tenant SET registrations = registrations - 1 WHERE name = ?", [name]
        )


def delete(tx: Transaction, name: str) -> bool:
    """Remove a tenant and its keys; False if it has registrations, and where there is none."""
    tx.execute(
        "DELETE FROM challenge_session WHERE key_id IN"
        " (SELECT id FROM challenge_key WHERE tenant = ?)",
        [name],
    )
    tx.execute("DELETE FROM challenge_key WHERE tenant = ?", [name])
    return bool(
        tx.execute("DELETE FROM challenge_tenant WHERE name = ? AND registrations = 0", [name])
    )


# --- keys --------------------------------------------------------------------------------------


def key(tx: Transaction, key_id: str) -> tuple[LicenceKey, str] | None:
    """Return a key and its hash."""
    rows = tx.query(f"SELECT {_KEY}, key_hash FROM challenge_key WHERE id = ?", [key_id])  # noqa: S608
    return (record(LicenceKey, rows[0][:-1], strict=False), str(rows[0][-1])) if rows else None


def page_of_keys(tx: Transaction, tenant: str, after: str, limit: int) -> list[LicenceKey]:
    """Return up to ``limit`` keys that follow the id ``after``; of all if ``tenant`` is empty."""
    of_tenant = " AND tenant = ?" if tenant else ""
    rows = tx.query(
        f"SELECT {_KEY} FROM challenge_key WHERE id > ?{of_tenant} ORDER BY id LIMIT ?",  # noqa: S608
        [after, *filter(None, [tenant]), limit],
    )
    return [record(LicenceKey, row, strict=False) for row in rows]


def insert_key(tx: Transaction, new: LicenceKey, key_hash: str) -> None:
    """Add a key."""
    tx.execute(
        f"INSERT INTO challenge_key ({_KEY}, key_hash) VALUES (?, ?, ?, ?, ?)",  # noqa: S608
        [new.id, new.tenant, new.note, new.created_at, key_hash],
    )


def delete_key(tx: Transaction, key_id: str) -> None:
    """Remove a key, and end its sessions."""
    tx.execute("DELETE FROM challenge_session WHERE key_id = ?", [key_id])
    tx.execute("DELETE FROM challenge_key WHERE id = ?", [key_id])
