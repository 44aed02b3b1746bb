"""Finds out which registration a caller may use, on an open transaction.

What is done on the strength of it belongs into the same transaction: a key that is revoked, or a
registration that goes to another tenant, between the two must not be used all the same. Only what
bcrypt has to tell takes too long for a transaction, and comes between two.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from zoneproof.challengedns.store import rows
from zoneproof.challengedns.store.checks import to_network
from zoneproof.challengedns.store.keys import (
    NO_KEY_HAS_THIS_HASH,
    LegacyKeys,
    UnverifiedKeyError,
    has_hash,
    hash_key,
    is_legacy,
)
from zoneproof.challengedns.store.rows import RegistrationRow
from zoneproof.challengedns.store.tenant_rows import LicenceKey
from zoneproof.challengedns.store.tenants import authenticate_key, require_usable
from zoneproof.core.errors import RegistrationError
from zoneproof.serving.limits import IPAddress
from zoneproof.storage import Store, Transaction

T = TypeVar("T")

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_KEY = re.compile(r"[A-Za-z0-9_-]{40}")


@dataclass(frozen=True)
class Caller:
    """Who asks for a change: the API user and key of the request, and where it came from."""

    username: str
    key: str = field(repr=False)
    address: IPAddress


def authenticate(tx: Transaction, caller: Caller, now: int) -> RegistrationRow:
    """Return the caller's registration, at ``now`` (seconds since 1970).

    Raises RegistrationError ``forbidden`` or ``licence_expired``, and UnverifiedKeyError where
    only bcrypt can tell.
    """
    registration = None
    username = caller.username.lower()
    if _UUID.fullmatch(username):
        registration = rows.by_username(tx, username)
    # The comparison is made for an unknown user too, which so takes as long as a wrong key.
    expected = registration.key_hash if registration else NO_KEY_HAS_THIS_HASH
    same = has_hash(caller.key, expected)
    has_form = _KEY.fullmatch(caller.key)
    if registration is None or not has_form or not (same or is_legacy(expected)):
        raise forbidden_key(registration)
    with about(registration.subdomain):
        if registration.disabled:
            raise RegistrationError("the registration is disabled", code="forbidden")
        if not _is_allowed(registration, caller.address):
            raise RegistrationError(
                f"{caller.address} is not in the registration's allowfrom", code="forbidden"
            )
        if is_legacy(expected):
            raise UnverifiedKeyError(registration)
        if registration.tenant is not None:
            require_usable(tx, registration.tenant, now)
    return registration


async def as_caller(
    store: Store, legacy_keys: LegacyKeys, caller: Caller, action: Callable[[], Awaitable[T]]
) -> T:
    """Return what comes of an action, whose transaction authenticates the caller.

    A key that came from acme-dns is verified, and its SHA-256 stored, before the action is
    repeated. Raises what the action raises, and RegistrationError ``rate_limited`` when such keys
    are tried faster than they can be verified.
    """
    try:
        return await action()
    except UnverifiedKeyError as error:
        found = error.found
    with about(found.subdomain):
        if not await legacy_keys.verify(caller.key, found, caller.address):
            raise forbidden_key(found)

    def take_over(tx: Transaction) -> None:
        known = rows.by_subdomain(tx, found.subdomain)
        if known is not None and known.key_hash == found.key_hash:
            rows.save(tx, replace(known, key_hash=hash_key(caller.key)))

    await store.write(take_over)
    return await action()


def forbidden_key(registration: RegistrationRow | None) -> RegistrationError:
    """Return the error of whoever has not the key of a registration, or names none."""
    if registration is None:
        return RegistrationError("unknown API user", code="forbidden")
    return RegistrationError("wrong API key", code="forbidden", registration=registration.subdomain)


@dataclass(frozen=True, slots=True)
class about:  # noqa: N801  a context manager
    """Notes on a RegistrationError that comes out which registration it is about."""

    subdomain: str

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Note it."""
        if isinstance(error, RegistrationError):
            error.registration = error.registration or self.subdomain


@dataclass(frozen=True)
class Administered:
    """What is known of a licence key, and a registration that it may administer."""

    key: LicenceKey
    registration: RegistrationRow


def administered(tx: Transaction, key: str, subdomain: str, now: int) -> Administered:
    """Return a licence key and the registration of a subdomain.

    Raises what :func:`authenticate_key` and :func:`administered_with` raise.
    """
    return administered_with(tx, authenticate_key(tx, key, now), subdomain)


def administered_with(tx: Transaction, who: LicenceKey, subdomain: str) -> Administered:
    """Return a key that was authenticated and the registration of a subdomain.

    Raises RegistrationError ``not_found``: to a tenant another's registration is as one that there
    is not.
    """
    found = rows.by_subdomain(tx, subdomain.lower())
    if found is None or who.tenant not in {None, found.tenant}:
        raise RegistrationError("there is no such registration", code="not_found")
    return Administered(who, found)


def _is_allowed(registration: RegistrationRow, address: IPAddress) -> bool:
    return not registration.allowfrom or any(
        address in to_network(text) for text in registration.allowfrom
    )


def own_registration(registration: RegistrationRow, subdomain: str) -> RegistrationRow:
    """Return the caller's registration if the subdomain is its own.

    Raises RegistrationError ``bad_subdomain`` or ``forbidden``.
    """
    wanted = subdomain.lower()
    with about(registration.subdomain):
        if not _UUID.fullmatch(wanted):
            raise RegistrationError(
                "the subdomain must be the UUID of a registration", code="bad_subdomain"
            )
        if wanted != registration.subdomain:
            raise RegistrationError(
                f"the subdomain belongs to another registration, {wanted}", code="forbidden"
            )
    return registration
