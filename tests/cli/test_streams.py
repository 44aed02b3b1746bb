"""Output that nobody takes: the work is done all the same, and it is said that output is lost."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from tests.cli.managing import issue
from tests.support.command import start
from tests.support.world import World


def run_with(world: World, out: int, *arguments: str) -> tuple[int, str]:
    """Run a command whose output goes somewhere; return its status and what its errors say."""
    environment = {**os.environ, "ZONEPROOF_HOME": str(world.home)}
    with Path(os.devnull).open("rb") as nothing, tempfile.TemporaryFile("w+") as err:
        running = start(arguments, environment, (nothing.fileno(), out, err.fileno()))
        status = running.wait_or_kill(60) if hasattr(running, "wait_or_kill") else running.wait(60)
        err.seek(0)
        return status, err.read()


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_log_on_a_full_disk_ends_no_renewal(world: World, options: list[str]) -> None:
    issue(world, "www.example.com")
    before = world.shown("www.example.com")["serial"]
    renew = ["renew", "www.example.com", "--force", *world.dns_options, *options]
    with Path("/dev/full").open("wb") as full:
        status, told = run_with(world, full.fileno(), *renew)
    assert status == 1
    assert told.splitlines()[-1].startswith("zoneproof: stdout could not be written: No space left")
    shown = world.shown("www.example.com")
    assert shown["serial"] != before
    assert (shown["status"], shown["failures"]) == ("valid", 0)


def test_a_reader_that_has_gone_ends_no_renewal_and_is_no_error(world: World) -> None:
    issue(world, "www.example.com")
    before = world.shown("www.example.com")["serial"]
    reader, writer = os.pipe()
    os.close(reader)
    renew = ["renew", "www.example.com", "--force", *world.dns_options]
    status, told = run_with(world, writer, *renew)
    os.close(writer)
    assert (status, told) == (0, "")
    assert world.shown("www.example.com")["serial"] != before


def test_a_command_that_only_reads_says_that_its_output_is_lost(world: World) -> None:
    with Path("/dev/full").open("wb") as full:
        status, told = run_with(world, full.fileno(), "list")
    assert (status, told.count("\n")) == (1, 1)
    assert "a bug" not in told
