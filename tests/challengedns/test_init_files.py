"""The files that ``zoneproof challenge init`` makes, replaces, keeps or finds."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.challengedns.new_service import init, options, refused, run
from tests.cli.inside import Inside
from tests.support.mounts import needs_mounts
from zoneproof.challengedns.config import load_config


def test_an_existing_file_is_not_replaced_without_force_and_kept_with_it(tmp_path: Path) -> None:
    path, old = tmp_path / "zoneproof.toml", tmp_path / "zoneproof.toml.old"
    assert init(*options(tmp_path), "--tls=off").status == 0
    with path.open("a") as file:
        file.write("# edited\n")
    path.chmod(0o600)
    before = path.read_bytes()
    line = refused(*options(tmp_path, zone="other.example.org"), "--tls=off")
    assert "already exists: give --force" in line
    assert path.read_bytes() == before
    for number in range(3):
        kept = old if number == 0 else old.with_name(f"{old.name}.{number + 1}")
        done = init(*options(tmp_path, zone=f"other{number}.example.org"), "--tls=off", "--force")
        assert done.status == 0
        assert f"The configuration that was there is kept: {kept}\n" in done.stdout
        assert f"other{number}.example.org" in path.read_text()
        assert kept.read_bytes() == before
        assert old.stat().st_mode & 0o777 == 0o600
        before = path.read_bytes()


def test_a_run_that_failed_after_it_kept_a_file_has_kept_it_for_the_next(tmp_path: Path) -> None:
    path, old = tmp_path / "zoneproof.toml", tmp_path / "zoneproof.toml.old"
    path.write_text("of somebody")
    database = tmp_path / "state/challenge.db"
    database.parent.mkdir()
    database.write_text("no database")
    for status in (1, 1, 0):
        if not status:
            database.unlink()
        assert init(*options(tmp_path), "--tls=off", "--force").status == status
        assert old.read_text() == "of somebody"
    assert not old.with_name(f"{old.name}.2").exists()


def test_the_replaced_file_is_kept_on_a_file_system_without_links_too(
    inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    path, old = tmp_path / "zoneproof.toml", tmp_path / "zoneproof.toml.old"
    inside.good("challenge", "init", *options(tmp_path), "--tls=off")
    path.chmod(0o600)
    before = path.read_bytes()
    chosen = options(tmp_path, zone="other.example.org")
    inside.good("challenge", "init", *chosen, "--tls=off", "--force")
    assert old.read_bytes() == before
    assert old.stat().st_mode & 0o777 == 0o600


def test_what_failed_half_way_leaves_nothing_in_the_way_and_can_be_run_again(
    tmp_path: Path,
) -> None:
    (tmp_path / "state").write_text("a file where the folder is to be")
    done = init(*options(tmp_path), "--agree-tos")
    assert done.status != 0
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
    (tmp_path / "state").unlink()
    assert init(*options(tmp_path), "--agree-tos").status == 0


def test_a_directory_is_no_database(tmp_path: Path) -> None:
    done = init(*options(tmp_path, database=str(tmp_path)), "--agree-tos")
    assert done.stderr == f"zoneproof: --database: {tmp_path} is a directory: name a file in it\n"
    assert not list(tmp_path.iterdir())


def test_where_the_database_will_be_and_whose_is_told_first(tmp_path: Path) -> None:
    database = tmp_path / "state/challenge.db"
    owner = pwd.getpwuid(os.geteuid()).pw_name
    told = f"Database: {database}, which will belong to {owner}; --database chooses another place"
    assert init(*options(tmp_path), "--agree-tos").stdout.splitlines()[0] == told
    again = init(*options(tmp_path), "--agree-tos", "--force").stdout.splitlines()[0]
    assert again == told.replace(f"will belong to {owner}", "already exists")


def test_a_database_is_named_from_where_the_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "elsewhere/zoneproof.toml"
    chosen = options(tmp_path, config=str(config), database="mine.db")
    assert init(*chosen, "--agree-tos", "--json").status == 0
    assert (tmp_path / "mine.db").exists()
    assert load_config(config).database == tmp_path / "mine.db"


def of_root(state: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command where ``/var/lib`` is another folder."""
    program = f'mount --bind {state} /var/lib && exec {sys.executable} -m zoneproof challenge "$@"'
    return run(["unshare", "--mount", "sh", "-c", program, "sh", "init", *options])


@needs_mounts
def test_the_database_of_another_service_is_not_taken_unasked(tmp_path: Path) -> None:
    state = tmp_path / "var"
    state.mkdir()
    config = tmp_path / "zoneproof.toml"
    chosen = [one for one in options(tmp_path) if not one.startswith("--database")]
    first = of_root(state, *chosen, "--agree-tos")
    place = "/var/lib/zoneproof-challenge/challenge.db"
    assert first.stdout.startswith(f"Database: {place}, which will belong to root; --database")
    assert of_root(state, *chosen, "--agree-tos", "--force").returncode == 0
    config.unlink()
    again = of_root(state, *chosen, "--agree-tos")
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr == (
        f"zoneproof: {place} already exists, and may be another service's: give --database, which"
        " chooses another place, or this one\n"
    )
    assert not config.exists()
    nothing_said = [one for one in chosen if not re.match("--(zone|address)=", one)]
    assert of_root(state, *nothing_said).stderr == again.stderr


def test_a_database_from_an_earlier_try_is_used(tmp_path: Path) -> None:
    assert init(*options(tmp_path), "--agree-tos").status == 0
    (tmp_path / "zoneproof.toml").unlink()
    (tmp_path / ".zoneproof.toml.new").write_text("cut off")
    again = init(*options(tmp_path), "--agree-tos")
    assert again.status == 0, again.stderr
    assert "zp_" in again.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"zoneproof.toml", "state"}
