"""The HTTP API, compatible with acme-dns: register, update, health."""

from __future__ import annotations

import hashlib
import logging
import math
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from zoneproof.challengedns.config import ApiConfig
from zoneproof.challengedns.limits import RateLimit, network_of
from zoneproof.challengedns.registrations import Caller, Registrations
from zoneproof.challengedns.requests import (
    client_address,
    read_body,
    read_fields,
    text_field,
    texts_field,
)
from zoneproof.errors import RegistrationError, StorageError

_MINUTE = 60.0
_STATUS = {"forbidden": 401, "rate_limited": 429}
_ERROR_WORDS = {404: "not_found", 405: "method_not_allowed"}
_CORS_HEADERS = ("Authorization", "Content-Type", "X-Api-Key", "X-Api-User")

_log = logging.getLogger(__name__)


def make_app(registrations: Registrations, config: ApiConfig) -> ASGIApp:
    """Return the API as an ASGI application."""
    api = Api(registrations, config)
    middleware = []
    if config.cors_origins:
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=config.cors_origins,
                allow_methods=("GET", "POST", "DELETE"),
                allow_headers=_CORS_HEADERS,
            )
        )
    return StockPaths(
        Starlette(
            routes=[
                Route("/register", api.register, methods=["POST"]),
                Route("/update", api.update, methods=["POST", "DELETE"]),
                Route("/health", api.health, methods=["GET"]),
            ],
            middleware=middleware,
            exception_handlers={
                HTTPException: _http_error,
                RegistrationError: _refusal,
                StorageError: _storage_failure,
                Exception: _bug,
            },
        )
    )


class StockPaths:
    """Leads what stock clients make of a base URL to the endpoints.

    They join it with ``/register`` in ways of their own: ``//register``, ``/register/``, and
    ``/any/prefix/register`` when the base URL has a path.
    """

    _ENDPOINTS = frozenset({"/register", "/update", "/health"})

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "http":
            endpoint = "/" + scope["path"].rstrip("/").rpartition("/")[2]
            if endpoint in self._ENDPOINTS:
                scope = {**scope, "path": endpoint, "raw_path": endpoint.encode()}
        await self._app(scope, receive, send)


class Api:
    """The endpoints."""

    def __init__(self, registrations: Registrations, config: ApiConfig) -> None:
        self._registrations = registrations
        self._trusted_proxies = config.trusted_proxies
        self._by_address = _per_minute(config.rate_limit_address)
        self._by_registration = _per_minute(config.rate_limit_registration)

    async def register(self, request: Request) -> Response:
        """Make a registration."""
        address = client_address(request, self._trusted_proxies)
        _count(self._by_address, network_of(str(address)))
        body = await read_body(request)
        fields = read_fields(body) if body else {}
        new = await self._registrations.register(
            allowfrom=texts_field(fields, "allowfrom"), note=_note(fields)
        )
        return _json(
            201,
            {
                "username": new.username,
                "password": new.password,
                "fulldomain": new.fulldomain,
                "subdomain": new.subdomain,
                "allowfrom": new.allowfrom,
            },
        )

    async def update(self, request: Request) -> Response:
        """Publish a value, or with DELETE withdraw it."""
        caller, subdomain, txt = await self._read_update(request)
        if request.method == "DELETE":
            await self._registrations.remove(caller, subdomain, txt)
        else:
            await self._registrations.update(caller, subdomain, txt)
        return _json(200, {"txt": txt})

    async def health(self, request: Request) -> Response:
        """Tell whether the service can do its work."""
        try:
            await self._registrations.check()
        except StorageError as error:
            _log.error("%s", error.message)
            return _error(503, "storage_unavailable")
        return Response()

    async def _read_update(self, request: Request) -> tuple[Caller, str, str]:
        caller = Caller(
            username=request.headers.get("x-api-user", ""),
            key=request.headers.get("x-api-key", ""),
            address=client_address(request, self._trusted_proxies),
        )
        _count(self._by_address, network_of(str(caller.address)))
        # By both, so that nobody without the key can use up what a registration may do.
        who = hashlib.sha256(f"{caller.username}:{caller.key}".encode()).hexdigest()
        _count(self._by_registration, who)
        body = await read_body(request)
        try:
            fields = read_fields(body)
            return caller, text_field(fields, "subdomain"), text_field(fields, "txt")
        except RegistrationError:
            await self._registrations.authenticate(caller)
            raise


def _per_minute(limit: int) -> RateLimit | None:
    return RateLimit(limit / _MINUTE, limit) if limit else None


def _count(limit: RateLimit | None, who: str) -> None:
    wait = limit.take(who) if limit else 0
    if wait:
        raise HTTPException(429, "rate_limited", headers={"Retry-After": str(math.ceil(wait))})


def _note(fields: Any) -> str:
    try:
        return text_field(fields, "subject")
    except RegistrationError:
        return ""


def _json(status: int, content: object, headers: Any = None) -> Response:
    return Response(
        msgspec.json.encode(content), status, headers=headers, media_type="application/json"
    )


def _error(status: int, word: str, headers: Any = None) -> Response:
    return _json(status, {"error": word}, headers)


async def _http_error(request: Request, error: Exception) -> Response:  # noqa: ARG001
    assert isinstance(error, HTTPException)
    word = _ERROR_WORDS.get(error.status_code, error.detail)
    return _error(error.status_code, word, error.headers)


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, RegistrationError)
    _log.warning("%s %s refused: %s", request.method, request.url.path, error.message)
    headers = {"Retry-After": str(int(_MINUTE))} if error.code == "rate_limited" else None
    return _error(_STATUS.get(error.code, 400), error.code, headers)


async def _storage_failure(request: Request, error: Exception) -> Response:
    assert isinstance(error, StorageError)
    _log.error("%s %s failed: %s", request.method, request.url.path, error.message)
    return _error(500, "db_error")


async def _bug(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return _error(500, "internal_error")
