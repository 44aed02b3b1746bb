"""The table of the HTTP API's operations, and the OpenAPI 3.1 document made from it."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from zoneproof import __version__
from zoneproof.challengedns.logs import facts
from zoneproof.challengedns.store.tenants import NAME_PATTERN
from zoneproof.core.text import printable

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


_REF = "#/components/schemas/{name}"
_PATH_PARAMETERS = {
    "subdomain": {"type": "string", "format": "uuid"},
    "name": {"type": "string", "pattern": NAME_PATTERN},
    "id": {"type": "string", "pattern": "^[0-9a-f]{8}$"},
}
_SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A licence key."},
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "Any user, and a licence key as the password.",
    },
    "user": {"type": "apiKey", "in": "header", "name": "X-Api-User"},
    "password": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
}


def describe(operations: Sequence[Operation]) -> dict[str, Any]:
    """Return the document."""
    types = sorted({kind for each in operations for kind in _types(each)}, key=str)
    refs, schemas = msgspec.json.schema_components(types, ref_template=_REF)
    schema_of = dict(zip(types, refs, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, schema_of, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Zoneproof challenge service",
            "version": __version__,
            "description": "Registers subdomains and publishes dns-01 values as acme-dns does, and"
            " administers registrations, tenants and licence keys.",
        },
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": _SECURITY},
    }


def _types(operation: Operation) -> Iterator[Any]:
    for kind in (operation.query, operation.body, operation.answer, operation.error):
        if kind is not None:
            yield kind


def _operation(
    operation: Operation, schema_of: dict[Any, Any], schemas: dict[str, Any]
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.handler.__name__,
        "summary": operation.summary,
        "responses": {
            str(operation.status): _response(operation.status, schema_of.get(operation.answer))
        },
    }
    for status in _errors(operation):
        described["responses"][str(status)] = _response(status, schema_of[operation.error])
    parameters = list(_path_parameters(operation.path))
    if operation.query is not None:
        parameters += _query_parameters(schemas[operation.query.__name__])
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        described["requestBody"] = {
            "required": operation.body_required,
            "content": {"application/json": {"schema": schema_of[operation.body]}},
        }
    if operation.security:
        described["security"] = [{key: [] for key in each} for each in operation.security]
    return described


def _errors(operation: Operation) -> Iterable[int]:
    found = {*operation.errors, 429, 500}
    if operation.security:
        found |= {401, 403}
    if operation.body is not None:
        found |= {400, 408, 413}
    if operation.query is not None:
        found.add(400)
    if "{" in operation.path:
        found.add(404)
    return sorted(found)


def _response(status: int, schema: Any) -> dict[str, Any]:
    response: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if schema is not None:
        response["content"] = {"application/json": {"schema": schema}}
    return response


def _path_parameters(path: str) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", path):
        yield {"name": name, "in": "path", "required": True, "schema": _PATH_PARAMETERS[name]}


def _query_parameters(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name, described in schema["properties"].items():
        yield {"name": name, "in": "query", "schema": described}
