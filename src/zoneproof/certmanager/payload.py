"""What cert-manager sends to a webhook solver, and what it is answered.

The forms are those of ``webhook.acme.cert-manager.io/v1alpha1`` (cert-manager 1.12 to 1.21,
pkg/acme/webhook/apis/acme/v1alpha1/types.go), and of Status in Kubernetes' ``meta/v1``.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, Literal

import msgspec

API_VERSION: Final = "webhook.acme.cert-manager.io/v1alpha1"
KIND: Final = "ChallengePayload"

_REASONS = {  # meta/v1 StatusReason
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    408: "Timeout",
    413: "RequestEntityTooLarge",
    429: "TooManyRequests",
    503: "ServiceUnavailable",
}


class ChallengeRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A value to present, or to clean up.

    ``dns_name`` is the identifier, with ``*.`` for a wildcard; ``key`` is the TXT value.
    ``resolved_fqdn`` and ``resolved_zone`` have a trailing dot. ``resource_namespace`` is where the
    Secrets are that ``config`` names: the Issuer's, or cert-manager's cluster resource namespace.
    ``allow_ambient_credentials`` is false for Issuers unless cert-manager is told otherwise.
    cert-manager leaves ``uid`` empty.
    """

    action: str
    type: str
    dns_name: str
    key: str
    uid: str = ""
    resource_namespace: str = ""
    resolved_fqdn: str = msgspec.field(name="resolvedFQDN", default="")
    resolved_zone: str = ""
    allow_ambient_credentials: bool = False
    config: msgspec.Raw = msgspec.Raw(b"{}")


class FailureStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Why something failed, as clients of Kubernetes read it."""

    kind: str | None = None
    api_version: str | None = None
    metadata: dict[str, str] | None = None
    status: Literal["", "Failure"] = ""
    message: str = ""
    reason: str = ""
    code: int = 0


class ChallengeResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a request. ``status`` is absent after a success."""

    uid: str
    success: bool
    status: FailureStatus | msgspec.UnsetType = msgspec.UNSET


class ChallengePayload(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A request, and in the answer to it the response too."""

    kind: Literal["ChallengePayload"]
    api_version: Literal["webhook.acme.cert-manager.io/v1alpha1"]
    request: msgspec.Raw
    response: ChallengeResponse | msgspec.UnsetType = msgspec.UNSET

    def answered(self, request: ChallengeRequest, problem: str = "") -> ChallengePayload:
        """Return the answer: a success, or a failure for which people get this sentence."""
        response = ChallengeResponse(uid=request.uid, success=True)
        if problem:
            status = FailureStatus(status="Failure", message=problem)
            response = ChallengeResponse(uid=request.uid, success=False, status=status)
        return msgspec.structs.replace(self, response=response)


def refusal(code: int, message: str) -> FailureStatus:
    """Return the body of an answer with an error's status."""
    reason = _REASONS.get(code, "InternalError" if code >= HTTPStatus.INTERNAL_SERVER_ERROR else "")
    return FailureStatus(
        kind="Status",
        api_version="v1",
        metadata={},
        status="Failure",
        message=message,
        reason=reason,
        code=code,
    )
