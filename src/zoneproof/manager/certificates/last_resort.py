"""Tells people what the state database cannot remember, such as that no renewal can run at all."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from zoneproof.core.errors import ConfigError, StorageError, VaultError, ZoneproofError
from zoneproof.manager.home import Home
from zoneproof.manager.notifications.notice import Notice
from zoneproof.manager.notifications.send import send
from zoneproof.manager.settings import load_notify_settings

# What keeps a home from being opened, and with it all renewals.
STOPPING = (StorageError, VaultError, ConfigError)
_DAILY = timedelta(days=1)


class LastResort:
    """Who tells without the database, at most once a day.

    A file's time says when it was. Where none can be written, only this object knows.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._mark = home.path / "told-of-trouble"
        self._told_at: datetime | None = None

    async def tell_stopped(self, error: ZoneproofError) -> list[str]:
        """Tell that no certificate can be renewed, and why. Returns what :meth:`tell` does."""
        text = f"no certificate can be renewed: {error.message}"
        return await self.tell([Notice("failing", "", (), text, datetime.now(UTC))])

    async def tell(self, notices: Sequence[Notice]) -> list[str]:
        """Send the notices, if it is time to; return a line for each who was not reached."""
        try:
            settings = load_notify_settings(self._home.path)
        except (ConfigError, OSError):
            return []  # nobody knows whom to tell
        now = datetime.now(UTC)
        if not (settings.smtp or settings.webhook) or self._is_told(now):
            return []
        self._told_at = now
        with suppress(OSError):
            self._mark.touch(mode=0o600)
        return await send(notices, settings)

    def _is_told(self, now: datetime) -> bool:
        moments = [self._told_at] if self._told_at else []
        with suppress(OSError):
            moments.append(datetime.fromtimestamp(self._mark.stat().st_mtime, UTC))
        # Not in the future, where the clock was set back since.
        return any(timedelta() <= now - moment < _DAILY for moment in moments)
