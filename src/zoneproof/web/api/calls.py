"""A call of the API: who makes it, with the home opened for it, and how it is refused."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from zoneproof.core.errors import StorageError, ZoneproofError
from zoneproof.core.text import printable
from zoneproof.manager import Manager
from zoneproof.manager.people.audit import OK
from zoneproof.manager.people.columns import is_to_be_noted
from zoneproof.manager.people.roles import Role, may
from zoneproof.manager.people.sessions import WebSession
from zoneproof.serving.middleware import sender
from zoneproof.serving.operations import Operation
from zoneproof.serving.requests import decode, read_body, read_query
from zoneproof.serving.responses import (
    ErrorAnswer,
    HttpError,
    json_answer,
    of_framework,
    shown_path,
)
from zoneproof.web.visits import Site, signed_in, status_of

ROOT = "/api/v1"
_BEARER = {"WWW-Authenticate": 'Bearer realm="zoneproof"'}
_SECURITY = (("bearer",), ("session",))
_CODES = {400: "invalid_input", 404: "not_found", 409: "busy", 500: "storage", 502: "failed"}
_ERRORS = (400, 404, 409, 502)
_log = logging.getLogger(__name__)


@dataclass
class Call:
    """One request; ``person`` is who makes it, for the audit log."""

    site: Site
    request: Request
    manager: Manager
    person: str
    role: Role
    body: Any = None
    query: Any = None
    action: str = ""
    subject: str = ""

    @property
    def name(self) -> str:
        """The name that stands in the path."""
        return str(self.request.path_params["name"])

    def does(self, action: str, subject: str = "") -> None:
        """Say for the audit log what this call does."""
        self.action, self.subject = action, subject


Work = Callable[[Call], Awaitable[Any]]


def _has_required(body: type[msgspec.Struct]) -> bool:
    """Tell whether a body has fields without a default: only one that has none may be left out."""
    return any(one.required for one in msgspec.structs.fields(body))


def operation(
    site: Site,
    method: str,
    path: str,
    work: Work,
    answer: Any,
    *,
    role: Role = "viewer",
    status: int = 200,
    body: Any = None,
    query: Any = None,
) -> Operation:
    """Return an operation: ``work`` gets the call, and returns what is answered as JSON.

    It may return a Response of its own. Its docstring is the operation's summary.
    """

    needs_body = body is not None and _has_required(body)

    async def handle(request: Request) -> Response:
        content = None
        if body is not None:
            data = await read_body(request)
            content = decode(data if data or needs_body else b"{}", body)
        asked = read_query(request, query) if query is not None else None
        async with site.open_manager() as manager:
            person, has = await _caller(site, manager, request)
            if not may(has, role):
                raise HttpError(403, "forbidden", f"this needs the role {role}")
            if manager.settings_problem:
                return _unusable(manager.settings_problem)
            call = Call(site, request, manager, person, has, content, asked)
            return await _answer(call, work, status)

    handle.__name__ = work.__name__
    return Operation(
        method,
        f"{ROOT}{path}",
        handle,
        work.__doc__ or "",
        answer,
        status=status,
        query=query,
        body=body,
        body_required=needs_body,
        error=ErrorAnswer,
        errors=_ERRORS,
        security=_SECURITY,
    )


async def _answer(call: Call, work: Work, status: int) -> Response:
    result = OK
    try:
        found = await work(call)
    except ZoneproofError as error:
        result = error.message
        answer = refused(error)
    else:
        answer = found if isinstance(found, Response) else _json(status, found)
    if call.action:
        try:
            await call.manager.people.audit.add(
                call.person,
                call.action,
                call.subject,
                address=str(sender(call.request)),
                result=result,
            )
        except StorageError as error:
            if result == OK:  # else that is what is to be told
                answer = refused(error)
    return answer


def _json(status: int, found: Any) -> Response:
    return Response(status_code=204) if status == 204 else json_answer(status, found)


async def _caller(site: Site, manager: Manager, request: Request) -> tuple[str, Role]:
    """Return who calls and the role. Raises HttpError for somebody unknown."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme:
        tokens = manager.people.tokens
        token = await tokens.find(secret.strip()) if scheme.lower() == "bearer" else None
        if token:
            if is_to_be_noted(token.used_at):
                with suppress(StorageError):
                    await tokens.note_use(token)
            return f"token {token.name}", token.role
    elif session := await _session(site, manager, request):
        return session.user, session.role
    raise HttpError(
        401,
        "unauthorized",
        "send 'Authorization: Bearer' with an API token that has not expired",
        _BEARER,
    )


async def _session(site: Site, manager: Manager, request: Request) -> WebSession | None:
    """Return the session of one of our own pages; to what another site asks for, nobody is."""
    if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        return None
    return await signed_in(site, manager, request)


def refused(error: ZoneproofError) -> Response:
    """Return why the manager refuses, with a word for programs: the kind of the error."""
    status = status_of(error)
    return json_answer(status, ErrorAnswer(_CODES[status], printable(error.message)))


def _unusable(message: str) -> Response:
    return json_answer(500, ErrorAnswer(_CODES[500], printable(message)))


async def api_error(request: Request, error: Exception) -> Response:
    """Answer what is refused before a call begins, and a fault of ours."""
    headers: Mapping[str, str] | None = None
    if isinstance(error, HTTPException):
        found = of_framework(error)
        status, code, message, headers = (
            found.status_code,
            found.code,
            found.message,
            found.headers,
        )
        return json_answer(status, ErrorAnswer(code, message), headers)
    if isinstance(error, ZoneproofError):
        _log.error("%s failed: %s", shown_path(request), error.message)
        return _unusable("the home cannot be read or written: see the server's log")
    _log.error("%s failed: %s", shown_path(request), error, exc_info=error)
    return json_answer(500, ErrorAnswer("internal_error", "internal error: see the log"))
