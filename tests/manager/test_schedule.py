"""When certificates are renewed, asked about and tried again."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneproof.acme import RenewalInfo
from zoneproof.core.errors import (
    AccountPausedError,
    AcmeError,
    RateLimitedError,
    UserActionRequiredError,
    ZoneproofError,
)
from zoneproof.manager.certificates.renewal_state import (
    LOOK_EVERY,
    Lifetime,
    RenewalState,
    after_failure,
    after_success,
    by_the_clock,
    in_circumstances,
    of_certificate,
    with_ari,
    without_ari,
)
from zoneproof.manager.certificates.schedule import (
    Due,
    ari_question_due,
    clock_problem,
    next_wake,
    own_moment,
    renewal_due,
)

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NAME = "example.com"
QUARTER = Lifetime(NOW, NOW + 90 * DAY)

names = st.text(max_size=30)
seeds = st.integers(0, 2**32).map(random.Random)
moments = st.datetimes(timezones=st.just(UTC))
near = st.timedeltas(-400 * DAY, 400 * DAY).map(lambda distance: NOW + distance)
lifetimes = st.builds(
    lambda start, total: Lifetime(start, start + total), near, st.timedeltas(MINUTE, 800 * DAY)
)
maybe = st.none() | moments
states = st.builds(
    RenewalState,
    serial=st.sampled_from(["", "0a"]),
    window_start=maybe,
    window_end=maybe,
    chosen=maybe,
    ask_again_at=maybe,
    failures=st.integers(0, 5000),
    last_attempt_at=maybe,
    next_attempt_at=maybe,
    paused=st.sampled_from(["", "go to the portal"]),
)


class Least:
    """Chance that always gives the least."""

    def uniform(self, a: float, b: float) -> float:
        return a


def due(
    state: RenewalState | None = None,
    lifetime: Lifetime | None = QUARTER,
    now: datetime = NOW,
    next_wake: datetime | None = None,
) -> Due:
    return renewal_due(NAME, state or RenewalState(), lifetime, now=now, next_wake=next_wake or now)


def acme_problem(kind: type[Any], retry_at: datetime | None = None) -> ZoneproofError:
    error = kind("the CA says no", type="t", detail="d", status=429, retry_at=retry_at)
    assert isinstance(error, ZoneproofError)
    return error


def failed(times: int, *, at: datetime = NOW) -> RenewalState:
    state = RenewalState()
    for _ in range(times):
        state = after_failure(state, AcmeError("no"), at, Least())
    return state


@given(names, lifetimes)
def test_own_moment_is_at_the_point_or_up_to_a_twentieth_of_the_lifetime_before(
    name: str, lifetime: Lifetime
) -> None:
    point = lifetime.total / 2 if lifetime.total <= 10 * DAY else lifetime.total * 2 / 3
    early = lifetime.not_before + point - own_moment(name, lifetime)
    assert -timedelta(microseconds=2) <= early <= lifetime.total / 20 + timedelta(microseconds=2)


@pytest.mark.parametrize(
    ("days", "share", "words"),
    [
        (90, 2 / 3, "about two thirds of its lifetime are over"),
        (10.01, 2 / 3, "about two thirds of its lifetime are over"),
        (10, 1 / 2, "about half of its lifetime is over"),
        (6.67, 1 / 2, "about half of its lifetime is over"),
    ],
)
def test_two_thirds_of_the_lifetime_and_half_of_a_short_one(
    days: float, share: float, words: str
) -> None:
    lifetime = Lifetime(NOW, NOW + days * DAY)
    before = due(lifetime=lifetime, now=NOW + days * DAY * (share - 0.051))
    after = due(lifetime=lifetime, now=NOW + days * DAY * share)
    assert (before.now, before.reason) == (False, "")
    assert (after.now, after.reason) == (True, words)
    assert before.at == after.at


def test_names_that_were_issued_together_are_renewed_apart() -> None:
    found = sorted(own_moment(f"host{number}.example.com", QUARTER) for number in range(200))
    assert len(set(found)) == 200
    assert found[-1] - found[0] > 4 * DAY
    assert max(later - earlier for earlier, later in pairwise(found)) < DAY / 2


def test_what_is_missing_or_expired_or_will_be_at_the_next_look_is_due() -> None:
    assert due(lifetime=None) == Due(True, NOW, "it is missing")
    assert due(now=QUARTER.not_after).reason == "it expired at 2026-10-30 12:00 UTC"
    soon = Lifetime(NOW, NOW + HOUR)
    assert not due(lifetime=soon).now
    assert due(lifetime=soon, next_wake=NOW + HOUR).reason == "it expires before the next check"


INFO = RenewalInfo(NOW + DAY, NOW + 3 * DAY, NOW + 6 * HOUR, "https://ca.test/why")


@given(seeds, seeds)
def test_the_moment_is_kept_until_the_window_moves(one: random.Random, two: random.Random) -> None:
    state = with_ari(RenewalState(serial="0a"), INFO, one)
    later = RenewalInfo(INFO.start, INFO.end, NOW + DAY)
    again = with_ari(state, later, two)
    assert again.chosen == state.chosen
    assert (again.ask_again_at, again.explanation_url) == (NOW + DAY, "")
    moved = with_ari(again, RenewalInfo(NOW - 3 * DAY, NOW - 2 * DAY, NOW + DAY), two)
    assert moved.chosen is not None
    assert NOW - 3 * DAY <= moved.chosen <= NOW - 2 * DAY


def test_the_chosen_moment_counts_if_it_comes_before_the_next_look() -> None:
    state = with_ari(RenewalState(), INFO, Least())
    assert due(state) == Due(False, NOW + DAY)
    assert due(state, next_wake=NOW + 2 * DAY).now
    found = due(state, now=NOW + DAY)
    assert found.now
    assert found.reason == (
        "the CA asks for it (window 2026-08-02 12:00 UTC to 2026-08-04 12:00 UTC),"
        " see https://ca.test/why"
    )


def test_the_cas_advice_counts_after_our_own_moment_too() -> None:
    window = RenewalInfo(NOW + 70 * DAY, NOW + 71 * DAY, NOW)
    state = with_ari(RenewalState(), window, Least())
    assert due(state, now=NOW + 69 * DAY) == Due(False, NOW + 70 * DAY)


@pytest.mark.parametrize("days", [81.1, 89, 91, 100_000])
def test_advice_that_leaves_too_little_of_the_lifetime_is_not_followed(days: float) -> None:
    window = RenewalInfo(NOW + days * DAY, NOW + (days + 1) * DAY, NOW)
    state = with_ari(RenewalState(), window, Least())
    assert due(state).at == own_moment(NAME, QUARTER)


def test_a_ca_that_gives_no_advice_is_asked_again_in_six_hours() -> None:
    state = without_ari(with_ari(RenewalState(), INFO, Least()), NOW)
    assert state.ask_again_at == NOW + 6 * HOUR
    assert state.chosen == NOW + DAY


@pytest.mark.parametrize(
    ("again", "expected"),
    [(None, True), (-MINUTE, True), (MINUTE, False), (DAY, False), (2 * DAY, True)],
)
def test_the_ca_is_asked_when_it_said_and_when_the_clock_was_set_back(
    again: timedelta | None, expected: bool
) -> None:
    state = RenewalState(ask_again_at=None if again is None else NOW + again)
    assert ari_question_due(state, NOW) is expected


def test_advice_about_another_certificate_is_dropped_and_failures_are_not() -> None:
    state = with_ari(msgspec.structs.replace(failed(2), serial="0a"), INFO, Least())
    assert of_certificate(state, "0a") is state
    other = of_certificate(state, "0b")
    assert other == msgspec.structs.replace(failed(2), serial="0b")


@given(st.integers(0, 5000), seeds, st.none() | lifetimes)
def test_the_ladder_is_never_shorter_and_at_most_a_tenth_longer(
    before: int, rng: random.Random, lifetime: Lifetime | None
) -> None:
    state = after_failure(
        RenewalState(failures=before), AcmeError("no"), NOW, rng, lifetime=lifetime
    )
    assert state.failures == before + 1
    assert state.next_attempt_at is not None
    wait = state.next_attempt_at - NOW
    if before < 3:
        assert 10**before * MINUTE <= wait <= 10**before * MINUTE * 1.1
    elif lifetime is None:
        assert DAY <= wait <= DAY * 1.1
    else:
        step = min(DAY, max(100 * MINUTE, abs(lifetime.not_after - NOW) / 3))
        assert step <= wait <= step * 1.1 + MINUTE


@given(seeds)
def test_a_certificate_of_160_hours_is_tried_ever_more_often_until_it_expires(
    rng: random.Random,
) -> None:
    lifetime, now, state = Lifetime(NOW, NOW + 160 * HOUR), NOW + 80 * HOUR, RenewalState()
    left = []
    while now < lifetime.not_after:
        assert due(state, lifetime, now).now
        left.append(lifetime.not_after - now)
        state = after_failure(state, AcmeError("no"), now, rng, lifetime=lifetime)
        assert not due(state, lifetime, now).now
        assert state.next_attempt_at is not None
        now = state.next_attempt_at
    assert len(left) in {12, 13}
    assert left[3] > 77 * HOUR
    assert left[-1] < 2 * HOUR


def test_a_change_makes_due_what_is_not_due_by_its_age_and_waits_after_a_failure() -> None:
    def found(state: RenewalState) -> Due:
        return renewal_due(
            NAME, state, QUARTER, now=NOW, next_wake=NOW, change="its names were changed"
        )

    assert found(RenewalState()) == Due(True, NOW, "its names were changed")
    waits = found(failed(1))
    assert (waits.now, waits.at) == (False, NOW + MINUTE)
    assert waits.reason.startswith("its names were changed; it failed once")
    assert found(failed(1, at=NOW - HOUR)).now


@given(states, st.sampled_from(["", "one", "two"]), st.sampled_from(["", "one", "two"]))
def test_failures_end_with_their_circumstances_alone(
    state: RenewalState, then: str, now: str
) -> None:
    state = msgspec.structs.replace(state, circumstances=then)
    after = in_circumstances(state, now)
    if then and now and then != now:
        assert (after.failures, after.paused, after.next_attempt_at) == (0, "", None)
        assert after.chosen == state.chosen
    else:
        assert after is state


def test_failures_wait_and_say_so() -> None:
    state = failed(1)
    assert due(state, None) == Due(
        False,
        NOW + MINUTE,
        "it is missing; it failed once, next attempt at 2026-08-01 12:01 UTC",
    )
    assert due(state, None, now=NOW + MINUTE).now
    assert "it failed 3 times" in due(failed(3), None).reason


def test_an_attempt_that_failed_before_its_time_is_repeated_like_any_other() -> None:
    waits = due(failed(1))
    assert waits == Due(False, NOW + MINUTE, "it failed once, next attempt at 2026-08-01 12:01 UTC")
    assert due(failed(1), now=NOW + MINUTE) == Due(True, NOW + MINUTE, "the last attempt failed")


def test_an_attempt_that_lies_in_the_future_is_no_reason_to_wait() -> None:
    assert due(failed(4, at=NOW + 300 * DAY), None).now


@pytest.mark.parametrize(
    ("retry", "wait"),
    [
        (None, MINUTE),
        (-DAY, MINUTE),
        (timedelta(seconds=30), MINUTE),
        (3 * HOUR, 3 * HOUR),
        (7 * DAY, 7 * DAY),
        (366 * DAY, 8 * DAY),
    ],
)
def test_a_rate_limit_counts_when_it_is_later(retry: timedelta | None, wait: timedelta) -> None:
    error = acme_problem(RateLimitedError, None if retry is None else NOW + retry)
    state = after_failure(RenewalState(), error, NOW, Least())
    assert state.next_attempt_at == NOW + wait


@given(st.timedeltas(MINUTE, 400 * DAY), st.timedeltas(-DAY, 90 * DAY), st.integers(0, 9))
def test_what_the_ca_asks_for_never_outlasts_the_certificate(
    retry: timedelta, left: timedelta, before: int
) -> None:
    lifetime = Lifetime(NOW + left - 90 * DAY, NOW + left)
    failures = RenewalState(failures=before)
    ours = after_failure(failures, AcmeError("no"), NOW, Least(), lifetime=lifetime)
    error = acme_problem(RateLimitedError, NOW + retry)
    theirs = after_failure(failures, error, NOW, Least(), lifetime=lifetime)
    assert ours.next_attempt_at is not None
    assert theirs.next_attempt_at is not None
    assert theirs.next_attempt_at >= ours.next_attempt_at
    longest = min(8 * DAY, left * 2 / 3) if left > timedelta() else DAY
    assert theirs.next_attempt_at == max(ours.next_attempt_at, NOW + min(retry, longest))


@pytest.mark.parametrize("kind", [AccountPausedError, UserActionRequiredError])
def test_what_only_a_person_can_mend_is_not_tried_again(kind: type[Any]) -> None:
    state = after_failure(RenewalState(), acme_problem(kind), NOW, Least())
    assert due(state, None, NOW + 1000 * DAY) == Due(False, None, "the CA says no")
    manual = after_failure(state, AcmeError("timeout"), NOW, Least())
    assert (manual.paused, manual.failures) == ("", 2)


def test_the_error_is_kept_as_one_short_line_with_the_account() -> None:
    error = AcmeError("one\ntwo\x1b[1m" + "x" * 5000)
    state = after_failure(RenewalState(account="main"), error, NOW, Least())
    assert state.last_error.startswith("one two\\x1b[1mxxx")
    assert len(state.last_error) == 1000
    assert state.account == "main"
    again = after_failure(state, AcmeError("no"), NOW, Least())
    assert again.account == "main"


def test_a_ca_that_always_wants_a_renewal_at_once_gets_one_a_day() -> None:
    past = msgspec.structs.replace(RenewalState(), chosen=NOW - HOUR)
    assert due(past, QUARTER, NOW).now
    renewed = after_success(past, "0b", NOW)
    asked_again = msgspec.structs.replace(renewed, chosen=NOW - HOUR)
    fresh = Lifetime(NOW, NOW + 90 * DAY)
    assert not due(asked_again, fresh, NOW + 2 * HOUR).now
    assert due(asked_again, fresh, NOW + DAY).now


@pytest.mark.parametrize("ahead", [40 * DAY, 70 * DAY, 100 * DAY, 4000 * DAY])
def test_a_clock_that_is_ahead_renews_once_and_not_at_every_look(ahead: timedelta) -> None:
    """The CA's clock is right: what it issues is old as soon as it is here."""
    issued = Lifetime(NOW, NOW + 60 * DAY)
    here = NOW + ahead
    renewed = after_success(RenewalState(), "0b", here)
    for look in range(0, 14 * 24, 12):
        found = due(renewed, issued, here + look * HOUR)
        assert not found.now
        assert "set the clock" in found.reason
        assert found.at == here + 15 * DAY
    assert due(renewed, issued, here + 15 * DAY).now
    assert "set the clock" in clock_problem(issued, here, here)


def test_the_ca_s_advice_counts_however_new_the_certificate_is() -> None:
    renewed = msgspec.structs.replace(after_success(RenewalState(), "0b", NOW), chosen=NOW)
    assert due(renewed, QUARTER, NOW).now


def test_a_certificate_obtained_while_the_clock_was_ahead_is_renewed_in_time() -> None:
    renewed = after_success(RenewalState(), "0b", NOW + 4000 * DAY)
    assert not due(renewed, QUARTER, NOW + 50 * DAY).now
    assert due(renewed, QUARTER, NOW + 61 * DAY).now


def test_a_clock_that_was_corrected_is_no_problem_even_when_its_moment_comes() -> None:
    renewed = after_success(RenewalState(), "0b", NOW + 60 * DAY)
    assert by_the_clock(renewed, QUARTER, NOW + 60 * DAY) is renewed
    corrected = by_the_clock(renewed, QUARTER, NOW + DAY)
    for day in (1, 61):
        assert clock_problem(QUARTER, NOW + day * DAY, corrected.obtained_at) == ""


def test_success_forgets_failures_and_advice() -> None:
    state = with_ari(msgspec.structs.replace(failed(3), account="main"), INFO, Least())
    assert after_success(state, "0b", NOW) == RenewalState(
        serial="0b", account="main", obtained_at=NOW
    )


@given(st.lists(st.none() | moments), near)
def test_the_next_wake_is_a_minute_to_an_hour_ahead(
    found: list[datetime | None], now: datetime
) -> None:
    wake = next_wake(found, now)
    assert MINUTE <= wake - now <= LOOK_EVERY
    coming = [moment for moment in found if moment and MINUTE <= moment - now <= LOOK_EVERY]
    assert all(wake <= moment for moment in coming)


@given(names, states, st.none() | st.builds(Lifetime, moments, moments), near, seeds)
def test_no_state_lifetime_or_clock_makes_it_fail(
    name: str, state: RenewalState, lifetime: Lifetime | None, now: datetime, rng: random.Random
) -> None:
    found = renewal_due(name, state, lifetime, now=now, next_wake=now + HOUR)
    assert not (found.now and not found.reason)
    assert found.at is not None or found.reason == state.paused
    ari_question_due(state, now)
    next_wake([found.at, state.ask_again_at], now)
    after_failure(state, AcmeError("no"), now, rng, lifetime=lifetime)
    if lifetime:
        clock_problem(lifetime, now)


@given(lifetimes, states, near)
def test_nothing_but_backoff_and_a_pause_keeps_an_expired_certificate(
    lifetime: Lifetime, state: RenewalState, now: datetime
) -> None:
    fresh = msgspec.structs.replace(state, paused="", last_attempt_at=None, next_attempt_at=None)
    found = renewal_due(NAME, fresh, lifetime, now=now, next_wake=now + HOUR)
    if now >= lifetime.not_after:
        assert found.now
    elif not found.now:
        assert found.at is not None
        assert found.at <= lifetime.not_after - lifetime.total / 10


def test_a_certificate_of_the_future_is_a_clock_problem() -> None:
    assert clock_problem(QUARTER, NOW - 4 * MINUTE) == ""
    assert clock_problem(QUARTER, NOW + DAY) == ""
    line = clock_problem(QUARTER, NOW - 2 * DAY)
    assert line.startswith(
        "the certificate is valid from 2026-08-01 12:00 UTC on, and this machine's clock says"
        " 2026-07-30 12:00 UTC: set the clock"
    )


@given(states)
def test_state_survives_storage(state: RenewalState) -> None:
    assert msgspec.json.decode(msgspec.json.encode(state), type=RenewalState) == state
