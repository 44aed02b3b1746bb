"""The HTTP API as an application: its operations, its errors, and the paths of stock clients."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from zoneproof.challengedns.api import responses
from zoneproof.challengedns.api.acme_dns_api import AcmeDnsApi
from zoneproof.challengedns.api.licence import key_in_path
from zoneproof.challengedns.api.responses import REST
from zoneproof.challengedns.api.rest import Rest
from zoneproof.challengedns.config import ApiConfig
from zoneproof.challengedns.dns.live_view import LiveView
from zoneproof.challengedns.store.database import Database
from zoneproof.challengedns.store.registrations import Registrations
from zoneproof.challengedns.store.tenants import NAME_PATTERN
from zoneproof.core.errors import (
    InvalidInputError,
    RegistrationError,
    StorageError,
    UnconfirmedChangeError,
)
from zoneproof.serving.application import Application
from zoneproof.serving.middleware import LimitedRequests
from zoneproof.serving.operations import ApiInfo, description_route, routes
from zoneproof.serving.responses import ErrorAnswer, json_answer

_CORS_HEADERS = ("Authorization", "Content-Type", "X-Api-Key", "X-Api-User")
_OF_THE_BODY = frozenset({"content-length", "content-type"})
_INFO = ApiInfo(
    title="Zoneproof challenge service",
    description="Registers subdomains and publishes dns-01 values as acme-dns does, and administers"
    " registrations, tenants and licence keys.",
    path_parameters={
        "subdomain": {"type": "string", "format": "uuid"},
        "name": {"type": "string", "pattern": NAME_PATTERN},
        "id": {"type": "string", "pattern": "^[0-9a-f]{8}$"},
    },
    security={
        "bearer": {"type": "http", "scheme": "bearer", "description": "A licence key."},
        "basic": {
            "type": "http",
            "scheme": "basic",
            "description": "Any user, and a licence key as the password.",
        },
        "user": {"type": "apiKey", "in": "header", "name": "X-Api-User"},
        "password": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
    },
)


def make_app(
    database: Database,
    registrations: Registrations,
    config: ApiConfig,
    live: LiveView | None = None,
    is_trusted: Callable[[], bool] = lambda: True,
) -> ASGIApp:
    """Return the API as an ASGI application; ``live`` is shown what it does.

    ``is_trusted`` tells whether clients can trust its certificate: if not, ``/health`` is 503.
    """
    acme_dns = AcmeDnsApi(
        database,
        registrations,
        updates_per_minute=config.rate_limit_registration,
        open_registration=config.open_registration,
        live=live,
        is_trusted=is_trusted,
    )
    operations = [*acme_dns.operations(), *Rest(database, registrations).operations()]
    app: ASGIApp = Application(
        [*routes(operations), description_route(f"{REST}openapi.json", _INFO, operations)],
        {
            HTTPException: responses.http_error,
            RegistrationError: responses.refusal,
            InvalidInputError: responses.unknown,
            UnconfirmedChangeError: responses.unconfirmed,
            StorageError: responses.storage_failure,
            Exception: responses.bug,
        },
    )
    if config.cors_origins:
        app = Cors(
            app,
            allow_origins=config.cors_origins,
            allow_methods=("GET", "POST", "PATCH", "DELETE"),
            allow_headers=_CORS_HEADERS,
        )
    limited = LimitedRequests(
        app,
        per_minute=config.rate_limit_address,
        trusted_proxies=config.trusted_proxies,
        refuse=responses.http_error,
        # Counted for itself, so that no storm of updates makes a monitor call the service ill.
        apart=["/health"],
    )
    return StockPaths(limited)


class Cors(CORSMiddleware):
    """Tells browsers what other origins may do; what it refuses, it refuses in JSON."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer a browser that asks before it sends a request."""
        answer = super().preflight_response(request_headers)
        if answer.status_code == HTTPStatus.OK:
            return answer
        kept = {key: value for key, value in answer.headers.items() if key not in _OF_THE_BODY}
        refused = bytes(answer.body).decode().removeprefix("Disallowed CORS ")
        return json_answer(
            answer.status_code, ErrorAnswer("cors_refused", f"not allowed: {refused}"), kept
        )


class StockPaths:
    """Leads what stock clients make of a base URL to the endpoints, and ``/path/`` to ``/path``.

    They join it with ``/register`` in ways of their own: ``//register``, ``/register/``, and
    ``/any/prefix/register`` when the base URL has a path, such as ``/k/<licence key>``.
    """

    _ENDPOINTS = frozenset({"/register", "/update", "/health"})

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    @classmethod
    def is_endpoint(cls, path: str) -> bool:
        """Tell whether a path ends as those of stock clients."""
        return _last_of(path) in cls._ENDPOINTS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "http":
            path = scope["path"]
            endpoint = _last_of(path)
            if path.startswith(REST):
                scope = {**scope, "path": path.rstrip("/")}
            elif endpoint in self._ENDPOINTS and endpoint != path:
                found = {"path": endpoint, "raw_path": endpoint.encode(), **key_in_path(path)}
                scope = {**scope, **found}
        await self._app(scope, receive, send)


def _last_of(path: str) -> str:
    return "/" + path.rstrip("/").rpartition("/")[2]
