"""Why an order failed: each failing identifier with the CA's reason. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zoneproof.acme.messages import Authorization, Order
from zoneproof.acme.problems import NAMESPACE
from zoneproof.acme.text import shown
from zoneproof.errors import OrderFailedError, Subproblem

_MOST_NAMED = 10


def order_failed(
    ca: str, order: Order, authorizations: Iterable[Authorization]
) -> OrderFailedError:
    """Return the error for an order that became invalid; ``ca`` names the CA."""
    failures = failures_of(order, authorizations)
    named = [_described(failure) for failure in failures[:_MOST_NAMED]]
    if len(failures) > _MOST_NAMED:
        named.append(f"and {len(failures) - _MOST_NAMED} more")
    reasons = shown("; ".join(named)) or "it gave no reason"
    return OrderFailedError(f"{ca} refused the order: {reasons}", failures=failures)


def failures_of(order: Order, authorizations: Iterable[Authorization]) -> Sequence[Subproblem]:
    """Return one entry for each identifier that failed, then what the order itself says."""
    failures = [
        _failure(authorization)
        for authorization in authorizations
        if authorization.status not in {"pending", "valid"}
    ]
    known = {failure.identifier for failure in failures}
    if order.error:
        failures += [sub for sub in order.error.subproblems if sub.identifier not in known]
        if not failures:
            failures.append(Subproblem("order", order.error.type, order.error.detail))
    return failures


def _failure(authorization: Authorization) -> Subproblem:
    for challenge in authorization.challenges:
        if challenge.error:
            return Subproblem(
                authorization.identifier.value, challenge.error.type, challenge.error.detail
            )
    return Subproblem(
        authorization.identifier.value, "", f"the authorization is {authorization.status}"
    )


def _described(failure: Subproblem) -> str:
    kind = f" ({failure.type.removeprefix(NAMESPACE)})" if failure.type else ""
    return f"{failure.identifier}: {failure.detail}{kind}"
