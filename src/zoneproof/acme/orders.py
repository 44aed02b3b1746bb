"""Waits for an order, and says why it failed (RFC 8555 sections 7.1.6, 7.5.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus

from zoneproof.acme.messages import Authorization, Order, parse_authorization, parse_order
from zoneproof.acme.problems import NAMESPACE
from zoneproof.acme.transport import Session
from zoneproof.core.aio import all_of
from zoneproof.core.errors import AcmeError, AcmeProblemError, OrderFailedError, Subproblem
from zoneproof.core.text import sanitize

_MOST_NAMED = 10


def order_failed(
    ca: str, order: Order, authorizations: Iterable[Authorization]
) -> OrderFailedError:
    """Return the error for an order that became invalid; ``ca`` names the CA."""
    failures = failures_of(order, authorizations)
    named = [_described(failure) for failure in failures[:_MOST_NAMED]]
    if len(failures) > _MOST_NAMED:
        named.append(f"and {len(failures) - _MOST_NAMED} more")
    reasons = sanitize("; ".join(named), limit=2000) or "it gave no reason"
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


FIRST_DELAY = 0.01  # seconds
_SECOND_DELAY = 0.05  # seconds
LONGEST_DELAY = 5.0  # seconds
_STEADY_DELAY = 0.2  # seconds; not even a CA that asks for more is asked more often than this
_COME_BACK = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


class PollPace:
    """The delay before the next look: 10 ms, then 50 ms, then twice as long after each look."""

    def __init__(self) -> None:
        self.delay = FIRST_DELAY
        self._backoff = _SECOND_DELAY / 2

    def no_later_than(self, retry_after: float | None) -> None:
        """Continue after a good reply. By its Retry-After (seconds) the CA expects to be done."""
        self._double()
        if retry_after is not None:
            self.delay = min(self.delay, max(_STEADY_DELAY, retry_after))

    def no_earlier_than(self, retry_after: float) -> None:
        """Continue after a reply that says to come back in so many seconds."""
        self._double()
        self.delay = max(self.delay, retry_after)

    def _double(self) -> None:
        self._backoff = min(2 * self._backoff, LONGEST_DELAY)
        self.delay = self._backoff


async def wait_for_order(
    session: Session,
    order: Order,
    until: Sequence[str],
    *,
    deadline_seconds: float,
    on_poll: Callable[[Order], None] | None,
) -> Order:
    """Poll the order until its status is one of ``until``.

    Only the order is asked for, one request for any number of names, until it is too late. Raises
    OrderFailedError and, when the deadline passes, AcmeError.
    """
    deadline = session.retries.now() + timedelta(seconds=deadline_seconds)
    pace = PollPace()
    while order.status not in until:
        if order.status == "invalid":
            raise order_failed(session.ca, order, await _known_authorizations(session, order))
        if session.retries.now() + timedelta(seconds=pace.delay) > deadline:
            raise await _overdue(session, order, deadline_seconds)
        await session.retries.sleep(pace.delay)
        order = await _look(session, order, pace, deadline)
        if on_poll:
            on_poll(order)
    return order


async def _look(session: Session, order: Order, pace: PollPace, deadline: datetime) -> Order:
    try:
        reply = await session.post(order.url)
    except AcmeProblemError as error:
        if error.status not in _COME_BACK or error.retry_at is None or error.retry_at > deadline:
            raise
        pace.no_earlier_than((error.retry_at - session.retries.now()).total_seconds())
        return order
    moment = session.retries.retry_at(reply)
    pace.no_later_than((moment - session.retries.now()).total_seconds() if moment else None)
    return parse_order(reply.body, order.url)


async def _overdue(session: Session, order: Order, seconds: float) -> AcmeError:
    pending = order.status == "pending"
    authorizations = await _known_authorizations(session, order) if pending else []
    if any(one.status == "invalid" for one in authorizations):
        # Some CAs leave an order pending that can no longer succeed.
        return order_failed(session.ca, order, authorizations)
    names = [one.identifier.value for one in authorizations if one.status == "pending"]
    waiting = f", waiting for {', '.join(names[:10])}" if names else ""
    return AcmeError(
        f"{session.ca} still reports the order as '{order.status}' after {seconds:g} s{waiting}:"
        f" run this again to continue with it ({order.url})"
    )


async def _known_authorizations(session: Session, order: Order) -> list[Authorization]:
    try:
        return await fetch_authorizations(session, order)
    except AcmeError:
        return []  # what is known already is better told than not


async def fetch_authorizations(session: Session, order: Order) -> list[Authorization]:
    """Return the order's authorizations, in its order, fetched at once."""

    async def fetch(url: str) -> Authorization:
        return parse_authorization((await session.post(url)).body, url)

    return await all_of(fetch(url) for url in order.authorizations)
