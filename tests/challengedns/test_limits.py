"""Rate limits and the address that they count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneproof.challengedns.limits import RateLimit, network_of


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def test_a_caller_may_do_a_burst_and_then_waits_as_long_as_told() -> None:
    clock = Clock()
    limit = RateLimit(0.5, 3, clock=clock)
    assert [limit.take("a") for _ in range(3)] == [0, 0, 0]
    assert limit.take("a") == 2
    assert limit.take("b") == 0
    clock.now += 2
    assert limit.take("a") == 0
    assert limit.take("a") == 2


@given(st.lists(st.floats(0, 5), max_size=100))
def test_over_time_nobody_does_more_than_the_rate(pauses: list[float]) -> None:
    clock = Clock()
    limit = RateLimit(2, 4, clock=clock)
    begun = clock.now
    done = 0
    for pause in pauses:
        clock.now += pause
        done += limit.take("a") == 0
        assert done <= 4 + (clock.now - begun) * 2 + 1e-6


def test_memory_is_bounded_and_whoever_is_limited_stays_so_while_there_is_room() -> None:
    clock = Clock()
    limit = RateLimit(1, 1, clock=clock, max_callers=100)
    for number in range(99):
        limit.take(f"old {number}")
    clock.now += 5
    limit.take("a")
    assert limit.take("a") > 0
    limit.take("b")
    assert limit.take("a") > 0
    for number in range(1000):
        limit.take(str(number))
        assert len(limit._callers) <= 100


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:0db8:0000:0000"),
        ("2001:db8::ffff:1", "2001:0db8:0000:0000"),
        ("2001:db8:0:1::1", "2001:0db8:0000:0001"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
    ],
)
def test_one_caller_is_an_ipv4_address_or_an_ipv6_64(address: str, network: str) -> None:
    assert network_of(address) == network
