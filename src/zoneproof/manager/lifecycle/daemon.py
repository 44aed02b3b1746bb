"""Keeps certificates renewed for as long as it runs: renews what is due, sleeps until more is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

from zoneproof.errors import ConfigError, StorageError, VaultError
from zoneproof.manager.certificates.renewal_state import LOOK_EVERY
from zoneproof.manager.certificates.schedule import next_wake
from zoneproof.manager.home import Home
from zoneproof.manager.lifecycle.notices import tell
from zoneproof.manager.lifecycle.renew import EmitFor, Renewal, renew
from zoneproof.manager.manager import RunOptions, open_manager

_LOCK = ".run"  # which no certificate can be named
_AFTER_TROUBLE = timedelta(minutes=1)
_SHORTEST = timedelta(seconds=1)


async def keep_renewed(
    home: Home,
    run: RunOptions,
    emit_for: EmitFor,
    *,
    on_round: Callable[[Sequence[Renewal], datetime], None],
    on_trouble: Callable[[str], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Renew until cancelled, waking at least hourly.

    ``on_round`` gets what came of each round and when the next one is. The home is opened anew for
    each, so that definitions, settings and keys may change meanwhile; while it cannot be opened,
    ``on_trouble`` gets a line and it is tried again in a minute. Raises BusyError if another
    process already does this for the home.
    """
    home.create()
    with home.lock(_LOCK, "is renewing this home's certificates"):
        while True:
            try:
                results, wake = await _round(home, run, emit_for, on_trouble)
            except (StorageError, VaultError, ConfigError) as error:
                on_trouble(f"{error.message}; trying again in a minute")
                wake = datetime.now(UTC) + _AFTER_TROUBLE
            else:
                on_round(results, wake)
            # However the clock was set since.
            wait = min(max(wake - datetime.now(UTC), _SHORTEST), LOOK_EVERY)
            await sleep(wait.total_seconds())


async def _round(
    home: Home, run: RunOptions, emit_for: EmitFor, on_trouble: Callable[[str], None]
) -> tuple[list[Renewal], datetime]:
    async with open_manager(home, run) as manager:
        results = await renew(manager, emit_for, next_wake=datetime.now(UTC) + LOOK_EVERY)
        problems = await tell(manager, results)
    for problem in problems:
        on_trouble(problem)
    moments = [moment for result in results for moment in result.look_again_at]
    return results, next_wake(moments, datetime.now(UTC))
