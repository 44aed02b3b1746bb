"""What is down is found by one certificate, and the others fail with it, without a record."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.faults import faults
from tests.faults.world import DOMAIN, FaultWorld
from tests.support.ca_proxy import Fault, Rule
from tests.support.command import Result
from zoneproof.core.http import ATTEMPTS

ALWAYS = 1000
COUNT = 8


@pytest.fixture
def due(world: FaultWorld) -> FaultWorld:
    """A home with certificates that are due, one of which is worked on at a time."""
    world.write_settings(f'account = "{world.proxy.directory_url}"', "parallel = 1")
    register = [f"--ca={world.proxy.directory_url}", *world.ca_options[1:]]
    assert world.run("account", "register", *register).status == 0
    for number in range(COUNT):
        name = f"h{number}.{DOMAIN}"
        assert world.run("add", name, *world.rfc2136_options, "--credential=dns").status == 0
    world.proxy.obey()
    return world


def require_one_failure(world: FaultWorld, result: Result, words: str) -> None:
    assert result.status == 1
    assert f"{COUNT} certificates: {COUNT} failed" in result.stdout
    assert result.stderr.count(words) == COUNT
    assert result.stderr.count("met this first") == COUNT - 1
    assert sorted(one["failures"] for one in world.listed()) == [0] * (COUNT - 1) + [1]
    statuses = {one["status"] for one in world.listed()}
    assert statuses in ({"failing", "missing"}, {"paused", "missing"})


@pytest.mark.parametrize(
    ("step", "fault", "words", "requests"),
    [
        ("directory", faults.lost_before, "was lost before it answered", ATTEMPTS),
        ("newOrder", faults.says(503), "has an internal error", ATTEMPTS),
        (
            "newOrder",
            faults.problem(429, "rateLimited", "too many", {"Retry-After": "3600"}),
            "limits requests",
            1,
        ),
        ("newOrder", faults.problem(403, "userActionRequired", "new terms"), "needs you to act", 1),
    ],
    ids=["away", "broken", "limited", "waiting for its account holder"],
)
def test_a_ca_or_an_account_that_is_down_is_found_out_once(
    due: FaultWorld, step: str, fault: Fault, words: str, requests: int
) -> None:
    due.proxy.obey(Rule(step, fault, times=ALWAYS))
    require_one_failure(due, due.run("renew"), words)
    assert due.proxy.seen.count(step) == requests

    due.proxy.obey()
    result = due.run("renew")
    assert f"{COUNT - 1} renewed, 1 not due" in result.stdout.replace(
        f"1 not due, {COUNT - 1} renewed", f"{COUNT - 1} renewed, 1 not due"
    )


def test_all_that_are_begun_share_what_comes_of_the_directory(due: FaultWorld) -> None:
    due.write_settings(f'account = "{due.proxy.directory_url}"')
    due.proxy.obey(Rule("directory", faults.lost_before, times=ALWAYS))
    require_one_failure(due, due.run("renew"), "was lost before it answered")
    assert due.proxy.seen.count("directory") == ATTEMPTS


def test_all_go_to_the_fallback_account_when_the_first_has_failed_often_enough(
    due: FaultWorld,
) -> None:
    for number in range(COUNT):
        accounts = [
            "--account=https://127.0.0.1:9/dir",
            f"--fallback-account={due.proxy.directory_url}",
        ]
        assert due.run("edit", f"h{number}.{DOMAIN}", *accounts).status == 0
    for _ in range(2):
        assert due.run("renew", "--force", "--agree-tos").status == 1
    result = due.run("renew", "--force", "--agree-tos")
    assert result.status == 0, result.stderr
    assert f"{COUNT} renewed" in result.stdout


def test_a_provider_that_is_down_is_found_out_once(due: FaultWorld) -> None:
    due.write_settings(f'account = "{due.proxy.directory_url}"')
    port = f"--field=port={due.pebble.port}"
    assert due.run("credential", "set", "dns", port).status == 0
    good = [f"good.{DOMAIN}", *due.rfc2136_options, "--credential=good"]
    assert due.run("add", *good).status == 0
    result = due.run("renew")
    assert result.status == 1
    assert "1 renewed" in result.stdout
    assert f"{COUNT} failed" in result.stdout
    assert result.stderr.count("met this first") == COUNT - 1
    assert sum(one["failures"] for one in due.listed()) == 1


def test_those_that_wait_for_the_dns_hold_up_no_other(due: FaultWorld) -> None:
    """One is worked on at a time, and all but the last wait until that one is there."""
    folder = due.home / "live" / "last.example.com"
    script = due.folder / "publish"
    script.write_text("#!/bin/sh\nexit 0\n")
    script.chmod(0o755)
    for number in range(COUNT):
        waits = ["--provider=script", f"--field=create={script}", f"--field=delete={script}"]
        options = [*waits, "--propagation=authoritative"]
        assert due.run("edit", f"h{number}.{DOMAIN}", *options).status == 0
    last = [f"last.{DOMAIN}", *due.rfc2136_options, "--credential=good"]
    assert due.run("add", *last).status == 0
    command, environment = due.command("renew", "--json"), due.environment()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as renewing:
        assert renewing.stdout
        events = map(json.loads, renewing.stdout)
        ended = next(one for one in events if one["event"] in ("renewal", "files_written"))
        renewing.kill()  # for the others wait on
    assert folder.exists()
    assert ended["event"] == "files_written"
    assert ended["certificate"] == f"last.{DOMAIN}"
