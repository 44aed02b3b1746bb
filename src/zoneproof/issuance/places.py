"""Lets orders take turns at services that keep only a few values at a name, as acme-dns does."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from zoneproof.dnsquery import NameReport
from zoneproof.errors import ProviderError, ZoneproofError
from zoneproof.issuance.concurrent import all_at_once
from zoneproof.issuance.events import Emit, PropagationWaiting, Warned
from zoneproof.issuance.journal import Journal
from zoneproof.issuance.journaled import Publication
from zoneproof.names import DomainName
from zoneproof.providers import LimitedProvider, Provider

# Those that may remove a value; the first one is the one to publish it with.
ProvidersFor = Callable[[Publication], Awaitable[Sequence[Provider]]]

_LOOK_AGAIN = 0.5  # seconds
_MOST_TIMES = 5


async def find_places(
    publications: Iterable[Publication], providers_for: ProvidersFor
) -> dict[DomainName, int]:
    """Return how many values can stand at each name where that is limited.

    Raises ProviderError if the publications need more.
    """
    values: dict[DomainName, list[Publication]] = {}
    for item in publications:
        values.setdefault(item.full_name, []).append(item)

    async def ask(items: Sequence[Publication]) -> int | None:
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


async def take_places(
    journal: Journal,
    publications: Sequence[Publication],
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
        publications: Iterable[Publication],
        places: Mapping[DomainName, int],
        providers_for: ProvidersFor,
        emit: Emit,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._providers_for = providers_for
        self._emit = emit
        self._items: dict[DomainName, list[Publication]] = {name: [] for name in places}
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
