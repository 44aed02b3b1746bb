"""Registrations of the challenge service: made, authenticated, given values, administered."""

from __future__ import annotations

import asyncio
import copy
import pwd
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from zoneproof.challengedns.ownership import acting_as_owner_of
from zoneproof.challengedns.store import assignment, rows
from zoneproof.challengedns.store.announcements import Announcements
from zoneproof.challengedns.store.assignment import known_registration
from zoneproof.challengedns.store.authentication import (
    Caller,
    about,
    authenticate,
    forbidden_key,
    own_registration,
)
from zoneproof.challengedns.store.checks import check_networks, check_txt, clean_note
from zoneproof.challengedns.store.keys import LegacyKeys, UnverifiedKeyError, hash_key, new_key
from zoneproof.challengedns.store.read_back import ReadBack, WatchedStore
from zoneproof.challengedns.store.rows import RegistrationRow
from zoneproof.challengedns.store.tenants import Tenants, require_room
from zoneproof.challengedns.store.value_time import ValueClock
from zoneproof.core.errors import StorageError
from zoneproof.core.names import DomainName
from zoneproof.storage import (
    GuardedStore,
    SqliteStore,
    Store,
    Transaction,
    load_migrations,
    open_sqlite,
)

T = TypeVar("T")


@dataclass(frozen=True)
class NewRegistration:
    """What a client gets once: the key is kept only as a hash. All names without trailing dot."""

    username: str
    password: str = field(repr=False)
    fulldomain: str
    subdomain: str
    allowfrom: tuple[str, ...]


class Registrations:
    """The registrations in a database.

    Any number of processes may change them at once. Every method that changes something returns
    after a durable commit, and after all DNS workers on this machine have been told if something
    that they know has changed: what they answer from then on holds the change. All raise
    StorageError when the database fails.
    """

    def __init__(
        self,
        store: Store,
        announcements: Announcements,
        *,
        zone: DomainName,
        value_lifetime: int,
        clock: Callable[[], float] = time.time,
        value_clock: ValueClock | None = None,
    ) -> None:
        """``zone`` is where new registrations live; a value lives ``value_lifetime`` seconds.

        ``clock`` is the time of day, and ``value_clock`` the one by which values expire.
        """
        self.zone = zone
        self._watched = WatchedStore(store)
        self._store: Store = self._watched
        self.tenants = Tenants(self._watched, clock)
        self._announcements = announcements
        self._value_lifetime = value_lifetime
        self._clock = clock
        self._value_clock = value_clock or ValueClock(clock)
        self._generation_seen = -1
        self._legacy_keys = LegacyKeys()

    async def close(self) -> None:
        """Finish what was begun and release the database."""
        await self._store.close()
        self._announcements.close()

    def with_settings(self, *, zone: DomainName, value_lifetime: int) -> Registrations:
        """Return the same registrations, for whom new ones live elsewhere or values otherwise."""
        # A copy shares all else, such as how often keys were tried.
        changed = copy.copy(self)
        changed.zone = zone
        changed._value_lifetime = value_lifetime  # noqa: SLF001  it is one of us
        return changed

    async def permitted(self, permit: Callable[[Transaction, int], T]) -> tuple[T, Registrations]:
        """Return what a permit says now, and the same registrations and tenants under it.

        The permit gets a transaction and the time (seconds since 1970), and raises where
        something is not allowed. Every transaction under it begins with it: what was allowed
        when the caller came, and no longer is when it comes to be done, is not done.
        """

        def check(tx: Transaction) -> T:
            return permit(tx, self._now())

        under = copy.copy(self)
        under._store = GuardedStore(self._store, check)  # noqa: SLF001  it is one of us
        under.tenants = Tenants(under._store, self._clock)  # noqa: SLF001
        return await self._store.read(check), under

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
                RegistrationRow(
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

        # Not announced: no worker knows anything of a new name. Only the serial changes, which they
        # learn with the next change, or from announce_missed().
        subdomain = await asyncio.shield(self._store.write(work))
        return NewRegistration(username, key, self.fulldomain(subdomain), subdomain, networks)

    async def authenticate(self, caller: Caller) -> RegistrationRow:
        """Return the caller's registration.

        Raises RegistrationError ``forbidden``, ``licence_expired``, or ``rate_limited`` when keys
        that came from acme-dns are tried faster than they can be verified.
        """
        return await self._as_caller(
            caller, lambda: self._store.read(lambda tx: authenticate(tx, caller, self._now()))
        )

    async def update(self, caller: Caller, subdomain: str, txt: str) -> None:
        """Publish a value for a caller whose registration the subdomain must be.

        Raises what :meth:`authenticate` raises, then RegistrationError ``bad_subdomain`` or
        ``bad_txt``, in that order: a stranger learns nothing of what would be wrong next.
        """

        def work(tx: Transaction) -> None:
            own = own_registration(authenticate(tx, caller, self._now()), subdomain)
            with about(own.subdomain):
                self._put(tx, own, txt)

        await self._as_caller(caller, lambda: self._change(work))

    async def remove(self, caller: Caller, subdomain: str, txt: str) -> None:
        """Withdraw a value for a caller. Raises what :meth:`update` raises."""

        def work(tx: Transaction) -> None:
            own = own_registration(authenticate(tx, caller, self._now()), subdomain)
            with about(own.subdomain):
                rows.remove_value(tx, own.subdomain, check_txt(txt))

        await self._as_caller(caller, lambda: self._change(work))

    async def _as_caller(self, caller: Caller, action: Callable[[], Awaitable[T]]) -> T:
        try:
            return await action()
        except UnverifiedKeyError as error:
            await self._take_over_key(caller, error.found)
        return await action()

    async def _take_over_key(self, caller: Caller, registration: RegistrationRow) -> None:
        with about(registration.subdomain):
            if not await self._legacy_keys.verify(caller.key, registration, caller.address):
                raise forbidden_key(registration)

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
        await self._change(lambda tx: self._put(tx, known_registration(tx, subdomain), txt))

    async def withdraw(self, subdomain: str, txt: str) -> None:
        """Make ``txt`` none of the live values. Raises InvalidInputError: unknown subdomain."""
        await self._change(
            lambda tx: rows.remove_value(
                tx, known_registration(tx, subdomain).subdomain, check_txt(txt)
            )
        )

    async def get(self, subdomain: str) -> RegistrationRow:
        """Return a registration. Raises InvalidInputError for an unknown subdomain."""
        return await self._store.read(lambda tx: known_registration(tx, subdomain))

    async def page(
        self, *, tenant: str = "", after: str = "", limit: int = 100
    ) -> list[RegistrationRow]:
        """Return the registrations that follow the subdomain ``after``, in order.

        They are those of a tenant, or all if ``tenant`` is empty.
        """
        return await self._store.read(lambda tx: rows.page(tx, tenant, after, limit))

    async def values(self, subdomain: str) -> list[tuple[str, int]]:
        """Return the live values and when each expires (seconds since 1970), oldest first."""
        clock = self._value_clock

        def work(tx: Transaction) -> list[tuple[str, int]]:
            known = known_registration(tx, subdomain)
            live = rows.live_values(tx, known.subdomain, clock.now(tx))
            return [(txt, clock.in_time_of_day(tx, expires_at)) for txt, expires_at in live]

        return await self._store.read(work)

    async def alter(
        self, subdomain: str, alter: Callable[[RegistrationRow], RegistrationRow]
    ) -> RegistrationRow:
        """Replace key_hash, allowfrom, note, tenant and disabled by what ``alter`` makes of them.

        Raises InvalidInputError for an unknown subdomain, and for a new tenant RegistrationError
        ``not_found`` or ``quota_exceeded``.
        """

        def work(tx: Transaction) -> RegistrationRow:
            known = known_registration(tx, subdomain)
            altered = alter(known)
            if altered.tenant != known.tenant:
                assignment.assign(tx, [known], altered.tenant)
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

    async def assign(self, subdomains: Iterable[str], tenant: str) -> int:
        """Give registrations to a tenant, all or none; return how many it had not already.

        Raises InvalidInputError for an unknown subdomain, and RegistrationError ``not_found`` or
        ``quota_exceeded``.
        """
        return await self._store.write(lambda tx: assignment.assign_named(tx, subdomains, tenant))

    async def assign_all_without_tenant(self, tenant: str, *, but: Sequence[str] = ()) -> int:
        """Give a tenant all registrations that have none, and return how many they were.

        Those with a note in ``but`` are left alone. Raises what :meth:`assign` raises.
        """
        return await self._store.write(lambda tx: assignment.assign_rest(tx, tenant, but))

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
        await self._change(
            lambda tx: rows.delete(tx, known_registration(tx, subdomain).subdomain, now)
        )

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

    async def generation(self) -> int:
        """Return the number of the latest change."""
        return await self._store.read(rows.generation)

    @property
    def write_failure(self) -> StorageError | None:
        """Why the last write failed, or None if it did not."""
        return self._watched.failure

    async def check(self) -> None:
        """Read from the database. Raises StorageError if that fails, or the last write did."""
        await self.generation()
        if self.write_failure is not None:
            raise self.write_failure

    async def values_ahead(self) -> int:
        """Return how far the time by which values expire is ahead of the machine's seconds."""
        return await self._store.read(self._value_clock.ahead)

    async def keep_value_time(self) -> None:
        """Store the time by which values expire, so that it goes on from here after a boot."""
        await self._store.write(self._value_clock.keep)

    async def sweep(self) -> None:
        """Remove what is of no use any more; the answers do not need that.

        Each transaction removes little, so that what comes meanwhile does not wait for all.
        """
        while await self._change(lambda tx: rows.sweep(tx, self._value_clock.now(tx))):
            pass

    def reopen_announcements(self) -> bool:
        """Open what announces changes anew if its file was removed or replaced; tell whether.

        Then DNS workers that began before hear nothing more. Raises StorageError.
        """
        return self._announcements.reopen()

    async def announce_missed(self) -> None:
        """Announce for a process that died between its commit and its announcement."""
        generation = await self._store.read(rows.generation)
        if generation != self._generation_seen:
            self._generation_seen = generation
            self._announcements.announce()

    # --- within ----------------------------------------------------------------------------

    def _now(self) -> int:
        return int(self._clock())

    def _put(self, tx: Transaction, registration: RegistrationRow, txt: str) -> None:
        now = self._value_clock.now(tx)
        rows.put_value(tx, registration.subdomain, check_txt(txt), now, now + self._value_lifetime)

    async def _change(self, work: Callable[[Transaction], T]) -> T:
        # Shielded: when the caller goes away after the commit, the workers must still be told.
        return await asyncio.shield(self._commit_and_announce(work))

    async def _commit_and_announce(self, work: Callable[[Transaction], T]) -> T:
        result = await self._store.write(work)
        self._announcements.announce()
        return result


def open_registrations(
    database: Path,
    *,
    zone: DomainName,
    value_lifetime: int,
    new_owner: pwd.struct_passwd | None = None,
) -> Registrations:
    """Open the database of a challenge service as :func:`open_database` does."""
    store, announcements = open_database(database, new_owner)
    return Registrations(store, announcements, zone=zone, value_lifetime=value_lifetime)


def open_database(
    database: Path, new_owner: pwd.struct_passwd | None = None, *, may_only_read: bool = False
) -> tuple[SqliteStore, Announcements]:
    """Open a database and what announces its changes; root does so with its owner's rights.

    One that is missing is made, by root for ``new_owner``. With ``may_only_read`` it is opened on
    a full disk too. Raises StorageError.
    """
    migrations = load_migrations("zoneproof.challengedns")
    with acting_as_owner_of(database, new_owner):
        store = open_sqlite(
            database,
            migrations,
            may_only_read=may_only_read,
            read_back=ReadBack(),
            traces=[Announcements.path(database)],
        )
        return store, Announcements(database)
