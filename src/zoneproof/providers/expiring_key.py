"""Providers whose API tells when the key expires."""

from __future__ import annotations

from abc import abstractmethod
from datetime import UTC, date, datetime

from zoneproof.core.errors import ProviderError
from zoneproof.core.text import sanitize
from zoneproof.providers.api_provider import ApiProvider


class ExpiringKey(ApiProvider):
    """An addition to a provider: see :class:`ExpiringKeyProvider`. It has :meth:`key_end`."""

    @abstractmethod
    async def key_end(self) -> datetime | str | None:
        """Return when the key expires, aware or as the API writes it (ISO 8601); None for never."""

    async def key_expires(self) -> date | None:
        """Return the day (UTC) on which the key ceases to work; None for never."""
        with self._about(None, unchanged=True):
            end = await self.key_end()
            return _day(end) if end else None


def _day(end: datetime | str) -> date:
    """Return the day in UTC, in which a text without an offset is."""
    try:
        moment = datetime.fromisoformat(end) if isinstance(end, str) else end
    except ValueError as error:
        raise ProviderError(f"it says that the key expires at '{sanitize(str(end))}'") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).date()
