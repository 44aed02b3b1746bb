"""Puts TXT values into the DNS, answers onto HTTP, and takes both away again, journaled."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zoneproof.errors import InvalidInputError, ProviderError, ZoneproofError
from zoneproof.http01 import HttpResponder, Webroot
from zoneproof.issuance.concurrent import all_at_once
from zoneproof.issuance.events import (
    AnswerServed,
    Emit,
    FileRemoved,
    RecordPublished,
    RecordRemoved,
    Warned,
)
from zoneproof.issuance.journal import Journal
from zoneproof.issuance.journaled import (
    LONGEST_TRYING,
    FailedRemoval,
    HttpFile,
    Publication,
)
from zoneproof.issuance.others import Alone, Others
from zoneproof.issuance.places import ProvidersFor, take_places
from zoneproof.names import DomainName, Identifier
from zoneproof.providers import Provider


@dataclass(frozen=True)
class HttpAnswer:
    """What is served over HTTP for one identifier's challenge."""

    identifier: Identifier
    responder: HttpResponder
    token: str
    key_authorization: str = field(repr=False)


async def publish_values(
    journal: Journal,
    publications: Sequence[Publication],
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
    await take_places(journal, publications, places or {}, emit, seconds=seconds)

    async def add(item: Publication) -> None:
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
    publications: Sequence[Publication],
    providers_for: ProvidersFor,
    emit: Emit,
    *,
    insist: bool = False,
) -> None:
    """Remove the values and forget them. What cannot be removed stays journaled.

    That is told once, and tried again after growing pauses, or at once with ``insist``. After 30
    days it is given up.
    """

    async def remove(item: Publication) -> None:
        async def work() -> None:
            await _remove_by_any(await providers_for(item), item)

        if await _removed(journal, item, work, emit, insist=insist):
            emit(RecordRemoved(item.provider, str(item.full_name), item.value))

    await all_at_once(remove(item) for item in publications)


async def _removed(
    journal: Journal,
    item: Publication | HttpFile,
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


async def _remove_by_any(providers: Sequence[Provider], item: Publication) -> None:
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
