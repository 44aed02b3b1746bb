"""Registrations of the challenge service: made, authenticated, given values, administered."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from zoneproof.challengedns.store import rows
from zoneproof.challengedns.store.audit import UNNOTED, Actor, ServiceAudit, sweep_audit
from zoneproof.challengedns.store.authentication import (
    Caller,
    about,
    authenticate,
    own_registration,
)
from zoneproof.challengedns.store.checks import check_networks, check_txt, clean_note
from zoneproof.challengedns.store.keys import LegacyKeys, hash_key, new_key
from zoneproof.challengedns.store.rows import RegistrationRow
from zoneproof.challengedns.store.tenants import Tenants, require_usable, take_places
from zoneproof.challengedns.store.usage import UseCounter
from zoneproof.challengedns.store.value_time import ValueClock
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.names import DomainName
from zoneproof.core.text import count
from zoneproof.storage import Transaction


@dataclass(frozen=True)
class NewRegistration:
    """What a client gets once: the key is kept only as a hash. All names without trailing dot."""

    username: str
    password: str = field(repr=False)
    fulldomain: str
    subdomain: str
    allowfrom: tuple[str, ...]


@dataclass(frozen=True)
class Registrations:
    """What is done with registrations, on an open transaction.

    ``zone`` is where new ones live; a value lives ``value_lifetime`` seconds. ``clock`` is the
    time of day, and ``value_clock`` the one by which values expire. ``use`` is what whoever serves
    them counts; ``audit`` notes what changes and is no mere value, and who did it.
    """

    zone: DomainName
    value_lifetime: int
    clock: Callable[[], float] = time.time
    value_clock: ValueClock = field(default_factory=ValueClock)
    legacy_keys: LegacyKeys = field(default_factory=LegacyKeys)
    use: UseCounter = field(default_factory=UseCounter)
    audit: ServiceAudit = UNNOTED

    def by(self, actor: Actor) -> Registrations:
        """Return the same, as somebody uses it whose changes are noted."""
        return replace(self, audit=ServiceAudit(actor, self.clock))

    @property
    def tenants(self) -> Tenants:
        """Return the tenants, by the same clock and for the same actor."""
        return Tenants(self.clock, self.audit)

    def now(self) -> int:
        """Return the time of day, in seconds since 1970."""
        return int(self.clock())

    def fulldomain(self, subdomain: str) -> str:
        """Return the name at which the registration's values are answered."""
        return f"{subdomain}.{self.zone}"

    # --- clients ---------------------------------------------------------------------------

    def register(
        self,
        tx: Transaction,
        *,
        allowfrom: Iterable[str] = (),
        note: str = "",
        tenant: str | None = None,
    ) -> NewRegistration:
        """Make a registration. ``allowfrom`` holds the CIDRs that may update it; none: all may.

        With a tenant it counts against its quota. Raises RegistrationError
        ``invalid_allowfrom_cidr``, ``forbidden`` for a tenant that is disabled,
        ``licence_expired`` and ``quota_exceeded``.
        """
        networks = check_networks(allowfrom)
        if tenant is not None:
            require_usable(tx, tenant, self.now())
            take_places(tx, tenant, 1)
        subdomain = str(uuid.uuid4())
        while rows.is_taken(tx, subdomain):
            subdomain = str(uuid.uuid4())
        return self._insert(tx, subdomain, networks, note, tenant)

    def ensure(self, tx: Transaction, subdomain: str, note: str) -> None:
        """Make a registration of the service's own, unless there is one; nobody has its key.

        It may have been deleted before: only the service's own CNAME leads to it. That is asked for
        before there is a registration, so only the next change of it is seen by all who have it.
        """
        if rows.by_subdomain(tx, subdomain) is None:
            rows.may_be_used_again(tx, subdomain)
            self._insert(tx, subdomain, (), note, None)

    def authenticate(self, tx: Transaction, caller: Caller) -> RegistrationRow:
        """Return the caller's registration. Raises what :func:`authenticate` raises."""
        return authenticate(tx, caller, self.now())

    def update(self, tx: Transaction, caller: Caller, subdomain: str, txt: str) -> RegistrationRow:
        """Publish a value for a caller whose registration the subdomain must be; return that.

        Raises what :func:`authenticate` raises, then RegistrationError ``bad_subdomain`` or
        ``bad_txt``, in that order: a stranger learns nothing of what would be wrong next.
        """
        own = own_registration(self.authenticate(tx, caller), subdomain)
        with about(own.subdomain):
            self._put(tx, own, txt)
        return own

    def remove(self, tx: Transaction, caller: Caller, subdomain: str, txt: str) -> RegistrationRow:
        """Withdraw a value for a caller; return what, and raise as, :meth:`update`."""
        own = own_registration(self.authenticate(tx, caller), subdomain)
        with about(own.subdomain):
            rows.remove_value(tx, own.subdomain, check_txt(txt))
        return own

    # --- whoever holds the database --------------------------------------------------------

    def publish(self, tx: Transaction, subdomain: str, txt: str) -> None:
        """Make ``txt`` a live value, for ``value_lifetime`` from now; a live one is refreshed.

        Raises RegistrationError ``bad_txt``, and InvalidInputError for an unknown subdomain.
        """
        self._put(tx, self.get(tx, subdomain), txt)

    def withdraw(self, tx: Transaction, subdomain: str, txt: str) -> None:
        """Make ``txt`` none of the live values. Raises InvalidInputError: unknown subdomain."""
        rows.remove_value(tx, self.get(tx, subdomain).subdomain, check_txt(txt))

    def get(self, tx: Transaction, subdomain: str) -> RegistrationRow:
        """Return a registration. Raises InvalidInputError for an unknown subdomain."""
        registration = rows.by_subdomain(tx, subdomain.lower())
        if registration is None:
            raise InvalidInputError(
                f"there is no registration '{subdomain[:60]}':"
                " see 'zoneproof challenge registration list'"
            )
        return registration

    def page(
        self,
        tx: Transaction,
        *,
        tenant: str = "",
        text: str = "",
        after: str = "",
        limit: int = 100,
    ) -> list[RegistrationRow]:
        """Return the registrations that follow the subdomain ``after``, in order.

        They are those of a tenant, or all if ``tenant`` is empty, and those with ``text`` in their
        note or at the beginning of their subdomain.
        """
        return rows.page(tx, tenant, after, limit, text)

    def values(self, tx: Transaction, subdomain: str) -> list[tuple[str, int]]:
        """Return the live values and when each expires (seconds since 1970), oldest first."""
        clock = self.value_clock
        live = rows.live_values(tx, self.get(tx, subdomain).subdomain, clock.now(tx))
        return [(txt, clock.in_time_of_day(tx, expires_at)) for txt, expires_at in live]

    def alter(
        self,
        tx: Transaction,
        subdomain: str,
        alter: Callable[[RegistrationRow], RegistrationRow],
    ) -> RegistrationRow:
        """Replace key_hash, allowfrom, note, tenant and disabled by what ``alter`` makes of them.

        Raises InvalidInputError for an unknown subdomain, and for a new tenant RegistrationError
        ``not_found`` or ``quota_exceeded``.
        """
        known = self._locked(tx, subdomain)
        altered = alter(known)
        if altered.tenant != known.tenant:
            self._assign(tx, [known], altered.tenant)
        rows.save(tx, altered)
        for action, what in _changes(known, altered):
            subject = f"{_named(known)}{f': {what}' if what else ''}"
            self.audit.note(tx, action, subject, tenant=altered.tenant)
        return altered

    def set_note(self, tx: Transaction, subdomain: str, note: str) -> RegistrationRow:
        """Replace the note. Raises InvalidInputError for an unknown subdomain."""
        return self.alter(tx, subdomain, lambda known: replace(known, note=clean_note(note)))

    def set_allowfrom(
        self, tx: Transaction, subdomain: str, allowfrom: Iterable[str]
    ) -> RegistrationRow:
        """Replace the CIDRs that may update. Raises RegistrationError and InvalidInputError."""
        networks = check_networks(allowfrom)
        return self.alter(tx, subdomain, lambda known: replace(known, allowfrom=networks))

    def set_disabled(self, tx: Transaction, subdomain: str, disabled: bool) -> RegistrationRow:
        """Refuse updates and answer no values, or do both again.

        Raises InvalidInputError for an unknown subdomain.
        """
        return self.alter(tx, subdomain, lambda known: replace(known, disabled=disabled))

    def rotate(self, tx: Transaction, subdomain: str) -> NewRegistration:
        """Give a registration a new API key; the old one no longer works.

        Raises InvalidInputError for an unknown subdomain.
        """
        key = new_key()
        found = self.alter(tx, subdomain, lambda known: replace(known, key_hash=hash_key(key)))
        return NewRegistration(
            found.username,
            key,
            self.fulldomain(found.subdomain),
            found.subdomain,
            found.allowfrom,
        )

    def assign(self, tx: Transaction, subdomains: Iterable[str], tenant: str) -> int:
        """Give registrations to a tenant, all or none; return how many it had not already.

        Raises InvalidInputError for an unknown subdomain, and RegistrationError ``not_found`` or
        ``quota_exceeded``.
        """
        known = {found.subdomain: found for found in (self._locked(tx, s) for s in subdomains)}
        moving = [found for found in known.values() if found.tenant != tenant]
        self._assign(tx, moving, tenant)
        return len(moving)

    def assign_all_without_tenant(
        self, tx: Transaction, tenant: str, *, but: Sequence[str] = ()
    ) -> int:
        """Give a tenant all registrations that have none, and return how many they were.

        Those with a note in ``but`` are left alone. Raises what :meth:`assign` raises.
        """
        moved = rows.assign_all_without_tenant(tx, tenant, but)
        take_places(tx, tenant, moved)
        if moved:
            subject = f"{count(moved, 'registration')} to {tenant}: all that had no tenant"
            self.audit.note(tx, "registration assign", subject, tenant=tenant)
        return moved

    def delete(self, tx: Transaction, subdomain: str) -> None:
        """Delete a registration for good. Raises InvalidInputError for an unknown subdomain."""
        known = self._locked(tx, subdomain)
        rows.delete(tx, known.subdomain, self.now())
        self.audit.note(tx, "registration delete", _named(known), tenant=known.tenant)

    # --- upkeep ----------------------------------------------------------------------------

    def begin_generation(self, tx: Transaction, *, at_least: int = 0) -> int:
        """Count a change of the zones themselves, and return its number.

        It is ``at_least`` a number that is known from elsewhere, and the time: so the serial still
        rises after a database was replaced.
        """
        rows.note_change(tx, "", at_least=max(at_least, self.now()))
        return rows.generation(tx)

    def sweep(self, tx: Transaction) -> bool:
        """Remove some of what is no longer of use; tell whether there is more.

        The answers do not need that. Each transaction removes little, so that what comes meanwhile
        does not wait for all.
        """
        return any([rows.sweep(tx, self.value_clock.now(tx)), sweep_audit(tx, self.now())])

    # --- within ----------------------------------------------------------------------------

    def _insert(
        self,
        tx: Transaction,
        subdomain: str,
        networks: tuple[str, ...],
        note: str,
        tenant: str | None,
    ) -> NewRegistration:
        key, username = new_key(), str(uuid.uuid4())
        made = RegistrationRow(
            subdomain=subdomain,
            username=username,
            key_hash=hash_key(key),
            allowfrom=networks,
            note=clean_note(note),
            tenant=tenant,
            disabled=False,
            created_at=self.now(),
        )
        rows.insert(tx, made)
        self.audit.note(tx, "registration create", _named(made), tenant=tenant)
        return NewRegistration(username, key, self.fulldomain(subdomain), subdomain, networks)

    def _locked(self, tx: Transaction, subdomain: str) -> RegistrationRow:
        rows.lock(tx, subdomain.lower())
        return self.get(tx, subdomain)

    def _assign(
        self, tx: Transaction, locked: Sequence[RegistrationRow], tenant: str | None
    ) -> None:
        if tenant is not None:
            take_places(tx, tenant, len(locked))
        for each in locked:
            rows.assign(tx, each, tenant)
        if locked:
            self._note_assigned(tx, locked, tenant, tenant or "nobody")
        for former in sorted({each.tenant for each in locked if each.tenant is not None}):
            # Who has them now is nothing that the one who had them is to see.
            left = [each for each in locked if each.tenant == former]
            self._note_assigned(tx, left, former, "another")

    def _note_assigned(
        self, tx: Transaction, those: Sequence[RegistrationRow], tenant: str | None, to: str
    ) -> None:
        names = ", ".join(map(_named, those))
        subject = f"{count(len(those), 'registration')} to {to}: {names}"
        self.audit.note(tx, "registration assign", subject, tenant=tenant)

    def _put(self, tx: Transaction, registration: RegistrationRow, txt: str) -> None:
        now = self.value_clock.now(tx)
        rows.put_value(tx, registration.subdomain, check_txt(txt), now, now + self.value_lifetime)


def _changes(known: RegistrationRow, altered: RegistrationRow) -> Iterator[tuple[str, str]]:
    """Tell what was done to a registration, besides that it was assigned: action and details."""
    if altered.note != known.note:
        yield "registration change", f"note '{altered.note}'"
    if altered.allowfrom != known.allowfrom:
        yield "registration change", f"updates from {', '.join(altered.allowfrom) or 'anywhere'}"
    if altered.disabled != known.disabled:
        yield f"registration {'disable' if altered.disabled else 'enable'}", ""
    if altered.key_hash != known.key_hash:
        yield "registration rotate", ""


def _named(registration: RegistrationRow) -> str:
    note = f" ({registration.note})" if registration.note else ""
    return f"{registration.subdomain}{note}"
