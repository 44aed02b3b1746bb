"""Migrations: read from a package, applied once and in order, all or nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from zoneproof.core.errors import StorageError
from zoneproof.storage import Migration, Row, Transaction, load_migrations, open_sqlite

ONE = Migration("room", 1, ("CREATE TABLE a (n INTEGER)", "INSERT INTO a VALUES (1)"))
TWO = Migration("room", 2, ("ALTER TABLE a ADD COLUMN name TEXT DEFAULT 'x'",))
OTHER = Migration("other", 1, ("CREATE TABLE b (n INTEGER)",))


async def rows(path: Path, migrations: list[Migration], sql: str) -> list[Row]:
    store = open_sqlite(path, migrations)
    try:
        return await store.read(lambda transaction: transaction.query(sql))
    finally:
        await store.close()


VERSIONS = "SELECT component, number FROM schema_version ORDER BY component"


async def test_a_new_database_gets_all_migrations(path: Path) -> None:
    assert await rows(path, [ONE, TWO, OTHER], "SELECT n, name FROM a") == [(1, "x")]
    assert await rows(path, [ONE, TWO, OTHER], VERSIONS) == [("other", 1), ("room", 2)]


async def test_an_older_database_gets_only_what_it_lacks(path: Path) -> None:
    assert await rows(path, [ONE], "SELECT n FROM a") == [(1,)]
    assert await rows(path, [ONE, TWO], "SELECT n, name FROM a") == [(1, "x")]


async def test_each_component_has_its_own_number(path: Path) -> None:
    await rows(path, [ONE, TWO], VERSIONS)
    assert await rows(path, [OTHER], VERSIONS) == [("other", 1), ("room", 2)]


async def test_a_database_from_a_newer_program_is_refused_and_unchanged(path: Path) -> None:
    await rows(path, [ONE, TWO], VERSIONS)
    with pytest.raises(StorageError) as caught:
        open_sqlite(path, [ONE, OTHER])
    assert caught.value.message == (
        f"{path} was written by a newer Zoneproof (its room tables are of version 2, this program"
        " knows 1): update Zoneproof; nothing was changed"
    )
    assert await rows(path, [], VERSIONS) == [("room", 2)]


async def test_a_failing_migration_leaves_the_database_as_it_was(path: Path) -> None:
    await rows(path, [ONE], VERSIONS)
    broken = Migration("room", 2, ("DELETE FROM a", "CREATE TABLE c (n)", "INSERT INTO nowhere"))
    with pytest.raises(StorageError, match=r"state\.db: "):
        open_sqlite(path, [ONE, broken])
    assert await rows(path, [ONE], VERSIONS) == [("room", 1)]
    assert await rows(path, [ONE, TWO], "SELECT n FROM a") == [(1,)]


async def test_rebuilding_a_table_keeps_the_rows_that_refer_to_it(path: Path) -> None:
    family = Migration(
        "family",
        1,
        (
            "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
            "CREATE TABLE child (parent INTEGER REFERENCES parent (id) ON DELETE CASCADE)",
            "INSERT INTO parent VALUES (1)",
            "INSERT INTO child VALUES (1)",
        ),
    )
    rebuild = Migration(
        "family",
        2,
        (
            "CREATE TABLE parent_new (id INTEGER PRIMARY KEY, name TEXT)",
            "INSERT INTO parent_new (id) SELECT id FROM parent",
            "DROP TABLE parent",
            "ALTER TABLE parent_new RENAME TO parent",
        ),
    )
    await rows(path, [family], VERSIONS)
    assert await rows(path, [family, rebuild], "SELECT parent FROM child") == [(1,)]


async def test_foreign_keys_hold_after_the_migrations(path: Path) -> None:
    family = Migration(
        "family",
        1,
        (
            "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
            "CREATE TABLE child (parent INTEGER REFERENCES parent (id))",
        ),
    )
    store = open_sqlite(path, [family])

    def orphan(transaction: Transaction) -> None:
        transaction.execute("INSERT INTO child VALUES (7)")

    with pytest.raises(StorageError, match="FOREIGN KEY constraint failed"):
        await store.write(orphan)
    await store.close()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the migrations folder of a package ``house_of_tests.room``."""
    folder = tmp_path / "house_of_tests" / "room" / "migrations"
    folder.mkdir(parents=True)
    for parent in folder.parents[:2]:
        (parent / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("house_of_tests", "house_of_tests.room"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return folder


def test_files_are_read_in_the_order_of_their_numbers(package: Path) -> None:
    (package / "0010_later.sql").write_text("SELECT 10;\n")
    (package / "0002_second.sql").write_text("SELECT 2;\n")
    (package / "0001_first.sql").write_text("SELECT 1;\n")
    others = ("README.md", "0003_backup.sql~", "3_short.sql", "0004_Big.sql", "__init__.py")
    for other in (*others, "0005_of_another.mysql.sql"):
        (package / other).write_text("no SQL;\n")
    assert load_migrations("house_of_tests.room") == [
        Migration("room", 1, ("SELECT 1",)),
        Migration("room", 2, ("SELECT 2",)),
        Migration("room", 10, ("SELECT 10",)),
    ]


def test_what_is_for_sqlite_alone_is_an_empty_step_for_others(package: Path) -> None:
    (package / "0001_first.sql").write_text("SELECT 1;\n")
    (package / "0002_second.sqlite.sql").write_text("SELECT 2;\n")
    first = Migration("room", 1, ("SELECT 1",))
    known = load_migrations("house_of_tests.room")
    assert known == [first, Migration("room", 2, ("SELECT 2",))]
    known = load_migrations("house_of_tests.room", "postgres")
    assert known == [first, Migration("room", 2, ())]


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("", ()),
        ("\n-- only a comment; with a semicolon;\n", ()),
        ("SELECT 1;", ("SELECT 1",)),
        ("SELECT 1", ("SELECT 1",)),
        ("SELECT 1;\n\n;\nSELECT 2;\n", ("SELECT 1", "SELECT 2")),
        ("SELECT 1;  \r\nSELECT 2;\r\n", ("SELECT 1", "SELECT 2")),
        ("SELECT ';' AS a,\n  'b; c';\nSELECT 2;\n", ("SELECT ';' AS a,\n  'b; c'", "SELECT 2")),
        ("-- why;\nSELECT 1\n  -- because;\n  + 1;\n", ("SELECT 1\n  + 1",)),
        (
            "CREATE TABLE t (\n  a TEXT,\n  b TEXT\n);\n",
            ("CREATE TABLE t (\n  a TEXT,\n  b TEXT\n)",),
        ),
    ],
)
def test_statements_end_with_a_semicolon_at_the_end_of_a_line(
    package: Path, text: str, statements: tuple[str, ...]
) -> None:
    (package / "0001_first.sql").write_bytes(text.encode())
    assert load_migrations("house_of_tests.room") == [Migration("room", 1, statements)]
