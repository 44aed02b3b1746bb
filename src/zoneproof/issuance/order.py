"""One order, from identifiers to a delivered certificate, in the order of RFC 8555 section 7.1."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec.structs import replace

from zoneproof.acme import (
    AcmeClient,
    Authorization,
    CertificateChain,
    CertificateKey,
    CertificateKeyKind,
    Challenge,
    GivenCsr,
    Order,
    key_from_pem,
    key_to_pem,
    kind_of_key,
    make_csr,
    make_key,
    public_der,
)
from zoneproof.acme.keys import key_authorization
from zoneproof.challenges import SOLVERS
from zoneproof.challenges.dns_persist01 import Applicant
from zoneproof.challenges.events import Emit, Warned
from zoneproof.challenges.solver import Alone, ChallengeTask, NoLedger, Others, Prepared, Scope
from zoneproof.core import times
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import AcmeError, AcmeProblemError, OrderFailedError, StorageError
from zoneproof.core.names import DomainName
from zoneproof.core.secretive import Secretive
from zoneproof.dnsquery import Resolver
from zoneproof.issuance.caa import find_records, require_issuance_allowed
from zoneproof.issuance.events import (
    CertificateIssued,
    ChallengesAnswered,
    DelegationFound,
    OrderCreated,
    OrderPlanned,
    OrderResumed,
    OrderStatus,
)
from zoneproof.issuance.journal import Journal
from zoneproof.issuance.journaled import JournaledOrder
from zoneproof.issuance.plan import Plan, PlannedIdentifier
from zoneproof.issuance.publish import (
    OrderLedger,
    ProvidersFor,
    remove_leftovers,
    tell_deletable,
)

_RESUMABLE = ("pending", "ready", "processing", "valid")


class OrderRequest(Secretive, frozen=True):
    """What to order. ``certificate`` is the name under which orders are resumed."""

    certificate: str
    plan: Plan
    key_type: CertificateKeyKind = "ec256"
    private_key: bytes | None = None  # PEM, to use instead of a new one
    csr: GivenCsr | None = None  # to send instead of one for a key of ours
    profile: str = ""
    preferred_chain: str = ""
    replaces: str | None = None
    order_seconds: float = 600.0  # how long the CA may take for each of its steps
    ignore_caa: bool = False  # send an order that CAA records forbid


class Issued(Secretive, frozen=True):
    """A certificate and its key (PEM), or the request of the key's owner."""

    chain: CertificateChain
    private_key: bytes | None
    csr: GivenCsr | None = None


@dataclass
class Validation:
    """The validation of one order by the solvers of its methods, which work in ``scope``."""

    client: AcmeClient
    scope: Scope
    _prepared: list[Prepared] = field(default_factory=list, init=False)
    _passing: list[Prepared] = field(default_factory=list, init=False)  # those that do not stay

    async def run(self, plan: Plan, order: Order) -> None:
        """Hand every pending challenge to the CA once it can be validated.

        Raises AwaitingUserError when records have to be created manually, and what publishing and
        waiting raise.
        """
        challenges: list[Challenge] = []
        tasks: dict[str, list[ChallengeTask[Any]]] = {challenge: [] for challenge in SOLVERS}
        wildcards = plan.wildcards
        for authorization in await self.client.authorizations(order):
            if authorization.status == "pending":
                planned = _planned(authorization, plan)
                challenge = _challenge(authorization, planned)
                challenges.append(challenge)
                tasks[challenge.type].append(self._task(challenge, planned, wildcards))
        for challenge_type, of_type in tasks.items():
            if of_type:
                await self._publish(challenge_type, of_type)
        async with self.scope.others.waiting():
            await all_at_once(one.wait() for one in self._prepared)
        await self.client.answer(challenges)
        self.scope.emit(ChallengesAnswered(len(challenges)))

    async def clean_up(self) -> None:
        """Remove what ends with this process."""
        for prepared in self._passing:
            await prepared.clean_up()

    async def _publish(self, challenge_type: str, tasks: list[ChallengeTask[Any]]) -> None:
        solver = SOLVERS[challenge_type]
        scope = replace(self.scope, ledger=NoLedger()) if solver.stays else self.scope
        prepared = solver.prepare(tasks, scope)
        self._prepared.append(prepared)
        if not solver.stays:
            self._passing.append(prepared)
        await prepared.publish()

    def _task(
        self, challenge: Challenge, planned: PlannedIdentifier, wildcards: Collection[DomainName]
    ) -> ChallengeTask[Any]:
        token = challenge.token
        text = key_authorization(token, self.client.key.thumbprint) if token else ""
        return ChallengeTask(
            planned.identifier,
            planned.method,
            planned.name,
            token,
            text,
            challenge.issuer_domain_names,
            planned.identifier.type == "dns" and planned.identifier.domain in wildcards,
        )


def _planned(authorization: Authorization, plan: Plan) -> PlannedIdentifier:
    planned = plan.for_identifier(authorization.identifier)
    if planned is None:
        raise AcmeError(
            f"the CA wants to validate {authorization.identifier}, which was not ordered"
        )
    return planned


def _challenge(authorization: Authorization, planned: PlannedIdentifier) -> Challenge:
    wanted = planned.method.type
    for challenge in authorization.challenges:
        if challenge.type == wanted:
            return challenge
    offered = ", ".join(one.type for one in authorization.challenges[:10]) or "nothing"
    raise AcmeError(
        f"the CA does not offer {wanted} for {authorization.identifier}: it offers {offered}; give"
        " it a method with one of these"
    )


class OrderRun(msgspec.Struct, frozen=True):
    """Places and completes orders; everything that it works with is given."""

    client: AcmeClient
    journal: Journal
    resolver: Resolver
    providers_for: ProvidersFor
    emit: Emit
    others: Others = msgspec.field(default_factory=Alone)

    async def obtain(
        self, request: OrderRequest, deliver: Callable[[Issued], Awaitable[None]]
    ) -> Issued:
        """Obtain the certificate, or continue with an order that an earlier run left open.

        ``deliver`` puts the certificate where it belongs; only then is the journal closed. Before
        a new order it raises CaaError for one that CAA records forbid, and HttpResponderError for
        a web server's folder or a port that cannot be used. Raises AwaitingUserError when records
        have to be created by hand: the order stays open then, and so it does after a failure that
        is not the CA's last word.
        """
        request.plan.require_complete()
        self.emit(OrderPlanned(request.plan.publish_names))
        for name in request.plan.names:
            if len(name.chain) > 1:
                self.emit(DelegationFound(tuple(map(str, name.chain))))
            for warning in name.delegation.warnings:
                self.emit(Warned(warning))
        resumed, journaled, order = await self._resume_or_open(request)
        ledger = OrderLedger(self.journal, journaled.id)
        applicant = Applicant.of(
            await self.client.directory(), self.client.account_url, self.client.key
        )
        scope = Scope(ledger, self.resolver, self.emit, self.others, resumed, applicant)
        validation = Validation(self.client, scope)
        removal = None
        try:
            if order.status == "pending":
                await validation.run(request.plan, order)
                async with self.others.waiting():
                    order = await self.client.wait_for_order(
                        order,
                        until=("ready", "valid"),
                        deadline_seconds=request.order_seconds,
                        on_poll=self._tell_status,
                    )
            # The CA has validated, so the values can go while it makes the certificate.
            removal = asyncio.create_task(self._clean_up(request, validation, ledger))
            issued = await self._finalize(request, journaled, order)
            await deliver(issued)
            await self.journal.close_order(journaled.id)
        except OrderFailedError as error:
            await self.journal.close_order(journaled.id, error=error.message)
            raise
        else:
            return issued
        finally:
            async with self.others.waiting():
                await (removal or self._clean_up(request, validation, ledger))
            with suppress(StorageError):  # which would hide what went wrong first
                await tell_deletable(self.journal, request.certificate, self.emit)

    async def _clean_up(
        self, request: OrderRequest, validation: Validation, ledger: OrderLedger
    ) -> None:
        """Remove what was published. A failure is told only: it must not hide another one."""
        try:
            await validation.clean_up()  # first, because the journal may fail
            await remove_leftovers(
                self.journal,
                request.certificate,
                self.providers_for,
                self.emit,
                published=ledger.published,
            )
        except StorageError as error:
            self.emit(Warned(f"{error}; the next run removes what may still be published"))

    async def _resume_or_open(self, request: OrderRequest) -> tuple[bool, JournaledOrder, Order]:
        # CAA is looked up while the journal is read and the CA is asked where it has what.
        lookups = asyncio.create_task(
            find_records(self.resolver, () if request.ignore_caa else request.plan.planned)
        )
        try:
            resumed = await self._resume(request)
            if resumed:
                return True, *resumed
            directory = await self.client.directory()
            require_issuance_allowed(
                await lookups,
                issuers=directory.caa_identities,
                account_url=self.client.account_url,
                emit=self.emit,
            )
            await request.plan.require_usable()
        finally:
            lookups.cancel()
        return False, *await self._open(request)

    async def _open(self, request: OrderRequest) -> tuple[JournaledOrder, Order]:
        identifiers = request.plan.identifiers
        order = await self.client.new_order(
            identifiers, profile=request.profile or None, replaces=request.replaces
        )
        journaled = JournaledOrder(
            certificate=request.certificate,
            directory_url=self.client.directory_url,
            account_url=self.client.account_url,
            order_url=order.url,
            identifiers=identifiers,
            profile=request.profile,
        )
        await self.journal.open_order(journaled)
        self.emit(OrderCreated(order.url, tuple(map(str, identifiers))))
        return journaled, order

    async def _resume(self, request: OrderRequest) -> tuple[JournaledOrder, Order] | None:
        found = None
        for journaled in await self.journal.open_orders(request.certificate):
            order = None if found else await self._still_wanted(request, journaled)
            if order is None:
                await self.journal.close_order(journaled.id, error="superseded or gone")
                continue
            found = journaled, order
            self.emit(OrderResumed(order.url, order.status))
        return found

    async def _still_wanted(self, request: OrderRequest, journaled: JournaledOrder) -> Order | None:
        same = (
            journaled.directory_url == self.client.directory_url
            and journaled.account_url == self.client.account_url
            and set(journaled.identifiers) == set(request.plan.identifiers)
            and journaled.profile == request.profile
        )
        if not same:
            return None
        try:
            order = await self.client.fetch_order(journaled.order_url)
        except AcmeProblemError as error:
            if error.status in (400, 403, 404):
                return None
            raise
        finalized = order.status in ("processing", "valid")
        if order.status not in _RESUMABLE:
            return None
        if request.csr:
            return None if finalized or journaled.private_key else order
        if finalized and not journaled.private_key:
            return None
        if journaled.private_key and not _is_wanted_key(journaled.private_key, request):
            return None
        return order

    def _tell_other_chain(self, chain: CertificateChain, preferred: str) -> None:
        if preferred and not chain.leads_to(preferred):
            offered = ", ".join(f"'{name}'" for name in chain.offered)
            self.emit(
                Warned(
                    f"the CA has no chain to '{preferred}' (preferred_chain), only to {offered}: "
                    f"using the one to '{chain.top_issuer}'"
                )
            )

    def _tell_status(self, order: Order) -> None:
        self.emit(OrderStatus(order.status))

    async def _finalize(
        self, request: OrderRequest, journaled: JournaledOrder, order: Order
    ) -> Issued:
        csr, key = request.csr, None
        if csr:
            der, public_key = csr.der, csr.public_key
        else:
            key = await self._key(request, journaled)
            der, public_key = make_csr(key, request.plan.identifiers), public_der(key.public_key())
        async with self.others.waiting():
            order = await self.client.finalize(
                order, der, deadline_seconds=request.order_seconds, on_poll=self._tell_status
            )
        chain = await self.client.certificate(order, preferred_chain=request.preferred_chain)
        self._tell_other_chain(chain, request.preferred_chain)
        chain.require_public_key(public_key)
        chain.require_identifiers(request.plan.identifiers)  # not only those of the CA's order
        leaf = chain.leaf
        self.emit(
            CertificateIssued(
                chain.names,
                chain.issuer,
                f"{leaf.serial_number:x}",
                times.stamp(leaf.not_valid_before_utc, "seconds"),
                times.stamp(leaf.not_valid_after_utc, "seconds"),
            )
        )
        return Issued(chain, key_to_pem(key) if key else None, csr)

    async def _key(self, request: OrderRequest, journaled: JournaledOrder) -> CertificateKey:
        """Return the key of the order, which the journal has before the CA hears of it."""
        if journaled.private_key:
            return key_from_pem(journaled.private_key)
        key = _key_for(request)
        await self.journal.keep_key(journaled.id, key_to_pem(key))
        return key


def _is_wanted_key(pem: bytes, request: OrderRequest) -> bool:
    return kind_of_key(key_from_pem(pem)) == request.key_type


def _key_for(request: OrderRequest) -> CertificateKey:
    """Return the given key if it is of the wanted kind, else a new one."""
    if request.private_key:
        key = key_from_pem(request.private_key)
        if kind_of_key(key) == request.key_type:
            return key
    return make_key(request.key_type)
