"""``edit``, ``apply`` and ``issue`` change the form of the files that are there at once."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.cli.inside import Inside
from tests.support.full_home import issued
from zoneproof.manager import CertificateDefinition, Home
from zoneproof.manager.certificates.files import CertificateFiles

NAME = "a.example"
TOML = f"""
[[certificate]]
identifiers = ["{NAME}"]
combined = true
key_mode = "0440"
[[certificate.method]]
provider = "manual"
"""


@pytest.fixture
def live(inside: Inside) -> Path:
    """The folder of a certificate that is there and managed."""
    inside.good("add", NAME, "--provider=manual")
    files = CertificateFiles(inside.home)
    files.write(NAME, issued(NAME))
    return files.live(NAME)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_edit_changes_the_files_and_asks_for_no_new_certificate(inside: Inside, live: Path) -> None:
    before = (live / "privkey.pem").read_bytes()
    told = inside.good("edit", NAME, "--combined", "--key-mode=0440")
    assert "next:" not in told
    assert mode(live / "privkey.pem") == mode(live / "combined.pem") == 0o440
    assert (live / "combined.pem").read_bytes().startswith(before)
    inside.good("edit", NAME, "--no-combined", "--key-mode=")
    assert not (live / "combined.pem").exists()
    assert mode(live / "privkey.pem") == 0o600
    assert (live / "privkey.pem").read_bytes() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to any group")
def test_edit_shuts_out_a_group_that_is_no_longer_named(inside: Inside, live: Path) -> None:
    inside.good("edit", NAME, "--key-group=1", "--key-mode=0640")
    assert ((live / "privkey.pem").stat().st_gid, mode(live)) == (1, 0o750)
    inside.good("edit", NAME, "--key-group=")
    assert ((live / "privkey.pem").stat().st_gid, mode(live)) == (os.getegid(), 0o700)


def test_a_new_password_of_the_bundle_takes_effect_at_once(
    inside: Inside, live: Path, tmp_path: Path
) -> None:
    for password in ("first", "second"):
        (tmp_path / "password").write_text(password)
        inside.good("edit", NAME, f"--pkcs12-password=@{tmp_path / 'password'}")
        assert pkcs12.load_pkcs12((live / "bundle.p12").read_bytes(), password.encode()).key


def test_edit_says_what_becomes_of_the_bundle(inside: Inside, live: Path, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("another")
    password = f"--pkcs12-password=@{tmp_path / 'password'}"
    assert "pkcs12: yes" in inside.good("edit", NAME, password)
    assert "bundle.p12: another password" in inside.good("edit", NAME, password)
    assert "bundle.p12: no password" in inside.good("edit", NAME, "--pkcs12-password=")
    assert pkcs12.load_pkcs12((live / "bundle.p12").read_bytes(), None).key
    assert "pkcs12: no" in inside.good("edit", NAME, "--no-pkcs12")
    assert not (live / "bundle.p12").exists()
    both = inside.run("edit", NAME, "--no-pkcs12", password)
    assert both.status == 2
    assert "give --pkcs12-password or --no-pkcs12, not both" in both.stderr


def test_apply_changes_the_files(inside: Inside, live: Path, tmp_path: Path) -> None:
    (tmp_path / "certs.toml").write_text(TOML)
    inside.good("apply", "-f", str(tmp_path / "certs.toml"), "--dry-run")
    assert not (live / "combined.pem").exists()
    inside.good("apply", "-f", str(tmp_path / "certs.toml"))
    assert mode(live / "combined.pem") == mode(live / "privkey.pem") == 0o440


def test_issue_with_another_form_keeps_the_certificate(inside: Inside, live: Path) -> None:
    serial = (live / "cert.pem").read_bytes()
    inside.good("issue", NAME, "--combined")
    assert (live / "cert.pem").read_bytes() == serial
    assert (live / "combined.pem").exists()


@pytest.mark.parametrize("command", ["edit", "apply"])
def test_a_form_that_the_files_cannot_have_is_not_saved(
    inside: Inside, live: Path, tmp_path: Path, command: str
) -> None:
    CertificateFiles(inside.home).archive(NAME).joinpath("combined1.pem").mkdir()
    (tmp_path / "certs.toml").write_text(TOML)
    arguments = {
        "edit": ("edit", NAME, "--combined", "--key-mode=0440"),
        "apply": ("apply", "-f", str(tmp_path / "certs.toml")),
    }
    result = inside.run(*arguments[command])
    assert result.status != 0
    assert f"cannot change the files of {NAME}" in result.stderr
    assert "combined = true" not in inside.good("list", "--toml")
    assert mode(live / "privkey.pem") == 0o600


def test_while_another_process_works_on_it_nothing_is_changed(inside: Inside, live: Path) -> None:
    with Home(inside.home).lock(NAME):
        result = inside.run("edit", NAME, "--combined")
    assert result.status != 0
    assert NAME in result.stderr
    assert not (live / "combined.pem").exists()
    assert "combined = true" not in inside.good("list", "--toml")


def test_renew_brings_the_files_to_the_mode_of_the_settings(inside: Inside, live: Path) -> None:
    inside.good("edit", NAME, "--combined")
    inside.good("add", "own.example", "--provider=manual", "--key-mode=0600", "--no-renew")
    files = CertificateFiles(inside.home)
    files.write("own.example", issued("own.example"))
    settings = inside.home / "settings.toml"
    for said, expected in (('key_mode = "0440"', 0o440), ("", 0o600)):
        settings.write_text(said)
        serial = (live / "cert.pem").read_bytes()
        inside.good("renew")
        assert mode(live / "privkey.pem") == mode(live / "combined.pem") == expected
        assert mode(files.live("own.example") / "privkey.pem") == 0o600
        assert (live / "cert.pem").read_bytes() == serial


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to any group")
def test_renew_shuts_out_a_group_that_the_settings_no_longer_name(
    inside: Inside, live: Path
) -> None:
    (inside.home / "settings.toml").write_text('key_group = "1"')
    inside.good("renew")
    assert ((live / "privkey.pem").stat().st_gid, mode(live)) == (1, 0o750)
    (inside.home / "settings.toml").write_text("")
    inside.good("renew")
    assert ((live / "privkey.pem").stat().st_gid, mode(live)) == (os.getegid(), 0o700)


def test_a_group_of_the_settings_that_is_not_there_is_told_once(inside: Inside, live: Path) -> None:
    inside.good("add", "b.example", "--provider=manual")
    CertificateFiles(inside.home).write("b.example", issued("b.example"))
    (inside.home / "settings.toml").write_text('key_group = "no-such-group"')
    told = inside.run("renew")
    assert told.stderr.count("there is no group 'no-such-group' on this machine") == 1
    assert mode(live / "privkey.pem") == 0o600


def test_files_that_cannot_get_the_mode_of_the_settings_get_it_later(
    inside: Inside, live: Path
) -> None:
    (inside.home / "settings.toml").write_text('key_mode = "0440"')
    with Home(inside.home).lock(NAME):
        inside.run("renew")
    assert mode(live / "privkey.pem") == 0o600
    inside.good("renew")
    assert mode(live / "privkey.pem") == 0o440


def test_the_form_of_files_is_no_reason_for_a_new_certificate() -> None:
    plain = CertificateDefinition(name=NAME, identifiers=(NAME,))
    formed = CertificateDefinition(name=NAME, identifiers=(NAME,), combined=True, key_mode="0440")
    other = CertificateDefinition(name=NAME, identifiers=(NAME,), key_type="ec384")
    assert plain.fingerprint == formed.fingerprint != other.fingerprint
