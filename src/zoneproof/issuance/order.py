"""One order, from identifiers to a delivered certificate, in the order of RFC 8555 section 7.1."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from zoneproof.acme import (
    AcmeClient,
    Authorization,
    CertificateChain,
    Challenge,
    Order,
    key_from_pem,
    key_to_pem,
    make_csr,
    make_key,
)
from zoneproof.challenges import dns01, key_authorization
from zoneproof.dnsquery import (
    PropagationPolicy,
    PropagationProgress,
    Resolver,
    Verdict,
    check_visible,
    wait_until_visible,
)
from zoneproof.errors import AcmeError, AcmeProblemError, AwaitingUserError, OrderFailedError
from zoneproof.issuance.concurrent import all_at_once
from zoneproof.issuance.events import (
    CertificateIssued,
    ChallengesAnswered,
    DelegationFound,
    Emit,
    OrderCreated,
    OrderResumed,
    OrderStatus,
    PropagationWaiting,
    RecordsVisible,
)
from zoneproof.issuance.journal import Journal, JournaledOrder, Publication
from zoneproof.issuance.method import Method
from zoneproof.issuance.plan import Plan
from zoneproof.issuance.publish import ProviderFor, publish_values, remove_leftovers
from zoneproof.names import DomainName

_RESUMABLE = ("pending", "ready", "processing", "valid")


@dataclass(frozen=True)
class OrderRequest:
    """What to order. ``certificate`` is the name under which orders are resumed."""

    certificate: str
    plan: Plan
    key_type: str = "ec256"
    profile: str = ""
    preferred_chain: str = ""
    replaces: str | None = None
    order_seconds: float = 600.0  # how long the CA may take for each of its steps
    propagation_seconds: float = 600.0


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, both PEM."""

    chain: CertificateChain
    private_key: bytes = field(repr=False)


@dataclass(frozen=True)
class OrderRun:
    """Places and completes orders; everything that it works with is given."""

    client: AcmeClient
    journal: Journal
    resolver: Resolver
    provider_for: ProviderFor
    emit: Emit

    async def obtain(self, request: OrderRequest, deliver: Callable[[Issued], None]) -> Issued:
        """Obtain the certificate, or go on with an order that an earlier run left open.

        ``deliver`` puts the certificate where it belongs; only then is the journal closed. Raises
        AwaitingUserError when records have to be created by hand: the order stays open, and so it
        does after a failure that is not the CA's last word.
        """
        request.plan.require_complete()
        for name in request.plan.names:
            if len(name.chain) > 1:
                self.emit(DelegationFound(tuple(map(str, name.chain))))
        resumed = await self._resume(request)
        journaled, order = resumed or await self._open(request)
        try:
            if order.status == "pending":
                await self._validate(request, journaled, order, resumed=bool(resumed))
                order = await self.client.wait_for_order(
                    order,
                    until=("ready", "valid"),
                    deadline_seconds=request.order_seconds,
                    on_poll=self._tell_status,
                )
            # The CA has validated, so the values can go while it makes the certificate.
            issued, _ = await asyncio.gather(
                self._complete(request, journaled, order, deliver), self._clean_up(request)
            )
        except OrderFailedError as error:
            await self.journal.close_order(journaled.id, error=error.message)
            raise
        finally:
            await self._clean_up(request)
        return issued

    async def _complete(
        self,
        request: OrderRequest,
        journaled: JournaledOrder,
        order: Order,
        deliver: Callable[[Issued], None],
    ) -> Issued:
        issued = await self._finalize(request, journaled, order)
        deliver(issued)
        await self.journal.close_order(journaled.id)
        return issued

    async def _clean_up(self, request: OrderRequest) -> None:
        await remove_leftovers(self.journal, request.certificate, self.provider_for, self.emit)

    async def _open(self, request: OrderRequest) -> tuple[JournaledOrder, Order]:
        identifiers = request.plan.identifiers
        order = await self.client.new_order(
            identifiers, profile=request.profile or None, replaces=request.replaces
        )
        journaled = await self.journal.open_order(
            certificate=request.certificate,
            directory_url=self.client.directory_url,
            account_url=self.client.account_url,
            order_url=order.url,
            identifiers=identifiers,
            profile=request.profile,
        )
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
        if order.status not in _RESUMABLE or (finalized and not journaled.private_key):
            return None
        return order

    async def _validate(
        self, request: OrderRequest, journaled: JournaledOrder, order: Order, *, resumed: bool
    ) -> None:
        pending = [
            authorization
            for authorization in await self.client.authorizations(order)
            if authorization.status == "pending"
        ]
        challenges = [_dns_challenge(authorization) for authorization in pending]
        publications = [
            self._publication(request.plan, journaled, authorization, challenge)
            for authorization, challenge in zip(pending, challenges, strict=True)
        ]
        by_name = _methods_by_name(request.plan)
        by_hand = [item for item in publications if by_name[item.full_name].provider.info.by_hand]
        by_machine = [item for item in publications if item not in by_hand]
        await publish_values(self.journal, by_machine, self.provider_for, self.emit)
        if by_hand:
            await self._require_records(by_hand, claimed=resumed)
        await self._wait_for_dns(request, by_machine, by_name)
        await self.client.answer(challenges)
        self.emit(ChallengesAnswered(len(challenges)))

    def _publication(
        self,
        plan: Plan,
        journaled: JournaledOrder,
        authorization: Authorization,
        challenge: Challenge,
    ) -> Publication:
        planned = plan.for_identifier(authorization.identifier)
        assert planned.zone is not None
        value = dns01.txt_value(key_authorization(challenge.token, self.client.key.thumbprint))
        return Publication(
            order_id=journaled.id,
            provider=planned.method.slug,
            zone=planned.zone,
            name=planned.publish_name.relative_to(planned.zone.name),
            value=value,
            ttl=planned.method.record_ttl,
            fields=planned.method.fields,
        )

    async def _require_records(self, publications: Sequence[Publication], *, claimed: bool) -> None:
        """Stop unless the records are there, or are ``claimed`` to be and nobody can be asked."""
        report = await check_visible(self.resolver, _expected(publications))
        blind = all(name.verdict is not Verdict.NOT_YET for name in report.names)
        if report.visible or (claimed and blind):
            return
        many = len(publications) > 1
        raise AwaitingUserError(
            f"awaiting user: create {'these TXT records' if many else 'this TXT record'} in your"
            " DNS, then run this again; the order waits",
            records=[
                f'{item.full_name.fqdn} {item.ttl} IN TXT "{item.value}"' for item in publications
            ],
        )

    async def _wait_for_dns(
        self,
        request: OrderRequest,
        publications: Sequence[Publication],
        by_name: dict[DomainName, Method],
    ) -> None:
        policies = {by_name[item.full_name].propagation for item in publications}

        async def wait(policy: PropagationPolicy) -> None:
            expected = _expected(
                item for item in publications if by_name[item.full_name].propagation == policy
            )
            report = await wait_until_visible(
                self.resolver,
                expected,
                policy,
                deadline=request.propagation_seconds,
                on_progress=self._tell_progress,
            )
            self.emit(RecordsVisible(len(expected), report.elapsed, report.remarks))

        await all_at_once(wait(policy) for policy in policies)

    def _tell_progress(self, progress: PropagationProgress) -> None:
        report = progress.report
        if progress.waits:
            reason = report.note or "none of its servers can be asked"
            self.emit(
                PropagationWaiting(str(report.name), (reason,), progress.elapsed, progress.waits)
            )
        elif report.verdict is not Verdict.VISIBLE:
            self.emit(PropagationWaiting(str(report.name), report.problems, progress.elapsed))

    def _tell_status(self, order: Order) -> None:
        self.emit(OrderStatus(order.status))

    async def _finalize(
        self, request: OrderRequest, journaled: JournaledOrder, order: Order
    ) -> Issued:
        if journaled.private_key:
            key = key_from_pem(journaled.private_key)
        else:
            key = make_key(request.key_type)
            await self.journal.keep_key(journaled.id, key_to_pem(key))
        csr = make_csr(key, request.plan.identifiers)
        order = await self.client.finalize(
            order, csr, deadline_seconds=request.order_seconds, on_poll=self._tell_status
        )
        chain = await self.client.certificate(order, preferred_chain=request.preferred_chain)
        chain.require_key(key)
        leaf = chain.leaf
        self.emit(
            CertificateIssued(
                chain.names,
                chain.issuer,
                f"{leaf.serial_number:x}",
                leaf.not_valid_before_utc.isoformat(),
                leaf.not_valid_after_utc.isoformat(),
            )
        )
        return Issued(chain, key_to_pem(key))


def _methods_by_name(plan: Plan) -> dict[DomainName, Method]:
    return {name.publish_name: name.method for name in plan.names}


def _expected(publications: Iterable[Publication]) -> dict[DomainName, frozenset[str]]:
    values: dict[DomainName, set[str]] = {}
    for item in publications:
        values.setdefault(item.full_name, set()).add(item.value)
    return {name: frozenset(found) for name, found in values.items()}


def _dns_challenge(authorization: Authorization) -> Challenge:
    for challenge in authorization.challenges:
        if challenge.type == dns01.TYPE:
            return challenge
    offered = ", ".join(challenge.type for challenge in authorization.challenges) or "nothing"
    raise AcmeError(
        f"the CA does not offer dns-01 for {authorization.identifier}: it offers {offered}"
    )
