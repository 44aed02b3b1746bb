"""Keeps certificates renewed for as long as it runs, and tells people what came of it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import msgspec

from zoneproof.core.errors import HeldUpError, StorageError
from zoneproof.manager.certificates.last_resort import STOPPING, LastResort
from zoneproof.manager.certificates.renew import EmitFor, Renewal, renew
from zoneproof.manager.certificates.renewal_state import LOOK_EVERY
from zoneproof.manager.certificates.schedule import next_wake
from zoneproof.manager.certificates.store import ManagedCertificate
from zoneproof.manager.certificates.stored_states import States
from zoneproof.manager.credentials.key_notices import key_notices
from zoneproof.manager.home import Home
from zoneproof.manager.manager import Manager, RunOptions, open_manager
from zoneproof.manager.notifications.notice import Kind, Notice, is_expiring, should_notify
from zoneproof.manager.notifications.send import send

_KINDS: dict[str, Kind] = {
    "renewed": "renewed",
    "not deployed": "not_deployed",
    "failed": "failing",
    "awaiting user": "awaiting_user",
}


async def tell(
    manager: Manager, results: Sequence[Renewal], last_resort: LastResort | None = None
) -> list[str]:
    """Notify whoever the settings name of what came of a run, and of keys that expire.

    Returns a line for each who was not reached. Whether somebody was reached or not, the same is
    not told again at once; what the database cannot remember, ``last_resort`` tells.
    """
    states, settings = manager.states, manager.settings.notify
    if not settings.smtp and not settings.webhook:
        return []
    now = datetime.now(UTC)
    problems: list[str] = []
    unnoted: list[Notice] = []
    try:
        notices = await key_notices(manager.store, manager.credentials, now)
    except StorageError as error:
        notices, problems = [], [f"expiring keys cannot be reported: {error.message}"]
    for notice in (notice for result in results for notice in _notices(result, now)):
        try:
            if await _is_news(states, notice, now):
                notices.append(notice)
        except StorageError as error:  # of that certificate, at worst of all
            text = f"cannot note what was told about {notice.certificate}: {error.message}"
            problems.append(text)
            if notice.kind != "renewed":
                unnoted.append(notice)
    if unnoted:
        problems += await (last_resort or LastResort(manager.home)).tell(unnoted)
    return problems + (await send(notices, settings) if notices else [])


async def _is_news(states: States, notice: Notice, now: datetime) -> bool:
    return await states.note_told(notice.certificate, lambda told: should_notify(told, notice, now))


def _notices(result: Renewal, now: datetime) -> Iterable[Notice]:
    expires = result.lifetime.not_after if result.lifetime else None
    message = result.error.message if result.error else result.reason
    # The one that found out what is down tells of it, once for all.
    kind = None if isinstance(result.error, HeldUpError) else _KINDS.get(result.result)
    if result.outcome and kind == "not_deployed":
        yield Notice("renewed", result.name, result.identifiers, message, now, (), expires)
    if kind:
        text = result.deployment if kind == "not_deployed" else message
        records = result.error.records if result.error else ()
        yield Notice(kind, result.name, result.identifiers, text, now, records, expires)
    if not result.outcome and result.lifetime and is_expiring(result.lifetime, now):
        text = message or "it was not renewed yet"
        yield Notice("expiring", result.name, result.identifiers, text, now, (), expires)


_LOCK = ".run"  # which no certificate can be named
_AFTER_TROUBLE = timedelta(minutes=1)
_SHORTEST = timedelta(seconds=1)
_NOTICE = timedelta(seconds=30)  # after which a change is seen


async def keep_renewed(
    home: Home,
    run: RunOptions,
    emit_for: EmitFor,
    *,
    on_round: Callable[[Sequence[Renewal], datetime], None],
    on_trouble: Callable[[str], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Renew until cancelled, waking at least hourly, and soon after somebody changed something.

    ``on_round`` gets what came of each round and when the next one is. The home is opened anew for
    each, so that definitions, settings and keys may change meanwhile; while it cannot be opened,
    ``on_trouble`` gets a line, people are notified once a day, and it is tried again in a minute.
    Raises BusyError if another process already does this for the home.
    """
    last_resort, is_locked, was_there = LastResort(home), False, False
    with ExitStack() as stack:
        while True:
            before = await _read_settings(home, run)
            try:
                if was_there:
                    home.require_still_there()
                if not is_locked:
                    home.create()
                    doing = "is renewing this home's certificates"
                    stack.enter_context(home.lock(_LOCK, doing))
                    is_locked = True
                results, wake = await _round(home, run, emit_for, on_trouble, last_resort)
            except STOPPING as error:
                on_trouble(f"{error.message}; trying again in a minute")
                for problem in await last_resort.tell_stopped(error):
                    on_trouble(problem)
                wake = datetime.now(UTC) + _AFTER_TROUBLE
            else:
                was_there = True
                on_round(results, wake)
            # However the clock was set since.
            left = min(max(wake - datetime.now(UTC), _SHORTEST), LOOK_EVERY)
            while left > timedelta():
                await sleep(min(left, _NOTICE).total_seconds())
                left -= _NOTICE
                if await _read_settings(home, run) != before:
                    break


async def _read_settings(home: Home, run: RunOptions) -> bytes:
    """Return a digest of all that people set; that of nothing while it cannot be read."""
    try:
        async with open_manager(home, run, needs_secrets=False, to_read=True) as manager:
            known = await manager.circumstances()
            certificates = await manager.certificates.each()
    except STOPPING:
        return b""
    definitions = [
        one.definition if isinstance(one, ManagedCertificate) else one.error.message
        for one in certificates
    ]
    facts = (known.settings, known.credentials, known.accounts, definitions)
    return hashlib.sha256(msgspec.json.encode(facts)).digest()


async def _round(
    home: Home,
    run: RunOptions,
    emit_for: EmitFor,
    on_trouble: Callable[[str], None],
    last_resort: LastResort,
) -> tuple[list[Renewal], datetime]:
    async with open_manager(home, run) as manager:
        last_resort.know(manager.settings.notify)
        results = await renew(manager, emit_for, next_wake=datetime.now(UTC) + LOOK_EVERY)
        problems = await tell(manager, results, last_resort)
    for problem in problems:
        on_trouble(problem)
    moments = [moment for result in results for moment in result.look_again_at]
    return results, next_wake(moments, datetime.now(UTC))
