"""Rate limits and the address that they count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import Clock
from zoneproof.serving.limits import Crowd, RateLimit, network_of


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


def test_a_crowd_of_new_callers_frees_nobody_who_goes_on_calling() -> None:
    limit = RateLimit(1, 1, clock=Clock(), max_callers=100)
    limit.take("a")
    for number in range(1000):
        limit.take(str(number))
        assert limit.take("a") > 0
        assert len(limit._callers) <= 100


def test_of_too_many_callers_the_one_not_heard_for_longest_is_forgotten() -> None:
    limit = RateLimit(1, 1, clock=Clock(), max_callers=2)
    for caller in ("a", "b", "a", "c"):
        limit.take(caller)
    assert limit.take("a") > 0
    assert limit.take("b") == 0


def crowd(most: int, most_of_one: int, members: str) -> tuple[Crowd[str], Clock]:
    """Make a crowd of members that are named for their caller, such as a1, a2, b1."""
    clock = Clock()
    made = Crowd[str](most, most_of_one, clock=clock)
    for member in members.split():
        made.enter(member, member[0])
        clock.now += 3
    return made, clock


@pytest.mark.parametrize(
    ("members", "first"),
    [
        ("a1 a2 b1", ""),
        ("a1 a2 b1 b2", ""),
        ("a1 b1 b2 b3", "b1"),  # b has too many
        ("c1 a1 b1 a2 d1", "a1"),  # there are too many, and a has most
        ("a1 b1 c1 d1 e1", "a1"),  # there are too many, and nobody has most
    ],
)
def test_who_has_to_make_room(members: str, first: str) -> None:
    made, _ = crowd(4, 2, members)
    assert next(made.in_excess(members.split()[-1]), "") == first


def test_whoever_was_of_use_lately_stays() -> None:
    made, _ = crowd(4, 2, "a1 a2 a3")
    made.touch("a1")
    assert list(made.in_excess("a3")) == ["a2", "a3", "a1"]


def test_those_who_never_pause_do_not_overtake_somebody_who_has_just_come() -> None:
    made, clock = crowd(2, 2, "a1 b1")
    made.touch("a1")
    made.touch("b1")
    made.enter("c1", "c")
    clock.now += 0.1
    for _ in range(1000):
        made.touch("a1")
        made.touch("b1")
    assert list(made.in_excess("c1")) == ["a1", "b1", "c1"]


def test_connections_of_nobody_count_only_among_all() -> None:
    made, _ = crowd(3, 1, "b1")
    for member in ("p1", "p2", "p3"):
        made.enter(member, None)
    assert list(made.in_excess("p3")) == ["b1", "p1", "p2", "p3"]


@given(
    st.lists(st.tuples(st.sampled_from(["enter", "touch", "leave"]), st.integers(0, 20))),
    st.integers(1, 5),
    st.integers(1, 5),
)
def test_whoever_makes_room_as_asked_keeps_within_both_limits(
    steps: list[tuple[str, int]], most: int, most_of_one: int
) -> None:
    made = Crowd[int](most, most_of_one, clock=Clock())
    for what, who in steps:
        if what == "enter" and who not in made:
            made.enter(who, str(who % 3))
            if out := list(made.in_excess(who)):
                made.leave(out[0])
        elif what == "touch":
            made.touch(who)
        elif what == "leave":
            made.leave(who)
        assert len(made) <= most
        for caller in range(3):
            assert sum(each % 3 == caller for each in made) <= most_of_one


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:0db8:0000:0000"),
        ("2001:db8::ffff:1", "2001:0db8:0000:0000"),
        ("2001:db8:0:1::1", "2001:0db8:0000:0001"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80:0000:0000:0000"),
    ],
)
def test_one_caller_is_an_ipv4_address_or_an_ipv6_64(address: str, network: str) -> None:
    assert network_of(address) == network
