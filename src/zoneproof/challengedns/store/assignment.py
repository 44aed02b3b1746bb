"""Finding registrations and giving them to tenants, as parts of a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zoneproof.challengedns.store import rows
from zoneproof.challengedns.store.rows import RegistrationRow
from zoneproof.challengedns.store.tenants import require_places
from zoneproof.core.errors import InvalidInputError
from zoneproof.storage import Transaction


def known_registration(tx: Transaction, subdomain: str) -> RegistrationRow:
    """Return a registration. Raises InvalidInputError for an unknown subdomain."""
    registration = rows.by_subdomain(tx, subdomain.lower())
    if registration is None:
        raise InvalidInputError(
            f"there is no registration '{subdomain[:60]}':"
            " see 'zoneproof challenge registration list'"
        )
    return registration


def assign(tx: Transaction, found: Sequence[RegistrationRow], tenant: str | None) -> None:
    """Give them to a tenant, or to none. Raises what :func:`require_places` raises."""
    if tenant is not None:
        require_places(tx, tenant, len(found))
    rows.assign(tx, [each.subdomain for each in found], tenant)


def assign_named(tx: Transaction, subdomains: Iterable[str], tenant: str) -> int:
    """Give a tenant those that it has not already; return how many they were."""
    known = {found.subdomain: found for found in (known_registration(tx, s) for s in subdomains)}
    moving = [found for found in known.values() if found.tenant != tenant]
    assign(tx, moving, tenant)
    return len(moving)


def assign_rest(tx: Transaction, tenant: str, but: Sequence[str]) -> int:
    """Give a tenant all that have none, except for notes in ``but``; return how many they were."""
    count = rows.count_without_tenant(tx, but)
    require_places(tx, tenant, count)
    rows.assign_all_without_tenant(tx, tenant, but)
    return count
