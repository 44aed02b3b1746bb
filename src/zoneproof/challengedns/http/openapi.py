"""Describes the HTTP API as an OpenAPI 3.1 document, made from the table of its operations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from zoneproof import __version__
from zoneproof.challengedns.http.operations import Operation
from zoneproof.challengedns.registry.tenants import NAME_PATTERN

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
