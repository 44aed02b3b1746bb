"""What failed is tried anew as soon as what it failed with is changed, and is told no longer."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update
import pytest

from tests.cli.managing import add, add_broken, issue, leaf
from tests.support.command import Result
from tests.support.peers.knot import TSIG_ALGORITHM, TSIG_NAME, TSIG_SECRET
from tests.support.world import World
from zoneproof.manager import Home, Renewal, RunOptions
from zoneproof.manager.certificates.daemon import keep_renewed

NAME = "example.com"
ELSEWHERE = "value.example.org."  # a zone that the server does not have


def good(result: Result) -> Result:
    assert result.status == 0, result.stdout + result.stderr
    return result


def renew(world: World) -> Result:
    return world.run("renew", *world.ca_options[1:])


def require_failing(world: World) -> None:
    """Let it fail, and see that it waits afterwards."""
    assert renew(world).status == 1
    assert world.shown(NAME)["status"] == "failing"
    assert "it failed once, next attempt" in good(renew(world)).stdout


def require_due_without_failure(world: World, status: str = "missing") -> None:
    shown = world.shown(NAME)
    assert (shown["status"], shown["failures"], shown["last_error"]) == (status, 0, "")
    assert shown["reason"]
    assert datetime.fromisoformat(shown["renew_at"]) <= datetime.now().astimezone()


def set_cname(world: World, owner: str, target: str = "") -> None:
    keyring = dns.tsigkeyring.from_text({TSIG_NAME: TSIG_SECRET})
    update = dns.update.UpdateMessage(NAME, keyring=keyring, keyalgorithm=TSIG_ALGORITHM)
    update.delete(f"{owner}.", "CNAME")
    if target:
        update.add(f"{owner}.", 1, "CNAME", target)
    reply = dns.query.tcp(update, "127.0.0.1", port=world.knot.port, timeout=5)
    assert reply.rcode() == dns.rcode.NOERROR


def test_a_changed_definition_is_tried_at_once(world: World) -> None:
    add_broken(world, NAME)
    require_failing(world)
    good(world.run("edit", NAME, *world.rfc2136_options, "--credential=other"))
    require_due_without_failure(world)
    assert "1 renewed" in good(renew(world)).stdout


@pytest.mark.parametrize("again", [False, True])
def test_a_changed_credential_is_tried_at_once(world: World, again: bool) -> None:
    add_broken(world, NAME, "--credential=dns")
    require_failing(world)
    if again:  # a change that does not help begins a backoff of its own
        good(world.run("credential", "set", "dns", "--field=port=1"))
        require_failing(world)
    good(world.run("credential", "set", "dns", f"--field=port={world.knot.port}"))
    require_due_without_failure(world)
    assert "1 renewed" in good(renew(world)).stdout


def test_an_account_that_is_registered_is_tried_at_once(world: World) -> None:
    add(world, NAME)
    bundle, agree = world.ca_options[1:]
    refused = world.run("renew", bundle)
    assert refused.status == 1
    assert "terms" in refused.stderr
    assert "it failed once" in good(world.run("renew", bundle)).stdout
    good(world.run("account", "register", f"--ca={world.pebble.directory_url}", bundle, agree))
    require_due_without_failure(world)
    assert "1 renewed" in good(world.run("renew")).stdout


def test_settings_that_are_changed_are_tried_at_once(world: World) -> None:
    world.write_settings("provider.rfc2136.resolvers = ['127.0.0.1:1']")
    add(world, NAME)
    require_failing(world)
    world.write_settings()
    require_due_without_failure(world)
    assert "1 renewed" in good(renew(world)).stdout


def test_a_cname_that_leads_elsewhere_is_tried_at_once(world: World) -> None:
    owner = f"_acme-challenge.cname.{NAME}"
    set_cname(world, owner, ELSEWHERE)
    add(world, f"cname.{NAME}", f"--name={NAME}")
    require_failing(world)
    set_cname(world, owner)
    result = good(renew(world))
    assert "renewed (its challenge names lead elsewhere than when it failed)" in result.stdout


@pytest.mark.parametrize("stored", [False, True])
def test_a_program_that_was_repaired_is_tried_at_once(
    world: World, tmp_path: Path, stored: bool
) -> None:
    program = tmp_path / "hook"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    options = ["--provider=script", f"--field=create={program}", f"--field=delete={program}"]
    options += ["--credential=own"] if stored else []
    good(world.run("add", NAME, *options, world.ca_options[0]))
    require_failing(world)
    program.write_text(
        f"#!/bin/sh\ncd {Path.cwd()}\n[ $ZONEPROOF_ACTION = create ] && act=add || act=remove\n"
        f'exec {sys.executable} -m tests.support.change_txt {world.knot.port} $act "$2" "$3"\n'
    )
    result = good(renew(world))
    assert "renewed (a file that it uses is another one than when it failed)" in result.stdout


def test_a_program_whose_mode_was_repaired_is_tried_at_once(world: World, tmp_path: Path) -> None:
    program = tmp_path / "hook"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    options = ["--provider=script", f"--field=create={program}", f"--field=delete={program}"]
    good(world.run("add", NAME, *options, world.ca_options[0]))
    program.chmod(0o644)
    require_failing(world)
    program.chmod(0o755)
    again = renew(world)
    assert again.status == 1
    assert "its last output" in again.stderr


def test_a_webroot_that_is_there_again_is_tried_at_once(world: World, tmp_path: Path) -> None:
    webroot = tmp_path / "htdocs"
    webroot.mkdir()
    good(world.run("add", NAME, f"--webroot={webroot}", world.ca_options[0]))
    webroot.rmdir()
    require_failing(world)
    webroot.mkdir()
    assert "webroot" not in renew(world).stderr


def test_a_new_vault_key_is_no_reason_to_try_again(world: World) -> None:
    add_broken(world, NAME, "--credential=dns")
    require_failing(world)
    good(world.run("credential", "rotate-key"))
    assert world.shown(NAME)["status"] == "failing"


def test_names_that_were_added_are_tried_again_when_the_backoff_is_over(world: World) -> None:
    issue(world, NAME)
    port = f"--field=port={world.pebble.port}"
    (credential,) = json.loads(world.run("credential", "list", "--json").stdout)
    good(world.run("credential", "set", credential["name"], port))
    good(world.run("edit", NAME, "--add-name=www.example.com"))
    require_due_without_failure(world, "due")
    require_failing(world)
    assert world.shown(NAME)["reason"].startswith("its names were changed; it failed once")
    good(world.run("credential", "set", credential["name"], f"--field=port={world.knot.port}"))
    good(renew(world))
    assert len(world.shown(NAME)["names_on_certificate"]) == 2


# --- waiting for a person ----------------------------------------------------------------------


def test_what_waits_for_a_person_is_looked_at_by_every_renew(world: World) -> None:
    issue(world, NAME)
    before = leaf(world, NAME).serial_number
    good(world.run("edit", NAME, "--provider=manual"))
    assert world.run("issue", NAME).status == 3
    for _ in range(2):
        assert renew(world).status == 3
    assert world.shown(NAME)["status"] == "awaiting user"
    assert leaf(world, NAME).serial_number == before


def test_what_comes_to_wait_for_a_person_has_not_failed(world: World) -> None:
    add_broken(world, NAME)
    require_failing(world)
    good(world.run("edit", NAME, "--provider=manual"))
    for _ in range(2):
        assert renew(world).status == 3
    assert world.shown(NAME)["failures"] == 0


def test_records_that_a_changed_definition_does_not_need_are_not_asked_for(world: World) -> None:
    good(world.run("add", NAME, "--provider=manual", world.ca_options[0]))
    assert renew(world).status == 3
    good(world.run("edit", NAME, *world.rfc2136_options))
    shown = world.shown(NAME)
    assert (shown["status"], shown["awaiting"]) == ("missing", [])
    good(renew(world))


# --- the daemon --------------------------------------------------------------------------------


def test_the_daemon_takes_up_a_change_within_a_minute(world: World) -> None:
    issue(world, NAME)
    slept: list[float] = []
    rounds: list[list[str]] = []

    class EnoughError(Exception):
        pass

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            await asyncio.to_thread(world.run, "edit", NAME, "--add-name=www.example.com")

    def on_round(results: Sequence[Renewal], _: datetime) -> None:
        rounds.append([result.result for result in results])
        if "renewed" in rounds[-1]:
            raise EnoughError

    with pytest.raises(EnoughError):
        asyncio.run(
            keep_renewed(
                Home(world.home),
                RunOptions(),
                lambda _: lambda _: None,
                on_round=on_round,
                on_trouble=print,
                sleep=sleep,
            )
        )
    assert rounds == [["not due"], ["renewed"]]
    assert len(slept) == 3
    assert max(slept) <= 60
