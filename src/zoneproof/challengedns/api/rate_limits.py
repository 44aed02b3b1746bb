"""Finds out who calls the HTTP API, and refuses who calls too often, whatever the path."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections import OrderedDict, deque

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from zoneproof.challengedns.api.requests import client_address
from zoneproof.challengedns.api.responses import http_error
from zoneproof.challengedns.config import ApiConfig
from zoneproof.challengedns.rate_limits import RateLimit, network_of
from zoneproof.challengedns.store.authentication import Caller, IPAddress

_MINUTE = 60.0
_AT_ONCE = 16
_ADDRESS = "zoneproof.address"


class RateLimits:
    """Counts requests."""

    def __init__(self, config: ApiConfig) -> None:
        self._trusted_proxies = config.trusted_proxies
        self._by_address = _per_minute(config.rate_limit_address)
        # Counted for itself, so that no storm of updates makes a monitor call the service ill.
        self._health = _per_minute(config.rate_limit_address)
        self._by_registration = _per_minute(config.rate_limit_registration)

    def count(self, request: Request) -> None:
        """Count a request for where it comes from. Raises HTTPException 429 for one too many."""
        limit = self._health if request.scope["path"] == "/health" else self._by_address
        _count(limit, self.network(request))

    def address(self, request: Request) -> IPAddress:
        """Return where a request comes from."""
        address: IPAddress | None = request.scope.get(_ADDRESS)
        if address is None:
            address = client_address(request, self._trusted_proxies)
            request.scope[_ADDRESS] = address
            request.state.address = str(address)  # for the log, whatever comes of the request
        return address

    def network(self, request: Request) -> str:
        """Return whom a request counts for: its IPv4 address or IPv6 /64."""
        return network_of(str(self.address(request)))

    def updater(self, request: Request) -> Caller:
        """Return who a request says that it comes from. Raises HTTPException 429."""
        caller = Caller(
            username=request.headers.get("x-api-user", ""),
            key=request.headers.get("x-api-key", ""),
            address=self.address(request),
        )
        # By both, so that nobody without the key can use up what a registration may do.
        who = hashlib.sha256(f"{caller.username}:{caller.key}".encode()).hexdigest()
        _count(self._by_registration, who)
        return caller


def _per_minute(limit: int) -> RateLimit | None:
    return RateLimit(limit / _MINUTE, limit) if limit else None


def _count(limit: RateLimit | None, who: str) -> None:
    wait = limit.take(who) if limit else 0
    if wait:
        # The connection ends, so that what is queued on it costs nothing more.
        headers = {"Retry-After": str(math.ceil(wait)), "Connection": "close"}
        raise HTTPException(429, "rate_limited", headers=headers)


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


class CountedCalls:
    """Counts every request to an ASGI application before it is looked at any further."""

    def __init__(self, app: ASGIApp, callers: RateLimits) -> None:
        self._app = app
        self._callers = callers
        self._turns = Turns()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "http":
            request = Request(scope)
            await self._turns.take(self._callers.network(request))
            try:
                self._callers.count(request)
            except HTTPException as error:
                await (await http_error(request, error))(scope, receive, send)
                return
        await self._app(scope, receive, send)
