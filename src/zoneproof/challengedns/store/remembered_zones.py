"""Remembers in which zones registrations are answered, and warns when one of them is gone.

A registration has a name in each of these zones, and CNAMEs lead to these names.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Iterable
from typing import Final

from zoneproof.challengedns.config import Config
from zoneproof.challengedns.store.database import Database
from zoneproof.challengedns.store.rows import integer
from zoneproof.storage import Transaction

A_WHILE: Final = 86400.0
"""So many seconds after a zone is missed, those served in its place are remembered instead, once
they have been of use."""

_USED = (
    "SELECT 1 FROM challenge_registration WHERE created_at > ?"
    " UNION ALL SELECT 1 FROM challenge_question WHERE asked_at > ? LIMIT 1"
)
_log = logging.getLogger(__name__)


class RememberedZones:
    """The zones of a running service's configuration, as the database remembers them."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._now = now
        self._turn = asyncio.Lock()
        self._served: set[str] = set()
        self._since = 0.0
        self._missed_at = 0
        self._missed: set[str] = set()

    async def remember(self, database: Database, config: Config) -> None:
        """Remember the zones of a configuration, and warn of one that is gone.

        So it is where a zone was renamed, and where a service was given the database of another.
        While that may be a mistake, what is remembered stays: so no CNAME is thought to lead to
        a zone that was served only until the mistake was undone, and a restart warns again. It
        may be one until a registration was made, or asked for, in what is served instead; where
        questions are not noted, for a while. Raises StorageError.
        """
        async with self._turn:
            await self._remember(database, config)

    async def _remember(self, database: Database, config: Config) -> None:
        zones = _served(config)
        if zones == self._served:
            if self._missed and self._clock() - self._since >= A_WHILE:
                self._since = self._clock()
                notes_questions = config.pages.enabled and config.pages.last_questions
                used_since = self._missed_at if notes_questions else None
                work = functools.partial(settle, zones=zones, used_since=used_since)
                if await database.note(work):
                    self._missed = set()
            return
        gone, registrations = await database.note(functools.partial(take_up, zones=zones))
        returned = sorted(self._missed & zones)
        self._served, self._missed = zones, set(gone)
        self._since, self._missed_at = self._clock(), int(self._now())
        if returned:
            _log.warning("registrations are answered in %s again", " and ".join(returned))
        if warning := _warning(gone, registrations, config):
            _log.warning("%s", warning)


def take_up(tx: Transaction, zones: Iterable[str]) -> tuple[list[str], int]:
    """Remember the zones that are served from now on, unless registrations miss one of before.

    Return the zones that are missed, and how many registrations there are.
    """
    gone, registrations = sorted(_zones(tx) - set(zones)), _registrations(tx)
    if gone and registrations:
        return gone, registrations
    replace(tx, zones)
    return [], registrations


def settle(tx: Transaction, zones: Iterable[str], used_since: int | None) -> bool:
    """Remember these zones in place of those missed, unless none was of use since then."""
    if used_since is not None and not tx.query(_USED, [used_since, used_since]):
        return False
    replace(tx, zones)
    return True


def replace(tx: Transaction, zones: Iterable[str]) -> None:
    """Remember these zones and no others."""
    now, before = set(zones), _zones(tx)
    for name in sorted(before - now):
        tx.execute("DELETE FROM challenge_zone WHERE name = ?", [name])
    for name in sorted(now - before):
        tx.execute("INSERT INTO challenge_zone (name) VALUES (?)", [name])


def look_for_gone(tx: Transaction, config: Config) -> str:
    """Say what :meth:`RememberedZones.remember` would warn of, but remember nothing."""
    return _warning(sorted(_zones(tx) - _served(config)), _registrations(tx), config)


def _served(config: Config) -> set[str]:
    return {str(zone.name) for zone in config.zones if zone.registrations}


def _zones(tx: Transaction) -> set[str]:
    return {str(name) for (name,) in tx.query("SELECT name FROM challenge_zone")}


def _registrations(tx: Transaction) -> int:
    ((registrations,),) = tx.query("SELECT COUNT(*) FROM challenge_registration")
    return integer(registrations)


def _warning(gone: list[str], registrations: int, config: Config) -> str:
    if not gone or not registrations:
        return ""
    return (
        f"registrations are no longer answered in {' and '.join(gone)}, where they were before:"
        f" every CNAME that leads there fails now (registrations: {registrations}); restore 'zones'"
        f" in {config.path}, or have the CNAMEs lead to {config.registration_zone}"
    )
