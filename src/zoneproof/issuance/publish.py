"""Puts what answers challenges into place and takes it away again, journaled; orders take turns."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zoneproof.challenges.http01 import HttpResponder
from zoneproof.challenges.webroot import Webroot
from zoneproof.core.aio import all_at_once
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
from zoneproof.providers import LimitedProvider, Provider

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
        places = await provider.places(items[0].zone, items[0].name)
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
            for item in self._items[report.name]:
                provider, *_ = await self._providers_for(item)
                await provider.add_txt(item.zone, item.name, item.value, item.ttl)
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

    async def add(item: PublishedRecord) -> None:
        try:
            provider, *_ = await providers_for(item)
            await others.admit(provider)
        except ZoneproofError:
            await journal.forget(item)
            raise
        with others.trying(provider):
            try:
                await provider.add_txt(item.zone, item.name, item.value, item.ttl)
            except ZoneproofError as error:
                if _changed_nothing(error):
                    await journal.forget(item)
                raise
        emit(RecordPublished(item.provider, str(item.full_name), item.value))

    await all_at_once(add(item) for item in publications)


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

    async def remove(item: PublishedRecord) -> None:
        async def work() -> None:
            await _remove_by_any(await providers_for(item), item)

        if await _removed(journal, item, work, emit, insist=insist):
            emit(RecordRemoved(item.provider, str(item.full_name), item.value))

    await all_at_once(remove(item) for item in publications)


async def _removed(
    journal: Journal,
    item: PublishedRecord | HttpFile,
    work: Callable[[], Coroutine[Any, Any, None]],
    emit: Emit,
    *,
    insist: bool,
) -> bool:
    """Try to remove it, if it is time to; tell whether it is gone."""
    if item.failed and not insist and not item.failed.is_due(journal.now()):
        return False
    try:
        await work()
    except ZoneproofError as error:
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


async def _remove_by_any(providers: Sequence[Provider], item: PublishedRecord) -> None:
    """Remove the value wherever it may be. Raises the last error if none of the providers can."""
    failed = 0
    for provider in providers:
        try:
            await provider.remove_txt(item.zone, item.name, item.value)
        except ZoneproofError:
            failed += 1
            if failed == len(providers):
                raise


async def remove_files(
    journal: Journal, files: Sequence[HttpFile], emit: Emit, *, insist: bool = False
) -> None:
    """Remove the files and forget them, as :func:`remove_values` does values."""
    for file in files:

        async def work(file: HttpFile = file) -> None:
            await Webroot.remove_leftover(file.leftover)

        if await _removed(journal, file, work, emit, insist=insist):
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
