"""Imports leave out a certificate that would write another one's files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.archives import PASSPHRASE
from tests.cli.inside import Inside
from tests.migration.acme_sh_folder import certificate_of, home
from tests.support.full_home import issued
from zoneproof.manager import Home
from zoneproof.manager.certificates.files import CertificateFiles
from zoneproof.manager.certificates.versions import FileForm


@pytest.fixture(autouse=True)
def _passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSPHRASE", PASSPHRASE)


def names_in(inside: Inside) -> list[str]:
    return [one["name"] for one in json.loads(inside.good("list", "--json"))]


def add(inside: Inside, domain: str, target: Path, at: Path | None = None) -> None:
    inside.good(
        *("add", domain, "--provider", "manual", "--ca", "letsencrypt-staging"),
        *("--deploy", f"copy:combined={target}"),
        home=at,
    )


def archive_of(inside: Inside, domain: str, target: Path, folder: Path) -> Path:
    """Export another home with a certificate that is copied to a target."""
    add(inside, domain, target, folder / "other")
    options = ("-o", str(folder / "home.zp"), "--passphrase", "env:PASSPHRASE")
    inside.good("export", *options, home=folder / "other")
    return folder / "home.zp"


def test_an_archive_leaves_out_what_writes_a_file_of_a_certificate_here(
    inside: Inside, tmp_path: Path
) -> None:
    target = tmp_path / "site.pem"
    archive = archive_of(inside, "b.example.com", target, tmp_path)
    add(inside, "a.example.com", target)
    command = ("import", "archive", str(archive), "--passphrase", "env:PASSPHRASE")
    for options in (("--dry-run",), ("--yes",)):
        result = inside.run(*command, *options)
        assert result.status == 1
        assert "certificate  b.example.com  (is left out)" in result.stdout
        assert f"b.example.com is left out: {target} is to be written by" in result.stderr
    assert names_in(inside) == ["a.example.com"]
    told = json.loads(inside.run(*command, "--yes", "--json").stdout)
    assert (told["taken"], len(told["problems"])) == (0, 1)


def test_what_replaces_a_certificate_may_write_its_files(inside: Inside, tmp_path: Path) -> None:
    target = tmp_path / "site.pem"
    archive = archive_of(inside, "a.example.com", target, tmp_path)
    add(inside, "a.example.com", target)
    inside.good("edit", "a.example.com", "--key-type", "rsa2048")
    inside.good(
        *("import", "archive", str(archive), "--passphrase", "env:PASSPHRASE"),
        *("--yes", "--replace"),
    )
    shown = json.loads(inside.good("show", "a.example.com", "--json"))
    assert shown["definition"].get("key_type", "ec256") == "ec256"


def test_of_two_of_acme_sh_with_one_file_the_second_is_left_out(
    inside: Inside, tmp_path: Path
) -> None:
    folder = home(tmp_path / "acme")
    target = str(tmp_path / "fullchain.pem")
    for domain in ("a.example.com", "b.example.com"):
        certificate_of(folder, domain, Le_RealFullChainPath=target)
    result = inside.run("import", "acme.sh", str(folder), "--yes", "--json")
    assert result.status == 1
    (problem,) = json.loads(result.stdout)["problems"]
    assert problem.startswith(f"b.example.com is left out: {target} is to be written by the task")
    assert names_in(inside) == ["a.example.com"]


def test_a_deployment_never_writes_what_another_certificate_writes(
    inside: Inside, tmp_path: Path
) -> None:
    """Also where both were stored by a version that did not look."""
    target = tmp_path / "site.pem"
    add(inside, "a.example.com", target)
    add(inside, "b.example.com", tmp_path / "folder" / "site.pem")
    (tmp_path / "folder").symlink_to(tmp_path)  # only now both are one file
    target.write_text("a's")
    CertificateFiles(Home(inside.home).path).write(
        "b.example.com", issued("b.example.com"), FileForm()
    )
    result = inside.run("deploy", "run", "b.example.com")
    assert result.status != 0
    assert "by the task copy of a.example.com (combined)" in result.stdout + result.stderr
    assert target.read_text() == "a's"
