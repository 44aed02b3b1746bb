"""Tokens, sessions and keys that an API hands out for a while (OAuth 2.0, JWT, logins)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from zoneproof.providers.api_request import ApiRequest, bearer

T = TypeVar("T")

_EARLY = 60.0  # seconds; no token is used so shortly before its end


class TemporaryKey(Generic[T]):
    """A token, or keys to sign with, fetched when first needed, and again when it has ended.

    ``fetch`` returns it and for how many seconds it is good. ``apply`` puts it into a request.
    ``clock`` is the context's.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[tuple[T, float]]],
        clock: Callable[[], float],
        *,
        apply: Callable[[ApiRequest, T], ApiRequest],
    ) -> None:
        self.apply = apply
        self._fetch = fetch
        self._clock = clock
        self._lock = asyncio.Lock()
        self._key: T | None = None
        self._until = 0.0

    async def get(self) -> T:
        """Return one that is good. Raises what ``fetch`` raises."""
        async with self._lock:
            if self._key is None or self._clock() >= self._until:
                self._key, seconds = await self._fetch()
                self._until = self._clock() + max(seconds - _EARLY, seconds / 2)
            return self._key

    def forget(self, key: T) -> None:
        """Fetch another one next time: this one was refused."""
        if key == self._key:
            self._key = None


class BearerToken(TemporaryKey[str]):
    """One that is a text, by default for a Bearer authorization."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[tuple[str, float]]],
        clock: Callable[[], float],
        *,
        apply: Callable[[ApiRequest, str], ApiRequest] | None = None,
    ) -> None:
        super().__init__(fetch, clock, apply=apply or _as_bearer)


def _as_bearer(request: ApiRequest, token: str) -> ApiRequest:
    return request.with_headers(bearer(token))
