"""The state folder: where it is, and its locks."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from zoneproof.core.errors import BusyError, ConfigError, StorageError
from zoneproof.manager import Home, open_manager
from zoneproof.manager.settings import load_settings

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
    with pytest.raises(ConfigError, match="give the absolute path of a folder, in UTF-8") as caught:
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


def test_a_file_is_no_home(tmp_path: Path) -> None:
    (tmp_path / "passwd").touch()
    with pytest.raises(StorageError, match="passwd is not a directory: set ZONEPROOF_HOME"):
        Home(tmp_path / "passwd").check()


def test_a_lock_of_this_process_is_told_as_its_own(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.lock("example.com"):
        told = "^a run of this server is working on example.com: wait for it to end$"
        with pytest.raises(BusyError, match=told), home.lock("example.com"):
            pass


def test_whether_a_certificate_is_worked_on_is_told_without_holding_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert not home.is_locked("example.com")
    with home.lock("example.com"):
        assert home.is_locked("example.com")
        assert not home.is_locked("example.net")
    assert not home.is_locked("example.com")


async def test_whoever_opens_a_home_that_is_locked_lets_all_else_go_on(tmp_path: Path) -> None:
    async with open_manager(Home(tmp_path)):
        pass
    other = sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    async def opened() -> bool:
        async with open_manager(Home(tmp_path)) as manager:
            return await manager.certificates.find("x") is None

    opening = asyncio.create_task(opened())
    await asyncio.sleep(0)  # it begins, and would hold us up until it gives up
    other.execute("ROLLBACK")
    assert await opening
    other.close()


async def test_a_home_that_was_opened_for_somebody_who_has_gone_is_closed_again(
    tmp_path: Path,
) -> None:
    async with open_manager(Home(tmp_path)):
        pass
    other = sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    async def opened() -> None:
        async with open_manager(Home(tmp_path)):
            raise AssertionError("it continued")

    opening = asyncio.create_task(opened())
    await asyncio.sleep(0)
    opening.cancel()
    other.execute("ROLLBACK")
    with pytest.raises(asyncio.CancelledError):
        await opening
    other.close()
    connections = [
        descriptor
        for descriptor in Path("/proc/self/fd").iterdir()
        if descriptor.is_symlink() and str(descriptor.readlink()).startswith(str(tmp_path))
    ]
    assert connections == []


def test_a_contact_that_is_no_address_is_refused_where_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('email = "somebody"\n')
    with pytest.raises(ConfigError, match=r"settings\.toml: email: 'somebody' is not an e-mail"):
        load_settings(tmp_path)
