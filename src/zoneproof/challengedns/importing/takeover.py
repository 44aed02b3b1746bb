"""Takes over the registrations of an acme-dns, without touching what has changed here since."""

from __future__ import annotations

import pwd
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from zoneproof.challengedns.config import Config
from zoneproof.challengedns.importing.database import count_accounts, open_acme_dns
from zoneproof.challengedns.importing.rows import (
    ImportedValue,
    UnusableRowError,
    read_account,
    read_value,
)
from zoneproof.challengedns.importing.source import Row, SourceDatabase
from zoneproof.challengedns.runtime.privileges import make_folder_for, service_user
from zoneproof.challengedns.store import rows
from zoneproof.challengedns.store.audit import UNNOTED, ServiceAudit
from zoneproof.challengedns.store.database import Database
from zoneproof.challengedns.store.keys import is_legacy, require_bcrypt
from zoneproof.challengedns.store.opening import database_exists, open_database
from zoneproof.challengedns.store.rows import RegistrationRow
from zoneproof.challengedns.store.tenants import require_places, take_places
from zoneproof.challengedns.store.value_time import ValueClock
from zoneproof.core.text import count
from zoneproof.storage import Transaction


@dataclass(frozen=True)
class LeftOut:
    """An account that was not taken over, and why; in a conflict something else is here.

    With ``value`` it is only a value, whatever became of its account.
    """

    subdomain: str
    reason: str
    conflict: bool = False
    value: bool = False


@dataclass(frozen=True)
class Summary:
    """How many accounts, and values (empty slots are none), became what.

    ``registrations``: ``new``; ``there`` already; ``deleted`` here; ``conflict`` and ``skipped``
    were left out.

    ``values``: ``new``, or published again since they came here; ``there`` already; ``expired``;
    ``malformed``; ``unused``, because their account was left out, does not exist or is in use
    here, or because a registration cannot have so many.

    ``without_tenant``: how many of those that are there belong to no tenant.
    """

    registrations: Mapping[str, int]
    values: Mapping[str, int]
    without_tenant: int

    @property
    def lost(self) -> int:
        """How many accounts somebody may miss here."""
        return self.registrations["conflict"] + self.registrations["skipped"]


@dataclass(frozen=True)
class _Account:
    registration: RegistrationRow
    values: Sequence[ImportedValue]


@dataclass(frozen=True)
class _Decision:
    kind: str
    reason: str = ""
    publish: Sequence[ImportedValue] = ()
    values_there: int = 0
    is_nobodys: bool = False


async def import_acme_dns(
    config: Config,
    source: str,
    *,
    tenant: str | None = None,
    dry_run: bool,
    audit: ServiceAudit = UNNOTED,
    left_out: Callable[[LeftOut], None],
    progress: Callable[[int, int], None],
) -> Summary:
    """Take over the accounts and values of a SQLite file or ``postgres://`` URL.

    The service may be running, and answers with what was imported. If there is no database yet,
    it is made for the user that the service runs as. An import can be repeated, and continues where
    one broke off. An account that is

    - unknown here becomes a registration with its values, each of which lives as long as if it
      had been published here instead of there;
    - here, with a key that was not yet used here, gets those values that are not here, or were
      published again since;
    - here, with a key that was used or replaced here, stays as it is: its values there are past;
    - deleted here, or here with another username or key, is left out.

    New registrations belong to ``tenant``, or to nobody. ``left_out`` is told what was not taken
    over, ``audit`` that registrations were made, ``progress`` how many accounts are done and how
    many there are. With ``dry_run`` nothing is changed. Raises InvalidInputError, StorageError, and
    RegistrationError ``not_found`` or ``quota_exceeded`` for the tenant; what was done until then
    stays.
    """
    require_bcrypt()
    async with (
        open_acme_dns(source) as database,
        _open_target(config, dry_run=dry_run) as target,
    ):
        now = int(time.time())
        run = _Run(target, config.value_lifetime, left_out, audit, tenant, dry_run, now)
        return await run.take_all(database, progress)


class _Run(msgspec.Struct):
    """One import."""

    target: Database
    lifetime: int
    left_out: Callable[[LeftOut], None]
    audit: ServiceAudit
    tenant: str | None
    dry_run: bool
    now: int
    registrations: Counter[str] = msgspec.field(
        default_factory=lambda: Counter(new=0, there=0, deleted=0, conflict=0, skipped=0)
    )
    values: Counter[str] = msgspec.field(
        default_factory=lambda: Counter(new=0, there=0, expired=0, malformed=0, unused=0)
    )
    without_tenant: int = 0

    async def take_all(
        self, database: SourceDatabase, progress: Callable[[int, int], None]
    ) -> Summary:
        await self.target.read(lambda tx: self._require_places(tx, 0))
        total = await count_accounts(database)
        values = await self._read_values(database)
        done = 0
        async for page in database.accounts():
            await self._take(self._read_accounts(page, values))
            done += len(page)
            progress(done, total)
        if self.dry_run:
            new = self.registrations["new"]
            await self.target.read(lambda tx: self._require_places(tx, new))
        self.values["unused"] += sum(map(len, values.values()))
        return Summary(self.registrations, self.values, self.without_tenant)

    async def _read_values(self, database: SourceDatabase) -> dict[str, list[ImportedValue]]:
        # All that have not expired at once: acme-dns has no index to find those of an account.
        found: dict[str, list[ImportedValue]] = {}
        async for page in database.values():
            for row in page:
                try:
                    value = read_value(row, self.now)
                except UnusableRowError as error:
                    self.values["malformed"] += 1
                    self.left_out(LeftOut(error.subdomain, str(error), value=True))
                    continue
                if value is None:
                    continue
                if value.published + self.lifetime <= self.now:
                    self.values["expired"] += 1
                else:
                    found.setdefault(value.subdomain, []).append(value)
        return found

    def _read_accounts(
        self, page: Sequence[Row], values: dict[str, list[ImportedValue]]
    ) -> list[_Account]:
        accounts = []
        for row in page:
            try:
                registration = read_account(row, self.now)
            except UnusableRowError as error:
                self.registrations["skipped"] += 1
                self.left_out(LeftOut(error.subdomain, str(error)))
            else:
                own = values.pop(registration.subdomain, [])
                accounts.append(_Account(registration, own))
        return accounts

    async def _take(self, accounts: Sequence[_Account]) -> None:
        def work(tx: Transaction) -> list[_Decision]:
            decisions = [self._take_one(tx, account) for account in accounts]
            new = sum(decision.kind == "new" for decision in decisions)
            if new and not self.dry_run:
                subject = f"{count(new, 'registration')} from acme-dns"
                self.audit.note(tx, "registration import", subject, tenant=self.tenant)
            return decisions

        if self.dry_run:
            decisions = await self.target.read(work)
        else:
            decisions = await self.target.write(work)
        for account, decision in zip(accounts, decisions, strict=True):
            self._count(account, decision)

    def _take_one(self, tx: Transaction, account: _Account) -> _Decision:
        # How far the time by which values expire is ahead of the time of day.
        lead = ValueClock(lambda: self.now).now(tx) - self.now
        decision = _decide(tx, account, self.now + lead, self.lifetime + lead)
        if self.dry_run:
            return decision
        registration = account.registration
        if decision.kind == "new":
            if self.tenant is not None:
                take_places(tx, self.tenant, 1)
            rows.insert(tx, replace(registration, tenant=self.tenant))
        for value in decision.publish:
            expires_at = value.published + self.lifetime + lead
            now = self.now + lead
            rows.put_value(tx, registration.subdomain, value.txt, now, expires_at)
        return decision

    def _require_places(self, tx: Transaction, count: int) -> None:
        if self.tenant is not None:
            require_places(tx, self.tenant, count)

    def _count(self, account: _Account, decision: _Decision) -> None:
        self.registrations[decision.kind] += 1
        self.without_tenant += decision.is_nobodys
        self.values["new"] += len(decision.publish)
        self.values["there"] += decision.values_there
        self.values["unused"] += len(account.values) - len(decision.publish) - decision.values_there
        if decision.reason:
            self.left_out(
                LeftOut(
                    account.registration.subdomain,
                    decision.reason,
                    conflict=decision.kind == "conflict",
                )
            )


def _decide(tx: Transaction, account: _Account, now: int, lifetime: int) -> _Decision:
    wanted = account.registration
    here = rows.by_subdomain(tx, wanted.subdomain)
    if here is None:
        namesake = rows.by_username(tx, wanted.username)
        if namesake is not None:
            return _Decision("conflict", f"its username is that of {namesake.subdomain} here")
        if rows.is_taken(tx, wanted.subdomain):
            return _Decision("deleted", "it was deleted here")
    elif here.username != wanted.username:
        return _Decision("conflict", "it has another username here")
    elif not is_legacy(here.key_hash):
        return _Decision("there", is_nobodys=here.tenant is None)
    elif here.key_hash != wanted.key_hash:
        return _Decision("conflict", "it has another key here")
    live = dict(rows.live_values(tx, wanted.subdomain, now)) if here else {}
    by_time = sorted(account.values, key=_published)
    distinct = {value.txt: value for value in by_time}.values()
    kept = sorted(distinct, key=_published)[-rows.MAX_VALUES :]
    publish = [value for value in kept if live.get(value.txt, 0) < value.published + lifetime]
    return _Decision(
        "there" if here else "new",
        publish=publish,
        values_there=len(kept) - len(publish),
        is_nobodys=here is not None and here.tenant is None,
    )


def _published(value: ImportedValue) -> int:
    return value.published


@asynccontextmanager
async def _open_target(config: Config, *, dry_run: bool) -> AsyncIterator[Database]:
    with _place(config, dry_run=dry_run) as placed:
        database = _open(placed, None if dry_run else service_user(config))
        try:
            yield database
        finally:
            await database.close()


@contextmanager
def _place(config: Config, *, dry_run: bool) -> Iterator[Config]:
    if not dry_run or database_exists(config):
        yield config
        return
    with tempfile.TemporaryDirectory() as folder:
        yield replace(config, database=Path(folder) / config.database.name)


def _open(config: Config, owner: pwd.struct_passwd | None) -> Database:
    if owner is not None:
        make_folder_for(config.database.parent, owner)
    return open_database(config, owner)
