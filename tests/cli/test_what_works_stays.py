"""A certificate that works stays as it is until a change of it has worked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.managing import CHALLENGE, issue, leaf
from tests.support.change_txt import change_record
from tests.support.command import Result
from tests.support.self_signed import certificate
from tests.support.world import World
from zoneproof.testing.ports import free_port


def stays(world: World, result: Result, status: int, reason: str) -> None:
    """Require that the run failed, and that the good certificate is still what it was."""
    assert result.status == status, result.stdout + result.stderr
    assert reason in result.stdout + result.stderr
    shown = world.shown("example.com")
    assert shown["status"] == ("awaiting user" if status == AWAITING else "valid")
    assert shown["definition"] == GOOD
    assert shown["failures"] == 0
    renewed = world.run("renew", "--force")
    assert renewed.status == 0, renewed.stdout + renewed.stderr


GOOD: dict[str, Any] = {}
AWAITING = 3  # which only a change of the good certificate does


@pytest.fixture
def good(world: World) -> World:
    """A home whose certificate example.com works."""
    issue(world, "example.com")
    GOOD.clear()
    GOOD.update(world.shown("example.com")["definition"])
    return world


def test_a_profile_that_the_ca_does_not_have_is_not_saved(good: World, tmp_path: Path) -> None:
    result = good.run("edit", "example.com", "--profile=golden")
    stays(good, result, 2, "no profile 'golden'")
    file = tmp_path / "certs.toml"
    text = good.run("list", "--toml").stdout
    file.write_text(text.replace("identifiers =", 'profile = "golden"\nidentifiers =', 1))
    stays(good, good.run("apply", "-f", str(file)), 2, "no profile 'golden'")
    assert good.run("edit", "example.com", "--profile=default").status == 0


@pytest.mark.parametrize(
    ("options", "status", "reason"),
    [
        (["--ca=letsencrpyt"], 2, "no account 'letsencrpyt'"),
        (["--directory=https://127.0.0.1:9/dir"], 1, "127.0.0.1:9"),
        (["--profile=golden"], 2, "no profile 'golden'"),
        (["--webroot=/nonexistent"], 2, "the webroot /nonexistent"),
        (["--fallback-account=nope"], 2, "no account 'nope'"),
    ],
)
def test_a_wrong_option_of_issue_leaves_a_good_certificate_alone(
    good: World, options: list[str], status: int, reason: str
) -> None:
    result = good.run("issue", "example.com", *options)
    stays(good, result, status, reason)
    accounts = json.loads(good.run("account", "list", "--json").stdout)
    assert [one["directory_url"] for one in accounts] == [good.pebble.directory_url]
    assert good.run("resume", "example.com").status == 2  # nothing waits: it was refused


@pytest.mark.parametrize(
    "command",
    [
        ["issue", "example.com", "--force"],
        ["issue", "example.com", "--key-type=ec384"],
        ["renew", "--force"],
        ["renew", "example.com"],
        ["account", "register"],
    ],
)
def test_a_ca_bundle_is_kept_only_once_the_ca_has_answered_to_it(
    good: World, tmp_path: Path, command: list[str]
) -> None:
    account = good.pebble.directory_url
    if command[0] == "account":
        command = [*command, f"--ca={account}"]
    other, _ = certificate(tmp_path)
    result = good.run(*command, f"--ca-bundle={other}")
    assert result.status == 1
    assert "its certificate is not trusted" in result.stdout + result.stderr
    good.good("renew", "--force")
    shown = json.loads(good.good("account", "show", account, "--json"))
    assert shown["ca_bundle"] == str(good.pebble.ca_bundle)

    moved = tmp_path / "moved.pem"
    moved.write_bytes(good.pebble.ca_bundle.read_bytes())
    told = good.good(*command, f"--ca-bundle={moved}")
    if command[0] == "account":
        assert f"was already registered; the CA bundle is {moved}\n" in told
        assert "nothing was changed" in good.good(*command, f"--ca-bundle={moved}")
    shown = json.loads(good.good("account", "show", account, "--json"))
    assert shown["ca_bundle"] == str(moved)


def test_options_that_fail_in_the_order_leave_it_alone_and_can_be_tried_again(good: World) -> None:
    nobody = f"--resolver=127.0.0.1:{free_port()}"
    result = good.run("issue", "example.com", nobody, "--key-type=rsa2048")
    assert "'zoneproof resume example.com' tries again" in result.stderr
    stays(good, result, 1, "127.0.0.1")
    assert "zoneproof resume example.com" in good.run("show", "example.com").stdout
    resumed = good.run("resume", "example.com", f"--resolver=127.0.0.1:{good.unbound.port}")
    assert resumed.status == 0, resumed.stderr
    assert good.shown("example.com")["definition"]["key_type"] == "rsa2048"
    assert "zoneproof resume" not in good.run("show", "example.com").stdout


def test_a_wrong_key_does_not_replace_the_credential_that_works(good: World) -> None:
    wrong = [
        "--field=secret=d3Jvbmctd3Jvbmctd3Jvbmctd3Jvbmc=" if "secret=" in option else option
        for option in good.rfc2136_options
    ]
    result = good.run("issue", "example.com", "*.example.com", *wrong)
    stays(good, result, 1, "the saved definition of example.com is unchanged")


def test_a_change_that_pauses_is_saved_only_once_it_has_worked(good: World) -> None:
    rule = "--delegation=example.com:target.example.com"
    paused = good.run("issue", "example.com", rule, "--key-type=ec384")
    stays(good, paused, AWAITING, "then run 'zoneproof resume example.com'")
    record = f"{CHALLENGE}. IN CNAME _acme-challenge.target.example.com."
    assert record in paused.stdout
    assert good.run("resume", "example.com").status == 3
    change_record(good.knot.port, record)
    done = good.run("resume", "example.com")
    change_record(good.knot.port, record, remove=True)
    assert done.status == 0, done.stderr
    definition = good.shown("example.com")["definition"]
    assert definition["method"][0]["delegation"] == "example.com:target.example.com"
    assert definition["key_type"] == "ec384"
    assert good.run("resume", "example.com").status == 2


def test_an_edit_drops_the_change_that_waits(good: World) -> None:
    nobody = f"--resolver=127.0.0.1:{free_port()}"
    assert good.run("issue", "example.com", nobody).status == 1
    assert good.run("edit", "example.com", "--key-type=ec384").status == 0
    assert "zoneproof resume" not in good.run("show", "example.com").stdout
    done = good.run("issue", "example.com")
    assert done.status == 0, done.stderr


def test_where_nothing_works_yet_new_options_are_saved_at_once(world: World) -> None:
    options = [*world.rfc2136_options, *world.ca_options]
    nobody = f"--resolver=127.0.0.1:{free_port()}"
    assert world.run("issue", "example.com", *options, nobody).status == 1
    done = world.run("issue", "example.com", f"--resolver=127.0.0.1:{world.unbound.port}")
    assert done.status == 0, done.stderr
    assert leaf(world, "example.com")
