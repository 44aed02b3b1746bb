"""Tenants of the challenge service and the keys of tenants and operator."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from zoneproof.challengedns.store import tenant_rows
from zoneproof.challengedns.store.audit import UNNOTED, ServiceAudit
from zoneproof.challengedns.store.checks import check_note
from zoneproof.challengedns.store.keys import (
    NO_KEY_HAS_THIS_HASH,
    has_hash,
    hash_key,
    licence_key_id,
    new_licence_key,
)
from zoneproof.challengedns.store.tenant_rows import LicenceKey, Tenant
from zoneproof.core import times
from zoneproof.core.errors import RegistrationError
from zoneproof.core.text import printable
from zoneproof.storage import Transaction

NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,62}$"
NAME_RULE = "use up to 63 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit"
DEFAULT_QUOTA = 500
MAX_QUOTA = 10_000_000

_KEY_ID = re.compile(r"[0-9a-f]{8}")
_NAME = re.compile(NAME_PATTERN.removesuffix("$") + r"\Z")


@dataclass(frozen=True)
class NewKey:
    """What is shown once: ``key``, of which only a hash is kept."""

    id: str
    tenant: str | None
    note: str
    created_at: int
    key: str = field(repr=False)


@dataclass(frozen=True)
class Tenants:
    """What is done with tenants and keys, on an open transaction.

    ``clock`` gives seconds since 1970; ``audit`` notes what changes, and who did it. All methods
    raise RegistrationError ``not_found`` for a tenant or key that there is not.
    """

    clock: Callable[[], float]
    audit: ServiceAudit = UNNOTED

    # --- tenants ---------------------------------------------------------------------------

    def create(
        self,
        tx: Transaction,
        name: str,
        *,
        quota: int = DEFAULT_QUOTA,
        expires_at: int | None = None,
    ) -> Tenant:
        """Create a tenant, which has no key yet.

        Raises RegistrationError ``invalid_name``, ``invalid_quota`` or ``already_exists``.
        """
        check_tenant_name(name)
        tenant = _checked(Tenant(name, quota, 0, expires_at, False, self._now()))
        if not tenant_rows.insert(tx, tenant):
            raise RegistrationError(f"tenant '{name}' already exists", code="already_exists")
        limits = f"{name}: quota {quota}, last day {_last_day(expires_at)}"
        self.audit.note(tx, "tenant create", limits, tenant=name)
        return tenant

    def page(
        self, tx: Transaction, *, after: str = "", limit: int = 100, text: str = ""
    ) -> list[Tenant]:
        """Return the tenants that follow the name ``after``, in order, those with the text."""
        return tenant_rows.page(tx, after, limit, text)

    def alter(self, tx: Transaction, name: str, alter: Callable[[Tenant], Tenant]) -> Tenant:
        """Replace quota, expires_at and disabled by what ``alter`` makes of them.

        A quota below what the tenant has takes nothing away. Raises RegistrationError
        ``invalid_quota``.
        """
        tenant_rows.lock(tx, name)
        known = known_tenant(tx, name)
        altered = _checked(alter(known))
        tenant_rows.save(tx, altered)
        if changes := _changes(known, altered):
            self.audit.note(tx, "tenant change", f"{name}: {', '.join(changes)}", tenant=name)
        if altered.disabled != known.disabled:
            action = "tenant disable" if altered.disabled else "tenant enable"
            self.audit.note(tx, action, name, tenant=name)
        return altered

    def delete(self, tx: Transaction, name: str) -> None:
        """Delete a tenant and its keys. Raises RegistrationError ``tenant_in_use``."""
        if not tenant_rows.delete(tx, name):
            has = known_tenant(tx, name).registrations
            raise RegistrationError(
                f"tenant '{name}' has registrations ({has}): delete them first, or disable it",
                code="tenant_in_use",
            )
        self.audit.note(tx, "tenant delete", name, tenant=name)

    # --- keys ------------------------------------------------------------------------------

    def create_key(self, tx: Transaction, tenant: str | None, *, note: str = "") -> NewKey:
        """Make a licence key of a tenant, or an operator's key for None.

        Raises RegistrationError ``not_found``, InvalidInputError for a note that is too long.
        """
        if tenant is not None:
            known_tenant(tx, tenant)
        key_id, key = new_licence_key()
        while tenant_rows.key(tx, key_id):
            key_id, key = new_licence_key()
        made = LicenceKey(key_id, tenant, check_note(note), self._now())
        tenant_rows.insert_key(tx, made, hash_key(key))
        self.audit.note(tx, "key create", _named(made), tenant=tenant)
        return NewKey(made.id, made.tenant, made.note, made.created_at, key)

    def keys(
        self, tx: Transaction, *, tenant: str = "", after: str = "", limit: int = 100
    ) -> list[LicenceKey]:
        """Return the keys that follow the id ``after``, in order; of all if ``tenant`` is empty."""
        if tenant:
            known_tenant(tx, tenant)
        return tenant_rows.page_of_keys(tx, tenant, after, limit)

    def revoke_key(self, tx: Transaction, key_id: str, *, operators: bool = True) -> None:
        """Delete a key. Raises RegistrationError ``operators_key`` for one that is not to go."""
        found = known_key(tx, key_id)
        if found.tenant is None and not operators:
            raise RegistrationError(
                "the operator's keys can be revoked only on the command line", code="operators_key"
            )
        tenant_rows.delete_key(tx, found.id)
        self.audit.note(tx, "key revoke", _named(found), tenant=found.tenant)

    def _now(self) -> int:
        return int(self.clock())


def authenticate_key(tx: Transaction, key: str, now: int) -> LicenceKey:
    """Return what is known of a key that somebody sent, at ``now`` (seconds since 1970).

    Raises RegistrationError ``forbidden`` for one that is wrong or whose tenant is disabled,
    which to a guesser is the same, and ``licence_expired``.
    """
    key_id = licence_key_id(key)
    found = tenant_rows.key(tx, key_id) if key_id else None
    # The comparison is made for an unknown id too, which so takes as long as a wrong key.
    expected = found[1] if found else NO_KEY_HAS_THIS_HASH
    if not has_hash(key, expected) or found is None:
        raise RegistrationError(_what_is_wrong(key, key_id, found and found[0]), code="forbidden")
    if found[0].tenant is not None:
        require_usable(tx, found[0].tenant, now)
    return found[0]


def tenant_meant(tx: Transaction, key: str) -> str | None:
    """Return whose id stands in a key, be it right or wrong; None where it is no tenant's."""
    found = tenant_rows.key(tx, licence_key_id(key) or "")
    return found[0].tenant if found else None


def _what_is_wrong(key: str, key_id: str | None, found: LicenceKey | None) -> str:
    if not key:
        return "no licence key was sent as Bearer or Basic, in the path or in the form"
    if key_id is None:
        return "the licence key is malformed"
    if found is None:
        return f"the licence key is wrong, its id {key_id} is unknown"
    of = f"tenant '{found.tenant}'" if found.tenant else "the operator"
    return f"the licence key is wrong, its id {key_id} belongs to a key of {of}"


def authenticate_operator(tx: Transaction, key: str, now: int) -> LicenceKey:
    """Return the operator's key that somebody sent.

    Raises what :func:`authenticate_key` raises, and RegistrationError ``operator_key_needed`` for
    a tenant's.
    """
    found = authenticate_key(tx, key, now)
    if found.tenant is not None:
        raise operator_key_needed()
    return found


def authenticate_tenant(tx: Transaction, key: str, now: int) -> str:
    """Return the tenant for whom a key registers.

    Raises what :func:`authenticate_key` raises, also for an operator's key, which is for nobody.
    """
    tenant = authenticate_key(tx, key, now).tenant
    if tenant is None:
        raise RegistrationError(
            "the operator's key cannot register: create a licence key", code="forbidden"
        )
    return tenant


def operator_key_needed() -> RegistrationError:
    """Return the error of whoever has no operator's key and needs one."""
    return RegistrationError("this needs the operator's key", code="operator_key_needed")


def require_usable(tx: Transaction, name: str, now: int) -> Tenant:
    """Return a tenant that may register and update.

    Raises RegistrationError ``forbidden`` when it is disabled, ``licence_expired``.
    """
    tenant = tenant_rows.get(tx, name)
    if tenant is None or tenant.disabled:
        raise RegistrationError(f"tenant '{name}' is disabled", code="forbidden")
    if tenant.expires_at is not None and tenant.expires_at <= now:
        raise RegistrationError(f"tenant '{name}' has expired", code="licence_expired")
    return tenant


def take_places(tx: Transaction, name: str, count: int) -> None:
    """Count so many more registrations for a tenant, which its transaction then makes its own.

    Raises what :func:`require_places` raises. Right with any number of writers.
    """
    if not tenant_rows.count_more(tx, name, count):
        raise _no_places(known_tenant(tx, name), count)


def require_places(tx: Transaction, name: str, count: int) -> None:
    """Raise RegistrationError ``quota_exceeded`` unless a tenant may now have so many more.

    ``not_found`` if there is no such tenant. One that is disabled or expired may be given some.
    """
    tenant = known_tenant(tx, name)
    if tenant.registrations + count > tenant.quota:
        raise _no_places(tenant, count)


def _no_places(tenant: Tenant, count: int) -> RegistrationError:
    more = "" if count == 1 else f" and would get {count:,} more"
    return RegistrationError(
        f"tenant '{tenant.name}' has {tenant.registrations} registrations{more}, and its quota is"
        f" {tenant.quota}: 'zoneproof challenge tenant change {tenant.name} --quota N' raises it",
        code="quota_exceeded",
    )


def check_tenant_name(name: str) -> str:
    """Return a name that a tenant can have. Raises RegistrationError ``invalid_name``."""
    if not _NAME.match(name):
        raise RegistrationError(
            f"'{printable(name[:70])}' is not a valid tenant name: {NAME_RULE}",
            code="invalid_name",
        )
    return name


def known_key(tx: Transaction, key_id: str) -> LicenceKey:
    """Return the key of that id, or the key itself. Raises RegistrationError ``not_found``."""
    key_id = licence_key_id(key_id) or key_id
    found = tenant_rows.key(tx, key_id)
    if found is not None:
        return found[0]
    if _KEY_ID.fullmatch(key_id):
        raise RegistrationError(f"no licence key has the ID '{key_id}'", code="not_found")
    # It may be a part of a key, so it is not repeated.
    raise RegistrationError(
        "that is not the ID of a licence key: it has 8 hex digits, as in"
        " 'zoneproof challenge key list'",
        code="not_found",
    )


def known_tenant(tx: Transaction, name: str) -> Tenant:
    """Return a tenant. Raises RegistrationError ``not_found``."""
    tenant = tenant_rows.get(tx, name)
    if tenant is None:
        raise RegistrationError(f"there is no tenant '{printable(name[:60])}'", code="not_found")
    return tenant


def _checked(tenant: Tenant) -> Tenant:
    if not 0 <= tenant.quota <= MAX_QUOTA:
        raise RegistrationError(f"a quota must be from 0 to {MAX_QUOTA}", code="invalid_quota")
    return tenant


# --- as the audit log says it ------------------------------------------------------------------


def _changes(known: Tenant, altered: Tenant) -> list[str]:
    found = []
    if altered.quota != known.quota:
        found.append(f"quota {altered.quota} (was {known.quota})")
    if altered.expires_at != known.expires_at:
        was = _last_day(known.expires_at)
        found.append(f"last day {_last_day(altered.expires_at)} (was {was})")
    return found


def _last_day(expires_at: int | None) -> str:
    return "never" if expires_at is None else times.at(expires_at - 1)[:10]


def _named(key: LicenceKey) -> str:
    whose = "" if key.tenant else ", the operator's"
    return f"{key.id}{whose}{f' ({key.note})' if key.note else ''}"
