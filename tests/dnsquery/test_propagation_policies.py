"""Waiting where nothing can be asked, nothing need be asked, or many things at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import pytest

from tests.support.clock import Clock
from tests.support.fake_dns import FakeDns
from tests.support.name_servers import add_txt, common_port, knot, name
from tests.support.peers.unbound import Unbound
from tests.support.waiting import BOTH, FIRST, ONE, OTHER, SECOND, TXT, World
from zoneproof.core.errors import PropagationError
from zoneproof.dnsquery import (
    Resolver,
    ServerAddress,
    Verdict,
    check_visible,
    parse_policy,
    wait_until_visible,
)


@pytest.fixture(scope="module")
def port() -> int:
    return common_port(FIRST, SECOND, OTHER)


@pytest.fixture
def world(tmp_path: Path, port: int) -> Iterator[World]:
    with knot(tmp_path, FIRST, port, {"example.com": BOTH + TXT}) as first:
        yield World(tmp_path, port, first)


async def test_where_no_server_can_be_reached_a_minute_is_waited_and_said_so(
    world: World,
) -> None:
    closed = common_port(FIRST, SECOND)
    resolver = Resolver([ServerAddress(FIRST, world.port)], authoritative_port=closed)
    clock = Clock()
    report = await world.wait(ONE, clock, resolver=resolver)
    assert clock.slept == [60]
    assert (report.visible, report.waited) == (False, 60)
    assert report.names[0].verdict is Verdict.UNKNOWN
    assert world.seen[-1].waits == 60
    assert "port 53 may be blocked" in world.seen[-1].report.note
    assert report.problems == (
        "the TXT at _acme-challenge.example.com cannot be checked: no authoritative server of"
        " example.com answers here (port 53 may be blocked)",
    )


async def test_where_a_resolver_answers_for_the_servers_a_minute_is_waited_and_said_so(
    tmp_path: Path,
) -> None:
    clock = Clock()
    port = common_port("127.0.0.1", FIRST)
    zone = '@ NS ns1\nns1 A 127.0.0.1\n_acme-challenge TXT "one"\n'
    with (
        knot(tmp_path, FIRST, port, {"example.com": zone}),
        Unbound(tmp_path / "unbound", {"example.com": [f"{FIRST}@{port}"]}) as redirected_to,
    ):
        here = ServerAddress(redirected_to.address, redirected_to.port)
        resolver = Resolver([here], authoritative_port=redirected_to.port)
        report = await wait_until_visible(resolver, ONE, sleep=clock.sleep, clock=clock)
    assert clock.slept == [60]
    assert "answers in their place" in report.names[0].note


async def test_where_no_resolver_answers_a_minute_is_waited_and_said_so(world: World) -> None:
    resolver = Resolver([ServerAddress("127.0.0.1", common_port("127.0.0.1"))], timeout=0.1)
    clock = Clock()
    report = await world.wait(ONE, clock, resolver=resolver)
    assert clock.slept == [60]
    assert report.names[0].zone is None
    assert "cannot be reached" in report.problems[0]


@pytest.mark.parametrize(("policy", "slept"), [("60", [60.0]), ("0", [])])
async def test_a_fixed_policy_waits_and_asks_nobody(policy: str, slept: list[float]) -> None:
    async with FakeDns(lambda question: None) as server:
        clock = Clock()
        report = await wait_until_visible(
            Resolver([ServerAddress(server.address, server.port)]),
            ONE,
            parse_policy(policy),
            sleep=clock.sleep,
            clock=clock,
        )
        assert server.asked == []
    assert clock.slept == slept
    assert (report.elapsed, report.names) == (sum(slept), ())


async def test_both_ask_and_wait(world: World) -> None:
    clock = Clock()
    report = await world.wait(ONE, clock, policy="authoritative+30")
    assert clock.slept == [30]
    assert (report.visible, report.waited) == (True, 30)


async def test_names_in_several_zones_are_waited_for_at_once(tmp_path: Path, port: int) -> None:
    zone = f"@ NS ns1\nns1 A {FIRST}\n"
    zones = {f"zone{i}.example": zone for i in range(5)}
    with knot(tmp_path, FIRST, port, zones) as server:
        expected = {
            name(f"_acme-challenge.{host}.{zone}"): frozenset({f"value-{host}"})
            for zone in zones
            for host in ("a", "b")
        }

        def publish() -> None:
            for owner, values in expected.items():
                add_txt(server, ".".join(owner.labels[-2:]), owner.text, *values)

        clock = Clock(publish)
        report = await World(tmp_path, port, server).wait(expected, clock)
    assert report.visible
    assert [r.name for r in report.names] == list(expected)
    # None slept twice: they slept at the same time, and saw the values right after.
    assert set(clock.slept) == {0.1}


async def test_many_missing_values_make_one_line_of_bounded_length(world: World) -> None:
    expected = {
        name(f"_acme-challenge.h{i}.example.com"): frozenset({"v" * 43}) for i in range(100)
    }
    with pytest.raises(PropagationError, match="and 97 more") as error:
        await world.wait(expected, deadline=0)
    assert len(error.value.message) < 600


async def test_nothing_expected_is_visible_at_once(world: World) -> None:
    assert (await world.wait({})).visible


@pytest.fixture
async def questions(world: World) -> AsyncIterator[FakeDns]:
    def forward(question: dns.message.Message) -> dns.message.Message:
        return dns.query.udp(question, FIRST, port=world.port, timeout=5)

    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(FakeDns(forward))


async def test_the_resolver_is_never_asked_for_the_value(world: World, questions: FakeDns) -> None:
    resolver = Resolver(
        [ServerAddress(questions.address, questions.port)], authoritative_port=world.port
    )
    with pytest.raises(PropagationError):
        await world.wait(
            {name("_acme-challenge.new.example.com"): frozenset({"x"})},
            resolver=resolver,
            deadline=3,
        )
    assert {asked for asked, _ in questions.asked} <= {
        "example.com",
        "ns1.example.com",
        "ns2.example.com",
    }


async def test_one_look_tells_what_is_there_and_what_is_missing(world: World) -> None:
    missing = name("_acme-challenge.missing.example.com")
    report = await check_visible(world.resolver(), {**ONE, missing: frozenset({"x"})})
    assert not report.visible
    assert [r.verdict for r in report.names] == [Verdict.VISIBLE, Verdict.NOT_YET]
    assert report.problems == (
        f"ns1.example.com ({FIRST}) still lacks the TXT value x at {missing}",
    )
    assert (await check_visible(world.resolver(), ONE)).visible


async def test_one_look_says_so_when_it_cannot_look(world: World) -> None:
    resolver = Resolver([ServerAddress("127.0.0.1", common_port("127.0.0.1"))], timeout=0.1)
    report = await check_visible(resolver, ONE)
    assert not report.visible
    assert "cannot be checked" in report.problems[0]


async def test_a_wait_that_is_cancelled_ends_at_once(world: World) -> None:
    waiting = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(
        wait_until_visible(
            world.resolver(), {name("_acme-challenge.x.example.com"): frozenset({"x"})}, sleep=sleep
        )
    )
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
