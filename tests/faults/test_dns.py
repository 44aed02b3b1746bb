"""Name servers that lag, refuse, fail or are dead: only those that lag hold a certificate up."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.world import error_of
from tests.support.peers.knot import Knot
from tests.support.peers.knot_secondary import KnotSecondary
from tests.support.peers.unbound import Unbound
from tests.support.two_servers import (
    CHALLENGE,
    DOMAIN,
    SECOND,
    TwoServers,
    events_until,
    open_two_servers,
)
from tests.support.world import World, open_world, zone_text
from zoneproof.testing.background import BackgroundServer
from zoneproof.testing.ports import free_port


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoServers]:
    with open_two_servers(tmp_path_factory.mktemp("world")) as opened:
        yield opened


@pytest.fixture
def world(servers: TwoServers, tmp_path: Path) -> TwoServers:
    """The servers for a machine that knows nothing yet."""
    return servers.at(tmp_path)


@pytest.fixture
def secondary(world: TwoServers) -> Iterator[KnotSecondary]:
    with world.secondary() as started:
        started.refresh()
        yield started


def test_a_server_that_lags_is_waited_for(world: TwoServers, secondary: KnotSecondary) -> None:
    with world.start_issue() as process:
        before = events_until(process, "propagation_waiting")
        assert "challenges_answered" not in [event["event"] for event in before]
        assert f"ns2.{DOMAIN} ({SECOND}) still lacks the TXT value" in before[-1]["reasons"][0]
        secondary.refresh()
        after = events_until(process, "files_written")
        assert process.stdout
        process.stdout.read()
        assert process.wait(30) == 0
    visible = next(event for event in after if event["event"] == "records_visible")
    assert visible["notes"] == []
    assert world.txt_values(CHALLENGE) == set()


def test_a_server_that_stays_behind_ends_the_run_and_the_next_goes_on(
    world: TwoServers, secondary: KnotSecondary
) -> None:
    result = world.issue(DOMAIN, "--propagation-timeout=1")
    assert f"ns2.{DOMAIN} ({SECOND}) still lacks the TXT value" in error_of(result)
    assert "challenges_answered" not in result.event_names
    assert world.txt_values(CHALLENGE) == set()

    with world.start_issue() as process:
        events_until(process, "propagation_waiting")
        secondary.refresh()
        assert process.stdout
        process.stdout.read()
        assert process.wait(30) == 0


def test_a_server_that_lagged_and_fell_silent_is_not_passed_over(
    world: TwoServers, secondary: KnotSecondary
) -> None:
    with world.start_issue("--propagation-timeout=2") as process:
        events_until(process, "propagation_waiting")
        secondary.stop(signal.SIGKILL)
        last = events_until(process, "error")[-1]
        assert process.wait(30) == 1
    assert "still lacks the TXT value" in last["message"]
    assert "it now does not answer" in last["message"]
    assert world.txt_values(CHALLENGE) == set()


def refusing(world: TwoServers) -> BackgroundServer:
    zones = {"example.net": zone_text("example.net")}
    return Knot(world.folder / "refusing", zones, address=SECOND, port=world.knot.port)


def failing(world: TwoServers) -> BackgroundServer:
    return world.secondary(f"{SECOND}@{free_port(SECOND)}")  # where nothing answers


@pytest.mark.parametrize(
    ("second", "note"),
    [
        (refusing, "answers with an error (REFUSED)"),
        (failing, "answers with an error (SERVFAIL)"),
        (None, "does not answer"),
    ],
)
def test_a_server_that_gives_no_answer_of_use_is_told_and_tolerated(
    world: TwoServers, second: Callable[[TwoServers], BackgroundServer] | None, note: str
) -> None:
    with second(world) if second else nullcontext():
        result = world.issue(DOMAIN)
    assert result.status == 0, result.stdout
    assert result.event("records_visible")["notes"] == [f"ns2.{DOMAIN} ({SECOND}) {note}"]
    assert world.txt_values(CHALLENGE) == set()


@pytest.mark.parametrize("second", [refusing, failing])
def test_servers_of_which_none_answers_end_the_run(
    world: TwoServers, second: Callable[[TwoServers], BackgroundServer]
) -> None:
    """The provider's server has the zone and the value; those in the NS records do not."""
    hidden = {
        DOMAIN: zone_text(DOMAIN).replace("127.0.0.1", SECOND),
        "com": zone_text("com"),
    }
    with (
        second(world),
        Knot(world.folder / "hidden", hidden) as primary,
        Unbound(
            world.folder / "unbound", {one: [f"127.0.0.1@{primary.port}"] for one in hidden}
        ) as unbound,
    ):
        apart = replace(world, unbound=unbound)
        provider = [item for item in world.rfc2136_options if not item.startswith("--field=port")]
        result = apart.run(
            "issue",
            "--json",
            *provider,
            f"--field=port={primary.port}",
            *apart.ca_options,
            *apart.dns_options,
            "--propagation-timeout=1",
            DOMAIN,
        )
    assert f"no server of the zone {DOMAIN} answers for {CHALLENGE}" in error_of(result)


WILD = zone_text("example.com", "* CNAME x.example.net.")
TARGET = zone_text("example.net", 'x TXT "of the wildcard"')


@pytest.mark.parametrize("name", [DOMAIN, f"*.{DOMAIN}", f"host.{DOMAIN}", f"a.b.{DOMAIN}"])
def test_a_wildcard_cname_is_no_delegation(wild: World, tmp_path: Path, name: str) -> None:
    result = wild.at(tmp_path).issue(name)
    assert result.status == 0, result.stdout
    assert "delegation_found" not in result.event_names
    published = result.event("record_published")["name"]
    assert published == f"_acme-challenge.{name.removeprefix('*.')}"
    assert wild.txt_values(published) == set()


@pytest.fixture(scope="module")
def wild(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    zones = {DOMAIN: WILD, "example.net": TARGET, "com": zone_text("com")}
    with open_world(tmp_path_factory.mktemp("wild"), zones) as opened:
        yield opened
