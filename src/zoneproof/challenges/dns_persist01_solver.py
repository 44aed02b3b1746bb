"""Solves dns-persist-01 challenges: sees whether the records are there, and else has them made.

The provider is asked for nothing as long as they are: its key may have ended long ago.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
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
from zoneproof.challenges.events import RecordVisible, Warned
from zoneproof.challenges.preflight import (
    Finding,
    MethodPreflight,
    preflight_names,
    preflight_provider,
)
from zoneproof.challenges.records import txt_record
from zoneproof.challenges.routing import PlannedName, ZoneFinder, plan_names
from zoneproof.challenges.solver import ChallengeTask, Scope
from zoneproof.core import times
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import AcmeError, AwaitingUserError, DnsError
from zoneproof.core.names import DomainName, Identifier
from zoneproof.dnsquery import NameReport, Resolver, ServerStatus, check_visible
from zoneproof.providers import require_files

_ANSWERING = (ServerStatus.VISIBLE, ServerStatus.MISSING)
_SOON = timedelta(days=90)


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
        """Return where the record of each identifier is; its zone matters once it is missing."""
        return await plan_names(wanted, resolver, register=register)

    async def preflight(
        self,
        wanted: Sequence[tuple[Identifier, PersistMethod]],
        resolver: Resolver,
        applicant: Applicant | None,
    ) -> list[MethodPreflight]:
        """See whether the records are there, and say which are to be created."""
        wildcards = {identifier.domain for identifier, _ in wanted if identifier.is_wildcard}
        by_machine = {one.domain for one, method in wanted if not method.provider.info.manual}
        zones = ZoneFinder(resolver)

        async def complete(
            identifier: Identifier, method: PersistMethod, found: MethodPreflight
        ) -> MethodPreflight:
            domain, record = identifier.domain, None
            if applicant:
                record = PersistentRecord(domain, applicant, domain in wildcards)
            if found.name is None:
                return found
            shown = await _shown(method.resolver or resolver, found.name.servers)
            findings = _findings(found.name.publish_name, record, shown, found.name.servers)
            if findings is not None:
                return replace(found, findings=(*found.findings, *findings))
            if method.provider.info.manual and domain in by_machine:
                return found  # the name's other method has the record made
            assert record is not None
            if method.provider.info.manual or record.has_ended(chain(*shown or ())):
                missing = _missing(found.name.publish_name, method, record, shown)
                return replace(found, findings=(*found.findings, missing))
            zone, findings = await preflight_provider(zones, method, found.name)
            title = method.provider.info.title
            text = (
                f"{title} will create the TXT record at {found.name.publish_name}, which stays"
                f"{record.faults(chain(*shown or ()))}"
            )
            said = Finding(text, is_problem=False)
            return replace(found, zone=zone, findings=(*found.findings, *findings, said))

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
    method: PersistMethod
    record: PersistentRecord

    @property
    def text(self) -> str:
        """The record, as a person creates it."""
        return txt_record(self.name.publish_name, self.method.record_ttl, self.record.value)

    async def to_publish(self, zones: ZoneFinder) -> ChallengeRecord:
        """Return the record for its provider. Raises ProviderError and DnsError."""
        require_files(self.method.provider.info, self.method.fields)
        zone = await zones.find(self.method, self.name.publish_name)
        relative = self.name.publish_name.relative_to(zone.name)
        return ChallengeRecord(self.method, zone, relative, self.record.value)


def _wanted(task: ChallengeTask[PersistMethod], scope: Scope) -> _Wanted:
    assert scope.applicant is not None
    assert task.name is not None
    issuers = choose_issuers(scope.applicant.issuers, task.issuers)
    applicant = replace(scope.applicant, issuers=issuers)
    record = PersistentRecord(task.identifier.domain, applicant, task.with_wildcard)
    if not record.is_possible:
        raise AcmeError(f"the CA offers {TYPE} for {task.identifier}, but {_IMPOSSIBLE}")
    return _Wanted(task.name, task.method, record)


_IMPOSSIBLE = (
    "its own names, or that of the account, cannot stand in a TXT record: choose another method"
)


class PreparedStay(msgspec.Struct):
    """The records of one order: those that are ``missing`` are published, and none is removed."""

    wanted: Sequence[_Wanted]
    scope: Scope
    missing: PreparedRecords | None = None

    async def publish(self) -> None:
        """Publish what is not there.

        Raises AwaitingUserError for what a person has to create: where there is no provider, and
        where a record has ended, which somebody wanted. Raises DnsError where nobody can be asked
        whether a record is there that only a person can create.
        """
        shown = await all_at_once(map(self._look, self.wanted))
        by_machine = {one.name.domain for one in self.wanted if not one.method.provider.info.manual}
        to_create, to_publish, faults = [], [], []
        for one, texts in zip(self.wanted, shown, strict=True):
            if texts and all(map(one.record.is_in, texts)):
                self._tell_there(one, texts)
                continue
            own = list(chain(*texts or ()))
            is_manual = one.method.provider.info.manual
            if one.record.has_ended(own) or (is_manual and one.name.domain not in by_machine):
                if texts is None:
                    raise DnsError(
                        f"nobody can be asked whether the TXT record at {one.name.publish_name} is"
                        " there: see what 'zoneproof preview' says of its name servers"
                    )
                to_create.append(one)
                if fault := one.record.faults(own):
                    faults.append(f"at {one.name.publish_name}{fault}")
            elif not is_manual:
                to_publish.append(one)
        if to_create:
            _let_create([one.text for one in to_create], faults)
        zones = ZoneFinder(self.scope.resolver)
        records = await all_at_once(one.to_publish(zones) for one in to_publish)
        self.missing = PreparedRecords(records, self.scope)
        await self.missing.publish()

    async def wait(self) -> None:
        """Wait until every name server that answers shows what was published."""
        if self.missing and self.missing.records:
            await self.missing.wait()

    async def clean_up(self) -> None:
        """Do nothing: the records stay."""

    async def _look(self, one: _Wanted) -> _Shown | None:
        resolver = one.method.resolver or self.scope.resolver
        (report,) = (await check_visible(resolver, {one.name.publish_name: frozenset()})).names
        return await _shown(resolver, report)

    def _tell_there(self, one: _Wanted, texts: _Shown) -> None:
        name = one.name.publish_name
        self.scope.emit(RecordVisible(str(name), 0.0))
        end = _end(one.record, texts)
        if end and end - datetime.now(UTC) < _SOON:
            self.scope.emit(Warned(_ending(name, end)))


def _let_create(texts: Sequence[str], faults: Sequence[str]) -> None:
    what, stay = "these TXT records", "they stay"
    if len(texts) == 1:
        what, stay = "this TXT record", "it stays"
    but = f" ({'; '.join(faults)})" if faults else ""
    raise AwaitingUserError(
        f"awaiting user: create {what} in your DNS, once: {stay}{but}; the order waits",
        records=sorted(texts),
    )


_Shown = Sequence[Sequence[str]]  # the texts of each server


async def _shown(resolver: Resolver, report: NameReport) -> _Shown | None:
    """Return the texts of each name server that answers; of the resolver, where none does.

    None is for where that does not answer, either.
    """
    shown = [server.texts for server in report.servers if server.status in _ANSWERING]
    if shown:
        return shown
    try:
        return [(await resolver.query(report.name, "TXT")).texts]
    except DnsError:
        return None


def _end(record: PersistentRecord, shown: _Shown) -> datetime | None:
    ends = [end for texts in shown if (end := record.ends_at(texts)) is not None]
    return datetime.fromtimestamp(min(ends), UTC) if ends else None


def _ending(name: DomainName, end: datetime) -> str:
    when = times.at_and_distance(end, datetime.now(UTC))
    return f"the TXT record at {name} ends {when}, by its persistUntil: replace it before then"


def _findings(
    name: DomainName, record: PersistentRecord | None, shown: _Shown | None, report: NameReport
) -> list[Finding] | None:
    """Return what there is to say of a record that need not be made; None for one that must be."""
    if record is None:
        return [
            Finding(
                f"the TXT record at {name} names the account at the CA: what to create is known"
                " once that is registered, by 'zoneproof account register' or the order",
                is_problem=False,
            )
        ]
    if not record.is_possible:
        return [Finding(f"no TXT record for {name} can be made of what the CA says: {_IMPOSSIBLE}")]
    if shown is None:
        return [Finding(f"nobody can be asked whether the TXT record at {name} is there")]
    if not all(map(record.is_in, shown)):
        return None
    seen = [str(one.server) for one in report.servers if one.status in _ANSWERING]
    at = f" at {', '.join(dict.fromkeys(seen))}" if seen else ""
    found = [Finding(f"the TXT record at {name} is there, seen{at}", is_problem=False)]
    if end := _end(record, shown):
        is_soon = end - datetime.now(UTC) < _SOON
        when = times.at_and_distance(end, datetime.now(UTC))
        text = _ending(name, end) if is_soon else f"it ends {when}"
        found.append(Finding(text, is_problem=False))
    return found


def _missing(
    name: DomainName, method: PersistMethod, record: PersistentRecord, shown: _Shown | None
) -> Finding:
    faults = record.faults(chain(*shown or ()))
    return Finding(
        f"the TXT record at {name} is missing{faults}: create it once, it stays",
        record=txt_record(name, method.record_ttl, record.value),
    )
