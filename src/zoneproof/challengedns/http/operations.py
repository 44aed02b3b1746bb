"""The table of the HTTP API's operations, from which its routes and its description are made."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from zoneproof.challengedns.logs import facts
from zoneproof.errors import printable

_log = logging.getLogger(__name__)
_OPTIONS = "OPTIONS"

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    ``query``, ``body``, ``answer`` and ``error`` are types that msgspec knows. ``security`` lists
    what each alone lets a caller in, as tuples of schemes that must come together.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    answer: Any
    status: int = 200
    query: Any = None
    body: Any = None
    body_required: bool = True
    error: Any = None
    errors: tuple[int, ...] = ()
    security: tuple[tuple[str, ...], ...] = ()


def routes(operations: Iterable[Operation]) -> list[Route]:
    """Return the routes, one for each path, so that a wrong method is told all right ones.

    OPTIONS is told them too (RFC 9110 section 9.3.7).
    """
    by_path: defaultdict[str, dict[str, Handler]] = defaultdict(dict)
    for operation in operations:
        by_path[operation.path][operation.method] = operation.handler
    return [
        Route(path, _by_method(handlers), methods=[*handlers, _OPTIONS])
        for path, handlers in by_path.items()
    ]


def route(path: str, handler: Handler) -> Route:
    """Return the route of a path that can only be read."""
    return Route(path, _by_method({"GET": handler}), methods=["GET", _OPTIONS])


def _by_method(handlers: dict[str, Handler]) -> Handler:
    allowed = {*handlers, _OPTIONS, *(["HEAD"] if "GET" in handlers else [])}

    async def handle(request: Request) -> Response:
        if request.method == _OPTIONS:
            return Response(status_code=204, headers={"Allow": ", ".join(sorted(allowed))})
        method = "GET" if request.method == "HEAD" else request.method
        answer = await handlers[method](request)
        if method != "GET" and _log.isEnabledFor(logging.DEBUG):
            _tell(request)
        return answer

    return handle


def _tell(request: Request) -> None:
    known = {"address": request.state.address}
    if registration := getattr(request.state, "registration", ""):
        known["registration"] = registration
    of = f" for registration {registration}" if registration else ""
    path = printable(request.scope["path"])
    _log.debug(
        "%s accepted: %s %s%s", known["address"], request.method, path, of, extra=facts(**known)
    )
