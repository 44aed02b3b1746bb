"""Turns what came of renewals into notifications, and remembers what was told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from zoneproof.errors import HeldUpError, StorageError
from zoneproof.manager.certificates.told import is_expiring, should_tell
from zoneproof.manager.lifecycle.renew import Renewal
from zoneproof.manager.manager import Manager
from zoneproof.manager.notifications import Kind, Notice, send

_KINDS: dict[str, Kind] = {
    "renewed": "renewed",
    "failed": "failing",
    "awaiting user": "awaiting_user",
}


async def tell(manager: Manager, results: Sequence[Renewal]) -> list[str]:
    """Notify whoever the settings name; return a line for each who was not reached.

    Whether somebody was reached or not, the same is not told again at once.
    """
    settings = manager.settings.notify
    if not settings.smtp and not settings.webhook:
        return []
    now = datetime.now(UTC)
    notices, problems = [], []
    for notice in (notice for result in results for notice in _notices(result, now)):
        try:
            if await _is_news(manager, notice, now):
                notices.append(notice)
        except StorageError as error:  # of that certificate, at worst of all
            problems.append(f"nobody is told of {notice.certificate}: {error.message}")
    return problems + (await send(notices, settings) if notices else [])


async def _is_news(manager: Manager, notice: Notice, now: datetime) -> bool:
    return await manager.states.note_told(
        notice.certificate, lambda told: should_tell(told, notice, now)
    )


def _notices(result: Renewal, now: datetime) -> Iterable[Notice]:
    expires = result.lifetime.not_after if result.lifetime else None
    message = result.error.message if result.error else result.reason
    # The one that found out what is down tells of it, once for all.
    kind = None if isinstance(result.error, HeldUpError) else _KINDS.get(result.result)
    if kind:
        records = result.error.records if result.error else ()
        yield Notice(kind, result.name, result.identifiers, message, now, records, expires)
    if kind != "renewed" and result.lifetime and is_expiring(result.lifetime, now):
        text = message or "it was not renewed yet"
        yield Notice("expiring", result.name, result.identifiers, text, now, (), expires)
