"""Turns at names where a service keeps a few values only, and what others overwrite there."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from zoneproof.challenges.dns01 import ChallengeRecord, batches
from zoneproof.challenges.events import Emit, PropagationWaiting, Warned
from zoneproof.challenges.solver import Ledger
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import ProviderError, ZoneproofError
from zoneproof.core.names import DomainName
from zoneproof.dnsquery import NameReport
from zoneproof.providers import LimitedProvider

_LOOK_AGAIN = 0.5  # seconds
_MOST_TIMES = 5


async def find_slots(records: Iterable[ChallengeRecord]) -> dict[DomainName, int]:
    """Return how many values can stand at each name where that is limited.

    Raises ProviderError if the records need more.
    """
    values: dict[DomainName, list[ChallengeRecord]] = {}
    for item in records:
        values.setdefault(item.full_name, []).append(item)

    async def ask(items: Sequence[ChallengeRecord]) -> int | None:
        first = items[0]
        provider = first.method.provider
        if not isinstance(provider, LimitedProvider):
            return None
        places = await provider.max_values(first.zone, first.name)
        if places and len(items) > places:
            raise ProviderError(
                f"{first.method.slug}, {first.full_name}: the service keeps {places} values at"
                f" a time, and this certificate needs {len(items)} there: give its domains "
                "separate registrations or separate certificates"
            )
        return places

    found = await all_at_once(ask(items) for items in values.values())
    return {name: places for name, places in zip(values, found, strict=True) if places}


async def acquire_slots(
    ledger: Ledger,
    records: Sequence[ChallengeRecord],
    places: Mapping[DomainName, int],
    emit: Emit,
    *,
    seconds: float,
) -> None:
    """Write down all the records, once no order at work has values at the names in ``places``.

    Others of this home give theirs back when the CA has validated them, or when their process
    dies. All names are taken at once, so two orders never wait for each other. Raises
    ProviderError after ``seconds``.
    """
    started = time.monotonic()
    while taken := await ledger.will_publish(records, alone_at=places):
        elapsed = time.monotonic() - started
        for name in sorted(taken):
            reason = (
                f"another order has values at {name}, whose service keeps {places[name]} at a time"
            )
            if elapsed > seconds:
                raise ProviderError(f"after {seconds:g} s {reason}: try again later")
            emit(PropagationWaiting(str(name), (reason,), elapsed))
        await asyncio.sleep(_LOOK_AGAIN)


class _Turn(msgspec.Struct):
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
        records: Iterable[ChallengeRecord],
        places: Mapping[DomainName, int],
        emit: Emit,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._emit = emit
        self._items: dict[DomainName, list[ChallengeRecord]] = {name: [] for name in places}
        for item in records:
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
            for provider, zone, items in batches(self._items[report.name]):
                await provider.add(zone, [item.txt for item in items])
        except ZoneproofError as error:
            self._emit(Warned(f"{error}; {report.name} is checked again"))


def _pause(times: int) -> float:
    return random.uniform(4.0, 10.0) * times  # noqa: S311  sets rivals apart only
