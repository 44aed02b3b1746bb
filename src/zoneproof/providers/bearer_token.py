"""Tokens and sessions that an API hands out for a while (OAuth 2.0, JWT, logins)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from zoneproof.providers.api_request import ApiRequest, bearer

_EARLY = 60.0  # seconds; no token is used so shortly before its end


def _as_bearer(request: ApiRequest, token: str) -> ApiRequest:
    return request.with_headers(bearer(token))


class BearerToken:
    """A token that is fetched once when it is first needed, and again when it has ended.

    ``fetch`` returns the token and for how many seconds it is good. ``apply`` puts it into a
    request, by default as a Bearer authorization. ``clock`` is the context's.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[tuple[str, float]]],
        clock: Callable[[], float],
        *,
        apply: Callable[[ApiRequest, str], ApiRequest] = _as_bearer,
    ) -> None:
        self.apply = apply
        self._fetch = fetch
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token = ""
        self._until = 0.0

    async def get(self) -> str:
        """Return a token that is good. Raises what ``fetch`` raises."""
        async with self._lock:
            if not self._token or self._clock() >= self._until:
                self._token, seconds = await self._fetch()
                self._until = self._clock() + max(seconds - _EARLY, seconds / 2)
            return self._token

    def forget(self, token: str) -> None:
        """Fetch another one next time: this one was refused."""
        if token == self._token:
            self._token = ""
