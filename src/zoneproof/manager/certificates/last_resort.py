"""Tells people what the state database cannot remember, such as that no renewal can run at all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from zoneproof.core.errors import ConfigError, StorageError, VaultError, ZoneproofError
from zoneproof.core.files import is_missing
from zoneproof.manager.home import Home
from zoneproof.manager.notifications.notice import Notice
from zoneproof.manager.notifications.send import send
from zoneproof.manager.notifications.settings import NotifySettings
from zoneproof.manager.settings import FILE, load_notify_settings

# What keeps a home from being opened, and with it all renewals.
STOPPING = (StorageError, VaultError, ConfigError)
_DAILY = timedelta(days=1)
_MOST = 10  # troubles in a day: two may be the same, said with other words
_MARK = "told-of-trouble"


class LastResort:
    """Who tells without the database: of each trouble at most once a day.

    The time of an empty file, which has room on a full disk, says when it was. Where none can be
    written, only this object knows.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._told: dict[str, datetime] = {}
        self._known = NotifySettings()

    def know(self, settings: NotifySettings) -> None:
        """Keep whom to tell, for when the file is gone that says so."""
        self._known = settings

    async def tell_stopped(self, error: ZoneproofError) -> list[str]:
        """Tell that no certificate can be renewed, and why. Returns what :meth:`tell` does."""
        text = f"no certificate can be renewed: {error.message}"
        return await self.tell([Notice("failing", "", (), text, datetime.now(UTC))])

    async def tell(self, notices: Sequence[Notice]) -> list[str]:
        """Send those notices that are news; return a line for each who was not reached."""
        try:
            settings = load_notify_settings(self._home.path)
        except (ConfigError, OSError):
            return []  # nobody knows whom to tell
        if is_missing(self._home.path / FILE):
            settings = self._known
        if not (settings.smtp or settings.webhook):
            return []
        now = datetime.now(UTC)
        self._look(now)
        news = [notice for notice in notices if _mark(notice) not in self._told]
        if not news or len(self._told) >= _MOST:
            return []
        for mark in {_mark(notice) for notice in news}:
            self._told[mark] = now
            with suppress(OSError):
                (self._home.path / mark).touch(mode=0o600)
        return await send(news, settings)

    def _look(self, now: datetime) -> None:
        """Know what was told within a day, also by others, and forget the rest."""
        marks = list(self._home.path.glob(f"{_MARK}*"))
        for mark in marks:
            with suppress(OSError):
                self._told[mark.name] = datetime.fromtimestamp(mark.stat().st_mtime, UTC)
        for name, moment in list(self._told.items()):
            # Not in the future, where the clock was set back since.
            if not timedelta() <= now - moment < _DAILY:
                del self._told[name]
                with suppress(OSError):
                    (self._home.path / name).unlink(missing_ok=True)


def _mark(notice: Notice) -> str:
    """Return the name of the file for a trouble, whichever certificate and number it names."""
    text = notice.message
    if notice.certificate:
        text = text.replace(notice.certificate, "")
    return f"{_MARK}-{hashlib.sha256(re.sub('[0-9]+', '', text).encode()).hexdigest()[:16]}"
