"""``zoneproof credential rotate-key``, and keys and databases that are not as they should be."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.credential_home import Home, error_of
from zoneproof.cli import _run
from zoneproof.storage import sqlite
from zoneproof.vault import Key


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_the_key_is_rotated_and_the_old_one_dropped(home: Home) -> None:
    home.add()
    first = (home.path / "vault.key").read_text()
    done = home.credential("rotate-key")
    assert "1 secret re-encrypted" in done.stdout
    assert (home.path / "vault.key").read_text().startswith(first)
    dropped = home.credential("rotate-key", "--drop-old", "--yes")
    assert "1 older key dropped" in dropped.stdout
    (key,) = (home.path / "vault.key").read_text().split()
    assert Key.from_text(key).id in done.stdout
    assert (home.path / "vault.key").stat().st_mode & 0o777 == 0o600
    assert home.shown()["fields"]["secret"] == "(hidden)"
    again = json.loads(home.credential("rotate-key", "--json").stdout)
    assert again["resealed"] == 1


def test_who_manages_the_keys_is_told_to_remove_the_old_one(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Key.new().to_text(), Key.new().to_text()
    monkeypatch.setenv("ZONEPROOF_VAULT_KEY", first)
    home.add()
    monkeypatch.setenv("ZONEPROOF_VAULT_KEY", f"{first} {second}")
    told = home.credential("rotate-key").stdout
    assert "next: back up the keys, then remove all but the last from $ZONEPROOF_VAULT_KEY" in told
    assert "--drop-old" not in told


def test_as_long_as_something_does_not_open_it_is_named_and_no_key_is_made(home: Home) -> None:
    home.add()
    keys = (home.path / "vault.key").read_text()
    assert home.credential("add", "acme-dns", "--field=server=https://a.example").status == 0
    with closing(sqlite3.connect(home.path / "state.sqlite3")) as connection, connection:
        connection.execute("UPDATE credentials SET fields = 'AAAA' WHERE name = 'acme-dns'")
    for options in ((), ("--drop-old", "--yes")):
        told = error_of(home.credential("rotate-key", *options), 1)
        assert "as long as these cannot be opened: the credential acme-dns; of the first: " in told
        assert (home.path / "vault.key").read_text() == keys


def _lose(key: Path) -> None:
    key.unlink()


def _swap(key: Path) -> None:
    key.write_text(Key.new().to_text())


def _open_to_all(key: Path) -> None:
    key.chmod(0o644)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_lose, "is missing"),
        (_swap, "were sealed with the vault key"),
        (_open_to_all, "can be read by others: run `chmod 600"),
    ],
)
@pytest.mark.parametrize(
    "command", [["show", "rfc2136"], ["rotate-key"], ["rotate-key", "--drop-old", "--yes"]]
)
def test_a_key_that_is_not_as_it_should_be_is_told(
    home: Home, harm: Any, message: str, command: list[str]
) -> None:
    home.add()
    harm(home.path / "vault.key")
    assert message in error_of(home.credential(*command), 1)


def test_a_locked_database_is_told(
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home.add()
    monkeypatch.setattr(sqlite, "_BUSY_SECONDS", 0.05)
    monkeypatch.setenv("ZONEPROOF_HOME", str(home.path))
    monkeypatch.setattr(sys, "argv", ["zoneproof", "credential", "remove", "rfc2136"])
    with closing(sqlite3.connect(home.path / "state.sqlite3")) as other:
        other.execute("BEGIN IMMEDIATE")
        assert _run() == 1
    assert "another process keeps it locked" in capsys.readouterr().err


def test_a_folder_in_place_of_the_database_is_told(home: Home) -> None:
    (home.path / "state.sqlite3").mkdir(parents=True)
    assert "state.sqlite3" in error_of(home.credential("list"), 1)
