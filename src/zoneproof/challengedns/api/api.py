"""The HTTP API as an application: its operations, its errors, and the paths of stock clients."""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from zoneproof.challengedns.api import responses
from zoneproof.challengedns.api.acme_dns_api import AcmeDnsApi
from zoneproof.challengedns.api.licence import key_in_path
from zoneproof.challengedns.api.messages import ErrorBody
from zoneproof.challengedns.api.operations import Operation, describe, route, routes
from zoneproof.challengedns.api.rate_limits import CountedCalls, RateLimits
from zoneproof.challengedns.api.responses import REST, json_answer
from zoneproof.challengedns.api.rest import Rest
from zoneproof.challengedns.config import ApiConfig
from zoneproof.challengedns.store.registrations import Registrations
from zoneproof.core.errors import InvalidInputError, RegistrationError, StorageError

_CORS_HEADERS = ("Authorization", "Content-Type", "X-Api-Key", "X-Api-User")
_OF_THE_BODY = frozenset({"content-length", "content-type"})


def make_app(registrations: Registrations, config: ApiConfig) -> ASGIApp:
    """Return the API as an ASGI application."""
    callers = RateLimits(config)
    acme_dns = AcmeDnsApi(registrations, callers, open_registration=config.open_registration)
    operations = [*acme_dns.operations(), *Rest(registrations).operations()]
    middleware = [Middleware(CountedCalls, callers)]
    if config.cors_origins:
        middleware.append(
            Middleware(
                Cors,
                allow_origins=config.cors_origins,
                allow_methods=("GET", "POST", "PATCH", "DELETE"),
                allow_headers=_CORS_HEADERS,
            )
        )
    app = Starlette(
        routes=[*routes(operations), _description(operations)],
        middleware=middleware,
        exception_handlers={
            HTTPException: responses.http_error,
            RegistrationError: responses.refusal,
            InvalidInputError: responses.unknown,
            StorageError: responses.storage_failure,
            Exception: responses.bug,
        },
    )
    # A redirect would lead where the request's Host says.
    app.router.redirect_slashes = False
    return StockPaths(app)


def _description(operations: list[Operation]) -> Route:
    document = msgspec.json.encode(describe(operations))

    async def show(request: Request) -> Response:  # noqa: ARG001
        return Response(document, media_type="application/json")

    return route(f"{REST}openapi.json", show)


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
            answer.status_code, ErrorBody("cors_refused", f"not allowed: {refused}"), kept
        )


class StockPaths:
    """Leads what stock clients make of a base URL to the endpoints, and ``/path/`` to ``/path``.

    They join it with ``/register`` in ways of their own: ``//register``, ``/register/``, and
    ``/any/prefix/register`` when the base URL has a path, such as ``/k/<licence key>``.
    """

    _ENDPOINTS = frozenset({"/register", "/update", "/health"})

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "http":
            path = scope["path"]
            endpoint = "/" + path.rstrip("/").rpartition("/")[2]
            if path.startswith(REST):
                scope = {**scope, "path": path.rstrip("/")}
            elif endpoint in self._ENDPOINTS:
                found = {"path": endpoint, "raw_path": endpoint.encode(), **key_in_path(path)}
                scope = {**scope, **found}
        await self._app(scope, receive, send)
