"""Opening a database: what is created, with which modes, and what stands in the way."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.storage.numbers_table import NUMBERS, files_in, insert, numbers
from tests.support.locked import locked_by_another_process
from zoneproof.core.errors import StorageError
from zoneproof.storage import SqliteStore, open_sqlite, sqlite


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def damage(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4096] + os.urandom(len(content) - 4096))


@contextmanager
def umask(value: int) -> Iterator[None]:
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


async def test_all_files_are_for_their_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    with umask(0):
        store = open_sqlite(tmp_path / "new" / "state.db", NUMBERS)
        await store.write(insert(1))
    assert {entry.name: mode(entry) for entry in (tmp_path / "new").iterdir()} == {
        "state.db": 0o600,
        "state.db-wal": 0o600,
        "state.db-shm": 0o600,
    }
    assert mode(tmp_path / "new") == 0o700
    await store.close()


async def test_any_file_name_will_do(tmp_path: Path) -> None:
    path = tmp_path / "a b?mode=memory#c%41 'ü\".db"
    store = open_sqlite(path, NUMBERS)
    await store.write(insert(1))
    await store.close()
    assert files_in(tmp_path) == [path.name]


async def test_a_relative_path_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_sqlite(Path("state.db"), NUMBERS)
    await store.close()
    assert (tmp_path / "state.db").exists()


async def test_what_was_written_is_there_after_opening_again(path: Path) -> None:
    for n in range(3):
        store = open_sqlite(path, NUMBERS)
        await store.write(insert(n))
        await store.close()
    store = open_sqlite(path, NUMBERS)
    assert await store.read(numbers) == [0, 1, 2]
    await store.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        StorageError, match=r"cannot open the database .*/file/.*: Not a dir|exists"
    ):
        open_sqlite(tmp_path / "file" / "state.db", NUMBERS)


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="it is a directory: name a file in it"):
        open_sqlite(tmp_path, NUMBERS)


def test_a_link_to_nowhere_does_not_become_a_file_that_others_can_read(tmp_path: Path) -> None:
    (tmp_path / "state.db").symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(StorageError, match="it cannot be opened"):
        open_sqlite(tmp_path / "state.db", NUMBERS)
    assert not (tmp_path / "elsewhere.db").exists()


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.write_text("a letter, not a database " * 100)
    before = path.read_bytes()
    with pytest.raises(StorageError, match=r"state\.db: it is not a SQLite database: restore it"):
        open_sqlite(path, NUMBERS)
    assert path.read_bytes() == before


async def test_a_damaged_database_is_named(path: Path) -> None:
    store = open_sqlite(path, NUMBERS)
    for n in range(100):
        await store.write(insert(n))
    await store.close()
    damage(path)
    with pytest.raises(StorageError, match=r"state\.db: it is damaged: restore it from a backup"):
        store = open_sqlite(path, NUMBERS)


def change_mode(path: Path, value: int) -> None:
    path.chmod(value)


async def test_a_read_only_file_is_named(bound_folder: Path) -> None:
    path = bound_folder / "state.db"
    await open_sqlite(path, NUMBERS).close()
    change_mode(path, 0o400)
    with pytest.raises(StorageError, match=r"it is read-only: give this user write permission"):
        open_sqlite(path, NUMBERS)
    change_mode(path, 0o600)
    await open_sqlite(path, NUMBERS).close()


def test_a_read_only_folder_is_named(bound_folder: Path) -> None:
    bound_folder.chmod(0o500)
    with pytest.raises(StorageError, match=r"state\.db: Permission denied; check the folder"):
        open_sqlite(bound_folder / "state.db", NUMBERS)


async def test_a_folder_that_became_read_only_is_named(bound_folder: Path) -> None:
    path = bound_folder / "state.db"
    await open_sqlite(path, NUMBERS).close()
    change_mode(bound_folder, 0o500)
    with pytest.raises(StorageError, match=r"write permission for the file and its folder"):
        open_sqlite(path, NUMBERS)


def test_a_file_of_another_user_is_named(bound_folder: Path) -> None:
    path = bound_folder / "state.db"
    path.touch(0o000)
    with pytest.raises(StorageError, match=r"it cannot be opened: check that .* this user may"):
        open_sqlite(path, NUMBERS)


async def test_a_lock_of_another_process_is_an_error_after_a_while_and_then_over(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_BUSY_SECONDS", 0.05)
    store = open_sqlite(path, NUMBERS)
    await store.write(insert(1))
    with locked_by_another_process(path):
        with pytest.raises(StorageError, match=r"state\.db: another process keeps it locked: stop"):
            await store.write(insert(2))
        with pytest.raises(StorageError, match=r"state\.db: another process keeps it locked: stop"):
            open_sqlite(path, NUMBERS)
        assert await store.read(numbers) == [1]
    assert await store.write(insert(3)) == 1
    assert await store.read(numbers) == [1, 3]
    await store.close()


async def test_opening_waits_while_another_creates_the_same_database(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite itself does not wait for a lock when it enters WAL mode."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        other.execute("COMMIT")

    monkeypatch.setattr(time, "sleep", pause)
    await open_sqlite(path, NUMBERS).close()
    assert len(pauses) == 1
    other.close()


def _look_from_another_process(path: Path) -> str:
    code = (
        "import sqlite3, sys; connection = sqlite3.connect(sys.argv[1]);"
        "print(connection.execute('SELECT n FROM number ORDER BY n').fetchall());"
        "connection.close()"
    )
    return subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    ).stdout.strip()


async def test_opening_twice_in_one_process_keeps_the_locks_that_guard_the_log(
    store: SqliteStore, path: Path
) -> None:
    """A process that closes any descriptor of a file loses all its locks on it.

    Another process that leaves the database would then delete the log under our feet
    (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    """
    await store.write(insert(1))
    again = open_sqlite(path, NUMBERS)
    assert _look_from_another_process(path) == "[(1,)]"
    await store.write(insert(2))
    await again.write(insert(3))
    assert path.with_name("state.db-wal").exists()
    assert _look_from_another_process(path) == "[(1,), (2,), (3,)]"
    await again.close()


async def test_a_failed_opening_leaves_nothing_open(path: Path) -> None:
    await open_sqlite(path, NUMBERS).close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE schema_version SET number = 99")
    connection.commit()
    connection.close()
    with pytest.raises(StorageError, match="newer"):
        open_sqlite(path, NUMBERS)
    assert files_in(path.parent) == [path.name]
