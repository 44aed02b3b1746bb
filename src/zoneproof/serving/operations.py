"""The table of an HTTP API's operations, and the OpenAPI 3.1 document made from it."""

from __future__ import annotations

import functools
import logging
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from zoneproof import __version__
from zoneproof.serving.logs import facts
from zoneproof.serving.responses import about, shown_path

_log = logging.getLogger(__name__)
_OPTIONS = "OPTIONS"
_SILENT = frozenset({"GET", "HEAD", _OPTIONS})

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
        Route(path, _ByMethod(handlers), methods=[*handlers, _OPTIONS])
        for path, handlers in by_path.items()
    ]


class _ByMethod:
    """Leads to the handler of a request's method; an ASGI application of its own.

    What a function would get around it, the application around all of them has: what is raised
    comes to its handlers.
    """

    def __init__(self, handlers: dict[str, Handler]) -> None:
        self._handlers = {**handlers, _OPTIONS: self._options}
        if "GET" in handlers:
            self._handlers["HEAD"] = handlers["GET"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        answer = await self._handlers[request.method](request)
        if request.method not in _SILENT and _log.isEnabledFor(logging.DEBUG):
            _log_accepted(request)
        await answer(scope, receive, send)

    async def _options(self, request: Request) -> Response:
        return Response(status_code=204, headers={"Allow": ", ".join(sorted(self._handlers))})


def _log_accepted(request: Request) -> None:
    known, subject = about(request)
    _log.debug(
        "%s accepted: %s %s%s",
        known["address"],
        request.method,
        shown_path(request),
        f" for {subject}" if subject else "",
        extra=facts(**known),
    )


_REF = "#/components/schemas/{name}"


@dataclass(frozen=True)
class ApiInfo:
    """What an API's document says beside its operations, as OpenAPI writes it.

    ``path_parameters`` are the schemas of what stands in paths, ``security`` the schemes, by name.
    """

    title: str
    description: str
    path_parameters: Mapping[str, Mapping[str, str]]
    security: Mapping[str, Mapping[str, str]]


def description_route(path: str, info: ApiInfo, operations: Sequence[Operation]) -> Route:
    """Return the route at which the operations' OpenAPI document is read.

    The document is made when somebody reads it for the first time.
    """

    @functools.cache
    def document() -> bytes:
        return msgspec.json.encode(_describe(info, operations))

    async def show(request: Request) -> Response:  # noqa: ARG001
        return Response(document(), media_type="application/json")

    return Route(path, _ByMethod({"GET": show}), methods=["GET", _OPTIONS])


def _describe(info: ApiInfo, operations: Sequence[Operation]) -> dict[str, Any]:
    types = sorted({kind for each in operations for kind in _types(each)}, key=str)
    refs, schemas = msgspec.json.schema_components(types, ref_template=_REF)
    schema_of = dict(zip(types, refs, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        described = _operation(each, info, schema_of, schemas)
        paths.setdefault(each.path, {})[each.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": info.title, "version": __version__, "description": info.description},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": info.security},
    }


def _types(operation: Operation) -> Iterator[Any]:
    for kind in (operation.query, operation.body, operation.answer, operation.error):
        if kind is not None:
            yield kind


def _operation(
    operation: Operation, info: ApiInfo, schema_of: dict[Any, Any], schemas: dict[str, Any]
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
    parameters = list(_path_parameters(operation.path, info))
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


def _path_parameters(path: str, info: ApiInfo) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", path):
        schema = info.path_parameters[name]
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name, described in schema["properties"].items():
        yield {"name": name, "in": "query", "schema": described}
