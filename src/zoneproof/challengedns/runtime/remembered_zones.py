"""Tells the operator when registrations are no longer answered in a zone where they were before."""

from __future__ import annotations

import functools
import logging

from zoneproof.challengedns.config import Config
from zoneproof.challengedns.store.database import Database
from zoneproof.challengedns.store.zone_names import take_up

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
        zones = {str(zone.name) for zone in config.zones if zone.registrations}
        if zones == self._remembered:
            return
        gone, registrations = await database.note(functools.partial(take_up, zones=zones))
        self._remembered = zones
        if gone and registrations:
            _log.warning(
                "registrations are no longer answered in %s, where they were before: every CNAME"
                " that leads there fails now (registrations: %d); restore 'zones' in %s, or have"
                " the CNAMEs lead to %s",
                " and ".join(gone),
                registrations,
                config.path,
                config.registration_zone,
            )
