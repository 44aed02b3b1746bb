"""The parts of an opened home, which the manager's other modules work with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import msgspec
from msgspec.structs import replace

from zoneproof.core.aio import KeyedLocks
from zoneproof.core.errors import ConfigError, StorageError, VaultError
from zoneproof.dnsquery import Resolver
from zoneproof.issuance import Journal
from zoneproof.manager.accounts.account import AccountTerms
from zoneproof.manager.accounts.clients import ClientPool, Directories
from zoneproof.manager.accounts.store import Accounts
from zoneproof.manager.certificates.checks import DefinitionChecks
from zoneproof.manager.certificates.circumstances import (
    Circumstances,
    accounts_of,
    delegations_of,
    files_of,
)
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.manager.certificates.files import CertificateFiles
from zoneproof.manager.certificates.leftovers import Leftovers
from zoneproof.manager.certificates.log import CertificateLogs
from zoneproof.manager.certificates.store import Certificates, History
from zoneproof.manager.certificates.stored_states import States
from zoneproof.manager.certificates.written_files import StoredFiles
from zoneproof.manager.credentials.registrations import StoredRegistrations
from zoneproof.manager.credentials.store import Credential, Credentials
from zoneproof.manager.home import Home
from zoneproof.manager.methods import MethodMaker, Methods, ProviderPool, ResolverPool
from zoneproof.manager.people import People
from zoneproof.manager.settings import DnsSettings, Settings, load_settings
from zoneproof.storage import SqliteStore, Store, open_in_thread
from zoneproof.vault import Vault, open_vault


class RunOptions(msgspec.Struct, frozen=True):
    """What a person says for one run, above everything that is stored.

    ``order_seconds`` is how long the CA may take for each of its steps.
    """

    dns: DnsSettings = msgspec.field(default_factory=DnsSettings)
    authoritative_port: int | None = None
    terms: AccountTerms = msgspec.field(default_factory=AccountTerms)
    order_seconds: float = 600.0


class Manager(msgspec.Struct, frozen=True):
    """A home's managed certificates and what works on them. Made by :func:`open_manager`.

    ``settings_problem`` and ``storage_problem`` say why it was opened with the default settings, or
    to read alone; else they are empty.
    """

    home: Home
    settings: Settings
    run: RunOptions
    store: Store
    vault: Vault
    files: CertificateFiles
    logs: CertificateLogs
    certificates: Certificates
    states: States
    history: History
    credentials: Credentials
    accounts: Accounts
    registrations: StoredRegistrations
    journal: Journal
    leftovers: Leftovers
    providers: ProviderPool
    resolvers: ResolverPool
    clients: ClientPool
    directories: Directories
    methods: MethodMaker
    checks: DefinitionChecks
    task_locks: KeyedLocks
    stored_files: StoredFiles
    people: People
    settings_problem: str = ""
    storage_problem: str = ""

    @property
    def resolver(self) -> Resolver:
        """The one for questions about no method. Raises InvalidInputError, DnsError."""
        return self.resolvers.get(self.run.dns.over(self.settings.dns).resolvers or ())

    @property
    def vault_problem(self) -> str:
        """Why no stored secret can be opened, in a line; empty if the vault key is there."""
        try:
            self.vault.check()
        except VaultError as error:
            return error.message
        return ""

    async def circumstances(self, definition: CertificateDefinition | None = None) -> Circumstances:
        """Return what attempts depend on, of all certificates or of one. Raises StorageError."""
        credentials = accounts = None
        if definition:
            credentials = definition.credentials
            accounts = set(accounts_of(definition, self.settings))
        return Circumstances(
            self.settings,
            await self.credentials.revisions(credentials),
            await self.accounts.revisions(accounts),
        )

    async def open_methods(
        self, definition: CertificateDefinition, known: Mapping[str, Credential] | None = None
    ) -> Methods:
        """Open the methods of a definition for its account, as far as that is known.

        ``known`` credentials are not looked up. Raises what :meth:`MethodMaker.make` does.
        """
        account = await self.accounts.reach(definition.account or self.settings.account)
        methods = await self.methods.make(definition, known)
        return methods.for_account(account.account_url if account else "")

    async def delegations_of(self, definition: CertificateDefinition) -> str:
        """Return where the CNAMEs of the challenge names lead; empty if nobody can tell."""
        return await delegations_of(definition, partial(self.open_methods, definition))

    async def files_of(self, definition: CertificateDefinition) -> str:
        """Return a digest of the files that an order depends on; empty if nobody can tell which."""
        return await files_of(definition, self.credentials, self.accounts, self.settings)


@asynccontextmanager
async def open_manager(
    home: Home,
    run: RunOptions | None = None,
    *,
    needs_secrets: bool = True,
    to_read: bool = False,
    anyhow: bool = False,
    files: CertificateFiles | None = None,
) -> AsyncIterator[Manager]:
    """Open the home, creating what is missing. Raises StorageError, VaultError, ConfigError.

    Who only opens it ``to_read`` creates nothing, and a home that is not there is an empty one.
    Without ``needs_secrets`` a vault key that is missing or wrong is no error before a secret is
    used; otherwise it is one at once, before any work begins. ``anyhow`` opens it with the default
    settings where the file cannot be used, and to read where nothing can be written. Who opens it
    often may hand in its ``files``, which remember what they have read.
    """
    run = run or RunOptions()

    problems = {"settings_problem": "", "storage_problem": ""}

    def open_store() -> SqliteStore:
        try:
            home.check() if to_read else home.create()
            return home.open_store(to_read=to_read)
        except StorageError as error:
            if to_read or not anyhow:
                raise
            problems["storage_problem"] = error.message
        return home.open_store(to_read=True)

    def opening() -> tuple[Settings, Vault, SqliteStore]:
        try:
            settings = load_settings(home.path)
        except ConfigError as error:
            if not anyhow:
                raise
            settings, problems["settings_problem"] = Settings(), error.message
        vault = open_vault(home.path) if needs_secrets else Vault(home.path)
        return settings, vault, open_store()

    settings, vault, store = await open_in_thread(opening, lambda opened: opened[2].close())
    terms = replace(run.terms, email=run.terms.email or settings.email)
    run = replace(run, terms=terms)
    certificates = Certificates(store, vault)
    credentials = Credentials(store, vault)
    accounts = Accounts(store, vault)
    registrations = StoredRegistrations(store, vault)
    resolvers = ResolverPool(run.authoritative_port or settings.authoritative_port)
    servers = run.dns.over(settings.dns).resolvers or ()
    providers = ProviderPool(
        registrations, credentials, lambda: resolvers.get(servers), home.path / "locks"
    )
    clients = ClientPool(accounts, terms)
    journal = Journal(store, vault, home.is_locked)
    methods = MethodMaker(credentials, settings, run.dns, providers, resolvers)
    try:
        yield Manager(
            home=home,
            settings=settings,
            run=run,
            store=store,
            vault=vault,
            files=files or CertificateFiles(home.path),
            logs=CertificateLogs(home.path, settings.log),
            certificates=certificates,
            states=States(certificates),
            history=History(store),
            credentials=credentials,
            accounts=accounts,
            registrations=registrations,
            journal=journal,
            leftovers=Leftovers(home, journal, providers, settings.parallel),
            providers=providers,
            resolvers=resolvers,
            clients=clients,
            directories=Directories(),
            methods=methods,
            task_locks=KeyedLocks(),
            stored_files=StoredFiles(certificates.readable),
            people=People(store),
            checks=DefinitionChecks(
                home.path, methods, accounts, credentials, certificates, settings
            ),
            **problems,
        )
    finally:
        await clients.close()
        await providers.close()
        await resolvers.close()
        await store.close()
