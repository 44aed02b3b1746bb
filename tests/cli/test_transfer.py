"""A home is moved: ``zoneproof import archive`` takes what ``zoneproof export`` wrote."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import stat
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.cli.archives import PASSPHRASE, comparable, content_of, differ, statuses, take
from tests.cli.inside import Inside
from tests.cli.terminal import Answer, run_at_terminal
from tests.support.command import Result
from tests.support.full_home import SECRETS, SERVER, SETTINGS, UNDEPLOYED, issued
from zoneproof.acme import AccountKey
from zoneproof.manager import Home, open_manager
from zoneproof.manager.certificates.files import CertificateFiles
from zoneproof.migration.archive import count_items, decode
from zoneproof.migration.sealed_file import parse, seal

EVERYTHING = {
    ("settings", "settings.toml"),
    ("credential", "dns"),
    ("account", "letsencrypt-staging"),
    ("account", "private"),
    ("registration", f"www.example.com at {SERVER}"),
    ("certificate", "a.example"),
    ("certificate", "b.example"),
    ("files", "a.example"),
}


def test_a_home_that_is_moved_has_everything(inside: Inside, archive: Path, filled: Path) -> None:
    result = take(inside, archive, "--yes", "--json")
    assert result.status == 0, result.stderr
    assert statuses(result) == dict.fromkeys(EVERYTHING, "new")
    moved, before = content_of(inside.home), content_of(filled)
    assert comparable(moved) == comparable(before)
    assert moved.certificates[1].renewal.failures == 2
    assert moved.certificates[1].not_deployed == {"web": UNDEPLOYED}
    assert (inside.home / "settings.toml").read_text() == SETTINGS
    assert stat.S_IMODE((inside.home / "settings.toml").stat().st_mode) == 0o600
    assert (inside.home / "vault.key").read_text() != (filled / "vault.key").read_text()
    bundle = (inside.home / "live/a.example/bundle.p12").read_bytes()
    assert pkcs12.load_pkcs12(bundle, SECRETS[2].encode()).key is not None
    assert "imported" in inside.good("history", "a.example")
    shown = {one["name"]: one["status"] for one in json.loads(inside.good("list", "--json"))}
    assert shown == {"a.example": "valid", "b.example": "failing"}


def test_a_task_with_a_credential_that_was_done_is_done_where_a_home_is_moved_to(
    inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSPHRASE", PASSPHRASE)
    old, archive = tmp_path / "old", tmp_path / "moved.zp"
    copy = f"--deploy=copy:pkcs12={tmp_path}/site.p12,pkcs12_password=env:PASSPHRASE"
    inside.good("add", "a.example", "--provider=manual", copy, home=old)
    CertificateFiles(old).write("a.example", issued("a.example"))
    inside.good("deploy", "a.example", home=old)
    to = ("-o", str(archive), "--passphrase", "env:PASSPHRASE", "--with-certificates")
    inside.good("export", *to, home=old)
    assert take(inside, archive, "--yes").status == 0
    assert json.loads(inside.good("show", "a.example", "--json"))["status"] == "valid"


def test_importing_twice_changes_nothing(inside: Inside, archive: Path) -> None:
    take(inside, archive, "--yes")
    before = (inside.home / "archive/a.example").stat().st_mtime_ns
    result = take(inside, archive, "--yes", "--replace")
    assert result.status == 0
    assert "nothing to import: everything is already here" in result.stdout
    assert (inside.home / "archive/a.example").stat().st_mtime_ns == before
    assert set(statuses(take(inside, archive, "--json")).values()) == {"same"}


def answered(inside: Inside, archive: Path, answer: Answer) -> Result:
    """Import at a terminal, and answer the question whether to."""
    return run_at_terminal(
        ["import", "archive", str(archive), "--passphrase", "env:PASSPHRASE"],
        [("[y/N]: ", answer)],
        {"ZONEPROOF_HOME": str(inside.home)},
    )


def test_what_would_come_is_shown_first_and_nothing_taken_unasked(
    inside: Inside, archive: Path
) -> None:
    result = take(inside, archive)
    assert result.status == 0
    assert "new      credential   dns\n" in result.stdout
    assert "nothing was changed: this was a preview; --yes imports settings.toml, 1" in (
        result.stdout
    )
    assert json.loads(take(inside, archive, "--json").stdout)["taken"] == 0
    assert take(inside, archive, "--dry-run").status == 0
    result = answered(inside, archive, "n")
    assert result.status == 1
    assert "Import settings.toml, 1 " in result.stdout
    assert not content_of(inside.home).credentials
    assert not (inside.home / "settings.toml").exists()
    assert not (inside.home / "live").exists()


def test_what_differs_stays(inside: Inside, archive: Path) -> None:
    take(inside, archive, "--yes")
    asyncio.run(differ(inside.home))
    (inside.home / "settings.toml").write_text("parallel = 3\n")
    before = content_of(inside.home)
    result = take(inside, archive, "--yes")
    assert result.status == 0
    assert "differs  credential   dns  (stays as it is here)" in result.stdout
    assert "key_type: ec256 (was rsa4096)" in result.stdout
    assert "--replace overwrites" in result.stdout
    assert comparable(content_of(inside.home)) == comparable(before)


def test_replace_takes_the_archive_s_and_keeps_older_versions_of_files(
    inside: Inside, archive: Path, filled: Path
) -> None:
    take(inside, archive, "--yes")
    asyncio.run(differ(inside.home))
    with sqlite3.connect(inside.home / "state.sqlite3") as database:
        database.execute("UPDATE accounts SET account_url = 'https://other.example'")
        database.execute("UPDATE registrations SET username = 'other'")
    database.close()
    (inside.home / "settings.toml").write_text("parallel = 3\n")
    result = take(inside, archive, "--yes", "--replace", "--json")
    assert result.status == 0, result.stderr
    assert [key for key, status in statuses(result).items() if status == "same"] == [
        ("certificate", "b.example")
    ]
    assert comparable(content_of(inside.home)) == comparable(content_of(filled))
    assert (inside.home / "archive/a.example/privkey2.pem").exists()
    assert (inside.home / "live/a.example/privkey.pem").resolve().name == "privkey3.pem"


async def _cut_off_a_rollover(home: Path) -> None:
    async with open_manager(Home(home)) as manager:
        account = await manager.accounts.get("letsencrypt-staging")
        await manager.accounts.keep_next_key(account, AccountKey.generate("ES256"))


def test_an_account_whose_key_may_be_another_one_at_the_ca_is_not_replaced(
    inside: Inside, archive: Path
) -> None:
    take(inside, archive, "--yes")
    asyncio.run(_cut_off_a_rollover(inside.home))
    before = content_of(inside.home)
    result = take(inside, archive, "--yes", "--replace")
    assert result.status == 2
    assert "'zoneproof account rollover letsencrypt-staging' finishes it" in result.stderr
    assert comparable(content_of(inside.home)) == comparable(before)


def test_a_certificate_does_not_come_without_its_definition(inside: Inside, archive: Path) -> None:
    inside.good("add", "a.example", "--provider", "manual")
    take(inside, archive, "--yes")
    assert not (inside.home / "live/a.example").exists()


@pytest.mark.parametrize("table", ["certificates", "accounts", "registrations"])
def test_a_failure_in_the_database_keeps_nothing_there(
    inside: Inside, archive: Path, table: str
) -> None:
    inside.good("renew")
    with sqlite3.connect(inside.home / "state.sqlite3") as database:
        database.execute(
            f"CREATE TRIGGER full BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no more');"
            " END"
        )
    database.close()
    result = take(inside, archive, "--yes")
    assert result.status == 1
    assert "no more" in result.stderr
    found = content_of(inside.home)
    assert count_items(found) == {}
    with sqlite3.connect(inside.home / "state.sqlite3") as database:
        database.execute("DROP TRIGGER full")
    database.close()
    assert take(inside, archive, "--yes").status == 0
    assert len(content_of(inside.home).certificates) == 2


def test_a_change_by_somebody_else_meanwhile_is_not_lost(inside: Inside, archive: Path) -> None:
    def add_first(_: str) -> str:
        inside.good("add", "b.example", "--provider", "manual")
        return "y"

    result = answered(inside, archive, add_first)
    assert result.status == 1
    found = content_of(inside.home)
    assert [one.definition.method[0].provider for one in found.certificates] == ["manual"]
    assert not found.credentials


def test_a_certificate_that_is_worked_on_is_not_touched(inside: Inside, archive: Path) -> None:
    with Home(inside.home).lock("a.example"):
        result = take(inside, archive, "--yes")
    assert result.status == 1
    assert "is working on a.example" in result.stderr
    assert not content_of(inside.home).certificates


def test_a_wrong_passphrase_is_one_line(
    inside: Inside, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSPHRASE", "another passphrase")
    result = take(inside, archive, "--yes")
    assert result.status == 2
    assert result.stderr.count("\n") == 1
    assert "does not open with this passphrase" in result.stderr
    told = take(inside, archive, "--yes", "--json").event("error")
    assert told["exit_code"] == 2


def altered(exported: bytes, **changes: object) -> bytes:
    document = json.loads(parse(exported, "it").open(PASSPHRASE))
    return seal(json.dumps({**document, **changes}).encode(), PASSPHRASE)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"colours": []}, "a newer one wrote it"),
        ({"accounts": [{"name": "x"}]}, "a newer one wrote it"),
        ({"settings": "colour = 1\n"}, "settings.toml cannot be used here"),
        (
            {"certificates": [{"definition": {"name": "../../x", "identifiers": ["a.example"]}}]},
            "not a valid certificate name",
        ),
        (
            {
                "certificates": [
                    {
                        "definition": {"name": "x", "identifiers": ["a.example"]},
                        "files": {"fullchain": "secret", "private_key": "secret"},
                    }
                ]
            },
            "x: ",
        ),
        (
            {"credentials": [{"name": "a b", "provider": "x", "fields": {}}]},
            "not a valid credential name",
        ),
        (
            {
                "accounts": [
                    {
                        "name": "x",
                        "directory_url": "https://a.example/",
                        "account_url": "",
                        "key": "secret",
                    }
                ]
            },
            "x: the account key is not a PEM private key",
        ),
        (
            {
                "registrations": [
                    {
                        "domain": "a..b",
                        "server": "s",
                        "fulldomain": "a.b",
                        "subdomain": "a",
                        "username": "secret",
                        "password": "secret",
                    }
                ]
            },
            "a..b",
        ),
    ],
)
def test_content_that_cannot_be_used_changes_nothing(
    inside: Inside, archive: Path, exported: bytes, changes: dict[str, object], told: str
) -> None:
    archive.write_bytes(altered(exported, **changes))
    result = take(inside, archive, "--yes")
    assert result.status == 2
    assert told in result.stderr
    assert result.stderr.count("\n") == 1
    assert "secret" not in result.stderr
    assert not content_of(inside.home).credentials


def test_a_missing_file_is_one_line(inside: Inside, archive: Path) -> None:
    archive.unlink()
    result = take(inside, archive)
    assert result.status == 2
    assert f"cannot read {archive}: No such file" in result.stderr


def test_the_roots_of_a_private_ca_are_asked_for(
    inside: Inside, archive: Path, exported: bytes
) -> None:
    document = decode(parse(exported, "it").open(PASSPHRASE), "it")
    account = msgspec.structs.replace(document.accounts[1], ca_bundle="/nowhere/roots.pem")
    changed = msgspec.structs.replace(document, accounts=(account,))
    archive.write_bytes(seal(msgspec.json.encode(changed), PASSPHRASE))
    assert "private trusts the roots in /nowhere/roots.pem" in take(inside, archive, "--yes").stderr


def test_a_passphrase_can_stand_in_a_file(inside: Inside, archive: Path, tmp_path: Path) -> None:
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
    command = ("import", "archive", str(archive), "--dry-run", "--passphrase")
    inside.good(*command, f"@{tmp_path / 'passphrase'}")
    result = inside.run(*command, f"@{tmp_path / 'nothing'}")
    assert result.status == 2
    assert "--passphrase: cannot read" in result.stderr


def test_at_a_terminal_the_passphrase_is_typed_twice_and_never_shown(
    filled: Path, tmp_path: Path
) -> None:
    output = str(tmp_path / "out.zp")
    dialogue = [("Passphrase: ", PASSPHRASE), ("confirmation: ", PASSPHRASE)]
    result = run_at_terminal(["export", "-o", output], dialogue, {"ZONEPROOF_HOME": str(filled)})
    assert result.status == 0, result.stdout
    assert PASSPHRASE not in result.stdout

    home = {"ZONEPROOF_HOME": str(tmp_path / "new")}
    question = "1 registration, 2 certificates? [y/N]: "
    asked = [("Passphrase: ", PASSPHRASE), (question, "n")]
    assert run_at_terminal(["import", "archive", output], asked, home).status == 1
    asked[1] = (question, "y")
    result = run_at_terminal(["import", "archive", output], asked, home)
    assert result.status == 0, result.stdout
    assert "imported settings.toml, 1 credential" in result.stdout
