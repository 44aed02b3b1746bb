"""Puts TXT values into the DNS, answers onto HTTP, and takes both away again, journaled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from zoneproof.errors import ZoneproofError
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
from zoneproof.issuance.journaled import HttpFile, Publication
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
) -> None:
    """Journal the values, then add them all at once. Raises ProviderError for the first failure.

    Where there are ``places`` for a few values only, up to ``seconds`` are waited until those of
    other orders have gone.
    """
    if not publications:
        return
    await take_places(journal, publications, places or {}, emit, seconds=seconds)

    async def add(item: Publication) -> None:
        provider, *_ = await providers_for(item)
        await provider.add_txt(item.zone, item.name, item.value, item.ttl)
        emit(RecordPublished(item.provider, str(item.full_name), item.value))

    await all_at_once(add(item) for item in publications)


async def serve_answers(
    journal: Journal, order_id: str, answers: Sequence[HttpAnswer], emit: Emit
) -> None:
    """Journal the files among the answers, then put all at once. Raises HttpResponderError."""
    if not answers:
        return
    leftovers = [answer.responder.leftover(answer.token) for answer in answers]
    await journal.will_write([HttpFile(order_id, found) for found in leftovers if found])

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
    journal: Journal, publications: Sequence[Publication], providers_for: ProvidersFor, emit: Emit
) -> None:
    """Remove the values and forget them. What cannot be removed is told and stays journaled."""

    async def remove(item: Publication) -> None:
        try:
            await _remove_by_any(await providers_for(item), item)
        except ZoneproofError as error:
            emit(
                Warned(
                    f"the TXT value {item.value} at {item.full_name} may still be there: {error};"
                    " the next run tries again"
                )
            )
            return
        await journal.removed(item)
        emit(RecordRemoved(item.provider, str(item.full_name), item.value))

    await all_at_once(remove(item) for item in publications)


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


async def remove_files(journal: Journal, files: Sequence[HttpFile], emit: Emit) -> None:
    """Remove the files and forget them. What cannot be removed is told and stays journaled."""
    for file in files:
        try:
            await Webroot.remove_leftover(file.leftover)
        except ZoneproofError as error:
            emit(Warned(f"{error}; the next run tries again"))
            continue
        await journal.file_removed(file)
        emit(FileRemoved(str(file.leftover.webroot), file.leftover.token))


async def remove_leftovers(
    journal: Journal, certificate: str, providers_for: ProvidersFor, emit: Emit
) -> None:
    """Remove every journaled value and file of the certificate's orders, of any run.

    The orders themselves stay as they are: one that is resumed publishes again what it needs.
    """
    for order_id in await journal.orders_to_clean(certificate):
        await remove_values(journal, await journal.publications(order_id), providers_for, emit)
        await remove_files(journal, await journal.files(order_id), emit)
