"""Solves dns-01 challenges: publishes the TXT values of an order and waits for DNS."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import msgspec

from zoneproof.acme.keys import check_token
from zoneproof.challenges.dns01 import ChallengeRecord, DnsMethod, batches, error_of, txt_value
from zoneproof.challenges.dns_persist01 import Applicant
from zoneproof.challenges.events import (
    Emit,
    PropagationWaiting,
    RecordPublished,
    RecordsVisible,
    RecordVisible,
)
from zoneproof.challenges.preflight import MethodPreflight, preflight_names
from zoneproof.challenges.records import txt_record
from zoneproof.challenges.routing import PlannedName, plan_names
from zoneproof.challenges.slots import Republisher, acquire_slots, find_slots
from zoneproof.challenges.solver import ChallengeTask, Scope
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import (
    AwaitingUserError,
    InvalidInputError,
    ProviderError,
    ZoneproofError,
)
from zoneproof.core.names import DomainName, Identifier
from zoneproof.dnsquery import (
    PropagationPolicy,
    PropagationProgress,
    Resolver,
    Verdict,
    check_visible,
    wait_until_visible,
)
from zoneproof.providers import Provider, Zone


class Dns01:
    """The solver for dns-01."""

    stays: ClassVar[bool] = False

    async def plan(
        self, wanted: Sequence[tuple[Identifier, DnsMethod]], resolver: Resolver, *, register: bool
    ) -> list[PlannedName]:
        """Return where the value of each identifier goes."""
        return await plan_names(wanted, resolver, register=register)

    async def preflight(
        self,
        wanted: Sequence[tuple[Identifier, DnsMethod]],
        resolver: Resolver,
        applicant: Applicant | None,
    ) -> list[MethodPreflight]:
        """Look at the challenge names, their zones and servers."""
        del applicant
        return await preflight_names(wanted, resolver)

    def prepare(self, tasks: Sequence[ChallengeTask[DnsMethod]], scope: Scope) -> PreparedRecords:
        """Return the TXT records for all challenges."""
        return PreparedRecords([_record(task) for task in tasks], scope)


def _record(task: ChallengeTask[DnsMethod]) -> ChallengeRecord:
    check_token(task.token)
    name = task.name
    assert name is not None
    assert name.zone is not None  # the plan is complete
    return ChallengeRecord(
        task.method,
        name.zone,
        name.publish_name.relative_to(name.zone.name),
        txt_value(task.key_authorization),
    )


class _Wait(msgspec.Struct, frozen=True):
    """How to wait for DNS; records that have it in common are waited for together."""

    resolver: Resolver
    policy: PropagationPolicy
    seconds: float


@dataclass
class PreparedRecords:
    """The TXT records of one order: by a provider, or by a person, who is told what to create."""

    records: Sequence[ChallengeRecord]
    scope: Scope
    _republish: Republisher | None = field(default=None, init=False)

    @property
    def _by_machine(self) -> list[ChallengeRecord]:
        return [item for item in self.records if not item.method.provider.info.manual]

    @property
    def _manual(self) -> list[ChallengeRecord]:
        return [item for item in self.records if item.method.provider.info.manual]

    async def publish(self) -> None:
        """Publish what providers can. Raises AwaitingUserError for records that a person has to
        create, unless they are there, or the order is resumed and nobody can be asked.
        """
        if records := self._by_machine:
            seconds = max(item.method.propagation_seconds for item in records)
            self._republish = await publish_records(records, self.scope, seconds=seconds)
        if self._manual:
            # Always in the same order: a CA tells its challenges in any.
            texts = sorted(map(_in_zone_file, self._manual))
            await self.scope.ledger.will_be_created(texts)
            await self._require_created(self._manual, texts)

    async def wait(self) -> None:
        """Wait until every name server that answers shows every value."""
        groups: dict[_Wait, list[ChallengeRecord]] = {}
        for item in self._by_machine:
            method = item.method
            resolver = method.resolver or self.scope.resolver
            wait = _Wait(resolver, method.propagation, method.propagation_seconds)
            groups.setdefault(wait, []).append(item)
        await all_at_once(self._wait_for(*group) for group in groups.items())

    async def clean_up(self) -> None:
        """Do nothing: all is in the order's ledger."""

    async def _wait_for(self, wait: _Wait, records: Sequence[ChallengeRecord]) -> None:
        expected, policy, emit = _expected(records), wait.policy, self.scope.emit
        if policy.wait and not policy.ask:
            for name in expected:
                emit(PropagationWaiting(str(name), ("as configured",), 0.0, policy.wait))

        def tell(progress: PropagationProgress) -> None:
            if progress.report.verdict is Verdict.VISIBLE:
                emit(RecordVisible(str(progress.report.name), policy.wait))
            tell_progress(progress, emit)

        report = await wait_until_visible(
            wait.resolver,
            expected,
            policy,
            deadline=wait.seconds,
            on_progress=tell,
            on_missing=self._republish,
        )
        emit(RecordsVisible(report.seen, report.elapsed, report.remarks))

    async def _require_created(
        self, records: Sequence[ChallengeRecord], texts: Sequence[str]
    ) -> None:
        groups: dict[Resolver, list[ChallengeRecord]] = {}
        for item in records:
            groups.setdefault(item.method.resolver or self.scope.resolver, []).append(item)
        reports = await all_at_once(
            check_visible(resolver, _expected(items)) for resolver, items in groups.items()
        )
        blind = all(
            name.verdict is not Verdict.NOT_YET for report in reports for name in report.names
        )
        if all(report.visible for report in reports) or (self.scope.resumed and blind):
            return
        many = len(records) > 1
        raise AwaitingUserError(
            f"awaiting user: create {'these TXT records' if many else 'this TXT record'} in your"
            " DNS (the order waits)",
            records=texts,
        )


async def publish_records(
    records: Sequence[ChallengeRecord], scope: Scope, *, seconds: float = 600.0
) -> Republisher:
    """Write down the records, then add them all at once, and return what adds them again.

    Raises ProviderError for the first failure, HeldUpError for a provider that others have found
    to be down. A record that was surely never written leaves nothing in the ledger. Where slots
    are limited, up to ``seconds`` are waited until other orders have given theirs back.
    """

    async def forget(items: Iterable[ChallengeRecord]) -> None:
        await all_at_once(map(scope.ledger.forget, items))

    def tell(items: Iterable[ChallengeRecord]) -> None:
        for item in items:
            scope.emit(RecordPublished(item.method.slug, str(item.full_name), item.value))

    async def add(provider: Provider, zone: Zone, items: Sequence[ChallengeRecord]) -> None:
        try:
            await scope.others.admit(provider)
        except ZoneproofError:
            await forget(items)
            raise
        with scope.others.trying(provider):
            try:
                await provider.add(zone, [item.txt for item in items])
            except ZoneproofError as error:
                ended = [(item, error_of(error, item.txt)) for item in items]
                tell(item for item, own in ended if own is None)
                await forget(item for item, own in ended if own and _changed_nothing(own))
                raise
        tell(items)

    slots = await find_slots(records)
    async with scope.others.waiting():  # for providers, which set how much they do at once
        await acquire_slots(scope.ledger, records, slots, scope.emit, seconds=seconds)
        await all_at_once(add(*batch) for batch in batches(records))
    return Republisher(records, slots, scope.emit)


def _changed_nothing(error: ZoneproofError) -> bool:
    """Tell whether a provider that raised this has surely written nothing."""
    if isinstance(error, ProviderError):
        return error.changed_nothing
    return isinstance(error, InvalidInputError)  # which it says before it does anything


def tell_progress(progress: PropagationProgress, emit: Emit) -> None:
    """Tell what a name waits for, if it does."""
    report = progress.report
    if progress.waits:
        reason = report.note or "none of its servers can be asked"
        emit(PropagationWaiting(str(report.name), (reason,), progress.elapsed, progress.waits))
    elif report.verdict is not Verdict.VISIBLE:
        emit(PropagationWaiting(str(report.name), report.problems, progress.elapsed))


def _in_zone_file(item: ChallengeRecord) -> str:
    return txt_record(item.full_name, item.method.record_ttl, item.value)


def _expected(records: Iterable[ChallengeRecord]) -> dict[DomainName, frozenset[str]]:
    values: dict[DomainName, set[str]] = {}
    for item in records:
        values.setdefault(item.full_name, set()).add(item.value)
    return {name: frozenset(found) for name, found in values.items()}
