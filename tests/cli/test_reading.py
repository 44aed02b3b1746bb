"""Commands that only read create nothing, and need nothing that can be written."""

from __future__ import annotations

import pytest

from tests.cli.inside import Inside
from tests.cli.managing import issue
from tests.support.mounts import needs_mounts, on_full_disk, on_read_only_disk
from tests.support.world import World

READING = [
    "list",
    "list --json",
    "list --toml",
    "show a.example",
    "history a.example",
    "preview --all",
    "preview a.example --provider=manual --ca=https://127.0.0.1:9/dir",
    "credential list",
    "credential show dns",
    "account list",
    "account show ca --offline",
    "registration list",
    "leftover list",
    "doctor a.example --account ca",
    "export -o /nonexistent/file --passphrase=@/dev/null",
    "import certbot --folder /nonexistent",
]


@pytest.mark.parametrize("command", READING)
def test_a_home_that_is_not_there_is_not_created(inside: Inside, command: str) -> None:
    inside.run(*command.split())
    assert not inside.home.exists()


def test_a_home_that_is_not_there_is_an_empty_one(inside: Inside) -> None:
    told = inside.good("list")
    assert told.startswith(f"no certificates yet in {inside.home}: 'zoneproof issue' obtains one")
    assert inside.good("list", "--problems") == told
    assert inside.good("renew") == f"no certificates to renew in {inside.home}\n"
    assert inside.good("list", "--json") == "[]\n"
    assert "no managed certificate" in inside.run("show", "a.example").stderr


@needs_mounts
def test_what_is_on_a_read_only_disk_is_told_and_renewing_is_refused(inside: Inside) -> None:
    inside.good("add", "a.example", "--provider=manual", "--ca=letsencrypt")
    inside.good("credential", "add", "rfc2136", "--name=dns", "--field=server=192.0.2.1")
    before = sorted(inside.home.iterdir())
    for command, told in (
        ("list", "a.example"),
        ("show a.example", "there is no certificate yet"),
        ("history a.example", "nothing has happened"),
        ("credential show dns", "192.0.2.1"),
    ):
        result = on_read_only_disk(inside.home, command)
        assert (result.returncode, told in result.stdout) == (0, True), result.stderr
    refused = on_read_only_disk(inside.home, "renew")
    assert refused.returncode == 1
    assert "its file system is mounted read-only" in refused.stderr
    assert sorted(inside.home.iterdir()) == before


@needs_mounts
def test_what_is_on_a_full_disk_is_told_and_a_change_says_that_it_is_full(inside: Inside) -> None:
    inside.good("add", "a.example", "--provider=manual", "--ca=letsencrypt")
    for command, told in (("list", "a.example"), ("show a.example", "no certificate yet")):
        result = on_full_disk(inside.home, command)
        assert (result.returncode, told in result.stdout) == (0, True), result.stderr
    for command in ("renew", "add b.example --provider=manual --ca=letsencrypt"):
        refused = on_full_disk(inside.home, command)
        assert refused.returncode == 1
        assert "the disk is full: free some space" in refused.stderr


# --- a database that is gone -------------------------------------------------------------------


def test_certificates_of_which_nothing_is_known_are_told(world: World) -> None:
    issue(world, "example.com")
    options = [*world.rfc2136_options, *world.ca_options]
    for file in world.home.glob("state.sqlite3*"):
        file.unlink()
    for command in ("list", "renew", "list"):  # the second makes a new database
        result = world.run(command)
        assert result.status == 1, result.stdout
        assert "(example.com) of which the database knows nothing" in result.stderr
        assert "zoneproof import archive" in result.stderr
    again = world.run("issue", "example.com", *options)
    assert again.status == 0, again.stderr
    assert world.run("list").status == 0


def test_certificates_that_are_no_longer_managed_are_none_of_these(world: World) -> None:
    issue(world, "example.com")
    assert world.run("remove", "example.com", "--yes").status == 0
    assert "no certificates yet" in world.run("list").stdout
    assert world.run("renew").status == 0
