"""A connection whose requests a function answers, for HTTP clients whose servers are not real."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

import httpcore2
import httpx2

from zoneproof.core.connections import Connect

Answering = Callable[[httpx2.Request], httpx2.Response | Awaitable[httpx2.Response]]


class _Answered(httpcore2.AsyncConnectionInterface):
    def __init__(self, answer: Answering) -> None:
        self._answer = answer

    async def handle_async_request(self, request: httpcore2.Request) -> httpcore2.Response:
        url, stream = request.url, cast("httpx2.AsyncByteStream", request.stream)
        asked = httpx2.Request(
            request.method.decode(),
            f"{url.origin}{url.target.decode()}",
            headers=request.headers,
            content=b"".join([part async for part in stream]),
        )
        try:
            answer = self._answer(asked)
            reply = answer if isinstance(answer, httpx2.Response) else await answer
        except httpx2.TransportError as error:
            raise getattr(httpcore2, type(error).__name__)(str(error)) from error
        stream = cast("httpx2.AsyncByteStream", reply.stream)
        return httpcore2.Response(reply.status_code, headers=reply.headers.raw, content=stream)

    def can_handle_request(self, origin: httpcore2.Origin) -> bool:
        return True

    def is_available(self) -> bool:
        return True

    def has_expired(self) -> bool:
        return False

    async def aclose(self) -> None:
        pass


def answered_by(answer: Answering) -> Connect:
    """Return what connects clients with a function; what it raises of httpx2, it fails with."""
    return lambda origin: _Answered(answer)
