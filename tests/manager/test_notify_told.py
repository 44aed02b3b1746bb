"""What is worth telling again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneproof.manager.certificates.renewal_state import Lifetime
from zoneproof.manager.notifications.notice import Notice, Notified, is_expiring, should_notify

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def notice(kind: Any, **more: Any) -> Notice:
    return Notice(kind, "example.com", (), "", NOW, **more)


def told_at(kind: str, *hours: float) -> list[float]:
    """Return at which of the hours something was told."""
    state, found = Notified(), []
    for hour in hours:
        tell, state = should_notify(state, notice(kind), NOW + hour * HOUR)
        if tell:
            found.append(hour)
    return found


def test_the_first_failure_the_third_and_then_one_a_day_are_told() -> None:
    assert told_at("failing", 0, 0.1, 0.5, 2, 20, 24.4, 24.6, 30, 48.5, 48.7) == [
        0,
        0.5,
        24.6,
        48.7,
    ]


def test_expiring_is_told_daily() -> None:
    assert told_at("expiring", 0, 1, 23, 24, 25, 47, 60) == [0, 24, 60]


def test_awaiting_user_is_told_once_and_then_every_three_days() -> None:
    assert told_at("awaiting_user", 0, 1, 71, 72, 100, 144) == [0, 72, 144]


def test_other_records_are_told_at_once() -> None:
    _, state = should_notify(Notified(), notice("awaiting_user", records=("a",)), NOW)
    tell, state = should_notify(state, notice("awaiting_user", records=("b",)), NOW)
    assert tell
    assert not should_notify(state, notice("awaiting_user", records=("b",)), NOW)[0]


def test_a_renewal_is_told_once_and_forgets_what_was_wrong() -> None:
    state = Notified()
    for kind in ("failing", "expiring", "awaiting_user"):
        _, state = should_notify(state, notice(kind), NOW)
    renewed = notice("renewed", expires_at=NOW + 90 * DAY)
    tell, state = should_notify(state, renewed, NOW)
    assert tell
    assert state == Notified(renewed_until=NOW + 90 * DAY)
    assert not should_notify(state, renewed, NOW)[0]
    assert should_notify(state, notice("renewed", expires_at=NOW + 91 * DAY), NOW)[0]
    assert should_notify(state, notice("failing"), NOW)[0]


def test_a_test_is_always_told_and_changes_nothing() -> None:
    assert should_notify(Notified(failures=2), notice("test"), NOW) == (True, Notified(failures=2))


@pytest.mark.parametrize("kind", ["expiring", "awaiting_user"])
def test_a_clock_that_was_set_back_does_not_silence(kind: str) -> None:
    assert told_at(kind, 1000, 0, 1) == [1000, 0]


@pytest.mark.parametrize(
    ("days", "left"),
    [(90, 7), (45, 7), (20, 5), (10, 2.5), (160 / 24, 40 / 24)],
)
def test_expiring_begins_with_a_quarter_or_a_week_left(days: float, left: float) -> None:
    lifetime = Lifetime(NOW, NOW + days * DAY)
    assert not is_expiring(lifetime, lifetime.not_after - left * DAY)
    assert is_expiring(lifetime, lifetime.not_after - left * DAY + HOUR)
    assert is_expiring(lifetime, lifetime.not_after + 30 * DAY)


kinds = st.sampled_from(["failing", "expiring", "awaiting_user", "renewed", "test"])
moments = st.datetimes(timezones=st.just(UTC))


@given(st.lists(st.tuples(kinds, moments)))
def test_state_survives_storage_whatever_comes(events: list[tuple[str, datetime]]) -> None:
    state = Notified()
    for kind, moment in events:
        _, state = should_notify(state, notice(kind, expires_at=moment), moment)
        assert msgspec.json.decode(msgspec.json.encode(state), type=Notified) == state
