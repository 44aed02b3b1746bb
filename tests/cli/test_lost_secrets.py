"""A secret whose only copy cannot be written: it is said what is lost, and what makes another."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import tempfile
from pathlib import Path

import pytest

from tests.challengedns.new_service import options
from tests.support.command import Result, run_zoneproof, start
from tests.support.opened_service import open_registrations
from zoneproof.core.names import DomainName


def lost(kind: str, home: Path, *arguments: str) -> tuple[int, str]:
    """Run a command whose output goes nowhere; return its status and what its errors say."""
    if kind == "full disk":
        out = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, out = os.pipe()
        os.close(reader)
    environment = {**os.environ, "ZONEPROOF_HOME": str(home)}
    try:
        with Path(os.devnull).open("rb") as nothing, tempfile.TemporaryFile("w+") as err:
            running = start(arguments, environment, (nothing.fileno(), out, err.fileno()))
            status = running.wait_or_kill(60)
            err.seek(0)
            return status, err.read()
    finally:
        os.close(out)


def run(home: Path, *arguments: str) -> Result:
    done = run_zoneproof(*arguments, environment={"ZONEPROOF_HOME": str(home)})
    assert done.status == 0, done.stderr
    return done


async def registered(database: Path) -> str:
    """Make a registration, and return its subdomain."""
    opened = open_registrations(database, zone=DomainName("auth.example.org"), value_lifetime=3600)
    try:
        made = await opened.register()
        return str(made.subdomain)
    finally:
        await opened.close()


@pytest.mark.parametrize("json_option", [[], ["--json"]])
@pytest.mark.parametrize("kind", ["full disk", "closed pipe"])
def test_a_secret_that_was_not_printed_is_said_to_be_lost_and_another_is_made(
    tmp_path: Path, kind: str, json_option: list[str]
) -> None:
    new = ("challenge", "init", *options(tmp_path), "--tls=off", *json_option)
    config = f"--config={tmp_path}/zoneproof.toml"

    def told(*arguments: str) -> str:
        status, errors = lost(kind, tmp_path / "home", *arguments, *json_option)
        assert status == 1
        (line,) = errors.splitlines()
        assert line.startswith("zoneproof: stdout could not be written: ")
        assert "was not stopped" not in line
        return line

    def again(line: str, *more: str) -> Result:
        """Run the last command that a line names."""
        command = re.findall(r"'([^']*)'", line)[-1]
        words = shlex.split(command[command.index("zoneproof ") :])[1:]
        here = [config] if words[0] == "challenge" and "--config" not in words else []
        return run(tmp_path / "home", *words, *more, *here)

    line = told(*new)
    assert "the licence key of 'first' is lost" in line
    assert again(line).stdout.startswith("zp")

    line = told("challenge", "key", "create", "first", config)
    keys = run(tmp_path, "challenge", "key", "list", "--json", config).stdout
    assert len(json.loads(keys)) == 3
    assert "is revoked" in again(line, "--yes").stdout
    keys = run(tmp_path, "challenge", "key", "list", "--json", config).stdout
    assert len(json.loads(keys)) == 2

    subdomain = asyncio.run(registered(tmp_path / "state/challenge.db"))
    rotate = ("challenge", "registration", "rotate", subdomain, "--yes", config)
    line = told(*rotate)
    assert f"{subdomain}.auth.example.org has a new key, which is lost" in line
    assert len(again(line, "--yes").stdout.strip()) == 40

    line = told("web", "user", "add", "alice")
    assert "/welcome?token=" in again(line).stdout
    assert "/welcome?token=" in again(told("web", "user", "link", "alice")).stdout

    line = told("web", "token", "add", "script")
    assert "is removed" in again(line, "--yes").stdout
    assert run(tmp_path / "home", "web", "token", "add", "script").stdout.startswith("zp_")
