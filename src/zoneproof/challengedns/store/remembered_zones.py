"""Remembers in which zones registrations are answered, and warns when one of them is gone.

A registration has a name in each of these zones, and CNAMEs lead to these names.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable

from zoneproof.challengedns.config import Config
from zoneproof.challengedns.store.database import Database
from zoneproof.challengedns.store.rows import integer
from zoneproof.storage import Transaction

_log = logging.getLogger(__name__)


class RememberedZones:
    """The zones of a running service's configuration, as the database remembers them."""

    def __init__(self) -> None:
        self._remembered: set[str] = set()

    async def remember(self, database: Database, config: Config) -> None:
        """Remember the zones of a configuration, and warn of one that is gone.

        So it is where a zone was renamed, and where a service was given the database of another.
        Raises StorageError.
        """
        zones = _served(config)
        if zones == self._remembered:
            return
        gone, registrations = await database.note(functools.partial(take_up, zones=zones))
        self._remembered = zones
        if warning := _warning(gone, registrations, config):
            _log.warning("%s", warning)


def take_up(tx: Transaction, zones: Iterable[str]) -> tuple[list[str], int]:
    """Remember the zones that are served from now on.

    Return those that were served before and are no longer, and how many registrations there are.
    """
    now = set(zones)
    before = _zones(tx)
    for name in sorted(before - now):
        tx.execute("DELETE FROM challenge_zone WHERE name = ?", [name])
    for name in sorted(now - before):
        tx.execute("INSERT INTO challenge_zone (name) VALUES (?)", [name])
    return sorted(before - now), _registrations(tx)


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
