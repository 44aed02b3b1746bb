"""Lets the CA validate an order: publish, wait for DNS, answer, and clean up afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from zoneproof.acme import AcmeClient, Authorization, Challenge, Order
from zoneproof.acme.keys import key_authorization
from zoneproof.challenges import dns01
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import AcmeError, AwaitingUserError
from zoneproof.core.names import DomainName
from zoneproof.dnsquery import (
    PropagationPolicy,
    PropagationProgress,
    Resolver,
    Verdict,
    check_visible,
    wait_until_visible,
)
from zoneproof.issuance.awaited import txt_record
from zoneproof.issuance.events import (
    ChallengesAnswered,
    Emit,
    PropagationWaiting,
    RecordsDeletable,
    RecordsVisible,
    RecordVisible,
)
from zoneproof.issuance.journal import Journal, JournaledOrder, PublishedRecord
from zoneproof.issuance.method import DnsMethod, HttpMethod
from zoneproof.issuance.others import Alone, Others
from zoneproof.issuance.plan import Plan, PlannedIdentifier
from zoneproof.issuance.publish import (
    HttpAnswer,
    ProvidersFor,
    Republisher,
    find_slots,
    publish_values,
    remove_leftovers,
    serve_answers,
    stop_answers,
)


@dataclass(frozen=True)
class _DnsAnswer:
    """What is in the DNS for one challenge."""

    method: DnsMethod
    publication: PublishedRecord


@dataclass(frozen=True)
class _Wait:
    """How to wait for DNS; answers that have it in common are waited for together."""

    resolver: Resolver
    policy: PropagationPolicy
    seconds: float


@dataclass(frozen=True)
class Validation:
    """The validation of one certificate's order; what it works with is given."""

    client: AcmeClient
    journal: Journal
    resolver: Resolver
    providers_for: ProvidersFor
    emit: Emit
    others: Others = field(default_factory=Alone)
    _served: list[HttpAnswer] = field(default_factory=list, init=False)
    _created: list[str] = field(default_factory=list, init=False)  # by a person, in zone-file form

    async def run(
        self, plan: Plan, journaled: JournaledOrder, order: Order, *, resumed: bool
    ) -> None:
        """Hand every pending challenge to the CA once it can be validated.

        Raises AwaitingUserError when records have to be created by hand, and what publishing and
        waiting raise.
        """
        challenges, in_dns = await self._challenges(plan, journaled, order)
        manual = [item for item in in_dns if item.method.provider.info.manual]
        by_machine = [item for item in in_dns if not item.method.provider.info.manual]
        # First, because it is quick to fail, and the other may wait for its turn.
        await serve_answers(self.journal, journaled.id, self._served, self.emit)
        republish = await self._publish(by_machine)
        if manual:
            self._created.extend(sorted(map(_record, manual)))
            await self._require_records(manual, claimed=resumed)
        async with self.others.waiting():
            await self._wait_for_dns(by_machine, republish)
        await self.client.answer(challenges)
        self.emit(ChallengesAnswered(len(challenges)))

    async def clean_up(self, certificate: str) -> None:
        """Remove what was published for the certificate, by this run or an earlier one."""
        await stop_answers(self._served)  # first, because the journal may fail
        await remove_leftovers(self.journal, certificate, self.providers_for, self.emit)

    def tell_deletable(self) -> None:
        """Tell which records a person may delete, once the order has come to its end."""
        if self._created:
            self.emit(RecordsDeletable(tuple(self._created)))

    async def _challenges(
        self, plan: Plan, journaled: JournaledOrder, order: Order
    ) -> tuple[list[Challenge], list[_DnsAnswer]]:
        """Return all that are pending, and the answers to those that are for the DNS."""
        challenges, in_dns = [], []
        for authorization in await self.client.authorizations(order):
            if authorization.status != "pending":
                continue
            planned = plan.for_identifier(authorization.identifier)
            if planned is None:
                raise AcmeError(
                    f"the CA wants to validate {authorization.identifier}, which was not ordered"
                )
            challenge = _challenge(authorization, planned)
            challenges.append(challenge)
            text = key_authorization(challenge.token, self.client.key.thumbprint)
            if isinstance(planned.method, HttpMethod):
                responder = planned.method.responder
                self._served.append(
                    HttpAnswer(planned.identifier, responder, challenge.token, text)
                )
            else:
                in_dns.append(_dns_answer(planned, planned.method, journaled, text))
        return challenges, in_dns

    async def _publish(self, answers: Sequence[_DnsAnswer]) -> Republisher:
        publications = [item.publication for item in answers]
        places = await find_slots(publications, self.providers_for)
        async with self.others.waiting():  # for the provider, who sets how much it does at once
            await publish_values(
                self.journal,
                publications,
                self.providers_for,
                self.emit,
                places=places,
                seconds=max((item.method.propagation_seconds for item in answers), default=0.0),
                others=self.others,
            )
        return Republisher(publications, places, self.providers_for, self.emit)

    async def _require_records(self, answers: Sequence[_DnsAnswer], *, claimed: bool) -> None:
        """Stop unless the records are there, or are ``claimed`` to be and nobody can be asked."""
        groups: dict[Resolver, list[_DnsAnswer]] = {}
        for item in answers:
            groups.setdefault(item.method.resolver or self.resolver, []).append(item)
        reports = await all_at_once(
            check_visible(resolver, _expected(items)) for resolver, items in groups.items()
        )
        blind = all(
            name.verdict is not Verdict.NOT_YET for report in reports for name in report.names
        )
        if all(report.visible for report in reports) or (claimed and blind):
            return
        many = len(answers) > 1
        raise AwaitingUserError(
            f"awaiting user: create {'these TXT records' if many else 'this TXT record'} in your"
            " DNS (the order waits)",
            # A CA tells them in any order; the same ones have to look the same each time.
            records=sorted(map(_record, answers)),
        )

    async def _wait_for_dns(self, answers: Sequence[_DnsAnswer], republish: Republisher) -> None:
        groups: dict[_Wait, list[_DnsAnswer]] = {}
        for item in answers:
            method = item.method
            wait = _Wait(
                method.resolver or self.resolver, method.propagation, method.propagation_seconds
            )
            groups.setdefault(wait, []).append(item)

        async def wait_for(wait: _Wait, items: Sequence[_DnsAnswer]) -> None:
            expected = _expected(items)
            policy = wait.policy
            if policy.wait and not policy.ask:
                for name in expected:
                    self.emit(PropagationWaiting(str(name), ("as it is set",), 0.0, policy.wait))
            report = await wait_until_visible(
                wait.resolver,
                expected,
                policy,
                deadline=wait.seconds,
                on_progress=lambda progress: self._tell_progress(progress, policy),
                on_missing=republish,
            )
            self.emit(RecordsVisible(report.seen, report.elapsed, report.remarks))

        await all_at_once(wait_for(wait, items) for wait, items in groups.items())

    def _tell_progress(self, progress: PropagationProgress, policy: PropagationPolicy) -> None:
        report = progress.report
        if report.verdict is Verdict.VISIBLE:
            self.emit(RecordVisible(str(report.name), policy.wait))
        tell_progress(progress, self.emit)


def tell_progress(progress: PropagationProgress, emit: Emit) -> None:
    """Tell what a name waits for, if it does."""
    report = progress.report
    if progress.waits:
        reason = report.note or "none of its servers can be asked"
        emit(PropagationWaiting(str(report.name), (reason,), progress.elapsed, progress.waits))
    elif report.verdict is not Verdict.VISIBLE:
        emit(PropagationWaiting(str(report.name), report.problems, progress.elapsed))


def _challenge(authorization: Authorization, planned: PlannedIdentifier) -> Challenge:
    wanted = planned.method.type
    for challenge in authorization.challenges:
        if challenge.type == wanted:
            return challenge
    offered = ", ".join(one.type for one in authorization.challenges[:10]) or "nothing"
    raise AcmeError(
        f"the CA does not offer {wanted} for {authorization.identifier}: it offers {offered}"
    )


def _dns_answer(
    planned: PlannedIdentifier, method: DnsMethod, journaled: JournaledOrder, text: str
) -> _DnsAnswer:
    name = planned.name
    assert name is not None
    assert name.zone is not None  # the plan is complete
    publication = PublishedRecord(
        order_id=journaled.id,
        provider=method.slug,
        zone=name.zone,
        name=name.publish_name.relative_to(name.zone.name),
        value=dns01.txt_value(text),
        ttl=method.record_ttl,
        fields=method.fields,
        credential=method.credential,
    )
    return _DnsAnswer(method, publication)


def _record(answer: _DnsAnswer) -> str:
    item = answer.publication
    return txt_record(item.full_name, item.ttl, item.value)


def _expected(answers: Iterable[_DnsAnswer]) -> dict[DomainName, frozenset[str]]:
    values: dict[DomainName, set[str]] = {}
    for item in answers:
        values.setdefault(item.publication.full_name, set()).add(item.publication.value)
    return {name: frozenset(found) for name, found in values.items()}
