"""Solves dns-persist-01 challenges: sees whether the records are there, and else has them made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import ClassVar

import msgspec
from msgspec.structs import replace

from zoneproof.challenges.dns01 import ChallengeRecord
from zoneproof.challenges.dns01_solver import PreparedRecords
from zoneproof.challenges.dns_persist01 import (
    TYPE,
    Applicant,
    PersistentRecord,
    PersistMethod,
    choose_issuers,
)
from zoneproof.challenges.events import RecordVisible
from zoneproof.challenges.preflight import Finding, MethodPreflight, preflight_names
from zoneproof.challenges.records import txt_record
from zoneproof.challenges.routing import PlannedName, plan_names
from zoneproof.challenges.solver import ChallengeTask, Scope
from zoneproof.core import times
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import AcmeError, DnsError
from zoneproof.core.names import Identifier
from zoneproof.dnsquery import NameReport, Resolver, ServerStatus, check_visible

_Shown = Sequence[Sequence[str]]  # the texts of each server
_ANSWERING = (ServerStatus.VISIBLE, ServerStatus.MISSING)


class DnsPersist01:
    """The solver for dns-persist-01."""

    stays: ClassVar[bool] = True

    async def plan(
        self,
        wanted: Sequence[tuple[Identifier, PersistMethod]],
        resolver: Resolver,
        *,
        register: bool,
    ) -> list[PlannedName]:
        """Return where the record of each identifier is."""
        return await plan_names(wanted, resolver, register=register)

    async def preflight(
        self,
        wanted: Sequence[tuple[Identifier, PersistMethod]],
        resolver: Resolver,
        applicant: Applicant | None,
    ) -> list[MethodPreflight]:
        """See whether the records are there, and say which are to be created."""
        wildcards = {identifier.domain for identifier, _ in wanted if identifier.is_wildcard}

        async def complete(
            identifier: Identifier, method: PersistMethod, found: MethodPreflight
        ) -> MethodPreflight:
            domain = identifier.domain
            record = None
            if applicant and applicant.issuers and applicant.account_url:
                record = PersistentRecord(domain, applicant, domain in wildcards)
            findings = await _findings(found, method, record, resolver)
            return replace(found, findings=(*found.findings, *findings))

        found = await preflight_names(wanted, resolver)
        return await all_at_once(
            complete(*pair, one) for pair, one in zip(wanted, found, strict=True)
        )

    def prepare(self, tasks: Sequence[ChallengeTask[PersistMethod]], scope: Scope) -> PreparedStay:
        """Return the records of all challenges. Raises AcmeError for a challenge without names."""
        records = {_wanted(task, scope): None for task in tasks}
        return PreparedStay(list(records), scope)


class _Wanted(msgspec.Struct, frozen=True):
    """A record that a challenge wants, and where the plan has it."""

    name: PlannedName
    record: PersistentRecord

    @property
    def to_publish(self) -> ChallengeRecord:
        zone = self.name.zone
        assert zone is not None  # the plan is complete
        relative = self.name.publish_name.relative_to(zone.name)
        return ChallengeRecord(self.name.method, zone, relative, self.record.value)


def _wanted(task: ChallengeTask[PersistMethod], scope: Scope) -> _Wanted:
    assert scope.applicant is not None
    assert task.name is not None
    issuers = choose_issuers(scope.applicant.issuers, task.issuers)
    applicant = replace(scope.applicant, issuers=issuers)
    record = PersistentRecord(task.identifier.domain, applicant, task.with_wildcard)
    if not record.is_possible:
        raise AcmeError(
            f"the CA offers {TYPE} for {task.identifier} with names of which no record can be made:"
            " give it another method"
        )
    return _Wanted(task.name, record)


class PreparedStay(msgspec.Struct):
    """The records of one order: those that are ``missing`` are published, and none is removed."""

    wanted: Sequence[_Wanted]
    scope: Scope
    missing: PreparedRecords | None = None

    async def publish(self) -> None:
        """Publish what is not there. Raises AwaitingUserError where a person has to create it."""
        shown = await all_at_once(map(self._look, self.wanted))
        missing, faults = [], ""
        for one, texts in zip(self.wanted, shown, strict=True):
            if _is_there(one.record, texts):
                self.scope.emit(RecordVisible(str(one.name.publish_name), 0.0))
            else:
                missing.append(one.to_publish)
                faults = faults or one.record.faults(chain(*texts))
        stays = "they stay" if len(missing) > 1 else "it stays"
        self.missing = PreparedRecords(missing, self.scope, f", once: {stays}{faults}")
        await self.missing.publish()

    async def wait(self) -> None:
        """Wait until every name server that answers shows what was published."""
        if self.missing and self.missing.records:
            await self.missing.wait()

    async def clean_up(self) -> None:
        """Do nothing: the records stay."""

    async def _look(self, one: _Wanted) -> _Shown:
        resolver = one.name.method.resolver or self.scope.resolver
        (report,) = (await check_visible(resolver, {one.name.publish_name: frozenset()})).names
        return await _shown(resolver, report)


async def _shown(resolver: Resolver, report: NameReport) -> _Shown:
    """Return the texts of each name server that answers; of the resolver, where none does."""
    shown = [server.texts for server in report.servers if server.status in _ANSWERING]
    if shown:
        return shown
    try:
        return [(await resolver.query(report.name, "TXT")).texts]
    except DnsError:
        return []


def _is_there(record: PersistentRecord, shown: _Shown) -> bool:
    return bool(shown) and all(map(record.is_in, shown))


async def _findings(
    found: MethodPreflight,
    method: PersistMethod,
    record: PersistentRecord | None,
    resolver: Resolver,
) -> list[Finding]:
    if found.name is None:
        return []
    name = found.name.publish_name
    if record is None:
        text = (
            f"the TXT record at {name} names the account at the CA: the order says what to create"
        )
        return [Finding(text, is_problem=False)]
    shown = await _shown(method.resolver or resolver, found.name.servers)
    if _is_there(record, shown):
        ends = [end for texts in shown if (end := record.ends_at(texts)) is not None]
        if not ends:
            return []
        when = times.at_and_distance(min(ends), datetime.now(UTC))
        text = f"the TXT record at {name} ends {when}: create another before"
        return [Finding(text, is_problem=False)]
    faults = record.faults(chain(*shown))
    if not method.provider.info.manual:
        title = method.provider.info.title
        text = f"{title} will create the TXT record at {name}, which stays{faults}"
        return [Finding(text, is_problem=False)]
    return [
        Finding(
            f"the TXT record at {name} is missing{faults}: create it once, it stays",
            record=txt_record(name, method.record_ttl, record.value),
        )
    ]
