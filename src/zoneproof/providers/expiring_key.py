"""Providers whose API tells when the key expires."""

from __future__ import annotations

import base64
from abc import abstractmethod
from datetime import UTC, date, datetime

import msgspec

from zoneproof.core.errors import ProviderError
from zoneproof.core.text import sanitize
from zoneproof.providers.api_provider import ApiProvider


class ExpiringKey(ApiProvider):
    """An addition to a provider: see :class:`ExpiringKeyProvider`. It has :meth:`key_end`."""

    @abstractmethod
    async def key_end(self) -> datetime | str | None:
        """Return when the key expires, aware or as the API writes it (ISO 8601); None for never.

        Raises ProviderError, such as :func:`not_told`.
        """

    async def key_expires(self) -> date | None:
        """Return the day (UTC) on which the key ceases to work; None for never."""
        with self._about(None, unchanged=True):
            try:
                end = await self.key_end()
                return _day(end) if end else None
            except (OverflowError, ValueError) as error:
                raise ProviderError("it says that the key expires at no possible time") from error


def not_told() -> ProviderError:
    """Return the error for a key of which nothing is told, which is not one without an end."""
    return ProviderError("it does not tell when this key expires")


class ExpiringJwt(ExpiringKey):
    """The same for a key that is a JSON Web Token, in the field ``token``."""

    async def key_end(self) -> datetime:
        """Return when the token ends, which says so itself."""
        end = end_of_jwt(self.fields["token"])
        if end is None:
            raise not_told()
        return end


class _Claims(msgspec.Struct):
    exp: float | None = None


def end_of_jwt(token: str) -> datetime | None:
    """Return when a JSON Web Token expires (RFC 7519 section 4.1.4).

    None for one that does not say, or is another kind of token.
    """
    claims = token.partition(".")[2].partition(".")[0]
    try:
        found = base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))
        seconds = msgspec.json.decode(found, type=_Claims).exp
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError, msgspec.DecodeError):
        return None


def _day(end: datetime | str) -> date:
    """Return the day in UTC, in which a text without an offset is."""
    try:
        moment = datetime.fromisoformat(end) if isinstance(end, str) else end
    except ValueError as error:
        raise ProviderError(f"it says that the key expires at '{sanitize(str(end))}'") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).date()
