"""``zoneproof challenge import-acme-dns``: what it prints, refuses, and never touches."""

from __future__ import annotations

import json
import os
import pty
import pwd
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.challengedns.acme_dns import (
    NOW,
    VERSION_1,
    Account,
    add,
    command,
    many,
    refusal,
    registrations_of,
    run,
    take_over,
    write_sqlite,
)
from tests.support.challenge_service import ZONE, txt, write_config
from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.dns.wire import NS, A
from zoneproof.challengedns.dns.zonefile import compile_zones
from zoneproof.challengedns.store.audit import entries
from zoneproof.cli.person import person


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "acme-dns.db"


# --- what it prints ----------------------------------------------------------------------------


def test_the_summary_counts_everything_and_says_the_names(config: Path, source: Path) -> None:
    good = Account(values=[(txt("a"), NOW), (txt("b"), NOW - 30 * 86400)])
    bad = Account()
    write_sqlite(source, [good, bad])
    run(source, "UPDATE records SET Subdomain = 'www' WHERE Username = ?", bad.username)
    done = command(config, source)
    assert done.status == 1
    assert done.stderr.splitlines() == [
        "left out: www: its subdomain is not a UUID in lower case",
        "zoneproof: not imported, for the reasons above: 1 account, whose clients will fail",
    ]
    lines = done.stdout.splitlines()
    assert lines[0] == "registrations  1 new, 1 skipped"
    assert lines[1] == "values         1 new, 1 older than value_lifetime"
    assert lines[2] == f"names          <subdomain>.{ZONE}"
    assert "'domain'" in lines[3]
    dry = command(config, source, "--dry-run")
    assert (dry.status, dry.stderr) == (0, done.stderr)


async def test_json_has_a_line_for_all_that_is_left_out_and_one_with_the_counts(
    config: Path, source: Path
) -> None:
    account, bad = Account(), Account()
    write_sqlite(source, [account, bad])
    await take_over(config, source)
    run(source, "UPDATE records SET Password = ? WHERE Username = ?", "no hash", bad.username)
    run(
        source,
        "UPDATE records SET Username = ? WHERE Username = ?",
        str(Account().username),
        account.username,
    )
    done = command(config, source, "--json")
    assert (done.status, done.stderr) == (1, "")
    *left_out, summary = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(left_out, key=lambda each: bool(each["conflict"])) == [
        {
            "event": "left_out",
            "subdomain": bad.subdomain,
            "conflict": False,
            "reason": "its password is not a bcrypt hash of a cost up to 14",
        },
        {
            "event": "left_out",
            "subdomain": account.subdomain,
            "conflict": True,
            "reason": "it has another username here",
        },
    ]
    assert summary == {
        "event": "imported",
        "dry_run": False,
        "registrations": {"new": 0, "there": 0, "deleted": 0, "conflict": 1, "skipped": 1},
        "values": {"new": 0, "there": 0, "expired": 0, "malformed": 0, "unused": 0},
        "without_tenant": 0,
        "zones": [ZONE],
    }


def test_a_value_that_is_left_out_is_no_account(config: Path, source: Path) -> None:
    account = Account(values=[("a" * 42, NOW)])
    write_sqlite(source, [account])
    reason = "it is not 43 characters of A-Z, a-z, 0-9, '-', '_'"
    told = command(config, source)
    assert told.stderr == f"value left out: {account.subdomain}: {reason}\n"
    assert told.stdout.startswith("registrations  1 new\n")
    event, _ = map(json.loads, command(config, source, "--json").stdout.splitlines())
    assert event == {"event": "value_left_out", "subdomain": account.subdomain, "reason": reason}


async def test_new_registrations_can_belong_to_a_tenant_up_to_its_quota(
    config: Path, source: Path
) -> None:
    early = many(2)
    write_sqlite(source, early)
    await take_over(config, source)
    add(source, many(3))
    async with registrations_of(config) as registrations:
        await registrations.tenants.create("acme", quota=2)
    for options in (("--dry-run",), ()):
        done = command(config, source, "--tenant", "nobody", *options)
        assert (done.status, done.stdout) == (1, "")
        assert "there is no tenant 'nobody'" in done.stderr
        done = command(config, source, "--tenant", "acme", *options)
        assert (done.status, done.stdout) == (1, "")
        assert "its quota is 2: 'zoneproof challenge tenant change acme" in done.stderr
    async with registrations_of(config) as registrations:
        assert (await registrations.tenants.get("acme")).registrations == 0
        await registrations.tenants.alter("acme", lambda known: replace(known, quota=3))
    assert command(config, source, "--tenant", "acme", "--dry-run").status == 0
    done = command(config, source, "--tenant", "acme")
    assert done.stdout.startswith("registrations  3 new, 2 here already\n")
    assert (
        "no tenant      2 of those that are here already: 'zoneproof challenge registration assign"
        " --tenant acme --all-without-tenant' assigns all that have none\n"
    ) in done.stdout
    assert "no tenant" not in command(config, source).stdout
    async with registrations_of(config) as registrations:
        assert (await registrations.tenants.get("acme")).registrations == 3
        (entry,) = await registrations.database.read(entries)
        assert (entry.action, entry.subject) == (
            "registration import",
            "3 registrations from acme-dns",
        )
        assert (entry.who, entry.tenant) == (person(), "acme")
        owned = {each.subdomain for each in await registrations.page(tenant="acme")}
        assert not owned & {each.subdomain for each in early}


def test_a_terminal_sees_the_progress(config: Path, source: Path) -> None:
    write_sqlite(source, many(1500))
    ours, theirs = pty.openpty()
    with closing(os.fdopen(ours, "rb", buffering=0)) as screen:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "zoneproof", "challenge", "import-acme-dns"),
                *("--config", str(config), str(source)),
            ],
            stdout=subprocess.PIPE,
            stderr=theirs,
        )
        os.close(theirs)
        printed, _ = process.communicate(timeout=60)
        seen = screen.read(10_000)
    assert b"1,000 of 1,500 accounts" in seen
    assert seen.endswith(b"\r\x1b[K")
    assert printed.startswith(b"registrations  1500 new\n")


# --- a dry run ---------------------------------------------------------------------------------


async def test_a_dry_run_says_the_same_and_changes_nothing(config: Path, source: Path) -> None:
    here, new = Account(values=[(txt("a"), NOW)]), Account(values=[(txt("b"), NOW)])
    await take_over(config, write_sqlite(source, [here]))
    database = config.parent / "challenge.db"
    other = config.parent / "other.db"
    write_sqlite(other, [here, new])
    run(other, "UPDATE txt SET LastUpdate = ? WHERE Value = ?", NOW + 60, txt("a"))
    before = database.read_bytes()
    dry = await take_over(config, other, dry_run=True)
    assert database.read_bytes() == before
    assert dry.summary == (await take_over(config, other)).summary
    assert dry.registrations == {"new": 1, "there": 1}
    assert dry.values == {"new": 2}


def test_a_dry_run_makes_no_database(config: Path, source: Path) -> None:
    write_sqlite(source, [Account()])
    before = sorted(config.parent.iterdir())
    done = command(config, source, "--dry-run")
    assert done.stdout.startswith("dry run: nothing was changed")
    assert "registrations  1 new\n" in done.stdout
    assert sorted(config.parent.iterdir()) == before


# --- acme-dns's file ---------------------------------------------------------------------------


@contextmanager
def in_use(source: Path, journal: str) -> Iterator[sqlite3.Connection]:
    """Be an acme-dns that has the file open."""
    with closing(sqlite3.connect(source, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")
        yield connection


@pytest.mark.parametrize("journal", ["delete", "wal"])
async def test_a_file_in_use_is_read_with_all_that_was_committed(
    config: Path, source: Path, journal: str
) -> None:
    account = Account(values=[(txt("a"), NOW)])
    write_sqlite(source, [account])
    with in_use(source, journal) as acme_dns:
        acme_dns.execute("UPDATE txt SET Value = ? WHERE Value <> ''", [txt("b")])
        files = {path: path.read_bytes() for path in source.parent.glob("acme-dns.db*")}
        acme_dns.execute("BEGIN IMMEDIATE")
        acme_dns.execute("UPDATE txt SET Value = ?", [txt("c")])
        assert (await take_over(config, source)).values == {"new": 1}
        acme_dns.execute("ROLLBACK")
        for path, content in files.items():
            if not path.name.endswith("-shm"):  # in it readers note what they read
                assert path.read_bytes() == content
    async with registrations_of(config) as registrations:
        assert [value for value, _ in await registrations.values(account.subdomain)] == [txt("b")]


async def test_acme_dns_can_write_while_it_is_imported(config: Path, source: Path) -> None:
    write_sqlite(source, many(1500))
    later = Account()

    def register(done: int, total: int) -> None:
        with closing(sqlite3.connect(source, timeout=0)) as acme_dns, acme_dns:
            acme_dns.execute("DELETE FROM records WHERE Username = ?", [later.username])
            acme_dns.execute("INSERT INTO records VALUES (?, ?, ?, ?)", later.record)

    outcome = await take_over(config, source, on_progress=register)
    assert outcome.registrations == {"new": 1500}
    assert (await take_over(config, source)).registrations == {"new": 1, "there": 1500}


async def test_a_stopped_acme_dns_leaves_a_file_that_stays_as_it_is(
    config: Path, source: Path
) -> None:
    write_sqlite(source, [Account(values=[(txt("a"), NOW)])])
    before = source.stat(), source.read_bytes()
    await take_over(config, source)
    after = source.stat()
    assert (after.st_mtime_ns, after.st_ino) == (before[0].st_mtime_ns, before[0].st_ino)
    assert source.read_bytes() == before[1]
    assert list(source.parent.glob("acme-dns.db*")) == [source]


# --- our own -----------------------------------------------------------------------------------


async def test_the_database_that_it_makes_belongs_to_the_user_of_the_service(
    config: Path, source: Path
) -> None:
    write_sqlite(source, [Account()])
    text = config.read_text().replace('user = "root"', 'user = "nobody"')
    config.write_text('database = "data/challenge.db"\n' + text)
    await take_over(config, source)
    folder = config.parent / "data"
    made = sorted(folder.iterdir())
    assert [path.name for path in made] == ["challenge.db", "challenge.db.changed"]
    user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
    for path in (folder, *made):
        assert path.stat().st_uid == user
    assert {path.stat().st_mode & 0o777 for path in made} == {0o600}


# --- what it refuses ---------------------------------------------------------------------------


async def test_a_file_that_is_not_there_is_said(config: Path, source: Path) -> None:
    line = await refusal(config, source)
    assert str(source) in line
    assert "No such file" in line
    assert not (config.parent / "challenge.db").exists()


async def test_a_folder_is_no_database(config: Path, tmp_path: Path) -> None:
    assert "Is a directory" in await refusal(config, tmp_path)


async def test_a_name_that_is_none_is_said(config: Path) -> None:
    assert "no file can have this name" in await refusal(config, "acme\0dns\n.db")


async def test_a_file_that_is_no_database_is_said(config: Path, source: Path) -> None:
    source.write_bytes(b"[general]\nlisten = '127.0.0.1:53'\n" * 100)
    assert "is not a SQLite database" in await refusal(config, source)


async def test_an_empty_file_is_said(config: Path, source: Path) -> None:
    source.write_bytes(b"")
    assert "it has no table 'records'" in await refusal(config, source)


async def test_a_damaged_file_is_said(config: Path, source: Path) -> None:
    write_sqlite(source, many(200))
    content = bytearray(source.read_bytes())
    content[4096:] = b"\x55" * (len(content) - 4096)
    source.write_bytes(content)
    assert "damaged" in await refusal(config, source)


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("DROP TABLE records", "no table 'records'"),
        ("DROP TABLE txt", "no table 'txt'"),
        (
            "ALTER TABLE records DROP COLUMN AllowFrom",
            "no column 'allowfrom' in its table 'records'",
        ),
        ("ALTER TABLE txt DROP COLUMN LastUpdate", "no column 'lastupdate' in its table 'txt'"),
    ],
)
async def test_what_a_database_lacks_is_said(
    config: Path, source: Path, statement: str, what: str
) -> None:
    write_sqlite(source, [Account()])
    run(source, statement)
    line = await refusal(config, source)
    assert what in line
    assert "config.cfg" in line


@pytest.mark.parametrize("version", ["2", "10", "one", ""])
async def test_a_schema_that_is_not_known_is_said(config: Path, source: Path, version: str) -> None:
    write_sqlite(source, [Account()])
    run(source, "UPDATE acmedns SET Value = ?", version)
    line = await refusal(config, source)
    assert f"db_version '{version}'" in line
    assert "update Zoneproof" in line


async def test_a_database_whose_version_was_never_written_is_read(
    config: Path, source: Path
) -> None:
    write_sqlite(source, [Account()], VERSION_1[1:3])
    assert (await take_over(config, source)).registrations == {"new": 1}


async def test_an_unfinished_transaction_of_a_crashed_acme_dns_is_said(
    config: Path, source: Path
) -> None:
    write_sqlite(source, many(2000))
    with closing(sqlite3.connect(source, isolation_level=None)) as acme_dns:
        acme_dns.execute("PRAGMA cache_size = 1")
        acme_dns.execute("BEGIN")
        acme_dns.execute("UPDATE txt SET Value = 'x'")
        for name in (source.name, f"{source.name}-journal"):
            shutil.copy(source.with_name(name), source.with_name(f"crashed-{name}"))
    source = source.with_name(f"crashed-{source.name}")
    assert "start and stop it once" in await refusal(config, source)


async def test_a_file_that_needs_others_that_cannot_be_made_is_said(
    config: Path, source: Path
) -> None:
    write_sqlite(source)
    with in_use(source, "wal"):
        pass
    source.with_name(f"{source.name}-wal").mkdir()
    assert "copy it" in await refusal(config, source)


@pytest.mark.parametrize(
    "text",
    [
        "mysql://user:s3cret@host/db",
        "sqlite:///var/lib/acme-dns.db?s3cret",
        "host=localhost user=acmedns password=s3cret",
        "dbname = acmedns password = s3cret",
    ],
)
async def test_what_is_neither_file_nor_postgres_url_is_said_without_its_password(
    config: Path, text: str
) -> None:
    line = await refusal(config, text)
    assert "postgres://" in line
    assert "s3cret" not in line


async def test_without_bcrypt_nothing_is_imported_that_could_not_be_used(
    config: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sqlite(source, [Account()])
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    assert "install '.[legacy]'" in await refusal(config, source)
    assert not (config.parent / "challenge.db").exists()


def test_a_password_on_the_command_line_is_warned_of(config: Path) -> None:
    for url, is_told in (
        ("postgres://u:s3cret@127.0.0.1:1/x", True),
        ("postgres://u@[::1]:1/x", False),
    ):
        done = command(config, url)
        assert ("can be read by others in the process list" in done.stderr) is is_told
        assert "s3cret" not in done.stderr


def test_a_refusal_is_one_line(config: Path, source: Path) -> None:
    done = command(config, source)
    assert done.status == 2
    assert not done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("zoneproof: cannot read acme-dns's database")


# --- the documentation -------------------------------------------------------------------------


def test_the_documented_translation_of_a_configuration_is_one(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "moving-from-acme-dns.md"
    (text,) = re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    path = tmp_path / "zoneproof.toml"
    path.write_text(text)
    config = load_config(path)
    (zone,) = compile_zones(path, config.zones)
    assert {rrset.rdtype for rrset in zone.rrsets} == {A, NS}
    assert config.api.open_registration
