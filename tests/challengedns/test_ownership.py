"""Root's commands beside a service that is another user's. These tests run as root."""

from __future__ import annotations

import asyncio
import os
import pwd
import sqlite3
import threading
from pathlib import Path

import pytest

from tests.support.challenge_service import challenge_command, open_for, write_config
from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.ownership import acting_as, acting_as_owner_of
from zoneproof.storage import load_migrations, open_sqlite

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration of a service whose folder and database are another user's."""
    path = write_config(tmp_path)
    folder = tmp_path / "state"
    path.write_text(f'database = "state/challenge.db"\n{path.read_text()}')
    folder.mkdir(mode=0o700)
    made = open_sqlite(folder / "challenge.db", load_migrations("zoneproof.challengedns"))
    asyncio.run(made.close())
    for each in (folder, folder / "challenge.db"):
        os.chown(each, NOBODY.pw_uid, NOBODY.pw_gid)
    return path


def owners(folder: Path) -> dict[str, tuple[int, int]]:
    found = {path.name: path.lstat() for path in folder.iterdir()}
    return {name: (each.st_uid, each.st_gid) for name, each in found.items()}


def test_what_root_makes_beside_the_database_is_its_owners(config: Path) -> None:
    for arguments in (["tenant", "create", "first"], ["key", "create", "first"]):
        assert challenge_command(config, *arguments).status == 0
    of_nobody = NOBODY.pw_uid, NOBODY.pw_gid
    assert owners(config.parent / "state") == {
        "challenge.db": of_nobody,
        "challenge.db.changed": of_nobody,
    }


async def test_while_root_has_the_database_open_all_its_files_are_the_owners(config: Path) -> None:
    registrations = open_for(load_config(config))
    await registrations.register()
    assert await registrations.page()
    found = owners(config.parent / "state")
    assert set(found) > {"challenge.db-wal", "challenge.db-shm"}
    assert set(found.values()) == {(NOBODY.pw_uid, NOBODY.pw_gid)}
    await registrations.close()


@pytest.mark.parametrize("name", ["challenge.db", "challenge.db.changed"])
def test_a_link_to_a_file_of_roots_changes_nothing_there(config: Path, name: str) -> None:
    private = config.parent / "private"
    (config.parent / "state/challenge.db").rename(private)
    os.chown(private, 0, 0)
    before = private.read_bytes()
    link = config.parent / "state" / name
    link.symlink_to(private)
    os.chown(link, NOBODY.pw_uid, NOBODY.pw_gid, follow_symlinks=False)
    done = challenge_command(config, "tenant", "create", "first")
    assert done.status != 0
    assert len(done.stderr.splitlines()) == 1
    assert private.read_bytes() == before


def test_a_link_to_nowhere_makes_no_file_there(config: Path) -> None:
    link = config.parent / "state/challenge.db.changed"
    link.symlink_to(config.parent / "made")
    done = challenge_command(config, "tenant", "create", "first")
    assert f"{link}: it is a symbolic link" in done.stderr
    assert not (config.parent / "made").exists()


def test_a_link_that_root_has_laid_to_another_disk_is_followed(config: Path) -> None:
    disk = config.parent / "disk"
    (config.parent / "state").rename(disk)
    state = config.parent / "state"
    state.mkdir()
    os.chown(state, NOBODY.pw_uid, NOBODY.pw_gid)
    (state / "challenge.db").symlink_to(disk / "challenge.db")
    assert challenge_command(config, "tenant", "create", "first").status == 0
    with sqlite3.connect(disk / "challenge.db") as connection:
        assert connection.execute("SELECT name FROM challenge_tenant").fetchall() == [("first",)]
    connection.close()


def test_only_the_thread_that_acts_as_another_does(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    made = {}

    def make(name: str) -> None:
        path = tmp_path / name
        path.write_text("")
        made[name] = path.stat().st_uid

    acting, done = threading.Event(), threading.Event()

    def act() -> None:
        with acting_as(NOBODY.pw_uid, NOBODY.pw_gid, reaches_all=True):
            make("as nobody")
            acting.set()
            assert done.wait(10)
        make("afterwards")

    thread = threading.Thread(target=act)
    thread.start()
    assert acting.wait(10)
    make("beside")
    done.set()
    thread.join()
    assert made == {"as nobody": NOBODY.pw_uid, "beside": 0, "afterwards": 0}


def test_without_more_rights_a_folder_above_that_is_closed_stays_closed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "file").write_text("")
    os.chown(closed / "file", NOBODY.pw_uid, NOBODY.pw_gid)
    with acting_as(NOBODY.pw_uid, NOBODY.pw_gid), pytest.raises(PermissionError):
        (closed / "file").open("rb")
    with acting_as_owner_of(closed / "file"):
        (closed / "file").open("r+b").close()
        with pytest.raises(PermissionError):
            (closed / "new").open("wb")
