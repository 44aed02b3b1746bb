"""Answers in JSON, refusals with a word for programs and a sentence for people."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from zoneproof.core.text import printable
from zoneproof.serving.logs import facts

_LIKE_A_KEY = re.compile(r"[A-Za-z0-9_-]{40,}")
_log = logging.getLogger(__name__)

ErrorHandler = Callable[[Request, Exception], Awaitable[Response]]
"""Makes the answer to a request that raised, or was refused."""


class HttpError(HTTPException):
    """A request is refused; ``code`` is a word for programs, ``message`` a sentence for people."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, code, headers)
        self.code = code
        self.message = message


class ErrorAnswer(msgspec.Struct, frozen=True):
    """Why a request failed: a word for programs, a sentence for people."""

    error: str
    message: str


def json_answer(status: int, content: object, headers: Mapping[str, str] | None = None) -> Response:
    """Return compact JSON."""
    return Response(
        msgspec.json.encode(content), status, headers=headers, media_type="application/json"
    )


def of_framework(error: HTTPException) -> HttpError:
    """Return what a handler or the framework refuses, with a word and a sentence."""
    if isinstance(error, HttpError):
        return error
    code, message = error.detail, error.detail
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            code, message = "not_found", "there is nothing at this path"
        case HTTPStatus.METHOD_NOT_ALLOWED:
            code = "method_not_allowed"
            message = "this path does not take this method: see the header Allow"
    return HttpError(error.status_code, code, message, error.headers)


def set_subject(request: Request, kind: str, name: str) -> None:
    """Note for the log what a request is about, such as a ``registration`` and its subdomain."""
    request.scope["state"]["subject"] = kind, name


def about(request: Request, **more: str) -> tuple[dict[str, str], str]:
    """Return what the log is told of a request as facts, and its subject in words, or ""."""
    known = {"address": getattr(request.state, "address", "somebody"), **more}
    kind, name = getattr(request.state, "subject", ("", ""))
    if not name:
        return known, ""
    return {**known, kind: name}, f"{kind} {name}"


def shown_path(request: Request) -> str:
    """Return a path for the log, without what could be a key that somebody put into it."""
    return _LIKE_A_KEY.sub("***", printable(request.scope["path"]))


def log_refused(request: Request, code: str, message: str) -> None:
    """Write that a request was refused, and why."""
    known, subject = about(request, code=code)
    # The address comes first, before anything that the client chose: programs ban by this line.
    _log.warning(
        "%s refused (%s): %s %s: %s",
        known["address"],
        code,
        printable(request.method),
        shown_path(request),
        printable(f"{subject}: {message}" if subject else message),
        extra=facts(**known),
    )
