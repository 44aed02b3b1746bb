"""Registrations of an open database, as tests use them: each call is a transaction of its own."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from zoneproof.challengedns.api.api import make_app
from zoneproof.challengedns.config import ApiConfig
from zoneproof.challengedns.store import rows
from zoneproof.challengedns.store.authentication import Caller, as_caller
from zoneproof.challengedns.store.database import Database
from zoneproof.challengedns.store.postgres_database import PostgresDatabase
from zoneproof.challengedns.store.registrations import NewRegistration, Registrations
from zoneproof.challengedns.store.sqlite_database import SqliteDatabase, open_sqlite_database
from zoneproof.challengedns.store.tenants import Tenants, authenticate_key, known_tenant
from zoneproof.challengedns.store.value_time import ValueClock
from zoneproof.core.names import DomainName

_READING = {"get", "page", "values", "keys"}


class _Opened:
    def __init__(self, database: Database, rules: Registrations | Tenants) -> None:
        self.database = database
        self.rules = rules

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        method = getattr(self.rules, name)
        within = self.database.read if name in _READING else self.database.write

        async def call(*arguments: Any, **keywords: Any) -> Any:
            return await within(lambda tx: method(tx, *arguments, **keywords))

        return call


class OpenTenants(_Opened):
    """The tenants."""

    async def get(self, name: str) -> Any:
        return await self.database.read(lambda tx: known_tenant(tx, name))

    async def authenticate(self, key: str) -> Any:
        now = int(self.rules.clock())
        return await self.database.read(lambda tx: authenticate_key(tx, key, now))


class OpenRegistrations(_Opened):
    """The registrations."""

    rules: Registrations

    @property
    def zone(self) -> DomainName:
        return self.rules.zone

    @property
    def tenants(self) -> OpenTenants:
        return OpenTenants(self.database, self.rules.tenants)

    def fulldomain(self, subdomain: str) -> str:
        return self.rules.fulldomain(subdomain)

    def app(self, config: ApiConfig) -> ASGIApp:
        """Return the API."""
        return make_app(self.database, self.rules, config)

    def with_settings(self, **settings: Any) -> OpenRegistrations:
        return OpenRegistrations(self.database, replace(self.rules, **settings))

    async def authenticate(self, caller: Caller) -> Any:
        return await self._as_caller(
            caller, lambda: self.database.read(lambda tx: self.rules.authenticate(tx, caller))
        )

    async def update(self, caller: Caller, subdomain: str, txt: str) -> None:
        await self._as_caller(
            caller,
            lambda: self.database.write(lambda tx: self.rules.update(tx, caller, subdomain, txt)),
        )

    async def remove(self, caller: Caller, subdomain: str, txt: str) -> None:
        await self._as_caller(
            caller,
            lambda: self.database.write(lambda tx: self.rules.remove(tx, caller, subdomain, txt)),
        )

    async def _as_caller(
        self, caller: Caller, action: Callable[[], Coroutine[Any, Any, Any]]
    ) -> Any:
        return await as_caller(self.database, self.rules.legacy_keys, caller, action)

    async def rotate(self, subdomain: str) -> str:
        """Return the new key alone."""
        made = await self.database.write(lambda tx: self.rules.rotate(tx, subdomain))
        return made.password

    async def generation(self) -> int:
        return await self.database.read(rows.generation)

    async def sweep(self) -> None:
        while await self.database.write(self.rules.sweep):
            pass

    async def values_ahead(self) -> int:
        return await self.database.read(self.rules.value_clock.ahead)

    async def keep_value_time(self) -> None:
        await self.database.write(self.rules.value_clock.keep)

    async def announce_missed(self) -> None:
        assert isinstance(self.database, SqliteDatabase)
        await self.database.announce_missed()

    async def check(self) -> None:
        await self.database.check()

    async def close(self) -> None:
        await self.database.close()


def open_registrations(
    place: Path | str,
    *,
    zone: DomainName,
    value_lifetime: int,
    clock: Callable[[], float] = time.time,
    value_clock: ValueClock | None = None,
) -> OpenRegistrations:
    """Open a SQLite file, which is made if it is missing, or a PostgreSQL database by its URL."""
    rules = Registrations(zone, value_lifetime, clock, value_clock or ValueClock(clock))
    if isinstance(place, Path):
        return OpenRegistrations(open_sqlite_database(place), rules)
    return OpenRegistrations(PostgresDatabase(place), rules)


def caller(made: NewRegistration, address: str = "192.0.2.1", key: str = "") -> Caller:
    return Caller(made.username, key or made.password, ipaddress.ip_address(address))


async def values(registrations: OpenRegistrations, made: NewRegistration) -> list[str]:
    return [value for value, _ in await registrations.values(made.subdomain)]
