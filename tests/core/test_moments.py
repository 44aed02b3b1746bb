"""Moments in words: in UTC whatever they were given as, and how far away they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from zoneproof.core.times import at, at_and_distance, distance, stamp

NOW = datetime(2026, 11, 25, 15, 54, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    "moment",
    [
        NOW,
        NOW.astimezone(timezone(timedelta(hours=-5))),
        NOW.timestamp(),
        int(NOW.timestamp()),
        "2026-11-25T15:54:07.250+00:00",
        "2026-11-25T21:24:07+05:30",
    ],
)
def test_a_moment_is_said_in_utc_to_the_minute(moment: datetime | float | str) -> None:
    assert at(moment) == "2026-11-25 15:54 UTC"


def test_programs_get_a_moment_in_utc_with_z() -> None:
    assert stamp(NOW.astimezone(timezone(timedelta(hours=-5)))) == "2026-11-25T15:54:07.000Z"
    assert stamp(NOW, "seconds") == "2026-11-25T15:54:07Z"


@pytest.mark.parametrize(
    ("away", "words"),
    [
        ({"days": 89, "hours": 23}, "in 89 days"),
        ({"hours": 48}, "in 2 days"),
        ({"hours": 47, "minutes": 59}, "in 47 hours"),
        ({"minutes": 119}, "in 119 minutes"),
        ({"seconds": 119}, "in 1 minute"),
        ({"seconds": 59}, "within a minute"),
        ({}, "now"),
        ({"seconds": -59}, "now"),
        ({"seconds": -60}, "1 minute ago"),
        ({"hours": -2}, "2 hours ago"),
        ({"days": -3}, "3 days ago"),
    ],
)
def test_a_distance_is_never_more_than_it_is(away: dict[str, float], words: str) -> None:
    assert distance(NOW + timedelta(**away), NOW) == words


def test_both_can_be_said() -> None:
    told = at_and_distance(NOW + timedelta(days=23), NOW)
    assert told == "2026-12-18 15:54 UTC (in 23 days)"
