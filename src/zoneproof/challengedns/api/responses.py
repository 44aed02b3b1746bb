"""The answers of the HTTP API: JSON, and errors as words with a status."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from zoneproof.challengedns.api.messages import ErrorBody, ErrorWord
from zoneproof.challengedns.logs import facts
from zoneproof.core.errors import InvalidInputError, RegistrationError, StorageError
from zoneproof.core.text import printable

REST = "/api/v1/"

_STATUS = {
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
_WORDS = {404: "not_found", 405: "method_not_allowed"}
_SENTENCES = {
    "not_found": "there is nothing at this path",
    "method_not_allowed": "this path does not take this method: see the header Allow",
    "rate_limited": "too many requests: the header Retry-After says how many seconds to wait",
    "payload_too_large": "the body is longer than 16 KiB",
    "request_timeout": "the body took too long to come",
    "malformed_json_payload": "the body did not come whole",
    "db_error": "the database failed, so nothing was changed",
    "internal_error": "a fault of the service, which its log tells of",
}
# One sentence for all, so that nobody learns which keys there are.
_FORBIDDEN = "send 'Authorization: Bearer' with a key that is known and whose tenant is enabled"
_CHALLENGES = {"/register": 'Basic realm="licence key"', REST: 'Bearer realm="licence key"'}

_log = logging.getLogger(__name__)


def json_answer(status: int, content: object, headers: Mapping[str, str] | None = None) -> Response:
    """Return compact JSON."""
    return Response(
        msgspec.json.encode(content), status, headers=headers, media_type="application/json"
    )


def error_answer(
    request: Request,
    status: int,
    word: str,
    message: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an error: with a message in our own API, and without one where acme-dns has none."""
    if not request.scope["path"].startswith(REST):
        return json_answer(status, ErrorWord(word), headers)
    message = message or _SENTENCES.get(word, word)
    return json_answer(status, ErrorBody(word, message), headers)


async def http_error(request: Request, error: Exception) -> Response:
    """Answer what the framework or a handler refuses."""
    assert isinstance(error, HTTPException)
    word = _WORDS.get(error.status_code, error.detail)
    if error.status_code not in _WORDS:  # those are of paths, in which a key may stand
        _tell_refusal(request, word, _SENTENCES.get(word, word))
    return error_answer(request, error.status_code, word, headers=error.headers)


async def refusal(request: Request, error: Exception) -> Response:
    """Answer what is refused, with all that is known about it in the log."""
    assert isinstance(error, RegistrationError)
    path = request.scope["path"]
    _tell_refusal(request, error.code, error.message, error.registration)
    headers, message = {}, error.message
    if error.code == "rate_limited":
        headers["Retry-After"] = "60"
    if error.code == "forbidden":
        message = _FORBIDDEN
        where = REST if path.startswith(REST) else path
        if where in _CHALLENGES:
            headers["WWW-Authenticate"] = _CHALLENGES[where]
    return error_answer(request, _STATUS.get(error.code, 400), error.code, message, headers)


def _tell_refusal(request: Request, code: str, message: str, registration: str = "") -> None:
    # The address comes first, before anything that the caller chose: programs ban by this line.
    address = getattr(request.state, "address", "somebody")
    known = {"address": address, "code": code}
    if registration:
        known["registration"] = registration
        message = f"registration {registration}: {message}"
    path = printable(request.scope["path"])
    _log.warning(
        "%s refused (%s): %s %s: %s",
        address,
        code,
        printable(request.method),
        path,
        printable(message),
        extra=facts(**known),
    )


async def unknown(request: Request, error: Exception) -> Response:
    """Answer for a registration that was deleted while somebody changed it."""
    assert isinstance(error, InvalidInputError)
    return error_answer(request, 404, "not_found", "there is no such registration")


async def storage_failure(request: Request, error: Exception) -> Response:
    """Answer when the database fails."""
    assert isinstance(error, StorageError)
    path = printable(request.scope["path"])
    _log.error("%s %s failed: %s", request.method, path, error.message)
    return error_answer(request, 500, "db_error")


async def bug(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """Answer for a fault of ours, which the server logs."""
    return error_answer(request, 500, "internal_error")
