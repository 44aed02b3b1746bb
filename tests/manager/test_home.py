"""The state folder: where it is, and its locks."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from zoneproof.errors import BusyError, ConfigError, StorageError
from zoneproof.manager import Home

HOLD = """
import sys
from pathlib import Path
from zoneproof.manager import Home
with Home(Path(sys.argv[1])).lock("example.com"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_environment_names_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZONEPROOF_HOME", str(tmp_path / "home"))
    assert Home.find().path == tmp_path / "home"


@pytest.mark.parametrize("named", ["/tmp/\udcff", "~no-such-user-at-all/home"])
def test_a_home_that_nothing_can_name_is_refused(
    monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("ZONEPROOF_HOME", named)
    with pytest.raises(ConfigError, match="name a folder by an absolute path in UTF-8") as caught:
        Home.find()
    assert caught.value.message.isprintable()


def test_a_new_home_is_for_its_owner_alone(tmp_path: Path) -> None:
    Home(tmp_path / "a/home").create()
    assert stat.S_IMODE((tmp_path / "a/home").stat().st_mode) == 0o700


def test_a_home_that_cannot_be_made_names_the_variable_to_set(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="ZONEPROOF_HOME"):
        Home(tmp_path / "file/home").create()


def test_a_lock_names_the_process_that_holds_it_and_ends_with_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BusyError, match=f"process {holder.pid}"), home.lock("example.com"):
            pass
        with home.lock("example.net"):
            pass
        holder.kill()
        holder.wait()
        with home.lock("example.com"):
            assert (tmp_path / "locks/example.com.holder").read_text() == str(os.getpid())


def test_whether_a_certificate_is_worked_on_is_told_without_holding_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert not home.is_locked("example.com")
    with home.lock("example.com"):
        assert home.is_locked("example.com")
        assert not home.is_locked("example.net")
    assert not home.is_locked("example.com")
