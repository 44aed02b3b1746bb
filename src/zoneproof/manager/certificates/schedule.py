"""When certificates are renewed, asked about and tried again: pure functions over what is known.

All moments are timezone-aware, in UTC. Nothing here reads a clock or a database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from zoneproof.acme import is_renewal_due
from zoneproof.core import times
from zoneproof.manager.certificates.renewal_state import LOOK_EVERY, Lifetime, RenewalState

_LOOK_SOONEST = timedelta(minutes=1)
_SPREAD = 20  # renewals come up to this part of the lifetime earlier
_ADVICE_AGAIN = timedelta(days=1)
_NEW = 4  # for this part of the lifetime a certificate was obtained only lately
_TOO_LATE = 10  # a window that leaves less than this part of the lifetime is not followed
_ASK_LATEST = timedelta(days=1)  # parse_renewal_info never says later
_CLOCK_TOLERANCE = timedelta(minutes=5)


class Due(msgspec.Struct, frozen=True):
    """Whether a certificate is to be renewed ``now``, and why, in words.

    ``at`` is the moment from which on an attempt is right, for :func:`next_wake` and for people;
    None while the CA has paused it. ``reason`` is empty when nothing is to be done yet.
    """

    now: bool
    at: datetime | None
    reason: str = ""


def ari_question_due(state: RenewalState, now: datetime) -> bool:
    """Tell whether to ask the CA now; also when the clock was set back since the last answer."""
    at = state.ask_again_at
    return at is None or at <= now or at > now + _ASK_LATEST


def renewal_due(
    name: str,
    state: RenewalState,
    lifetime: Lifetime | None,
    *,
    now: datetime,
    next_wake: datetime,
    change: str = "",
) -> Due:
    """Tell whether to renew the certificate ``name`` now.

    ``lifetime`` is None for a certificate that is not there. ``next_wake`` is when the caller will
    look again: a moment that the CA chose counts if it comes before that (RFC 9773 section 4.2).
    ``change`` says what else makes it due, whatever its age; empty for nothing.

    Without the CA's advice a certificate is renewed at two thirds of its lifetime, or at half of
    ten days or less. To spread load, each name has its own moment up to a twentieth of the lifetime
    before that point, never after it. Advice that would leave less than a tenth of the lifetime is
    not followed, and advice to replace a certificate that advice brought waits for a day: of a CA
    whose windows always lie in the past no certificate is wanted at every look.

    A failure's backoff comes first, whatever the reason, unless the clock was set back behind it.
    What failed is tried again however much of the lifetime is left, as somebody asked for it.
    """
    wanted = _wanted(name, state, lifetime, now, next_wake)
    if change and not wanted.now:
        wanted = Due(now=True, at=now, reason=change)
    if state.paused:
        return Due(now=False, at=None, reason=state.paused)
    waits_until = _waits_until(state, now)
    if waits_until is None or waits_until <= now:
        if state.failures and not wanted.now:
            return Due(now=True, at=now, reason="the last attempt failed")
        return wanted
    reasons = [wanted.reason, _waiting(state, waits_until)]
    return Due(now=False, at=waits_until, reason="; ".join(reasons[not wanted.now :]))


def _wanted(
    name: str, state: RenewalState, lifetime: Lifetime | None, now: datetime, next_wake: datetime
) -> Due:
    """Return what would be due if nothing had failed."""
    if lifetime is None:
        return Due(now=True, at=now, reason="it is missing")
    if state.revoked_at:
        return Due(now=True, at=now, reason=f"it was revoked at {times.at(state.revoked_at)}")
    advice = _advised_moment(state)
    if lifetime.not_after <= now:
        at, reason = lifetime.not_after, f"it expired at {times.at(lifetime.not_after)}"
    elif advice and advice <= lifetime.not_after - lifetime.total / _TOO_LATE:
        at, reason = advice, _advice(state)
        if is_renewal_due(advice, now=now, next_wake=next_wake):
            return Due(now=True, at=at, reason=reason)
    else:
        at = own_moment(name, lifetime)
        part = "half of its lifetime is" if lifetime.is_short else "two thirds of its lifetime are"
        reason = f"about {part} over"
    if at > now and lifetime.not_after <= next_wake:
        at, reason = now, "it expires before the next check"
    if at > now:
        return Due(now=False, at=at)
    too_soon = _too_soon(state, lifetime, now)
    if too_soon:  # with a clock that is wrong it would be renewed at every look
        return Due(now=False, at=too_soon, reason=clock_problem(lifetime, now, state.obtained_at))
    return Due(now=True, at=at, reason=reason)


def _too_soon(state: RenewalState, lifetime: Lifetime, now: datetime) -> datetime | None:
    """Return until when a certificate is too new to be renewed for its age; None if it is not."""
    if state.obtained_at is None or state.obtained_at > now:
        return None
    until = state.obtained_at + lifetime.total / _NEW
    return until if now < until else None


def _advised_moment(state: RenewalState) -> datetime | None:
    if state.chosen and state.advised_at:
        return max(state.chosen, state.advised_at + _ADVICE_AGAIN)
    return state.chosen


def own_moment(name: str, lifetime: Lifetime) -> datetime:
    """Return when the certificate ``name`` is renewed if the CA gives no advice."""
    point = lifetime.total / 2 if lifetime.is_short else lifetime.total * 2 / 3
    digest = hashlib.sha256(name.encode()).digest()
    share = int.from_bytes(digest[:4]) / 2**32
    return lifetime.not_before + point - lifetime.total / _SPREAD * share


def next_wake(moments: Iterable[datetime | None], now: datetime) -> datetime:
    """Return when to look again: at the first of the times, in a minute to an hour.

    ``moments`` are each certificate's :attr:`Due.at` and its state's ``ask_again_at``. One that is
    past already, such as that of a certificate that another process holds, counts as in a minute.
    """
    first = min((moment for moment in moments if moment), default=now + LOOK_EVERY)
    return min(max(first, now + _LOOK_SOONEST), now + LOOK_EVERY)


def clock_problem(lifetime: Lifetime, now: datetime, obtained_at: datetime | None = None) -> str:
    """Return a line for people if the clock may be wrong, empty if nothing speaks for that.

    A certificate is not valid yet, which no CA does (five minutes are tolerated), or it is old
    although it was obtained lately, or it expired, which it should not where it is renewed.
    """
    clock = f"this machine's clock says {times.at(now)}"
    start, end = times.at(lifetime.not_before), times.at(lifetime.not_after)
    if lifetime.not_before - now > _CLOCK_TOLERANCE:
        return (
            f"the certificate is valid from {start} on, and {clock}: set the clock, for instance by"
            " NTP; if it is right, the CA's is wrong"
        )
    if obtained_at and obtained_at - lifetime.not_before > lifetime.total / _NEW:
        return (
            f"the certificate was obtained at {times.at(obtained_at)} and is valid from {start}"
            f" to {end}, and {clock}: set the clock, for instance by NTP"
        )
    if lifetime.not_after <= now:
        return (
            f"the certificate expired at {end}, and {clock}: renew it; if the clock is wrong, set"
            " it"
        )
    return ""


def _waits_until(state: RenewalState, now: datetime) -> datetime | None:
    """Return the end of the backoff; None without one, or if its attempt lies in the future."""
    if state.last_attempt_at and state.last_attempt_at - now > _CLOCK_TOLERANCE:
        return None
    return state.next_attempt_at


def _waiting(state: RenewalState, at: datetime) -> str:
    attempts = "once" if state.failures == 1 else f"{state.failures} times"
    return f"it failed {attempts}, next attempt at {times.at(at)}"


def _advice(state: RenewalState) -> str:
    window = ""
    if state.window_start and state.window_end:
        window = f" (window {times.at(state.window_start)} to {times.at(state.window_end)})"
    see = f", see {state.explanation_url}" if state.explanation_url else ""
    return f"the CA asks for it{window}{see}"
