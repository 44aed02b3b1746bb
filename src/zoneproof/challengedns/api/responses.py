"""What the API answers when it refuses or fails: its own words, and acme-dns's form of errors."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from zoneproof.challengedns.api.messages import ErrorWord
from zoneproof.core.errors import (
    InvalidInputError,
    RegistrationError,
    StorageError,
    UnconfirmedChangeError,
)
from zoneproof.serving.responses import (
    ErrorAnswer,
    json_answer,
    log_refused,
    of_framework,
    set_subject,
    shown_path,
)

REST = "/api/v1/"

STATUS = {
    "forbidden": 401,
    "licence_expired": 403,
    "quota_exceeded": 403,
    "operator_key_needed": 403,
    "operators_key": 403,
    "not_found": 404,
    "already_exists": 409,
    "tenant_in_use": 409,
    "rate_limited": 429,
}
_NO_ROUTE = (404, 405)
# One sentence for all, so that nobody learns which keys there are.
_FORBIDDEN = "send 'Authorization: Bearer' with a key that is known and whose tenant is enabled"
_CHALLENGES = {"/register": 'Basic realm="licence key"', REST: 'Bearer realm="licence key"'}

_log = logging.getLogger(__name__)


def error_answer(
    request: Request,
    status: int,
    word: str,
    message: str,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an error: with a message in our own API, and without one where acme-dns has none."""
    if not request.scope["path"].startswith(REST):
        return json_answer(status, ErrorWord(word), headers)
    return json_answer(status, ErrorAnswer(word, message), headers)


async def http_error(request: Request, error: Exception) -> Response:
    """Answer what the framework or the server refuses."""
    assert isinstance(error, HTTPException)
    found = of_framework(error)
    if found.status_code not in _NO_ROUTE:  # in those paths a key may stand
        log_refused(request, found.code, found.message)
    return error_answer(request, found.status_code, found.code, found.message, found.headers)


async def refusal(request: Request, error: Exception) -> Response:
    """Answer what is refused, with all that is known about it in the log."""
    assert isinstance(error, RegistrationError)
    path = request.scope["path"]
    if error.registration:
        set_subject(request, "registration", error.registration)
    log_refused(request, error.code, error.message)
    headers, message = {}, error.message
    if error.code == "rate_limited":
        headers["Retry-After"] = "60"
    if error.code == "forbidden":
        message = _FORBIDDEN
        where = REST if path.startswith(REST) else path
        if where in _CHALLENGES:
            headers["WWW-Authenticate"] = _CHALLENGES[where]
    return error_answer(request, STATUS.get(error.code, 400), error.code, message, headers)


async def unknown(request: Request, error: Exception) -> Response:
    """Answer for a registration that was deleted while somebody changed it."""
    assert isinstance(error, InvalidInputError)
    return error_answer(request, 404, "not_found", "there is no such registration")


async def storage_failure(request: Request, error: Exception) -> Response:
    """Answer when the database fails."""
    assert isinstance(error, StorageError)
    _log.error("%s %s failed: %s", request.method, shown_path(request), error.message)
    return error_answer(request, 500, "db_error", "the database failed, so nothing was changed")


async def unconfirmed(request: Request, error: Exception) -> Response:
    """Answer for a change that is stored, and that not every name server answers with yet."""
    assert isinstance(error, UnconfirmedChangeError)
    log_refused(request, "unconfirmed", error.message)
    message = "the change is stored, but not yet answered everywhere: repeat the request"
    return error_answer(request, 503, "unconfirmed", message, {"Retry-After": "1"})


async def bug(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """Answer for a fault of ours, which the server logs."""
    message = "internal error: see the service's log"
    return error_answer(request, 500, "internal_error", message)
