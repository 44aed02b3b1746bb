"""Problem documents, and the errors that they become (RFC 7807, RFC 8555 section 6.7). No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from zoneproof.acme.http import ca_at
from zoneproof.core.errors import (
    AccountPausedError,
    AcmeProblemError,
    RateLimitedError,
    Subproblem,
    UserActionRequiredError,
)
from zoneproof.core.text import sanitize

NAMESPACE = "urn:ietf:params:acme:error:"
BAD_NONCE = NAMESPACE + "badNonce"
_UNTYPED = "about:blank"  # RFC 7807 section 4.2
_MOST_SUBPROBLEMS = 1000
# What reading hostile JSON can raise; the last by a million brackets.
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_HTTPS_URL = re.compile(r"https://[^\s<>\"']+")


class ProblemDocument(msgspec.Struct, frozen=True):
    """A problem document. ``type`` is the full URN; the texts are fit for one line."""

    type: str
    detail: str
    subproblems: tuple[Subproblem, ...] = ()
    instance: str = ""

    @property
    def short_type(self) -> str:
        """The type without ACME's namespace: ``rateLimited``."""
        return self.type.removeprefix(NAMESPACE)

    def __str__(self) -> str:
        kind = "" if self.type == _UNTYPED else self.short_type
        parts = [f"{self.detail} ({kind})" if self.detail and kind else self.detail or kind]
        parts += [f"{sub.identifier}: {sub.detail}" for sub in self.subproblems]
        return sanitize("; ".join(parts), limit=2000)


class _WireIdentifier(msgspec.Struct):
    value: str = ""


class _WireSubproblem(msgspec.Struct):
    type: str = ""
    detail: str = ""
    identifier: _WireIdentifier | None = None


class WireProblem(msgspec.Struct):
    """A problem document as JSON."""

    type: str = _UNTYPED
    detail: str = ""
    title: str = ""
    instance: str | None = None
    subproblems: (
        Annotated[list[_WireSubproblem], msgspec.Meta(max_length=_MOST_SUBPROBLEMS)] | None
    ) = None

    def read(self) -> ProblemDocument:
        """Return it with texts that are fit to be shown."""
        return ProblemDocument(
            type=sanitize(self.type, limit=200),
            detail=sanitize(self.detail or self.title, limit=2000),
            subproblems=tuple(
                Subproblem(
                    identifier=sanitize(sub.identifier.value, limit=253)
                    if sub.identifier
                    else "order",
                    type=sanitize(sub.type, limit=200),
                    detail=sanitize(sub.detail, limit=2000),
                )
                for sub in self.subproblems or ()
            ),
            instance=sanitize(self.instance or "", limit=2000),
        )


def parse_problem(body: bytes, status: int) -> ProblemDocument | None:
    """Read the body of a reply that is an error; None if it is not a problem document.

    An empty body counts as one without a type: some CAs send that for 404 and 409.
    """
    if not body.strip():
        known = status in HTTPStatus.__members__.values()
        phrase = f" {HTTPStatus(status).phrase}" if known else ""
        return ProblemDocument(_UNTYPED, f"HTTP {status}{phrase}")
    try:
        return msgspec.json.decode(body, type=WireProblem).read()
    except UNREADABLE:
        return None


def problem_error(
    problem: ProblemDocument,
    *,
    status: int,
    directory_url: str,
    retry_at: datetime | None,
    terms_of_service: Sequence[str],
) -> AcmeProblemError:
    """Return the error for a problem; its type and status decide which, never its text.

    ``terms_of_service`` are the reply's links of that relation (RFC 8555 section 7.3.3).
    """
    ca = ca_at(directory_url)
    fields: dict[str, Any] = {
        "type": problem.type,
        "detail": problem.detail,
        "status": status,
        "subproblems": problem.subproblems,
        "retry_at": retry_at,
        "url": problem.instance,
    }
    if status == HTTPStatus.TOO_MANY_REQUESTS or problem.type == NAMESPACE + "rateLimited":
        return _limited(ca, problem, fields, status, directory_url)
    if problem.type == NAMESPACE + "userActionRequired":
        fields["url"] = next(iter(terms_of_service), problem.instance)
        where = f"; see {fields['url']}" if fields["url"] else ""
        return UserActionRequiredError(f"{ca} needs you to act: {problem}{where}", **fields)
    if status == HTTPStatus.NOT_IMPLEMENTED:
        return AcmeProblemError(f"{ca} does not offer that: {problem}", **fields)
    # A CA that continues refusing the nonces that it hands out has lost its count of them.
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or problem.type == BAD_NONCE:
        return AcmeProblemError(f"{ca} has an internal error: {problem}{until(retry_at)}", **fields)
    return AcmeProblemError(f"{ca} refused: {problem}", **fields)


def until(moment: datetime | None) -> str:
    """Return the end of a message that tells when to come back."""
    return f"; try again {f'after {moment:%Y-%m-%d %H:%M:%S} UTC' if moment else 'later'}"


def _limited(
    ca: str, problem: ProblemDocument, fields: Mapping[str, Any], status: int, directory_url: str
) -> AcmeProblemError:
    moment: datetime | None = fields["retry_at"]
    # Boulder's two answers of this type differ in one thing only: a limit says until when.
    paused = (
        status == HTTPStatus.TOO_MANY_REQUESTS
        and problem.type == NAMESPACE + "rateLimited"
        and moment is None
        and _is_lets_encrypt(directory_url)
    )
    if paused:
        portal = _HTTPS_URL.search(problem.detail)
        return AccountPausedError(
            f"{ca} paused this account for some of these names, and trying again will not help:"
            f" {problem.detail}",
            **{**fields, "url": portal.group() if portal else ""},
        )
    return RateLimitedError(f"{ca} limits requests: {problem}{until(moment)}", **fields)


def _is_lets_encrypt(directory_url: str) -> bool:
    return f".{urlsplit(directory_url).hostname or ''}".endswith(".letsencrypt.org")
