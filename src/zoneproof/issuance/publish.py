"""Puts what answers challenges into place and takes it away again, journaled; orders take turns."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from zoneproof.challenges.http01 import HttpResponder
from zoneproof.challenges.webroot import Webroot
from zoneproof.core.aio import all_at_once, settle
from zoneproof.core.errors import InvalidInputError, ProviderError, ZoneproofError
from zoneproof.core.names import DomainName, Identifier
from zoneproof.dnsquery import NameReport
from zoneproof.issuance.events import (
    AnswerServed,
    Emit,
    FileRemoved,
    PropagationWaiting,
    RecordPublished,
    RecordRemoved,
    Warned,
)
from zoneproof.issuance.journal import (
    LONGEST_TRYING,
    FailedRemoval,
    HttpFile,
    Journal,
    PublishedRecord,
)
from zoneproof.issuance.others import Alone, Others
from zoneproof.providers import LimitedProvider, Provider, Zone

# Those that may remove a value; the first one is the one to publish it with.
ProvidersFor = Callable[[PublishedRecord], Awaitable[Sequence[Provider]]]

_LOOK_AGAIN = 0.5  # seconds
_MOST_TIMES = 5


async def find_slots(
    publications: Iterable[PublishedRecord], providers_for: ProvidersFor
) -> dict[DomainName, int]:
    """Return how many values can stand at each name where that is limited.

    Raises ProviderError if the publications need more.
    """
    values: dict[DomainName, list[PublishedRecord]] = {}
    for item in publications:
        values.setdefault(item.full_name, []).append(item)

    async def ask(items: Sequence[PublishedRecord]) -> int | None:
        provider, *_ = await providers_for(items[0])
        if not isinstance(provider, LimitedProvider):
            return None
        places = await provider.max_values(items[0].zone, items[0].name)
        if places and len(items) > places:
            raise ProviderError(
                f"{items[0].provider}, {items[0].full_name}: the service keeps {places} values at"
                f" a time, and this certificate needs {len(items)} there: give its domains"
                " registrations of their own, or certificates of their own"
            )
        return places

    found = await all_at_once(ask(items) for items in values.values())
    return {name: places for name, places in zip(values, found, strict=True) if places}


async def acquire_slots(
    journal: Journal,
    publications: Sequence[PublishedRecord],
    places: Mapping[DomainName, int],
    emit: Emit,
    *,
    seconds: float,
) -> None:
    """Journal all the publications, once no order at work has values at the names in ``places``.

    Others of this home give theirs back when the CA has validated them, or when their process
    dies. All names are taken at once, so two orders never wait for each other. Raises
    ProviderError after ``seconds``.
    """
    started = time.monotonic()
    while taken := await journal.will_publish(publications, alone_at=places):
        elapsed = time.monotonic() - started
        for name in sorted(taken):
            reason = (
                f"another order has values at {name}, whose service keeps {places[name]} at a time"
            )
            if elapsed > seconds:
                raise ProviderError(f"after {seconds:g} s {reason}: try again later")
            emit(PropagationWaiting(str(name), (reason,), elapsed))
        await asyncio.sleep(_LOOK_AGAIN)


@dataclass
class _Turn:
    """When one name's values may be published again, and how often they were."""

    not_before: float
    times: int = 0


class Republisher:
    """Publishes again what others overwrote: programs that know nothing of our journal.

    Each time it waits longer and differently long, so that of two who overwrite each other's values
    one comes through: a CA may be about to look at those of the other.
    """

    def __init__(
        self,
        publications: Iterable[PublishedRecord],
        places: Mapping[DomainName, int],
        providers_for: ProvidersFor,
        emit: Emit,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._providers_for = providers_for
        self._emit = emit
        self._items: dict[DomainName, list[PublishedRecord]] = {name: [] for name in places}
        for item in publications:
            self._items.get(item.full_name, []).append(item)
        self._turns = {name: _Turn(clock() + _pause(1)) for name in places}

    async def __call__(self, report: NameReport) -> None:
        """Publish all of the name's values again if a server shows that it lacks one.

        All, because an update may overwrite the other one of ours.
        """
        turn = self._turns.get(report.name)
        lacking = {value for server in report.servers for value in server.missing}
        if turn is None or not lacking or turn.times == _MOST_TIMES:
            return
        if self._clock() < turn.not_before:
            return
        turn.times += 1
        turn.not_before = self._clock() + _pause(turn.times + 1)
        self._emit(
            Warned(
                f"{report.name}: another program has overwritten {' and '.join(sorted(lacking))};"
                " publishing again"
            )
        )
        try:
            batches, without = await _batches(self._items[report.name], self._providers_for)
            for _, problem in without:
                raise problem
            for (providers, zone), items in batches.items():
                await providers[0].add(zone, [item.record for item in items])
        except ZoneproofError as error:
            self._emit(Warned(f"{error}; {report.name} is looked at again"))


def _pause(times: int) -> float:
    return random.uniform(4.0, 10.0) * times  # noqa: S311  sets rivals apart only


@dataclass(frozen=True)
class HttpAnswer:
    """What is served over HTTP for one identifier's challenge."""

    identifier: Identifier
    responder: HttpResponder
    token: str
    key_authorization: str = field(repr=False)


async def publish_values(
    journal: Journal,
    publications: Sequence[PublishedRecord],
    providers_for: ProvidersFor,
    emit: Emit,
    *,
    places: Mapping[DomainName, int] | None = None,
    seconds: float = 600.0,
    others: Others | None = None,
) -> None:
    """Journal the values, then add them all at once. Raises ProviderError for the first failure.

    Raises HeldUpError for a provider that ``others`` have found to be down.

    A value that was surely never written leaves nothing in the journal. Where there are ``places``
    for a few values only, up to ``seconds`` are waited until those of other orders have gone.
    """
    if not publications:
        return
    others = others or Alone()
    await acquire_slots(journal, publications, places or {}, emit, seconds=seconds)

    async def forget(items: Iterable[PublishedRecord]) -> None:
        await all_at_once(journal.forget(item) for item in items)

    def tell(items: Iterable[PublishedRecord]) -> None:
        for item in items:
            emit(RecordPublished(item.provider, str(item.full_name), item.value))

    async def add(provider: Provider, zone: Zone, items: Sequence[PublishedRecord]) -> None:
        try:
            await others.admit(provider)
        except ZoneproofError:
            await forget(items)
            raise
        with others.trying(provider):
            try:
                await provider.add(zone, [item.record for item in items])
            except ZoneproofError as error:
                ended = _ended(items, error)
                tell(item for item, own in ended if own is None)
                await forget(item for item, own in ended if own and _changed_nothing(own))
                raise
        tell(items)

    batches, without = await _batches(publications, providers_for)
    for _, problem in without:
        await forget(publications)
        raise problem
    await all_at_once(
        add(providers[0], zone, items) for (providers, zone), items in batches.items()
    )


_Batches = dict[tuple[tuple[Provider, ...], Zone], list[PublishedRecord]]
_Ended = list[tuple[PublishedRecord, ZoneproofError | None]]


async def _batches(
    items: Sequence[PublishedRecord], providers_for: ProvidersFor
) -> tuple[_Batches, list[tuple[PublishedRecord, ZoneproofError]]]:
    """Put together what goes to a zone by the same providers; apart what has none, and why."""

    async def find(item: PublishedRecord) -> tuple[Provider, ...]:
        return tuple(await providers_for(item))

    batches: _Batches = {}
    without = []
    for item, found in zip(items, await settle(map(find, items)), strict=True):
        if isinstance(found, ZoneproofError):
            without.append((item, found))
        elif isinstance(found, BaseException):
            raise found
        else:
            batches.setdefault((found, item.zone), []).append(item)
    return batches, without


def _ended(items: Iterable[PublishedRecord], error: ZoneproofError) -> _Ended:
    """Return what became of each of a batch that failed with the error; None if it was done."""
    if isinstance(error, ProviderError):
        return [(item, error.of(item.record)) for item in items]
    return [(item, error) for item in items]


def _changed_nothing(error: ZoneproofError) -> bool:
    """Tell whether a provider that raised this has surely written nothing."""
    if isinstance(error, ProviderError):
        return error.changed_nothing
    return isinstance(error, InvalidInputError)  # which it says before it does anything


async def serve_answers(
    journal: Journal, order_id: str, answers: Sequence[HttpAnswer], emit: Emit
) -> None:
    """Journal the files among the answers, then put all at once. Raises HttpResponderError.

    Where a file cannot be written, none leaves anything in the journal.
    """
    if not answers:
        return
    files = []
    for answer in answers:
        if found := answer.responder.leftover(answer.token):
            await answer.responder.check()
            files.append(HttpFile(order_id, found))
    await journal.will_write(files)

    async def put(answer: HttpAnswer) -> None:
        await answer.responder.put(answer.token, answer.key_authorization)
        emit(AnswerServed(str(answer.identifier), answer.responder.where))

    await all_at_once(put(answer) for answer in answers)


async def stop_answers(answers: Sequence[HttpAnswer]) -> None:
    """Remove the answers of this process that no crash could leave behind."""
    for answer in answers:
        if answer.responder.leftover(answer.token) is None:
            await answer.responder.remove(answer.token)


async def remove_values(
    journal: Journal,
    publications: Sequence[PublishedRecord],
    providers_for: ProvidersFor,
    emit: Emit,
    *,
    insist: bool = False,
) -> None:
    """Remove the values and forget them. What cannot be removed stays journaled.

    That is told once, and tried again after growing pauses, or at once with ``insist``. After 30
    days it is given up.
    """

    async def end(item: PublishedRecord, error: ZoneproofError | None) -> None:
        if await _is_gone(journal, item, error, emit, insist=insist):
            emit(RecordRemoved(item.provider, str(item.full_name), item.value))

    async def remove(
        providers: Sequence[Provider], zone: Zone, items: Sequence[PublishedRecord]
    ) -> None:
        ended = await _remove_by_any(providers, zone, items)
        await all_at_once(end(item, error) for item, error in ended)

    due = [item for item in publications if _is_due(journal, item, insist=insist)]
    batches, without = await _batches(due, providers_for)
    await all_at_once(
        [
            *(remove(providers, zone, items) for (providers, zone), items in batches.items()),
            *(end(item, problem) for item, problem in without),
        ]
    )


def _is_due(journal: Journal, item: PublishedRecord | HttpFile, *, insist: bool) -> bool:
    """Tell whether it is time to try to remove it."""
    return insist or not item.failed or item.failed.is_due(journal.now())


async def _is_gone(
    journal: Journal,
    item: PublishedRecord | HttpFile,
    error: ZoneproofError | None,
    emit: Emit,
    *,
    insist: bool,
) -> bool:
    """Journal what came of removing it; tell whether it is gone."""
    if error:
        now = journal.now()
        failed = FailedRemoval.after(item.failed, error.message, now)
        if failed.is_over(now):
            await journal.forget(item)
            days = f"{LONGEST_TRYING.days} days and {failed.tries} tries"
            emit(Warned(f"after {days}, {item.what} is given up, and may still be there: {error}"))
            return False
        await journal.removal_failed(item, failed)
        if insist or failed.tries == 1:
            again = "it is tried again, and 'zoneproof leftover list' has it until then"
            emit(Warned(f"{item.what} may still be there: {error}; {again}"))
        return False
    await journal.forget(item)
    return True


async def _remove_by_any(
    providers: Sequence[Provider], zone: Zone, items: Sequence[PublishedRecord]
) -> _Ended:
    """Remove the values wherever they may be.

    Return each with the last provider's error, or None if one of the providers could remove it.
    """
    ended: _Ended = []
    gone: set[str] = set()
    for provider in providers:
        ended = [(item, None) for item in items]
        try:
            await provider.remove(zone, [item.record for item in items])
        except ZoneproofError as error:
            ended = _ended(items, error)
        gone |= {item.id for item, error in ended if error is None}
    return [(item, None if item.id in gone else error) for item, error in ended]


async def remove_files(
    journal: Journal, files: Sequence[HttpFile], emit: Emit, *, insist: bool = False
) -> None:
    """Remove the files and forget them, as :func:`remove_values` does values."""
    for file in files:
        if not _is_due(journal, file, insist=insist):
            continue
        problem = None
        try:
            await Webroot.remove_leftover(file.leftover)
        except ZoneproofError as error:
            problem = error
        if await _is_gone(journal, file, problem, emit, insist=insist):
            emit(FileRemoved(str(file.leftover.webroot), file.leftover.token))


async def remove_leftovers(
    journal: Journal,
    certificate: str,
    providers_for: ProvidersFor,
    emit: Emit,
    *,
    insist: bool = False,
) -> None:
    """Remove every journaled value and file of the certificate's orders, of any run.

    With ``insist`` also what failed a short while ago. The orders themselves stay as they are: one
    that is resumed publishes again what it needs.
    """
    for order_id in await journal.orders_to_clean(certificate):
        publications = await journal.publications(order_id)
        await remove_values(journal, publications, providers_for, emit, insist=insist)
        await remove_files(journal, await journal.files(order_id), emit, insist=insist)
