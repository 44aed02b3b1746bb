"""Decides what is worth telling again: pure functions over what was last told."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from zoneproof.manager.certificates.renewal_state import Lifetime, Moment
from zoneproof.manager.notifications.notice import Notice

_DAILY = timedelta(days=1)
_REMIND = timedelta(days=3)
_THIRD = 3  # the failure after which another account is tried, and a person should look
_LATE = timedelta(days=7)


class Told(msgspec.Struct, frozen=True):
    """What was last told about one certificate; the empty one is the first.

    ``failures`` counts those since the last renewal. ``failing_at``, ``expiring_at`` and
    ``awaiting_at`` are when each was last told; ``awaiting_records`` is what was asked for.
    ``renewed_until`` is the end of the certificate whose renewal was told.
    """

    failures: int = 0
    failing_at: Moment | None = None
    expiring_at: Moment | None = None
    awaiting_at: Moment | None = None
    awaiting_records: tuple[str, ...] = ()
    renewed_until: Moment | None = None


def should_tell(previous: Told, notice: Notice, now: datetime) -> tuple[bool, Told]:
    """Tell whether to send the notice, and return what to keep in ``previous``'s place.

    Call it once for each failed attempt, pause and renewal, and for each look at a certificate
    that is expiring.

    - failing: the first failure, the third, then once a day while attempts fail;
    - expiring: at once, then daily;
    - awaiting user: at once, when other records are asked for, else every three days;
    - renewed: once for each certificate; it also forgets the rest;
    - a test: always.
    """
    replace = msgspec.structs.replace
    match notice.kind:
        case "failing":
            counted = replace(previous, failures=previous.failures + 1)
            again = counted.failures == _THIRD or (
                counted.failures > _THIRD and _is_over(previous.failing_at, _DAILY, now)
            )
            if counted.failures == 1 or again:
                return True, replace(counted, failing_at=now)
            return False, counted
        case "expiring":
            if not _is_over(previous.expiring_at, _DAILY, now):
                return False, previous
            return True, replace(previous, expiring_at=now)
        case "awaiting_user":
            known = previous.awaiting_records == notice.records
            if known and not _is_over(previous.awaiting_at, _REMIND, now):
                return False, previous
            return True, replace(previous, awaiting_at=now, awaiting_records=notice.records)
        case "renewed":
            fresh = notice.expires_at is None or previous.renewed_until != notice.expires_at
            return fresh, Told(renewed_until=notice.expires_at)
        case "test":
            return True, previous


def is_expiring(lifetime: Lifetime, now: datetime) -> bool:
    """Tell whether so little is left that a renewal should have worked: a quarter, or 7 days.

    The less of the two counts. A third would be where the renewal of longer lifetimes only begins;
    at a quarter it has failed for a twelfth of the lifetime or more: for 40 of 160 hours.
    """
    return lifetime.not_after - now < min(lifetime.total / 4, _LATE)


def _is_over(at: datetime | None, wait: timedelta, now: datetime) -> bool:
    """Tell whether the wait since ``at`` is over, or the clock was set back behind it."""
    return at is None or now - at >= wait or at > now
