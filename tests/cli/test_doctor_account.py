"""``zoneproof doctor`` with CAA records that bind issuance to an account of the home."""

from __future__ import annotations

import os
import re

import pytest

from tests.support.change_txt import change_record
from tests.support.world import World

NAME = "bound.example.com"


@pytest.fixture
def ca(world: World) -> str:
    """The CA, at which the home has an account that the CAA records of NAME bind to."""
    options = ["--agree-tos", f"--ca-bundle={world.pebble.ca_bundle}"]
    registered = world.run("account", "register", f"--ca={world.pebble.directory_url}", *options)
    assert registered.status == 0, registered.stderr
    printed = world.run("account", "caa", NAME, "--account", world.pebble.directory_url).stdout
    records = re.findall(r"\S+ IN CAA .+", printed)
    assert records, printed
    change_record(world.knot.port, records[0], remove=True)
    for record in records:
        change_record(world.knot.port, record)
    return world.pebble.directory_url


def test_the_stored_account_of_the_ca_is_not_called_anothers(world: World, ca: str) -> None:
    for options in ([f"--ca={ca}"], [f"--account={ca}"], [f"--ca={ca}", f"--account={ca}"]):
        result = world.run("doctor", NAME, *options)
        assert result.status == 0, result.stdout + result.stderr
        assert "A validation through DNS would work" in result.stdout


def test_a_url_is_the_account_that_it_is(world: World, ca: str) -> None:
    result = world.run("doctor", NAME, f"--ca={ca}", "--account=https://ca.example/acct/other")
    assert result.status == 1
    assert "allows another account, not https://ca.example/acct/other" in result.stdout


def test_what_is_said_for_the_run_wins_over_the_account(world: World, ca: str) -> None:
    result = world.run("doctor", NAME, f"--ca={ca}", "--ca-bundle=/nonexistent.pem")
    assert result.status == 2
    assert "/nonexistent.pem" in result.stderr


def test_an_account_that_nobody_knows_is_one_line(world: World, ca: str) -> None:
    result = world.run("doctor", NAME, f"--ca={ca}", "--account=mine")
    assert result.status == 2
    assert "there is no account 'mine'" in result.stderr


def test_no_key_of_the_home_is_needed_and_no_home_is_made(world: World, ca: str) -> None:
    (world.home / "vault.key").rename(world.folder / "vault.key")
    assert world.run("doctor", NAME, f"--ca={ca}").status == 0
    elsewhere = world.folder / "elsewhere"
    environment = {**os.environ, "ZONEPROOF_HOME": str(elsewhere)}
    result = world.run("doctor", NAME, "--account=mine", environment=environment)
    assert result.status == 2
    assert "there is no account 'mine'" in result.stderr
    assert not elsewhere.exists()
