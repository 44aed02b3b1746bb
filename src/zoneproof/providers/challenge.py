"""The provider for our own challenge service on this machine: writes straight into its database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from zoneproof.challengedns.config import Config, load_config
from zoneproof.challengedns.own_names import own_names, own_subdomain
from zoneproof.challengedns.store.database import Database
from zoneproof.challengedns.store.opening import database_exists, open_database
from zoneproof.challengedns.store.registrations import Registrations
from zoneproof.core.aio import KeyedLocks
from zoneproof.core.errors import (
    InvalidInputError,
    ProviderError,
    ProviderZoneError,
    RegistrationError,
)
from zoneproof.core.fields import CredentialField
from zoneproof.core.files import absolute_path
from zoneproof.core.names import DomainName
from zoneproof.core.text import sanitize
from zoneproof.providers.batches import one_by_one
from zoneproof.providers.contract import (
    Limits,
    ProviderContext,
    ProviderInfo,
    Registration,
    RegistrationStore,
    TxtRecord,
    Zone,
    require_store,
)
from zoneproof.storage import Transaction, open_in_thread


def _load(path: str) -> Config:
    return load_config(absolute_path("challenge: config", path))


def _place(config: Config) -> str:
    # Nodes that share a database know each other's registrations, which are in the same zones.
    return str(config.registration_zone if config.postgres else config.database.resolve())


async def _close(database: Database) -> None:
    await database.close()


class ChallengeService:
    """Publishes at a subdomain of the service, registered at first use of a domain.

    When a change returns, every DNS worker of the service answers with it.
    """

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="challenge",
        title="Challenge service on this machine",
        homepage="",
        fields=(
            CredentialField(
                "config",
                "absolute path of the service's configuration, zoneproof.toml",
                file=_load,
            ),
        ),
        default_ttl=1,
        limits=Limits(value_pattern="[A-Za-z0-9_-]{43}", has_ttl=False),
        notes="For a manager that runs beside `zoneproof challenge serve`: no licence key, no HTTP."
        " It needs write permission for the service's database. Registers each domain at first"
        " use, once for `example.com` and `*.example.com`, and asks you to create one CNAME from "
        "`_acme-challenge.example.com` to the name that the service gives. The service sets the"
        " TTL and accepts only values of 43 characters, which is what dns-01 uses. From another"
        " machine use `acme-dns`.",
    )

    def __init__(self, context: ProviderContext) -> None:
        self._config = _load(context.fields["config"])
        self._zones = [zone.name for zone in self._config.zones if zone.registrations]
        # By subdomain: for these the service itself has the CNAME, so they are known beforehand.
        self._own = {own_subdomain(name): name for name in own_names(self._config)}
        self._server = f"challenge:{_place(self._config)}"
        self._kept = context.registrations
        self._registrations = Registrations(
            self._config.registration_zone, self._config.value_lifetime
        )
        self._database: Database | None = None
        self._locks = KeyedLocks()

    async def zones(self) -> list[Zone]:
        """Return the service's zones that hold registrations."""
        return [Zone(name) for name in self._zones]

    async def target(self, domain: DomainName, *, create: bool) -> DomainName | None:
        """Return the domain's own name at the service (DelegatedProvider)."""
        domain = domain.base
        if domain in self._own.values():
            return self._config.registration_zone.child(own_subdomain(domain))
        async with self._locks(domain):
            found = await self._store.get(self._server, domain)
            if found is None and create:
                found = await self._register(domain)
        return found.fulldomain if found else None

    async def add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        """Publish the values until the service's ``value_lifetime``; the service sets the TTL."""
        await one_by_one(self._add, zone, records)

    async def remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        """Withdraw the values, as far as they and the registrations are there."""
        await one_by_one(self._remove, zone, records)

    async def close(self) -> None:
        """Release the database."""
        if self._database is not None:
            await self._database.close()
            self._database = None

    async def _add(self, zone: Zone, record: TxtRecord) -> None:
        where, subdomain = self._find(zone, record.name)
        database = await self._open()

        def publish(tx: Transaction) -> None:
            if subdomain in self._own:
                self._registrations.ensure(tx, subdomain, self._own[subdomain].text)
            self._registrations.publish(tx, subdomain, record.value)

        try:
            await database.write(publish)
        except RegistrationError as error:
            raise ProviderError(f"{where}: {error.message}", changed_nothing=True) from error
        except InvalidInputError as error:
            raise ProviderZoneError(
                f"{where}: {error.message}; it was deleted there, so issue again"
            ) from error

    async def _remove(self, zone: Zone, record: TxtRecord) -> None:
        _, subdomain = self._find(zone, record.name)
        database = await self._open()
        try:
            await database.write(
                lambda tx: self._registrations.withdraw(tx, subdomain, record.value)
            )
        except (RegistrationError, InvalidInputError):
            return  # a value that cannot be there, or a registration that is gone

    @property
    def _store(self) -> RegistrationStore:
        return require_store("challenge", self._kept)

    async def _open(self) -> Database:
        async with self._locks("open"):
            if self._database is None:
                self._database = await open_in_thread(self._open_now, _close)
            return self._database

    def _open_now(self) -> Database:
        # Made by us, the file might belong to a user who is not the service's.
        if not database_exists(self._config):
            raise ProviderError(
                f"challenge service {self._config.path}: its database {self._config.database} does"
                " not exist: start the service once, with 'zoneproof challenge serve'",
                changed_nothing=True,
            )
        return open_database(self._config)

    async def _register(self, domain: DomainName) -> Registration:
        store, database = self._store, await self._open()
        made = await database.write(lambda tx: self._registrations.register(tx, note=domain.text))
        registration = Registration(
            self._server,
            DomainName.parse(made.fulldomain),
            made.subdomain,
            made.username,
            made.password,
        )
        kept = await store.put(domain, registration)
        if kept != registration:
            # Another process was faster.
            await database.write(lambda tx: self._registrations.delete(tx, made.subdomain))
        return kept

    def _find(self, zone: Zone, name: str) -> tuple[str, str]:
        fulldomain = zone.record(name)
        where = f"challenge service {self._config.path}, {fulldomain}"
        if fulldomain.parent not in self._zones:
            zones = sanitize(", ".join(map(str, self._zones)))
            raise ProviderZoneError(f"{where}: its registrations are in {zones} only")
        return where, fulldomain.labels[0]
