"""When certificates are renewed, asked about and tried again: pure functions over stored state.

All moments are timezone-aware, in UTC. Nothing here reads a clock or a database: the caller gives
``now`` and keeps the :class:`RenewalState` that it gets back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from zoneproof import moments
from zoneproof.acme import RenewalInfo, choose_renewal_time, is_renewal_due
from zoneproof.acme.ari import ASK_AGAIN, Uniform
from zoneproof.errors import (
    AccountPausedError,
    AcmeProblemError,
    UserActionRequiredError,
    ZoneproofError,
    printable,
)

LOOK_EVERY = timedelta(hours=1)  # the longest that a daemon sleeps
_LOOK_SOONEST = timedelta(minutes=1)

_SHORT = timedelta(days=10)  # lifetimes up to this are renewed at half
_SPREAD = 20  # renewals come up to this part of the lifetime earlier
_ADVICE_AGAIN = timedelta(days=1)
_NEW = 4  # for this part of the lifetime a certificate was obtained only lately
_TOO_LATE = 10  # a window that leaves less than this part of the lifetime is not followed

_LADDER = (timedelta(minutes=1), timedelta(minutes=10), timedelta(minutes=100))
_DAILY = timedelta(days=1)
_JITTER = 0.1  # of a step, added to it
_LONGEST_RETRY = timedelta(days=8)  # Let's Encrypt's longest window is 7 days
_LONGEST_ERROR = 1000  # characters

_ASK_LATEST = timedelta(days=1)  # parse_renewal_info never says later
_CLOCK_TOLERANCE = timedelta(minutes=5)

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True)
class Lifetime:
    """From when until when a certificate is valid."""

    not_before: datetime
    not_after: datetime

    @property
    def total(self) -> timedelta:
        """How long it is valid; negative for a certificate that is none."""
        return self.not_after - self.not_before

    @property
    def is_short(self) -> bool:
        """Whether it lives for ten days or less."""
        return self.total <= _SHORT


class RenewalState(msgspec.Struct, frozen=True):
    """What is remembered of one certificate's renewal between runs; the empty one is the first.

    The window, the moment chosen in it and ``explanation_url`` are the CA's renewal information
    (RFC 9773) about the certificate with the serial number ``serial`` (hex). ``failures`` are those
    in a row, ``last_error`` is one line, and ``next_attempt_at`` the moment until which the last
    of them makes us wait. ``paused`` is empty, or says what a person has to do at the CA; then
    nothing is tried until a person does it by hand. ``account`` is the CA account tried last.
    ``advised_at`` is when the present certificate was obtained because the CA asked for it,
    ``obtained_at`` when it was obtained at all, by this machine's clock.
    """

    serial: str = ""
    window_start: Moment | None = None
    window_end: Moment | None = None
    chosen: Moment | None = None
    ask_again_at: Moment | None = None
    explanation_url: str = ""
    failures: int = 0
    last_error: str = ""
    last_attempt_at: Moment | None = None
    next_attempt_at: Moment | None = None
    paused: str = ""
    account: str = ""
    advised_at: Moment | None = None
    obtained_at: Moment | None = None


@dataclass(frozen=True)
class Due:
    """Whether a certificate is to be renewed ``now``, and why, in words.

    ``at`` is the moment from which on an attempt is right, for :func:`next_wake` and for people;
    None while the CA has paused it. ``reason`` is empty when nothing is to be done yet.
    """

    now: bool
    at: datetime | None
    reason: str = ""


# --- renewal information -----------------------------------------------------------------------


def of_certificate(state: RenewalState, serial: str) -> RenewalState:
    """Return the state without what the CA said, if that was about another certificate."""
    if state.serial == serial:
        return state
    return msgspec.structs.replace(
        state,
        serial=serial,
        window_start=None,
        window_end=None,
        chosen=None,
        ask_again_at=None,
        explanation_url="",
        obtained_at=None,
    )


def with_ari(state: RenewalState, info: RenewalInfo, rng: Uniform | None = None) -> RenewalState:
    """Return the state with the CA's answer; a moment is chosen anew only if the window moved."""
    chosen = state.chosen
    if chosen is None or (state.window_start, state.window_end) != (info.start, info.end):
        chosen = choose_renewal_time(info, rng)
    return msgspec.structs.replace(
        state,
        window_start=info.start,
        window_end=info.end,
        chosen=chosen,
        ask_again_at=info.ask_again_at,
        explanation_url=info.explanation_url,
    )


def without_ari(state: RenewalState, now: datetime) -> RenewalState:
    """Return the state after a CA gave no usable answer: it is asked again in six hours.

    A window that is known stays: a CA out of reach has not taken it back (RFC 9773 section 4.3).
    """
    return msgspec.structs.replace(state, ask_again_at=now + ASK_AGAIN)


def ari_question_due(state: RenewalState, now: datetime) -> bool:
    """Tell whether to ask the CA now; also when the clock was set back since the last answer."""
    at = state.ask_again_at
    return at is None or at <= now or at > now + _ASK_LATEST


# --- renewal -----------------------------------------------------------------------------------


def renewal_due(
    name: str,
    state: RenewalState,
    lifetime: Lifetime | None,
    *,
    now: datetime,
    next_wake: datetime,
) -> Due:
    """Tell whether to renew the certificate ``name`` now.

    ``lifetime`` is None for a certificate that is not there. ``next_wake`` is when the caller will
    look again: a moment that the CA chose counts if it comes before that (RFC 9773 section 4.2).

    Without the CA's advice a certificate is renewed at two thirds of its lifetime, or at half of
    ten days or less. To spread load, each name has its own moment up to a twentieth of the lifetime
    before that point, never after it. Advice that would leave less than a tenth of the lifetime is
    not followed, and advice to replace a certificate that advice brought waits for a day: of a CA
    whose windows always lie in the past no certificate is wanted at every look.

    A failure's backoff comes first, whatever the reason, unless the clock was set back behind it.
    """
    wanted = _wanted(name, state, lifetime, now, next_wake)
    if state.paused:
        return Due(now=False, at=None, reason=state.paused)
    waits_until = _waits_until(state, now)
    if waits_until is None or waits_until <= now:
        return wanted
    at = max(waits_until, wanted.at or waits_until)
    reasons = [wanted.reason, _waiting(state, at)] if wanted.now else [_waiting(state, at)]
    return Due(now=False, at=at, reason="; ".join(reasons))


def _wanted(
    name: str, state: RenewalState, lifetime: Lifetime | None, now: datetime, next_wake: datetime
) -> Due:
    """Return what would be due if nothing had failed."""
    if lifetime is None:
        return Due(now=True, at=now, reason="it is not there")
    advice = _advised_moment(state)
    if lifetime.not_after <= now:
        at, reason = lifetime.not_after, f"it expired at {moments.at(lifetime.not_after)}"
    elif advice and advice <= lifetime.not_after - lifetime.total / _TOO_LATE:
        at, reason = advice, _advice(state)
        if is_renewal_due(advice, now=now, next_wake=next_wake):
            return Due(now=True, at=at, reason=reason)
    else:
        at = own_moment(name, lifetime)
        part = "half of its lifetime is" if lifetime.is_short else "two thirds of its lifetime are"
        reason = f"about {part} over"
    if at > now and lifetime.not_after <= next_wake:
        at, reason = now, "it expires before the next look"
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
    """Return when to look again: at the first of the moments, in a minute to an hour.

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
    clock = f"this machine's clock says {moments.at(now)}"
    start, end = moments.at(lifetime.not_before), moments.at(lifetime.not_after)
    if lifetime.not_before - now > _CLOCK_TOLERANCE:
        return (
            f"the certificate is valid from {start} on, and {clock}: set the clock, for instance by"
            " NTP; if it is right, the CA's is wrong"
        )
    if obtained_at and obtained_at - lifetime.not_before > lifetime.total / _NEW:
        return (
            f"the certificate was obtained at {moments.at(obtained_at)} and is valid from {start}"
            f" to {end}, and {clock}: set the clock, for instance by NTP"
        )
    if lifetime.not_after <= now:
        return f"the certificate expired at {end}, and {clock}: renew it, or set a wrong clock"
    return ""


# --- failures ----------------------------------------------------------------------------------


def after_failure(
    state: RenewalState,
    error: ZoneproofError,
    now: datetime,
    rng: Uniform,
    *,
    lifetime: Lifetime | None = None,
    account: str = "",
) -> RenewalState:
    """Return the state after an attempt with ``account`` failed; ``lifetime`` is the old one's.

    The next attempt comes after 1, 10 and 100 minutes, then daily, as Let's Encrypt asks; chance
    adds up to a tenth. If the CA names a later moment, that counts, up to 8 days ahead. A paused
    account, or a CA that waits for its account holder, stops all attempts until a person acts.

    Near expiry a day is too long, so from the fourth failure on the step is at most a third of the
    time left, and at least 100 minutes: an outage that ends with 10 hours left delays the renewal
    by less than 4. Certificates of 160 hours begin with 80 hours left and are tried 12 or 13 times
    until they expire: four times in two hours, then with about 54, 36, 24, 16, 11, 7, 5, 3 and 1
    hours left. After expiry the steps grow again in the same way, back to a day.
    """
    failures = state.failures + 1
    step = _LADDER[failures - 1] if failures <= len(_LADDER) else _late_step(lifetime, now)
    earliest = now + step * (1 + rng.uniform(0.0, _JITTER))
    if isinstance(error, AcmeProblemError) and error.retry_at:
        earliest = max(earliest, min(error.retry_at, now + _LONGEST_RETRY))
    line = printable(" ".join(error.message.split()))[:_LONGEST_ERROR]
    stops = isinstance(error, AccountPausedError | UserActionRequiredError)
    return msgspec.structs.replace(
        state,
        failures=failures,
        last_error=line,
        last_attempt_at=now,
        next_attempt_at=earliest,
        paused=line if stops else "",
        account=account or state.account,
    )


def after_success(
    state: RenewalState, serial: str, now: datetime, *, account: str = ""
) -> RenewalState:
    """Return the state of the new certificate, about which the CA has not been asked yet."""
    advised = state.chosen is not None and state.chosen <= now + LOOK_EVERY
    return RenewalState(
        serial=serial,
        account=account or state.account,
        advised_at=now if advised else None,
        obtained_at=now,
    )


def _late_step(lifetime: Lifetime | None, now: datetime) -> timedelta:
    if lifetime is None:
        return _DAILY
    return min(_DAILY, max(_LADDER[-1], abs(lifetime.not_after - now) / 3))


def _waits_until(state: RenewalState, now: datetime) -> datetime | None:
    """Return the end of the backoff; None without one, or if its attempt lies in the future."""
    if state.last_attempt_at and state.last_attempt_at - now > _CLOCK_TOLERANCE:
        return None
    return state.next_attempt_at


def _waiting(state: RenewalState, at: datetime) -> str:
    times = "once" if state.failures == 1 else f"{state.failures} times"
    return f"it failed {times}, next attempt at {moments.at(at)}"


def _advice(state: RenewalState) -> str:
    window = ""
    if state.window_start and state.window_end:
        window = f" (window {moments.at(state.window_start)} to {moments.at(state.window_end)})"
    see = f", see {state.explanation_url}" if state.explanation_url else ""
    return f"the CA asks for it{window}{see}"
