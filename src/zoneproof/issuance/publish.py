"""What an order publishes, journaled before and removed again: the one way to clean up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from zoneproof.challenges.dns01 import ChallengeRecord, error_of
from zoneproof.challenges.events import Emit, Warned
from zoneproof.challenges.webroot import Leftover, Webroot
from zoneproof.core.aio import all_at_once, settle
from zoneproof.core.errors import ZoneproofError
from zoneproof.core.names import DomainName
from zoneproof.issuance.events import FileRemoved, RecordRemoved, RecordsDeletable
from zoneproof.issuance.journal import Journal
from zoneproof.issuance.journaled import LONGEST_TRYING, FailedRemoval, HttpFile, PublishedRecord
from zoneproof.providers import Provider, Zone

# Those that may remove a value that another run published.
ProvidersFor = Callable[[PublishedRecord], Awaitable[Sequence[Provider]]]


class OrderLedger:
    """The journal as the solvers of one order see it.

    What it writes down keeps the provider that it is published with, for the same run's cleaning.
    """

    def __init__(self, journal: Journal, order_id: str) -> None:
        self._journal = journal
        self._order_id = order_id
        self._records: dict[ChallengeRecord, PublishedRecord] = {}

    @property
    def published(self) -> Mapping[str, PublishedRecord]:
        """What was written down, by the ids that the journal has if nobody wrote it before."""
        return {item.id: item for item in self._records.values()}

    async def will_publish(
        self, records: Sequence[ChallengeRecord], *, alone_at: Collection[DomainName] = ()
    ) -> set[DomainName]:
        """Journal the records, or return the names at which other orders have values."""
        for record in records:
            if record not in self._records:
                self._records[record] = PublishedRecord.of(record, self._order_id)
        items = [self._records[record] for record in records]
        return await self._journal.will_publish(items, alone_at=alone_at)

    async def will_be_created(self, records: Sequence[str]) -> None:
        """Journal the records."""
        await self._journal.will_be_created(self._order_id, records)

    async def forget(self, record: ChallengeRecord) -> None:
        """Strike out a record that was surely never written by this run, unless it was before."""
        await self._journal.forget(self._records[record])

    async def will_write(self, files: Sequence[Leftover]) -> None:
        """Journal the files."""
        await self._journal.will_write([HttpFile(self._order_id, file) for file in files])


async def tell_deletable(journal: Journal, certificate: str, emit: Emit) -> None:
    """Tell which records that a person created no order of the certificate needs any more."""
    if records := await journal.take_deletable(certificate):
        emit(RecordsDeletable(records))


async def remove_values(
    journal: Journal,
    published: Sequence[PublishedRecord],
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

    async def by_own(provider: Provider, zone: Zone, items: Sequence[PublishedRecord]) -> None:
        ended = await _remove_by_any([provider], zone, items, {})
        tried = {item.id: error for item, error in ended if error}
        await all_at_once(end(item, None) for item, error in ended if error is None)
        await by_stored([item for item in items if item.id in tried], tried)

    async def by_stored(items: Sequence[PublishedRecord], tried: _Errors) -> None:
        batches, without = await _batches(items, providers_for)
        await all_at_once(
            [
                *(by(*key, batch, tried) for key, batch in batches.items()),
                *(end(item, tried.get(item.id, problem)) for item, problem in without),
            ]
        )

    async def by(
        providers: Sequence[Provider],
        zone: Zone,
        items: Sequence[PublishedRecord],
        tried: _Errors,
    ) -> None:
        ended = await _remove_by_any(providers, zone, items, tried)
        await all_at_once(end(item, error) for item, error in ended)

    own: dict[tuple[Provider, Zone], list[PublishedRecord]] = {}
    of_others = []
    for item in published:
        if not _is_due(journal, item, insist=insist):
            continue
        if item.opened is None:
            of_others.append(item)
        else:
            own.setdefault((item.opened, item.zone), []).append(item)
    await all_at_once(
        [*(by_own(*key, batch) for key, batch in own.items()), by_stored(of_others, {})]
    )


_Batches = dict[tuple[tuple[Provider, ...], Zone], list[PublishedRecord]]
_Errors = Mapping[str, ZoneproofError]  # by the id of the record


async def _batches(
    items: Sequence[PublishedRecord], providers_for: ProvidersFor
) -> tuple[_Batches, list[tuple[PublishedRecord, ZoneproofError]]]:
    """Put together what is in a zone by the same providers; apart what has none, and why.

    The provider that has published it in this run is left out: it was tried before.
    """

    async def find(item: PublishedRecord) -> tuple[Provider, ...]:
        return tuple(one for one in await providers_for(item) if one is not item.opened)

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


async def _remove_by_any(
    providers: Sequence[Provider],
    zone: Zone,
    items: Sequence[PublishedRecord],
    tried: _Errors,
) -> list[tuple[PublishedRecord, ZoneproofError | None]]:
    """Remove the values wherever they may be.

    Return each with None if one of the providers could remove it, else with the last one's error;
    where there are none, with that of the provider that was ``tried`` before.
    """
    errors: dict[str, ZoneproofError | None] = dict(tried)
    gone: set[str] = set()
    for provider in providers:
        try:
            await provider.remove(zone, [item.record for item in items])
        except ZoneproofError as error:
            errors |= {item.id: error_of(error, item.record) for item in items}
        else:
            errors |= {item.id: None for item in items}
        gone |= {item.id for item in items if errors[item.id] is None}
    return [(item, None if item.id in gone else errors[item.id]) for item in items]


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
            emit(Warned(f"gave up removing {item.what} after {days}; it may still exist: {error}"))
            return False
        await journal.removal_failed(item, failed)
        if insist or failed.tries == 1:
            again = "Zoneproof will try again, and 'zoneproof leftover list' shows it until then"
            emit(Warned(f"{item.what} may still exist: {error}; {again}"))
        return False
    await journal.forget(item)
    return True


async def remove_files(
    journal: Journal, files: Sequence[HttpFile], emit: Emit, *, insist: bool
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
    published: Mapping[str, PublishedRecord] | None = None,
) -> None:
    """Remove every journaled value and file of the certificate's orders, of any run.

    With ``insist`` also what failed a short while ago. ``published`` is what this run published,
    by its id. The orders themselves stay as they are: one that is resumed publishes again what it
    needs.
    """
    for order_id in await journal.orders_to_clean(certificate):
        values = await journal.publications(order_id, published or {})
        await remove_values(journal, values, providers_for, emit, insist=insist)
        await remove_files(journal, await journal.files(order_id), emit, insist=insist)
