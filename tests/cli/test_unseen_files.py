"""Folders that this user cannot enter, as where root typed a command in another user's home."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import Result, run_zoneproof


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    folder = tmp_path / "closed"
    (folder / "www").mkdir(parents=True)
    (folder / "file").write_text("a passphrase of mine")
    folder.chmod(0)
    return folder


def run(home: Path, *arguments: str) -> Result:
    return run_zoneproof(*arguments, environment={"ZONEPROOF_HOME": str(home)}, bound=True)


def test_certificates_that_cannot_be_looked_at_are_told_as_that(home: Path) -> None:
    assert run(home, "add", "a.example", "--provider=manual").status == 0
    (home / "live" / "a.example").mkdir(parents=True)
    (home / "live").chmod(0)
    said = f"this user cannot look into {home}/live/a.example: run this as the user who owns it"
    assert said in run(home, "list").stdout
    assert said in run(home, "show", "a.example").stdout
    renewed = run(home, "renew")
    assert renewed.status == 1
    assert "a.example: failed (cannot " in renewed.stderr
    assert "Permission denied" in renewed.stderr


def test_a_log_that_cannot_be_looked_at_is_none(home: Path) -> None:
    assert run(home, "add", "a.example", "--provider=manual").status == 0
    (home / "logs").mkdir(mode=0)
    shown = run(home, "show", "a.example", "--json")
    assert json.loads(shown.stdout)["log"] == ""


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("issue a.example --agree-tos --webroot={}/www", "this user cannot look into the webroot"),
        ("account register --ca-bundle={}/file", "cannot be used: Permission denied"),
        ("export -o {}/new --passphrase=env:PASSPHRASE", "Permission denied"),
        ("credential add exec --field program={}/file", "cannot be run: "),
        ("challenge health --config={}/file", "Permission denied"),
    ],
)
def test_what_is_named_there_is_no_bug(
    home: Path, closed: Path, monkeypatch: pytest.MonkeyPatch, command: str, says: str
) -> None:
    monkeypatch.setenv("PASSPHRASE", "a passphrase of mine")
    assert run(home, "add", "b.example", "--provider=manual").status == 0
    refused = run(home, *command.format(closed).split())
    assert refused.status in (1, 2), refused.stderr
    assert says in refused.stderr
