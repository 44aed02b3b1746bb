"""Registrations of the challenge service: made, authenticated, given values, administered."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from zoneproof.challengedns.registry import rows
from zoneproof.challengedns.registry.announcements import Announcements
from zoneproof.challengedns.registry.keys import NO_KEY_HAS_THIS_HASH, has_hash, hash_key, new_key
from zoneproof.challengedns.registry.legacy_keys import LegacyKeys, UnverifiedKeyError, is_legacy
from zoneproof.challengedns.registry.notes import clean_note
from zoneproof.challengedns.registry.rows import Registration
from zoneproof.challengedns.registry.tenants import Tenants, require_room, require_usable
from zoneproof.errors import InvalidInputError, RegistrationError
from zoneproof.names import DomainName
from zoneproof.storage import Store, Transaction, load_migrations, open_sqlite

T = TypeVar("T")
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_KEY = re.compile(r"[A-Za-z0-9_-]{40}")
_TXT = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class NewRegistration:
    """What a client gets once: the key is kept only as a hash. All names without trailing dot."""

    username: str
    password: str = field(repr=False)
    fulldomain: str
    subdomain: str
    allowfrom: tuple[str, ...]


@dataclass(frozen=True)
class Caller:
    """Who asks for a change: the API user and key of the request, and where it came from."""

    username: str
    key: str = field(repr=False)
    address: IPAddress


class Registrations:
    """The registrations in a database.

    Any number of processes may change them at once. Every method that changes something returns
    after a durable commit, and after all DNS workers on this machine have been told: what they
    answer from then on holds the change. All raise StorageError when the database fails.
    """

    def __init__(
        self,
        store: Store,
        announcements: Announcements,
        *,
        zone: DomainName,
        value_lifetime: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``zone`` is where new registrations live; a value lives ``value_lifetime`` seconds."""
        self.zone = zone
        self.tenants = Tenants(store, clock)
        self._store = store
        self._announcements = announcements
        self._value_lifetime = value_lifetime
        self._clock = clock
        self._generation_seen = -1
        self._legacy_keys = LegacyKeys()

    async def close(self) -> None:
        """Finish what was begun and release the database."""
        await self._store.close()
        self._announcements.close()

    def with_settings(self, *, zone: DomainName, value_lifetime: int) -> Registrations:
        """Return the same registrations, for whom new ones live elsewhere or values otherwise."""
        return Registrations(
            self._store,
            self._announcements,
            zone=zone,
            value_lifetime=value_lifetime,
            clock=self._clock,
        )

    # --- clients ---------------------------------------------------------------------------

    async def register(
        self, *, allowfrom: Iterable[str] = (), note: str = "", tenant: str | None = None
    ) -> NewRegistration:
        """Make a registration. ``allowfrom`` holds the CIDRs that may update it; none: all may.

        With a tenant it counts against its quota. Raises RegistrationError
        ``invalid_allowfrom_cidr``, ``forbidden`` for a tenant that is disabled,
        ``licence_expired`` and ``quota_exceeded``.
        """
        networks = check_networks(allowfrom)
        key = new_key()
        username = str(uuid.uuid4())

        def work(tx: Transaction) -> str:
            if tenant is not None:
                require_room(tx, tenant, self._now())
            subdomain = str(uuid.uuid4())
            while rows.is_taken(tx, subdomain):
                subdomain = str(uuid.uuid4())
            rows.insert(
                tx,
                Registration(
                    subdomain=subdomain,
                    username=username,
                    key_hash=hash_key(key),
                    allowfrom=networks,
                    note=clean_note(note),
                    tenant=tenant,
                    disabled=False,
                    created_at=self._now(),
                ),
            )
            return subdomain

        subdomain = await self._change(work)
        return NewRegistration(username, key, self.fulldomain(subdomain), subdomain, networks)

    async def authenticate(self, caller: Caller) -> Registration:
        """Return the caller's registration.

        Raises RegistrationError ``forbidden``, ``licence_expired``, or ``rate_limited`` when keys
        that came from acme-dns are tried faster than they can be verified.
        """
        return await self._as_caller(
            caller, lambda: self._store.read(lambda tx: _authenticate(tx, caller, self._now()))
        )

    async def update(self, caller: Caller, subdomain: str, txt: str) -> None:
        """Publish a value for a caller whose registration the subdomain must be.

        Raises what :meth:`authenticate` raises, then RegistrationError ``bad_subdomain`` or
        ``bad_txt``, in that order: a stranger learns nothing of what would be wrong next.
        """

        def work(tx: Transaction) -> None:
            own = _owned(_authenticate(tx, caller, self._now()), subdomain)
            self._put(tx, own, txt)

        await self._as_caller(caller, lambda: self._change(work))

    async def remove(self, caller: Caller, subdomain: str, txt: str) -> None:
        """Withdraw a value for a caller. Raises what :meth:`update` raises."""

        def work(tx: Transaction) -> None:
            own = _owned(_authenticate(tx, caller, self._now()), subdomain)
            rows.remove_value(tx, own.subdomain, check_txt(txt))

        await self._as_caller(caller, lambda: self._change(work))

    async def _as_caller(self, caller: Caller, action: Callable[[], Awaitable[T]]) -> T:
        try:
            return await action()
        except UnverifiedKeyError as error:
            await self._take_over_key(caller, error.registration)
        return await action()

    async def _take_over_key(self, caller: Caller, registration: Registration) -> None:
        if not await self._legacy_keys.verify(caller.key, registration, caller.address):
            raise _forbidden_key()

        def work(tx: Transaction) -> None:
            known = rows.by_subdomain(tx, registration.subdomain)
            if known is not None and known.key_hash == registration.key_hash:
                rows.save(tx, replace(known, key_hash=hash_key(caller.key)))

        await self._change(work)

    # --- whoever holds the database --------------------------------------------------------

    async def publish(self, subdomain: str, txt: str) -> None:
        """Make ``txt`` a live value, for ``value_lifetime`` from now; a live one is refreshed.

        Raises RegistrationError ``bad_txt``, and InvalidInputError for an unknown subdomain.
        """
        await self._change(lambda tx: self._put(tx, _known(tx, subdomain), txt))

    async def withdraw(self, subdomain: str, txt: str) -> None:
        """Make ``txt`` none of the live values. Raises InvalidInputError: unknown subdomain."""
        await self._change(
            lambda tx: rows.remove_value(tx, _known(tx, subdomain).subdomain, check_txt(txt))
        )

    async def get(self, subdomain: str) -> Registration:
        """Return a registration. Raises InvalidInputError for an unknown subdomain."""
        return await self._store.read(lambda tx: _known(tx, subdomain))

    async def page(
        self, *, tenant: str = "", after: str = "", limit: int = 100
    ) -> list[Registration]:
        """Return the registrations that follow the subdomain ``after``, in order.

        They are those of a tenant, or all if ``tenant`` is empty.
        """
        return await self._store.read(lambda tx: rows.page(tx, tenant, after, limit))

    async def values(self, subdomain: str) -> list[tuple[str, int]]:
        """Return the live values and when each expires (seconds since 1970), oldest first."""
        now = self._now()
        return await self._store.read(
            lambda tx: rows.live_values(tx, _known(tx, subdomain).subdomain, now)
        )

    async def alter(
        self, subdomain: str, alter: Callable[[Registration], Registration]
    ) -> Registration:
        """Replace key_hash, allowfrom, note and disabled by what ``alter`` makes of them.

        Raises InvalidInputError for an unknown subdomain.
        """

        def work(tx: Transaction) -> Registration:
            altered = alter(_known(tx, subdomain))
            rows.save(tx, altered)
            return altered

        return await self._change(work)

    async def set_note(self, subdomain: str, note: str) -> None:
        """Replace the note. Raises InvalidInputError for an unknown subdomain."""
        await self.alter(subdomain, lambda known: replace(known, note=clean_note(note)))

    async def set_allowfrom(self, subdomain: str, allowfrom: Iterable[str]) -> None:
        """Replace the CIDRs that may update. Raises RegistrationError and InvalidInputError."""
        networks = check_networks(allowfrom)
        await self.alter(subdomain, lambda known: replace(known, allowfrom=networks))

    async def set_disabled(self, subdomain: str, disabled: bool) -> None:
        """Refuse updates and answer no values, or do both again.

        Raises InvalidInputError for an unknown subdomain.
        """
        await self.alter(subdomain, lambda known: replace(known, disabled=disabled))

    async def rotate(self, subdomain: str) -> str:
        """Return a new API key; the old one no longer works.

        Raises InvalidInputError for an unknown subdomain.
        """
        key = new_key()
        await self.alter(subdomain, lambda known: replace(known, key_hash=hash_key(key)))
        return key

    async def delete(self, subdomain: str) -> None:
        """Delete a registration for good. Raises InvalidInputError for an unknown subdomain."""
        now = self._now()
        await self._change(lambda tx: rows.delete(tx, _known(tx, subdomain).subdomain, now))

    def fulldomain(self, subdomain: str) -> str:
        """Return the name at which the registration's values are answered."""
        return f"{subdomain}.{self.zone}"

    # --- upkeep ----------------------------------------------------------------------------

    async def begin_generation(self) -> int:
        """Count a change of the zones themselves, and return its number.

        The number is at least the time, so the serial still rises after a database was replaced.
        """
        at_least = self._now()
        return await self._change(lambda tx: rows.next_generation(tx, at_least=at_least))

    async def check(self) -> None:
        """Read from the database. Raises StorageError when that fails."""
        await self._store.read(rows.generation)

    async def sweep(self) -> None:
        """Remove what has expired from the database; the answers do not need that."""
        while await self._change(lambda tx: rows.sweep(tx, self._now())):
            pass

    async def announce_missed(self) -> None:
        """Announce for a process that died between its commit and its announcement."""
        generation = await self._store.read(rows.generation)
        if generation != self._generation_seen:
            self._generation_seen = generation
            self._announcements.announce()

    # --- within ----------------------------------------------------------------------------

    def _now(self) -> int:
        return int(self._clock())

    def _put(self, tx: Transaction, registration: Registration, txt: str) -> None:
        now = self._now()
        rows.put_value(tx, registration.subdomain, check_txt(txt), now, now + self._value_lifetime)

    async def _change(self, work: Callable[[Transaction], T]) -> T:
        # Shielded: when the caller goes away after the commit, the workers must still be told.
        return await asyncio.shield(self._commit_and_announce(work))

    async def _commit_and_announce(self, work: Callable[[Transaction], T]) -> T:
        result = await self._store.write(work)
        self._announcements.announce()
        return result


def open_registrations(database: Path, *, zone: DomainName, value_lifetime: int) -> Registrations:
    """Open the database of a challenge service, made if it is missing. Raises StorageError."""
    store = open_sqlite(database, load_migrations("zoneproof.challengedns"))
    return Registrations(store, Announcements(database), zone=zone, value_lifetime=value_lifetime)


def check_networks(texts: Iterable[str]) -> tuple[str, ...]:
    """Return CIDRs as they came, without brackets around IPv6 addresses.

    Raises RegistrationError ``invalid_allowfrom_cidr`` for one that is none; as in acme-dns, an
    address without a prefix length is none.
    """
    networks = []
    for text in texts:
        network = text.strip().replace("[", "").replace("]", "")
        try:
            _network(network)
        except ValueError:
            network = ""
        if "/" not in network:
            raise RegistrationError(
                f"{text[:60]!r} is no network: write one as 192.0.2.0/24 or 2001:db8::/32",
                code="invalid_allowfrom_cidr",
            )
        networks.append(network)
    return tuple(networks)


def check_txt(txt: str) -> str:
    """Return a dns-01 value: 43 characters of base64url. Raises RegistrationError ``bad_txt``."""
    if not _TXT.fullmatch(txt):
        raise RegistrationError(
            "the TXT value must be 43 characters of A-Z, a-z, 0-9, '-' and '_'", code="bad_txt"
        )
    return txt


def _authenticate(tx: Transaction, caller: Caller, now: int) -> Registration:
    registration = None
    username = caller.username.lower()
    if _UUID.fullmatch(username) and _KEY.fullmatch(caller.key):
        registration = rows.by_username(tx, username)
    # The comparison is made for an unknown user too, which so takes as long as a wrong key.
    expected = registration.key_hash if registration else NO_KEY_HAS_THIS_HASH
    same = has_hash(caller.key, expected)
    if registration is None or not (same or is_legacy(expected)):
        raise _forbidden_key()
    if registration.disabled:
        raise RegistrationError(f"{registration.subdomain} is disabled", code="forbidden")
    if not _is_allowed(registration, caller.address):
        raise RegistrationError(
            f"{caller.address} is not in the allowfrom of {registration.subdomain}",
            code="forbidden",
        )
    if is_legacy(expected):
        raise UnverifiedKeyError(registration)
    if registration.tenant is not None:
        require_usable(tx, registration.tenant, now)
    return registration


def _forbidden_key() -> RegistrationError:
    return RegistrationError("unknown API user or wrong API key", code="forbidden")


def _is_allowed(registration: Registration, address: IPAddress) -> bool:
    return not registration.allowfrom or any(
        address in _network(text) for text in registration.allowfrom
    )


@functools.lru_cache(4096)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text, strict=False)


def _owned(registration: Registration, subdomain: str) -> Registration:
    wanted = subdomain.lower()
    if not _UUID.fullmatch(wanted):
        raise RegistrationError(
            "the subdomain must be the UUID of a registration", code="bad_subdomain"
        )
    if wanted != registration.subdomain:
        raise RegistrationError(
            f"{wanted} is not the caller's registration, {registration.subdomain} is",
            code="forbidden",
        )
    return registration


def _known(tx: Transaction, subdomain: str) -> Registration:
    registration = rows.by_subdomain(tx, subdomain.lower())
    if registration is None:
        raise InvalidInputError(
            f"there is no registration '{subdomain[:60]}':"
            " see 'zoneproof challenge registration list'"
        )
    return registration
