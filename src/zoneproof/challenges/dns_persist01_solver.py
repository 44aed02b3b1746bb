"""Solves dns-persist-01 challenges: sees whether the records are there, and else has them made."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import msgspec
from msgspec.structs import replace

from zoneproof.challenges.dns01 import ChallengeRecord
from zoneproof.challenges.dns01_solver import PreparedRecords
from zoneproof.challenges.dns_persist01 import (
    MOST_ISSUERS,
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
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import AcmeError
from zoneproof.core.names import DomainName, Identifier
from zoneproof.dnsquery import NameReport, Resolver, ServerStatus, check_visible

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
        wildcards = _wildcards(identifier for identifier, _ in wanted)
        found = []
        for (identifier, method), one in zip(
            wanted, await preflight_names(wanted, resolver), strict=True
        ):
            domain = identifier.domain
            record = None
            if applicant and applicant.issuers and applicant.account_url:
                record = PersistentRecord(domain, applicant, domain in wildcards)
            findings = _findings(one, method, record)
            found.append(replace(one, findings=(*one.findings, *findings)))
        return found

    def prepare(self, tasks: Sequence[ChallengeTask[PersistMethod]], scope: Scope) -> PreparedStay:
        """Return the records of all challenges. Raises AcmeError for a challenge without names."""
        wildcards = _wildcards(task.identifier for task in tasks)
        records = {_wanted(task, scope, wildcards): None for task in tasks}
        return PreparedStay(list(records), scope)


def _wildcards(identifiers: Iterable[Identifier]) -> set[DomainName]:
    return {one.domain for one in identifiers if one.is_wildcard}


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


def _wanted(
    task: ChallengeTask[PersistMethod], scope: Scope, wildcards: Collection[DomainName]
) -> _Wanted:
    if not 0 < len(task.issuers) <= MOST_ISSUERS:
        raise AcmeError(
            f"the CA offers {TYPE} for {task.identifier} and names {len(task.issuers)} issuers for"
            f" the record, which must be 1 to {MOST_ISSUERS}: validate it another way"
        )
    assert scope.applicant is not None
    assert task.name is not None
    issuers = choose_issuers(scope.applicant.issuers, task.issuers)
    applicant = replace(scope.applicant, issuers=issuers)
    domain = task.identifier.domain
    return _Wanted(task.name, PersistentRecord(domain, applicant, domain in wildcards))


@dataclass
class PreparedStay:
    """The records of one order: those that are missing are published, and none is removed."""

    wanted: Sequence[_Wanted]
    scope: Scope
    _missing: PreparedRecords | None = field(default=None, init=False)

    async def publish(self) -> None:
        """Publish what is not there. Raises AwaitingUserError where a person has to create it."""
        reports = await self._look()
        missing, faults = [], ""
        for one in self.wanted:
            report = reports[one]
            if _is_there(one.record, report):
                self.scope.emit(RecordVisible(str(one.name.publish_name), 0.0))
            else:
                missing.append(one.to_publish)
                faults = faults or one.record.faults(_texts(report))
        remark = f", once: it stays{faults}"
        self._missing = PreparedRecords(missing, self.scope, remark)
        await self._missing.publish()

    async def wait(self) -> None:
        """Wait until every name server that answers shows what was published."""
        if self._missing and self._missing.records:
            await self._missing.wait()

    async def clean_up(self) -> None:
        """Do nothing: the records stay."""

    async def _look(self) -> Mapping[_Wanted, NameReport]:
        async def look(one: _Wanted) -> NameReport:
            resolver = one.name.method.resolver or self.scope.resolver
            return (await check_visible(resolver, {one.name.publish_name: frozenset()})).names[0]

        reports = await all_at_once(map(look, self.wanted))
        return dict(zip(self.wanted, reports, strict=True))


def _texts(report: NameReport) -> list[str]:
    return [text for server in report.servers for text in server.texts]


def _is_there(record: PersistentRecord, report: NameReport) -> bool:
    """Tell whether every name server that answers has a record that is enough."""
    answering = [server for server in report.servers if server.status in _ANSWERING]
    return bool(answering) and all(record.is_in(server.texts) for server in answering)


def _findings(
    found: MethodPreflight, method: PersistMethod, record: PersistentRecord | None
) -> list[Finding]:
    if found.name is None:
        return []
    name = found.name.publish_name
    if record is None:
        text = (
            f"the TXT record at {name} names the account at the CA: the order says what to create"
        )
        return [Finding(text, is_problem=False)]
    if _is_there(record, found.name.servers):
        return []
    faults = record.faults(_texts(found.name.servers))
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
