"""A single certificate is moved: what it lacks in another home is named."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import msgspec
import pytest

from tests.cli.archives import PASSPHRASE, content_of, differ, take
from tests.cli.inside import Inside
from tests.support.full_home import DIRECTORY
from zoneproof.manager import AccountTerms, Home, open_manager
from zoneproof.manager.accounts.store import new_account
from zoneproof.migration.archive import count_items, decode
from zoneproof.migration.sealed_file import parse, seal


@pytest.fixture
def one(inside: Inside, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with one certificate of the home, written by the command."""
    monkeypatch.setenv("PASSPHRASE", PASSPHRASE)
    path = tmp_path / "one.zp"
    arguments = ("export", "a.example", "-o", str(path), "--passphrase", "env:PASSPHRASE")
    told = inside.good(*arguments, home=filled)
    assert f"written to {path}: 1 certificate, the files of 1" in told
    return path


def test_a_certificate_is_moved_with_its_definition_key_and_chain(
    inside: Inside, one: Path, filled: Path
) -> None:
    assert stat.S_IMODE(one.stat().st_mode) == 0o600
    content = decode(parse(one.read_bytes(), "x").open(PASSPHRASE), "x")
    assert count_items(content) == {"certificate": 1, "files": 1}
    result = take(inside, one, "--yes")
    assert result.status == 0
    assert "imported 1 certificate, the files of 1; next: zoneproof list" in result.stdout
    before = content_of(filled).certificates[0]
    (moved,) = content_of(inside.home).certificates
    assert (moved.definition, moved.files) == (before.definition, before.files)
    assert moved.pkcs12_password == before.pkcs12_password
    live = inside.home / "live/a.example"
    assert stat.S_IMODE((live / "privkey.pem").resolve().stat().st_mode) == 0o600


def test_a_task_is_moved_but_not_that_it_was_done(
    inside: Inside, archive: Path, filled: Path, tmp_path: Path
) -> None:
    file = str(tmp_path / "b.zp")
    told = inside.run(
        *("export", "b.example", "-o", file, "--passphrase", "env:PASSPHRASE"), home=filled
    )
    assert "left out: the files of b.example: there is no certificate yet" in told.stderr
    take(inside, Path(file), "--yes")
    (moved,) = content_of(inside.home).certificates
    assert moved.definition.deploy
    assert (moved.deployed, moved.not_deployed) == ({}, {})


def test_what_a_certificate_lacks_in_another_home_is_named(
    inside: Inside, one: Path, exported: bytes, tmp_path: Path
) -> None:
    line = "a.example lacks the credential dns: 'zoneproof credential add rfc2136 --name dns'"
    command = "zoneproof account register --ca letsencrypt --agree-tos"
    account = f"a.example lacks the account letsencrypt: '{command}'"
    assert take(inside, one).stderr == f"zoneproof: {line}\nzoneproof: {account}\n"
    assert json.loads(take(inside, one, "--json").stdout)["lacks"] == [line, account]
    whole = tmp_path / "whole.zp"
    whole.write_bytes(exported)
    assert "lacks" not in take(inside, whole).stderr
    asyncio.run(differ(inside.home, with_definition=False))
    (inside.home / "settings.toml").write_text('account = "main"\n')
    asyncio.run(_add_account(inside.home, "https://acme.example/acct/1"))
    assert take(inside, one, "--yes").stderr == ""


async def _add_account(home: Path, account_url: str) -> None:
    async with open_manager(Home(home)) as manager:
        account = new_account("main", DIRECTORY, AccountTerms())
        await manager.accounts.add(msgspec.structs.replace(account, account_url=account_url))


def test_an_account_that_the_ca_never_confirmed_is_lacking(inside: Inside, one: Path) -> None:
    inside.home.mkdir(exist_ok=True)
    (inside.home / "settings.toml").write_text('account = "main"\n')
    asyncio.run(_add_account(inside.home, ""))
    assert (
        "a.example lacks the account main: 'zoneproof account register --ca letsencrypt-staging"
        " --name main --agree-tos'"
    ) in take(inside, one).stderr


def test_an_account_that_is_not_in_another_home_is_named(
    inside: Inside, one: Path, tmp_path: Path
) -> None:
    content = decode(parse(one.read_bytes(), "x").open(PASSPHRASE), "x")
    (certificate,) = content.certificates
    definition = msgspec.structs.replace(certificate.definition, account="private")
    certificate = msgspec.structs.replace(certificate, definition=definition, credentials={})
    changed = msgspec.structs.replace(content, certificates=(certificate,))
    one.write_bytes(seal(msgspec.json.encode(changed), PASSPHRASE))
    credential, account = take(inside, one).stderr.splitlines()
    assert "'zoneproof credential add PROVIDER --name dns'" in credential
    assert account.startswith("zoneproof: a.example: ")
    assert "private" in account


def test_a_group_that_is_not_on_another_machine_is_named(inside: Inside, one: Path) -> None:
    content = decode(parse(one.read_bytes(), "x").open(PASSPHRASE), "x")
    (certificate,) = content.certificates
    definition = msgspec.structs.replace(certificate.definition, key_group="no-such-group")
    certificate = msgspec.structs.replace(certificate, definition=definition)
    changed = msgspec.structs.replace(content, certificates=(certificate,))
    one.write_bytes(seal(msgspec.json.encode(changed), PASSPHRASE))
    line = "a.example: there is no group 'no-such-group' on this machine"
    assert f"zoneproof: {line}: create it" in take(inside, one).stderr
    result = take(inside, one, "--yes")
    assert result.status == 2
    assert result.stderr.splitlines()[-1] == f"zoneproof: {line}"
    assert not (inside.home / "live/a.example").exists()
