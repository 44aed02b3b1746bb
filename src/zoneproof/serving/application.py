"""An application: the route for each path, and the answer to what a route raises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from zoneproof.serving.responses import ErrorHandler


class Application:
    """Leads requests to routes.

    ``errors`` has what answers for each kind of exception; the most special kind counts. What only
    ``Exception`` is the kind of is a bug: it is answered, and raised for the server's log. A path
    that stands written out in a route comes before those with a part that varies.

    Starlette's own application does this in layers that take a quarter of an update's time. There
    is no redirect to a path with or without a slash: it would lead where the request's Host says.
    """

    def __init__(
        self, routes: Sequence[Route], errors: Mapping[type[Exception], ErrorHandler] | None = None
    ) -> None:
        self._errors: dict[type, ErrorHandler] = {HTTPException: _in_plain_text, **(errors or {})}
        self._router = Router(routes, redirect_slashes=False)
        self._written_out: dict[tuple[str, str], ASGIApp] = {
            (method, route.path): route.app
            for route in reversed(routes)
            if "{" not in route.path
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        scope["app"] = self  # for the router: what it does not find it then raises
        app = self._written_out.get((scope["method"], scope["path"]), self._router)
        try:
            await app(scope, receive, send)
        except Exception as error:
            kind = next((kind for kind in type(error).__mro__ if kind in self._errors), None)
            if kind is None:
                raise
            answer = await self._errors[kind](Request(scope, receive), error)
            await answer(scope, receive, send)
            if kind is Exception:
                raise


async def _in_plain_text(request: Request, error: Exception) -> Response:  # noqa: ARG001
    assert isinstance(error, HTTPException)
    return PlainTextResponse(error.detail, error.status_code, error.headers)
