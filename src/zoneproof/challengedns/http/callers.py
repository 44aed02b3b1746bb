"""Finds out who calls the HTTP API, and refuses who calls too often."""

from __future__ import annotations

import hashlib
import math

from starlette.exceptions import HTTPException
from starlette.requests import Request

from zoneproof.challengedns.config import ApiConfig
from zoneproof.challengedns.http.requests import client_address
from zoneproof.challengedns.limits import RateLimit, network_of
from zoneproof.challengedns.registry.authentication import Caller, IPAddress

_MINUTE = 60.0


class Callers:
    """Counts requests. All methods raise HTTPException 429 for one too many."""

    def __init__(self, config: ApiConfig) -> None:
        self._trusted_proxies = config.trusted_proxies
        self._by_address = _per_minute(config.rate_limit_address)
        self._by_registration = _per_minute(config.rate_limit_registration)

    def address(self, request: Request) -> IPAddress:
        """Return where a request comes from."""
        address = client_address(request, self._trusted_proxies)
        request.state.address = str(address)  # for the log, whatever comes of the request
        _count(self._by_address, network_of(str(address)))
        return address

    def updater(self, request: Request) -> Caller:
        """Return who a request says that it comes from."""
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
        raise HTTPException(429, "rate_limited", headers={"Retry-After": str(math.ceil(wait))})
