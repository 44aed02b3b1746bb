"""Presents values and cleans them up, even if cert-manager stops waiting for the answer.

cert-manager waits 30 seconds for an answer, gives up and asks again. So work that has begun
continues without it, and a repeated request joins the work that is in progress.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

from zoneproof.certmanager.opened import OpenedMethods
from zoneproof.certmanager.payload import ChallengeRequest
from zoneproof.certmanager.secrets import PrivateFiles, Secrets
from zoneproof.certmanager.solver_config import resolve
from zoneproof.challenges import dns01
from zoneproof.challenges.dns01 import ChallengeRecord, DnsMethod
from zoneproof.challenges.dns01_solver import PreparedRecords
from zoneproof.challenges.events import Event, PropagationWaiting
from zoneproof.challenges.routing import ZoneFinder, cname_advice, plan_names
from zoneproof.challenges.solver import NoLedger, Scope
from zoneproof.core.aio import KeyedLocks
from zoneproof.core.errors import (
    AwaitingUserError,
    BusyError,
    DelegationError,
    InvalidInputError,
    NoSuchDomainError,
    ProviderZoneError,
    ZoneproofError,
    unforeseen,
)
from zoneproof.core.names import DomainName, Identifier
from zoneproof.core.text import sanitize
from zoneproof.kubernetes import KubernetesClient
from zoneproof.manager.certificates.definition import MethodDefinition
from zoneproof.providers import Zone

ANSWER_WITHIN = 25.0  # seconds
_KEPT = 600.0  # seconds that an outcome waits for somebody to ask
_MOST_PUBLISHED = 10_000
# What keeps a value from being published each time, and so has kept it.
_NEVER_PUBLISHED = (
    AwaitingUserError,
    InvalidInputError,
    NoSuchDomainError,
    ProviderZoneError,
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job:
    """A value of one challenge: what makes a request the same as another."""

    namespace: str
    dns_name: str
    resolved_fqdn: str
    value: str
    config: bytes
    ambient: bool

    @classmethod
    def of(cls, request: ChallengeRequest) -> _Job:
        return cls(
            request.resource_namespace,
            request.dns_name,
            request.resolved_fqdn,
            request.key,
            bytes(request.config),
            request.allow_ambient_credentials,
        )


@dataclass(frozen=True)
class _Published:
    """Where a value was published, and by which method, secrets and files included."""

    method: MethodDefinition = field(repr=False)
    zone: Zone
    name: DomainName
    files: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass
class _Work:
    """Something that was begun; ``doing`` says at what it is, for people."""

    doing: str
    task: asyncio.Task[ZoneproofError | None] = field(init=False)
    published: asyncio.Event = field(default_factory=asyncio.Event)  # or it failed
    ended_at: float = float("inf")

    @property
    def has_failed(self) -> bool:
        return self.task.done() and (self.task.cancelled() or self.task.result() is not None)

    def note(self, event: Event) -> None:
        if isinstance(event, PropagationWaiting):
            self.doing = "; ".join(event.reasons)


class RequestSolver:
    """Does what requests say. Both actions may be asked for any number of times.

    ``files`` is a folder for what Secrets hold and providers want as files. After ``answer_within``
    seconds the answer is that the work is not done yet.
    """

    def __init__(
        self,
        api: KubernetesClient,
        opened: OpenedMethods,
        files: PrivateFiles,
        *,
        answer_within: float = ANSWER_WITHIN,
    ) -> None:
        self._api = api
        self._opened = opened
        self._files = files
        self._answer_within = answer_within
        self._works: dict[tuple[str, _Job], _Work] = {}
        self._published: OrderedDict[_Job, _Published] = OrderedDict()
        self._locks = KeyedLocks()

    async def present(self, request: ChallengeRequest) -> None:
        """Return when every authoritative server shows the value.

        Raises BusyError if that takes longer than cert-manager waits, and what goes wrong: a
        CNAME that is missing, with the record to create in its message.
        """
        await self._join("present", request, "the value is being published", self._present)

    async def clean_up(self, request: ChallengeRequest) -> None:
        """Return when the value is gone. Raises as :meth:`present` does."""
        await self._join("clean up", request, "the value is being removed", self._clean_up)

    async def close(self) -> None:
        """End what is at work."""
        tasks = [work.task for work in self._works.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._works.clear()

    # --- work that outlives the request ---------------------------------------------------------

    async def _join(
        self,
        action: str,
        request: ChallengeRequest,
        doing: str,
        work_on: Callable[[ChallengeRequest, _Job, _Work], Coroutine[Any, Any, None]],
    ) -> None:
        """Wait for what is in progress for the same request, or begin it."""
        job = _Job.of(request)
        _check(request)
        work = self._works.get((action, job))
        if work is None or work.has_failed:
            work = _Work(doing)
            self._begin(action, job, work, work_on(request, job, work))
        await self._outcome(action, job, work)

    def _begin(self, action: str, job: _Job, work: _Work, doing: Coroutine[Any, Any, None]) -> None:
        clock = asyncio.get_running_loop().time
        for key, old in list(self._works.items()):
            if clock() - old.ended_at > _KEPT:
                del self._works[key]
        work.task = asyncio.create_task(_caught(doing))
        self._works[action, job] = work

        def end(_: object) -> None:
            work.ended_at = clock()
            work.published.set()

        work.task.add_done_callback(end)

    async def _outcome(self, action: str, job: _Job, work: _Work) -> None:
        await asyncio.wait({work.task}, timeout=self._answer_within)
        if not work.task.done():
            raise BusyError(
                f"not done within {self._answer_within:g} s, and continues: {work.doing};"
                " cert-manager asks again"
            )
        if self._works.get((action, job)) is work:
            del self._works[action, job]
        if work.task.cancelled():
            raise BusyError("the webhook was stopped, or the value is being removed")
        if error := work.task.result():
            raise error

    async def _stop_presenting(self, job: _Job) -> None:
        """Let what is being published come to its end, so that it is not there afterwards."""
        work = self._works.pop(("present", job), None)
        if work:
            await work.published.wait()
            work.task.cancel()

    # --- what is done ---------------------------------------------------------------------------

    async def _present(self, request: ChallengeRequest, job: _Job, work: _Work) -> None:
        definition = await self._definition(request)
        files = self._files.contents(definition.fields.values())
        async with self._opened.maker(definition) as maker:
            method = await maker.dns(definition, {})
            place = replace(await _place(request, definition, method), files=files)
            record = _record(method, place, request.key)
            assert method.resolver
            scope = Scope(NoLedger(), method.resolver, work.note)
            prepared = PreparedRecords([record], scope)
            self._remember(job, place)
            async with self._locks((place.name, record.value)):
                try:
                    await prepared.publish()
                except _NEVER_PUBLISHED:
                    self._published.pop(job, None)
                    raise
            work.published.set()
            _log.info("published a value at %s by %s", place.name, method.slug)
            work.doing = f"the value is published at {place.name}, and DNS does not show it yet"
            await prepared.wait()

    def _remember(self, job: _Job, place: _Published) -> None:
        self._published[job] = place
        if len(self._published) > _MOST_PUBLISHED:
            self._published.popitem(last=False)

    async def _clean_up(self, request: ChallengeRequest, job: _Job, _: _Work) -> None:
        await self._stop_presenting(job)
        known = self._published.get(job)
        try:
            await self._remove(request, known)
        except _NEVER_PUBLISHED as error:
            # A Challenge keeps the config that it was made with. Would its clean-up fail for what
            # is wrong with that, it could not be deleted, nor could its namespace.
            if known:
                raise
            _log.warning("nothing was published for %s: %s", request.dns_name, error)
        self._published.pop(job, None)

    async def _remove(self, request: ChallengeRequest, known: _Published | None) -> None:
        try:
            definition = await self._definition(request)
        except ZoneproofError:
            # Whoever deletes a namespace may have deleted the Secret before the Challenge.
            if known is None:
                raise
            definition = known.method
            for content in known.files:
                self._files.path_of(content)
        async with self._opened.maker(definition) as maker:
            method = await maker.dns(definition, {})
            place = known or await _place(request, definition, method, needs_cname=False)
            record = _record(method, place, request.key)
            async with self._locks((place.name, record.value)):
                await method.provider.remove(place.zone, [record.txt])
        _log.info("removed the value at %s by %s", place.name, method.slug)

    async def _definition(self, request: ChallengeRequest) -> MethodDefinition:
        return await resolve(request, Secrets(self._api, request.resource_namespace), self._files)


async def _caught(doing: Coroutine[Any, Any, None]) -> ZoneproofError | None:
    try:
        await doing
    except ZoneproofError as error:
        return error
    except Exception as error:  # noqa: BLE001  told as what it is, to whoever asks
        bug = unforeseen(error)
        _log.error("%s", bug.message)
        return bug
    return None


def _check(request: ChallengeRequest) -> None:
    if request.type != dns01.TYPE:
        raise InvalidInputError(
            f"'{sanitize(request.type)}' is not a challenge that this solver can answer: it is for"
            f" {dns01.TYPE}"
        )


async def _place(
    request: ChallengeRequest,
    definition: MethodDefinition,
    method: DnsMethod,
    *,
    needs_cname: bool = True,
) -> _Published:
    """Find where the value goes.

    cert-manager has followed CNAMEs itself where its ``cnameStrategy`` says so; otherwise it names
    the challenge name, and the method's own rules hold: a CNAME that they want must be there, if it
    ``needs_cname``.
    """
    identifier = Identifier.parse(request.dns_name)
    method.check(identifier)
    assert method.resolver
    given = request.resolved_fqdn
    resolved = DomainName.parse(given) if given else dns01.challenge_name(identifier)
    zones = ZoneFinder(method.resolver)
    if resolved != dns01.challenge_name(identifier):
        return _Published(definition, await zones.find(method, resolved), resolved)
    (plan,) = await plan_names([(identifier, method)], method.resolver, register=False)
    if plan.cname and not needs_cname:
        return _Published(definition, await zones.find(method, plan.cname), plan.cname)
    if plan.cname:
        advice = cname_advice(plan.delegation, plan.cname, plan.in_the_way)
        raise DelegationError(f"{advice}: {plan.record_to_create}")
    if plan.zone is None:
        raise AwaitingUserError(
            f"{plan.domain} has no registration in the webhook's home: add one with 'zoneproof"
            " registration add'"
        )
    return _Published(definition, plan.zone, plan.publish_name)


def _record(method: DnsMethod, place: _Published, value: str) -> ChallengeRecord:
    name = place.name.relative_to(place.zone.name)
    return ChallengeRecord(method, place.zone, name, value)
