"""Waiting until the DNS has the value: real servers that have it, lack it, refuse or are gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import pytest

from tests.support.clock import Clock
from tests.support.fake_dns import FakeDns, reply, soa
from tests.support.name_servers import HEAD, add_txt, common_port, knot, name
from tests.support.peers.bind import Bind
from tests.support.peers.unbound import Unbound
from tests.support.waiting import BOTH, FIRST, LONG, NS, ONE, OTHER, SECOND, TXT, World
from zoneproof.core.errors import PropagationError, StorageError
from zoneproof.core.names import DomainName
from zoneproof.dnsquery import (
    NameReport,
    Resolver,
    ServerAddress,
    ServerStatus,
    Verdict,
    wait_until_visible,
)


@pytest.fixture(scope="module")
def port() -> int:
    return common_port(FIRST, SECOND, OTHER)


@pytest.fixture
def world(tmp_path: Path, port: int) -> Iterator[World]:
    with knot(tmp_path, FIRST, port, {"example.com": BOTH + TXT}) as first:
        yield World(tmp_path, port, first)


async def test_what_is_there_at_once_costs_no_sleep(world: World) -> None:
    clock = Clock()
    with knot(world.folder, SECOND, world.port, {"example.com": BOTH + TXT}):
        report = await world.wait(ONE, clock)
    assert report.visible
    assert clock.slept == []
    assert [p.report.verdict for p in world.seen] == [Verdict.VISIBLE]
    assert {s.address for s in report.names[0].servers} == {FIRST, SECOND}


async def test_what_is_missing_can_be_seen_to_before_the_next_look(world: World) -> None:
    missing: list[str] = []

    async def fix(report: NameReport) -> None:
        missing.extend(value for server in report.servers for value in server.missing)
        add_txt(second, "example.com", "_acme-challenge.example.com", "one")

    with knot(world.folder, SECOND, world.port, {"example.com": BOTH}) as second:
        report = await wait_until_visible(world.resolver(), ONE, on_missing=fix)
    assert report.visible
    assert missing == ["one"]


async def test_what_stops_the_mending_of_many_names_comes_out_as_it_is(world: World) -> None:
    names = [DomainName.parse(f"{label}.example.com") for label in ("a", "b", "c")]

    async def fail(report: NameReport) -> None:
        raise StorageError(f"the disk is full at {report.name}")

    with (
        knot(world.folder, SECOND, world.port, {"example.com": BOTH}),
        pytest.raises(StorageError, match="the disk is full"),
    ):
        await wait_until_visible(
            world.resolver(), {name: frozenset({"one"}) for name in names}, on_missing=fail
        )


async def test_it_is_the_same_with_bind_and_through_a_recursive_resolver(tmp_path: Path) -> None:
    zone = HEAD + '@ NS ns1\nns1 A 127.0.0.1\n_acme-challenge TXT "one"\n'
    with (
        Bind(tmp_path / "bind", {"example.com": zone}) as bind,
        Unbound(tmp_path / "unbound", {"example.com": [f"127.0.0.1@{bind.port}"]}) as unbound,
    ):
        resolver = Resolver(
            [ServerAddress(unbound.address, unbound.port)], authoritative_port=bind.port
        )
        assert (await wait_until_visible(resolver, ONE)).visible


async def test_a_server_that_lags_is_waited_for(world: World) -> None:
    with knot(world.folder, SECOND, world.port, {"example.com": BOTH}) as second:
        clock = Clock(
            lambda: None,
            lambda: add_txt(second, "example.com", "_acme-challenge.example.com", "one"),
        )
        report = await world.wait(ONE, clock)
    assert report.visible
    assert len(clock.slept) == 2
    states = [{s.address: s.status for s in p.report.servers} for p in world.seen]
    lagging = {FIRST: ServerStatus.VISIBLE, SECOND: ServerStatus.MISSING}
    assert states == [lagging, lagging, {FIRST: ServerStatus.VISIBLE, SECOND: ServerStatus.VISIBLE}]


async def test_a_stale_server_is_never_tolerated_and_named_at_the_deadline(world: World) -> None:
    with (
        knot(world.folder, SECOND, world.port, {"example.com": BOTH}),
        pytest.raises(PropagationError) as error,
    ):
        await world.wait(ONE, deadline=30)
    assert error.value.message.startswith(
        f"after 30 s ns2.example.com ({SECOND}) still lacks the TXT value one at"
        " _acme-challenge.example.com; other servers of the zone have it: check whether zone"
        " transfers work"
    )
    assert "ns1" not in error.value.message
    assert "\n" not in error.value.message


async def test_both_values_of_apex_and_wildcard_are_awaited_and_only_the_missing_one_named(
    world: World,
) -> None:
    with knot(world.folder, SECOND, world.port, {"example.com": BOTH + TXT}) as second:
        both = {name("_acme-challenge.example.com"): frozenset({"one", "two"})}
        assert (await world.wait(both)).visible
        three = {name("_acme-challenge.example.com"): frozenset({"one", "three"})}
        add_txt(second, "example.com", "_acme-challenge.example.com", "three")
        with pytest.raises(PropagationError, match=r"ns1.*lacks the TXT value three at"):
            await world.wait(three, deadline=1)


async def test_questions_come_quickly_at_first_and_every_five_seconds_in_the_end(
    world: World,
) -> None:
    clock = Clock()
    with (
        knot(world.folder, SECOND, world.port, {"example.com": BOTH}),
        pytest.raises(PropagationError),
    ):
        await world.wait(ONE, clock, deadline=600)
    assert clock.slept[:4] == pytest.approx([0.1, 0.2, 0.5, 0.535])
    assert max(clock.slept) == 5
    assert clock.slept == sorted(clock.slept)
    assert 590 < sum(clock.slept) <= 600


async def test_a_server_that_refuses_is_tolerated_and_reported(world: World) -> None:
    with knot(world.folder, SECOND, world.port, {"example.org": BOTH}):
        report = await world.wait(ONE)
    assert report.visible
    assert report.remarks == (f"ns2.example.com ({SECOND}) answers with an error (REFUSED)",)


async def test_a_server_that_is_gone_is_tolerated_and_reported(world: World) -> None:
    clock = Clock()
    report = await world.wait(ONE, clock)
    assert report.visible
    assert clock.slept == []
    assert report.remarks == (f"ns2.example.com ({SECOND}) does not answer",)


async def test_a_server_that_stays_silent_is_tolerated_and_reported(world: World) -> None:
    async with FakeDns(lambda question: None, address=SECOND, port=world.port) as silent:
        report = await world.wait(ONE, resolver=world.resolver(timeout=0.6))
        assert report.visible
        txt_questions = [asked for asked in silent.asked if asked[1] == "TXT"]
        assert len(txt_questions) == 3
    assert report.remarks == (f"ns2.example.com ({SECOND}) does not answer",)


async def test_a_server_without_a_known_address_is_tolerated_and_reported(
    tmp_path: Path, port: int
) -> None:
    with knot(tmp_path, FIRST, port, {"example.com": NS + TXT}) as first:
        report = await World(tmp_path, port, first).wait(ONE)
    assert report.visible
    assert report.remarks == (
        "ns2.example.com (no address) does not answer (its address is not known)",
    )


async def test_a_server_without_authority_over_the_zone_is_tolerated_and_reported(
    world: World,
) -> None:
    def lame(question: dns.message.Message) -> dns.message.Message:
        return reply(question, "example.com TXT x", authoritative=False)

    async with FakeDns(lame, address=SECOND, port=world.port):
        report = await world.wait(ONE)
    assert report.visible
    assert report.remarks == (f"ns2.example.com ({SECOND}) answers without authority",)


async def test_a_challenge_name_that_is_delegated_by_ns_is_asked_of_its_own_servers(
    tmp_path: Path, port: int
) -> None:
    challenge = "_acme-challenge.sub.example.com"
    parent = BOTH + f"_acme-challenge.sub NS ns3\nns3 A {OTHER}\n"
    child = '@ NS ns3.example.com.\nns1 A 192.0.2.1\n@ TXT "delegated"\n'
    with (
        knot(tmp_path, FIRST, port, {"example.com": parent}) as first,
        knot(tmp_path, OTHER, port, {challenge: child}),
    ):
        report = await World(tmp_path, port, first).wait(
            {name(challenge): frozenset({"delegated"})}
        )
    assert report.visible
    assert report.names[0].zone == name(challenge)
    assert [server.address for server in report.names[0].servers] == [OTHER]


async def test_a_stale_server_that_falls_silent_still_counts_as_stale(world: World) -> None:
    second = knot(world.folder, SECOND, world.port, {"example.com": BOTH})
    second.start()
    clock = Clock(second.stop)
    try:
        with pytest.raises(PropagationError, match=r"ns2.*still lacks.*does not answer"):
            await world.wait(ONE, clock, deadline=20)
    finally:
        second.stop()


async def test_a_server_that_gets_the_value_is_enough_beside_one_that_refuses(
    tmp_path: Path, port: int
) -> None:
    with (
        knot(tmp_path, SECOND, port, {"example.org": BOTH}),
        knot(tmp_path, FIRST, port, {"example.com": BOTH}) as first,
    ):
        clock = Clock(lambda: add_txt(first, "example.com", "_acme-challenge.example.com", "one"))
        report = await World(tmp_path, port, first).wait(ONE, clock)
    assert report.visible
    assert SECOND in {server.address for server in report.names[0].tolerated}


async def test_if_every_server_refuses_the_deadline_ends_it_and_says_so(tmp_path: Path) -> None:
    port = common_port(FIRST, OTHER)
    zone = f"@ NS ns1\nns1 A {FIRST}\n"
    with (
        knot(tmp_path, FIRST, port, {"example.org": zone}),
        knot(tmp_path, OTHER, port, {"example.com": zone}) as resolver_side,
    ):
        resolver = Resolver([ServerAddress(OTHER, port)], authoritative_port=port)
        world = World(tmp_path, port, resolver_side)
        with pytest.raises(PropagationError, match=r"no server of the zone example\.com.*REFUSED"):
            await world.wait(ONE, resolver=resolver, deadline=5)


async def test_packets_that_get_lost_are_sent_again(world: World) -> None:
    times: dict[str, int] = {}

    def lossy(question: dns.message.Message) -> dns.message.Message | None:
        key = str(question.question[0])
        times[key] = times.get(key, 0) + 1
        if times[key] < 3:
            return None
        return dns.query.udp(question, FIRST, port=world.port, timeout=5)

    async with FakeDns(lossy, address=SECOND, port=world.port):
        report = await world.wait(ONE, resolver=world.resolver(timeout=0.6))
    assert {s.status for s in report.names[0].servers} == {ServerStatus.VISIBLE}


async def test_a_stale_server_is_not_overlooked_for_lost_packets(world: World) -> None:
    dropped: set[str] = set()

    def lossy_and_stale(question: dns.message.Message) -> dns.message.Message | None:
        if str(question.question[0]) not in dropped:
            dropped.add(str(question.question[0]))
            return None
        return reply(question, authority=(soa("example.com"),), rcode=dns.rcode.NXDOMAIN)

    async with FakeDns(lossy_and_stale, address=SECOND, port=world.port):
        with pytest.raises(PropagationError, match="ns2"):
            await world.wait(ONE, resolver=world.resolver(timeout=0.6), deadline=5)


async def test_an_answer_that_needs_tcp_is_read_whole(world: World) -> None:
    expected = {
        name("_acme-challenge.big.example.com"): frozenset({f"000 {'x' * 200}", f"039 {'x' * 200}"})
    }
    assert (await world.wait(expected)).visible


async def test_a_value_of_several_strings_is_compared_joined(world: World) -> None:
    assert (await world.wait({name("_acme-challenge.long.example.com"): frozenset({LONG})})).visible


async def test_a_cname_in_the_place_of_the_value_is_said_so(world: World) -> None:
    expected = {name("_acme-challenge.alias.example.com"): frozenset({"one"})}
    with pytest.raises(PropagationError, match=r"CNAME to moved\.example\.com"):
        await world.wait(expected, deadline=1)
