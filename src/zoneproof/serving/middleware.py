"""Finds out where requests come from, and refuses who sends too many, whatever the path."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict, deque
from collections.abc import Collection, Sequence

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from zoneproof.serving.limits import IPAddress, IPNetwork, RateLimit, network_of
from zoneproof.serving.requests import client_address
from zoneproof.serving.responses import ErrorHandler, HttpError

_MINUTE = 60.0
_AT_ONCE = 16
_RATE_LIMITED = "too many requests: the header Retry-After says how many seconds to wait"
_ADDRESS = "zoneproof.address"


class MinuteLimit:
    """Lets each client do something so many times in a minute; 0 is no limit."""

    def __init__(self, per_minute: int) -> None:
        self._limit = RateLimit(per_minute / _MINUTE, per_minute) if per_minute else None

    def count(self, client: str) -> None:
        """Count one for a client. Raises HttpError 429 ``rate_limited`` for one too many."""
        wait = self._limit.take(client) if self._limit else 0
        if wait:
            # The connection ends, so that what is queued on it costs nothing more.
            headers = {"Retry-After": str(math.ceil(wait)), "Connection": "close"}
            raise HttpError(429, "rate_limited", _RATE_LIMITED, headers)


class LimitedRequests:
    """Counts every request to an ASGI application before it is looked at any further.

    Each client, an IPv4 address or an IPv6 /64, may send ``per_minute``, and as many to each of the
    paths ``apart``, which are counted for themselves. ``refuse`` makes the answer for one too many.
    """

    def __init__(
        self,
        app: ASGIApp,
        per_minute: int,
        trusted_proxies: Sequence[IPNetwork],
        refuse: ErrorHandler,
        apart: Collection[str] = (),
    ) -> None:
        self._app = app
        self._trusted_proxies = trusted_proxies
        self._refuse = refuse
        self._limit = MinuteLimit(per_minute)
        self._apart = {path: MinuteLimit(per_minute) for path in apart}
        self._turns = Turns()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "http":
            address = client_address(scope, self._trusted_proxies)
            text = str(address)
            scope[_ADDRESS] = address
            scope["state"]["address"] = text  # for the log, whatever comes of the request
            network = network_of(text)
            await self._turns.take(network)
            try:
                self._apart.get(scope["path"], self._limit).count(network)
            except HttpError as error:
                await (await self._refuse(Request(scope), error))(scope, receive, send)
                return
        await self._app(scope, receive, send)


def sender(request: Request) -> IPAddress:
    """Return the address from which a counted request came."""
    address: IPAddress = request.scope[_ADDRESS]
    return address


class Turns:
    """Lets callers begin in turn, so that one request does not wait for another caller's thousand.

    In each round of the event loop so many begin that the round stays short.
    """

    def __init__(self, at_once: int = _AT_ONCE) -> None:
        self._at_once = at_once
        self._left = at_once
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def take(self, caller: str) -> None:
        """Wait for the caller's turn."""
        loop = asyncio.get_running_loop()
        if self._left == self._at_once:
            loop.call_soon(self._next_round)
        if self._left:
            self._left -= 1
            return
        turn = loop.create_future()
        self._waiting.setdefault(caller, deque()).append(turn)
        await turn

    def _next_round(self) -> None:
        self._left = self._at_once
        while self._waiting and self._left:
            caller, queue = self._waiting.popitem(last=False)
            turn = queue.popleft()
            if queue:
                self._waiting[caller] = queue
            if not turn.done():  # as one is whose server stops
                turn.set_result(None)
                self._left -= 1
        if self._left < self._at_once:
            asyncio.get_running_loop().call_soon(self._next_round)
