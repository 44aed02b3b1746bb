"""``zoneproof export``: what is written, for whom, and with which passphrase."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from tests.cli.archives import PASSPHRASE, comparable, content_of
from tests.cli.inside import Inside
from tests.cli.terminal import run_at_terminal
from tests.support.command import Result
from tests.support.full_home import SECRETS
from zoneproof.migration.archive import decode
from zoneproof.migration.sealed_file import parse


def export(inside: Inside, home: Path, output: Path, *options: str) -> Result:
    return inside.run(
        "export", "-o", str(output), "--passphrase", "env:PASSPHRASE", *options, home=home
    )


def test_the_archive_is_for_its_owner_alone_and_tells_nothing(
    inside: Inside, filled: Path, archive: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.zp"
    result = export(inside, filled, output, "--with-certificates")
    assert result.status == 0, result.stderr
    assert (
        "settings.toml, 1 credential, 2 accounts, 1 registration, 2 certificates, the files of 1"
        in result.stdout
    )
    assert "left out: b.example: " in result.stderr
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    shown = result.stdout + result.stderr + repr(content_of(filled))
    for secret in (*SECRETS, "PRIVATE KEY", PASSPHRASE):
        assert secret not in shown
        assert secret.encode() not in output.read_bytes()
    restored = decode(parse(output.read_bytes(), "it").open(PASSPHRASE), "it")
    assert comparable(restored) == comparable(content_of(filled))


def test_certificates_come_only_on_request(
    inside: Inside, filled: Path, archive: Path, tmp_path: Path
) -> None:
    told = json.loads(export(inside, filled, tmp_path / "out.zp", "--json").stdout)
    assert told["holds"] == {
        "settings": 1,
        "credential": 1,
        "account": 2,
        "registration": 1,
        "certificate": 2,
    }
    content = decode(parse((tmp_path / "out.zp").read_bytes(), "it").open(PASSPHRASE), "it")
    assert [one.files for one in content.certificates] == [None, None]


def test_a_file_that_exists_is_not_replaced(inside: Inside, filled: Path, archive: Path) -> None:
    before = archive.read_bytes()
    result = export(inside, filled, archive)
    assert result.status == 2
    assert "already exists" in result.stderr
    assert archive.read_bytes() == before


def test_a_file_that_cannot_be_created_is_a_wrong_argument(
    inside: Inside, filled: Path, archive: Path
) -> None:
    for output in (archive.parent / "nonexistent/archive", archive / "archive"):
        result = export(inside, filled, output)
        assert result.status == 2, result.stderr
        assert "name a file where this user may write" in result.stderr


def test_an_empty_home_is_not_exported(inside: Inside, archive: Path, tmp_path: Path) -> None:
    result = export(inside, inside.home, tmp_path / "out.zp")
    assert result.status == 2
    assert "there is nothing to export" in result.stderr
    assert not (tmp_path / "out.zp").exists()


@pytest.mark.parametrize("source", [(), ("--passphrase", "correct horse battery")])
def test_a_passphrase_is_neither_guessed_nor_taken_from_the_command_line(
    inside: Inside, filled: Path, tmp_path: Path, source: tuple[str, ...]
) -> None:
    result = inside.run("export", "-o", str(tmp_path / "out.zp"), *source, home=filled)
    assert result.status == 2
    assert "--passphrase @FILE or --passphrase env:VARIABLE" in result.stderr
    assert PASSPHRASE not in result.stderr


def test_a_short_passphrase_guards_nothing(
    inside: Inside, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHORT", "hunter2")
    output = tmp_path / "out.zp"
    options = ("--passphrase", "env:SHORT")
    result = inside.run("export", "-o", str(output), *options, home=filled)
    assert result.status == 2
    assert "the passphrase is too short" in result.stderr
    assert not output.exists()


@pytest.mark.parametrize("form", ["archive", "pkcs12"])
def test_nobody_types_a_passphrase_for_what_cannot_be_exported(
    filled: Path, tmp_path: Path, form: str
) -> None:
    home, output = {"ZONEPROOF_HOME": str(filled)}, str(tmp_path / "out")
    result = run_at_terminal(["export", "a.exampel", "-o", output, "--format", form], [], home)
    assert "there is no managed certificate 'a.exampel': did you mean 'a.example'?" in result.stdout
    assert "Passphrase" not in result.stdout
    assert result.status == 2


@pytest.mark.parametrize("form", ["pem", "pkcs12"])
def test_a_certificate_is_written_for_other_programs(
    inside: Inside, filled: Path, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSPHRASE", "changeit")
    path = tmp_path / "file"
    options = ["--passphrase", "env:PASSPHRASE"] if form == "pkcs12" else []
    arguments = ("export", "a.example", "--format", form, "-o", str(path), *options)
    told = inside.run(*arguments, home=filled)
    assert told.status == 0
    assert ("is not encrypted" in told.stderr) == (form == "pem")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    live = filled / "live/a.example"
    key, chain = ((live / name).read_bytes() for name in ("privkey.pem", "fullchain.pem"))
    if form == "pem":
        assert path.read_bytes() == key + chain
    else:
        opened = pkcs12.load_pkcs12(path.read_bytes(), b"changeit")
        assert opened.cert is not None
        assert chain.startswith(opened.cert.certificate.public_bytes(Encoding.PEM))
        assert opened.key is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.example"], "there is no managed certificate 'none.example'"),
        (["--format", "pem"], "--format pem is for one certificate: give its name"),
        (["a.example", "b.example", "--format", "pkcs12"], "is for one certificate"),
        (["b.example", "--format", "pem"], "b.example cannot be exported: there is no certificate"),
    ],
)
def test_what_cannot_be_exported_is_told(
    inside: Inside, filled: Path, archive: Path, arguments: list[str], message: str
) -> None:
    options = [] if "pem" in arguments else ["--passphrase", "env:PASSPHRASE"]
    file = archive.with_name("file")
    result = inside.run("export", *arguments, "-o", str(file), *options, home=filled)
    assert result.status != 0
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not file.exists()


@pytest.mark.parametrize(
    ("command", "begin"),
    [
        (("export", "a.example", "--format", "pem"), "-----BEGIN PRIVATE KEY-----"),
        (("registration", "export"), "{"),
    ],
)
def test_a_hyphen_is_standard_output(
    inside: Inside,
    filled: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    begin: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-").write_text("another's")
    result = inside.run(*command, "-o", "-", home=filled)
    assert (result.status, result.stdout[:100].startswith(begin)) == (0, True), result.stdout
    assert "written" not in result.stdout
    assert (tmp_path / "-").read_text() == "another's"
    refused = inside.run(*command, "-o", "-", "--json", home=filled)
    assert refused.status == 2
    assert "--json both print" in refused.stdout


def test_an_archive_can_be_piped(filled: Path) -> None:
    written = subprocess.run(
        [sys.executable, "-m", "zoneproof", "export", "-o", "-", "--passphrase", "env:PASSPHRASE"],
        env={**os.environ, "ZONEPROOF_HOME": str(filled), "PASSPHRASE": PASSPHRASE},
        capture_output=True,
        check=True,
        timeout=60,
    )
    restored = decode(parse(written.stdout, "it").open(PASSPHRASE), "it")
    assert comparable(restored).credentials == comparable(content_of(filled)).credentials
