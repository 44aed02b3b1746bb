"""Issues one certificate now: opens what that needs, runs the order, writes the files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from zoneproof.acme import AcmeClient
from zoneproof.dnsquery import PropagationPolicy, Resolver
from zoneproof.errors import AcmeError, AcmeProblemError, BusyError
from zoneproof.issuance import (
    DelegationRules,
    Emit,
    FilesWritten,
    Issued,
    Journal,
    Method,
    OrderRequest,
    OrderRun,
    make_plan,
    remove_leftovers,
)
from zoneproof.manager.accounts import Accounts, AccountTerms, sign_in
from zoneproof.manager.files import CertificateFiles, check_certificate_name
from zoneproof.manager.home import Home
from zoneproof.manager.pool import ProviderPool
from zoneproof.manager.registrations import StoredRegistrations
from zoneproof.names import Identifier
from zoneproof.vault import open_vault


@dataclass(frozen=True)
class IssueRequest:
    """What a person asks for. ``name`` is the certificate's, empty for the first identifier's."""

    identifiers: Sequence[Identifier]
    provider: str
    directory_url: str
    resolver: Resolver
    propagation: PropagationPolicy
    fields: Mapping[str, str] = field(repr=False)
    name: str = ""
    ca_bundle: Path | None = None
    allow_http: bool = False
    terms: AccountTerms = field(default_factory=AccountTerms)
    key_type: str = "ec256"
    profile: str = ""
    preferred_chain: str = ""
    ttl: int | None = None
    delegation: DelegationRules = field(default_factory=DelegationRules)
    propagation_seconds: float = 600.0
    order_seconds: float = 600.0

    @property
    def certificate(self) -> str:
        """The certificate's name, checked. Raises InvalidInputError."""
        return check_certificate_name(self.name or self.identifiers[0].value.removeprefix("*."))


@dataclass(frozen=True)
class Outcome:
    """A certificate on disk."""

    name: str
    issued: Issued
    files: list[Path]


class Manager:
    """The manager's state and connections, made by :func:`open_manager`."""

    def __init__(
        self, home: Home, journal: Journal, accounts: Accounts, pool: ProviderPool
    ) -> None:
        self.home = home
        self.files = CertificateFiles(home.path)
        self._journal = journal
        self._accounts = accounts
        self._pool = pool

    async def issue(self, request: IssueRequest, emit: Emit) -> Outcome:
        """Obtain a certificate and write its files, or go on where an earlier run stopped.

        Raises the errors of every room below; AwaitingUserError when a person has to create
        records first.
        """
        certificate = request.certificate
        await self.clean_up(emit, leave=certificate)
        with self.home.lock(certificate):
            provider = self._pool.open(request.provider, request.fields)
            method = Method(
                request.provider,
                provider,
                request.propagation,
                request.fields,
                request.ttl,
                request.delegation,
            )
            plan = await make_plan(
                request.identifiers, lambda _: method, request.resolver, register=True
            )
            plan.require_complete()
            async with self._client(request) as client:
                run = OrderRun(
                    client, self._journal, request.resolver, self._pool.for_publication, emit
                )
                written: list[Path] = []

                def deliver(issued: Issued) -> None:
                    written.extend(self.files.write(certificate, issued))
                    emit(
                        FilesWritten(
                            str(self.files.live(certificate)), tuple(path.name for path in written)
                        )
                    )

                issued = await run.obtain(
                    OrderRequest(
                        certificate,
                        plan,
                        key_type=request.key_type,
                        profile=request.profile,
                        preferred_chain=request.preferred_chain,
                        order_seconds=request.order_seconds,
                        propagation_seconds=request.propagation_seconds,
                    ),
                    deliver,
                )
            return Outcome(certificate, issued, written)

    @asynccontextmanager
    async def _client(self, request: IssueRequest) -> AsyncIterator[AcmeClient]:
        account = await self._accounts.get_or_create(request.directory_url, _contact(request.terms))
        async with AcmeClient(
            request.directory_url,
            account.key,
            ca_bundle=request.ca_bundle,
            allow_http=request.allow_http,
        ) as client:
            await sign_in(client, self._accounts, account, request.terms)
            try:
                yield client
            except AcmeProblemError as error:
                if not error.is_type("accountDoesNotExist"):
                    raise
                await self._accounts.confirm(account, "")
                raise AcmeError(
                    f"{client.directory_url} no longer knows our account: run this again to"
                    " register it anew"
                ) from error

    async def clean_up(self, emit: Emit, *, leave: str = "") -> None:
        """Remove from the DNS what runs that were cut off left there.

        Certificates that another process is working on are left alone, and so is ``leave``.
        """
        for certificate in await self._journal.certificates_with_publications():
            if certificate == leave:
                continue
            try:
                with self.home.lock(certificate):
                    await remove_leftovers(
                        self._journal, certificate, self._pool.for_publication, emit
                    )
            except BusyError:
                continue


def _contact(terms: AccountTerms) -> tuple[str, ...]:
    return (f"mailto:{terms.email}",) if terms.email else ()


@asynccontextmanager
async def open_manager(home: Home) -> AsyncIterator[Manager]:
    """Open the manager's state in ``home``, creating what is missing. Raises StorageError."""
    home.create()
    vault = open_vault(home.path)
    store = home.open_store()
    pool = ProviderPool(StoredRegistrations(store, vault))
    try:
        yield Manager(home, Journal(store, vault), Accounts(store, vault), pool)
    finally:
        await pool.close()
        await store.close()
