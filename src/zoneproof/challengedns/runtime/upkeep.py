"""What a running service does every few seconds: what is due, missed or to be made good again."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from zoneproof.challengedns.config import Config
from zoneproof.challengedns.dns.counters import Tally
from zoneproof.challengedns.store import rows, usage
from zoneproof.challengedns.store.database import Database
from zoneproof.challengedns.store.last_questions import forget_some
from zoneproof.challengedns.store.registrations import Registrations
from zoneproof.challengedns.store.remembered_zones import RememberedZones
from zoneproof.challengedns.store.sqlite_database import SqliteDatabase
from zoneproof.core.errors import DamagedDatabaseError, StorageError, ZoneproofError
from zoneproof.storage import Transaction

if TYPE_CHECKING:
    from zoneproof.challengedns.nodes.node import Node

_UPKEEP_SECONDS = 5.0
_SWEEP_EVERY = 12

_log = logging.getLogger(__name__)


class Upkeep:
    """Keeps the database, and what the DNS workers know of it, in order.

    ``local`` is what the workers read, the database itself or a ``node``'s replica; ``tally`` is
    what they have counted.
    """

    _config: Config
    _registrations: Registrations

    def __init__(
        self,
        database: Database,
        local: SqliteDatabase,
        node: Node | None,
        tally: Tally,
        *,
        restart_workers: Callable[[], Awaitable[None]],
    ) -> None:
        """Call :meth:`use` before anything else."""
        self._database = database
        self._local = local
        self._node = node
        self._tally = tally
        self._restart_workers = restart_workers
        self._zones = RememberedZones()

    def use(self, config: Config, registrations: Registrations) -> None:
        """Go by this configuration from now on."""
        self._config = config
        self._registrations = registrations

    async def renumber(self) -> None:
        """Count the zones' serial up, if that can be written."""
        try:
            await self._database.write(self._next_generation)
        except StorageError as error:
            _log.warning("the zones keep their serial: %s", error.message)

    def _next_generation(self, tx: Transaction) -> int:
        highest = self._local.announcements.highest(rows.generation(tx))
        return self._registrations.begin_generation(tx, at_least=highest + 1)

    async def begin_generation(self) -> int:
        """Return the generation that new workers begin with. Raises DamagedDatabaseError."""
        if self._node is not None:
            return await self._local.read(rows.generation)
        try:
            return await self._database.write(self._next_generation)
        except DamagedDatabaseError:
            raise
        except StorageError as error:
            generation = await self._database.read(rows.generation)
            _log.error(
                "%s; until then DNS answers are unchanged, and all changes are refused",
                error.message,
            )
            return generation

    async def keep_up(self) -> None:
        """Do it every few seconds, until cancelled."""
        told, are_deaf = "", False
        for turn in itertools.count():
            try:
                if self._database.failure is not None:
                    await self._database.write(self._next_generation)
                    _log.warning("the database can be written again")
                are_deaf = self._local.announcements.reopen() or are_deaf
                if are_deaf:
                    await self._restart_workers()
                    are_deaf = False
                    _log.warning(
                        "the files that notify DNS workers of changes were removed: started new "
                        "workers"
                    )
                await self._local.announce_missed()
                self._note_questions()
                # Secondaries answer with what has expired until they are told.
                every = 1 if self._config.secondaries else _SWEEP_EVERY
                if turn % every == 0 and self._may_write():
                    await self._write_use()
                    await self._sweep()
                # Last: on a full disk nothing that makes room, or needs none, waits for it.
                await self.remember_zones()
                told = ""
            except ZoneproofError as error:
                if error.message != told:
                    _log.error("%s", error.message)
                told = error.message
            await asyncio.sleep(_UPKEEP_SECONDS)

    async def remember_zones(self) -> None:
        """Remember which zones are served, and warn of one that is gone. Raises StorageError."""
        if self._may_write():
            await self._zones.remember(self._database, self._config)

    def _may_write(self) -> bool:
        return self._node is None or self._node.holds_lease

    async def _sweep(self) -> None:
        if self._node is None:
            await self._database.write(self._registrations.value_clock.keep)
        while await self._database.write(self._registrations.sweep):
            pass
        if not self._config.pages.last_questions:
            while await self._database.write(forget_some):
                pass

    def _note_questions(self) -> None:
        self._registrations.use.note_questions(self._tally.take_asked())

    async def _write_use(self) -> None:
        rules = self._registrations
        self._note_questions()
        await usage.write_out(self._database, rules.use, rules.now())

    async def write_last_use(self) -> None:
        """Count what was used since the last time, before the end."""
        try:
            await self._write_use()
        except ZoneproofError as error:
            if not self._registrations.use.is_empty:
                _log.error("what was used in the last minute is not counted: %s", error.message)
