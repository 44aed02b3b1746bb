"""Batches of records in parts: for services that take records one by one, or not all at once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from zoneproof.core.aio import settle
from zoneproof.core.errors import ProviderError, ZoneproofError
from zoneproof.providers.contract import TxtRecord, Zone

Work = Coroutine[Any, Any, None]


async def one_by_one(
    change: Callable[[Zone, TxtRecord], Work], zone: Zone, records: Sequence[TxtRecord]
) -> None:
    """Change all records at once, each by itself and once. Raises what :func:`in_parts` raises."""
    await in_parts(([record], change(zone, record)) for record in dict.fromkeys(records))


async def in_parts(parts: Iterable[tuple[Sequence[TxtRecord], Work]]) -> None:
    """Do the work on all parts of a batch at once, each part given with its records.

    Raises the first failure after all have ended; a ProviderError of several parts tells of each
    record what became of it.
    """
    split = list(parts)
    ended = await settle(work for _, work in split)
    failures = [result for result in ended if result is not None]
    if not failures:
        return
    first = next((one for one in failures if not isinstance(one, ZoneproofError)), failures[0])
    if len(split) == 1 or not isinstance(first, ProviderError):
        raise first
    whole = copy.copy(first)
    whole.outcomes = {
        record: error.of(record) if isinstance(error, ProviderError) else error
        for (records, _), error in zip(split, ended, strict=True)
        for record in records
        if error is None or isinstance(error, ZoneproofError)
    }
    whole.changed_nothing = all(
        isinstance(error, ProviderError) and error.changed_nothing for error in ended
    )
    raise whole from first
