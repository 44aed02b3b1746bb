"""What is remembered of one certificate's renewal, and how answers and attempts change it.

Pure functions: the caller gives ``now``, in UTC, and keeps the :class:`RenewalState` that it gets.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec.structs import replace

from zoneproof.acme import RenewalInfo, choose_renewal_time
from zoneproof.acme.ari import ASK_AGAIN, Uniform
from zoneproof.core.errors import (
    AccountPausedError,
    AcmeProblemError,
    UserActionRequiredError,
    ZoneproofError,
)
from zoneproof.core.text import printable

LOOK_EVERY = timedelta(hours=1)  # the longest that a daemon sleeps
_SHORT = timedelta(days=10)  # lifetimes up to this are renewed at half
_LADDER = (timedelta(minutes=1), timedelta(minutes=10), timedelta(minutes=100))
_DAILY = timedelta(days=1)
_JITTER = 0.1  # of a step, added to it
LONGEST_STEP = _DAILY * (1 + _JITTER)
_LONGEST_RETRY = timedelta(days=8)  # Let's Encrypt's longest window is 7 days
_LONGEST_ERROR = 1000  # characters

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Lifetime(msgspec.Struct, frozen=True):
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
    nothing is tried until a person does it by hand. ``account`` is the CA account from which the
    last certificate came. ``advised_at`` is when the present one was obtained because the CA asked
    for it, ``obtained_at`` when it was obtained at all, by this machine's clock, and
    ``identifiers`` are those that it was obtained for: the CA may have added names. ``definition``
    is the fingerprint of the definition that it was obtained with, empty if that is not known.
    ``revoked_at`` is when it was revoked from here. ``circumstances`` are the
    :class:`Circumstances` of the last attempt, and, if it did not succeed, ``delegations`` where
    the challenge names led then and ``files`` a digest of the files that it named on this machine.
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
    identifiers: tuple[str, ...] = ()
    definition: str = ""
    revoked_at: Moment | None = None
    circumstances: str = ""
    delegations: str = ""
    files: str = ""


def of_certificate(state: RenewalState, serial: str) -> RenewalState:
    """Return the state without what it says of the certificate, if that was another one."""
    if state.serial == serial:
        return state
    return replace(
        state,
        serial=serial,
        window_start=None,
        window_end=None,
        chosen=None,
        ask_again_at=None,
        explanation_url="",
        obtained_at=None,
        identifiers=(),
        definition="",
        revoked_at=None,
    )


def by_the_clock(state: RenewalState, lifetime: Lifetime | None, now: datetime) -> RenewalState:
    """Return the state for a clock that was ahead when the certificate was obtained, and is not.

    Then the certificate's own beginning counts, or that moment would seem to speak against the
    clock once it has come.
    """
    if lifetime is None or state.obtained_at is None or state.obtained_at <= now:
        return state
    return replace(state, obtained_at=lifetime.not_before)


def in_circumstances(state: RenewalState, circumstances: str) -> RenewalState:
    """Return the state without failures if they came of other circumstances; "" are not known."""
    if not circumstances or state.circumstances in ("", circumstances):
        return state
    return without_failures(state)


def without_failures(state: RenewalState) -> RenewalState:
    """Return the state as if no attempt had failed since the certificate was obtained."""
    return replace(
        state,
        failures=0,
        last_error="",
        last_attempt_at=None,
        next_attempt_at=None,
        paused="",
        circumstances="",
        delegations="",
        files="",
    )


def with_ari(state: RenewalState, info: RenewalInfo, rng: Uniform | None = None) -> RenewalState:
    """Return the state with the CA's answer; a moment is chosen anew only if the window moved."""
    chosen = state.chosen
    if chosen is None or (state.window_start, state.window_end) != (info.start, info.end):
        chosen = choose_renewal_time(info, rng)
    return replace(
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
    return replace(state, ask_again_at=now + ASK_AGAIN)


def after_failure(
    state: RenewalState,
    error: ZoneproofError,
    now: datetime,
    rng: Uniform,
    *,
    lifetime: Lifetime | None = None,
    circumstances: str = "",
    delegations: str = "",
    files: str = "",
) -> RenewalState:
    """Return the state after an attempt failed; ``lifetime`` is the present certificate's.

    The next attempt comes after 1, 10 and 100 minutes, then daily, as Let's Encrypt asks; chance
    adds up to a tenth. If the CA names a later moment, that counts, up to 8 days ahead, and up to
    two thirds of the time left, for what a CA asks may be wrong; after expiry up to a day. A paused
    account, or a CA that waits for its account holder, stops all attempts until a person acts.

    Near expiry a day is too long, so from the fourth failure on the step is at most a third of the
    time left, and at least 100 minutes: an outage that ends with 10 hours left delays the renewal
    by less than 4. Certificates of 160 hours begin with 80 hours left and are tried 12 or 13 times
    until they expire: four times in two hours, then with about 54, 36, 24, 16, 11, 7, 5, 3 and 1
    hours left. After expiry the steps grow again in the same way, back to a day.
    """
    failures = state.failures + 1
    earliest = now + retry_step(failures, rng, _late_step(lifetime, now))
    if isinstance(error, AcmeProblemError) and error.retry_at:
        earliest = max(earliest, min(error.retry_at, now + _longest_wait(lifetime, now)))
    line = one_line(error)
    stops = isinstance(error, AccountPausedError | UserActionRequiredError)
    return replace(
        state,
        failures=failures,
        last_error=line,
        last_attempt_at=now,
        next_attempt_at=earliest,
        paused=line if stops else "",
        circumstances=circumstances,
        delegations=delegations,
        files=files,
    )


def retry_step(failures: int, rng: Uniform, late: timedelta = _DAILY) -> timedelta:
    """Return how long to wait after so many failures in a row: ``late`` after the first three."""
    step = _LADDER[failures - 1] if failures <= len(_LADDER) else late
    return step * (1 + rng.uniform(0.0, _JITTER))


def one_line(error: ZoneproofError) -> str:
    """Return what an error says as the line that is kept of it."""
    return printable(" ".join(error.message.split()))[:_LONGEST_ERROR]


def after_success(
    state: RenewalState,
    serial: str,
    now: datetime,
    *,
    identifiers: Sequence[str] = (),
    account: str = "",
    definition: str = "",
) -> RenewalState:
    """Return the state of the new certificate, about which the CA has not been asked yet."""
    advised = state.chosen is not None and state.chosen <= now + LOOK_EVERY
    return RenewalState(
        serial=serial,
        account=account or state.account,
        advised_at=now if advised else None,
        obtained_at=now,
        identifiers=tuple(identifiers),
        definition=definition,
    )


def _late_step(lifetime: Lifetime | None, now: datetime) -> timedelta:
    if lifetime is None:
        return _DAILY
    return min(_DAILY, max(_LADDER[-1], abs(lifetime.not_after - now) / 3))


def _longest_wait(lifetime: Lifetime | None, now: datetime) -> timedelta:
    """Return how long the CA can make us wait."""
    if lifetime is None:
        return _LONGEST_RETRY
    left = lifetime.not_after - now
    return min(_LONGEST_RETRY, left * 2 / 3) if left > timedelta() else _DAILY
