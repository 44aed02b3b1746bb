"""Every file that a person can name in a command or a setting may be no file, or have no end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.inside import Inside
from zoneproof.migration.sealed_file import seal

CA = ("--ca", "https://127.0.0.1:1/dir")
RFC2136 = ("--field=server=192.0.2.1", "--field=key_name=k")
# Each with the place for the file's name.
COMMANDS = (
    ("credential", "add", "rfc2136", "--name=dns", *RFC2136, "--field=secret=@{}"),
    ("apply", "-f", "{}"),
    ("import", "archive", "{}", "--passphrase=env:HOME"),
    ("import", "archive", "archive", "--passphrase=@{}"),
    ("import", "registrations", "{}"),
    ("account", "import", "--from", "{}"),
    ("account", "import", *CA, "--key", "{}"),
    ("account", "register", *CA, "--eab-kid=kid", "--eab-hmac-key=@{}", "--agree-tos"),
    ("account", "register", *CA, "--ca-bundle={}", "--agree-tos"),
    ("add", "a.example", "--provider=manual", "--pkcs12-password=@{}"),
    ("export", "-o", "new", "--passphrase=@{}"),
    ("challenge", "serve", "--config={}", "--check"),
)


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_folder(path: Path) -> None:
    path.mkdir()


def of_a_terabyte(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**40)


HOSTILE = (a_pipe, a_device, a_folder, of_a_terabyte)


@pytest.mark.parametrize("make", HOSTILE)
def test_what_is_no_file_is_one_line_that_names_it(
    inside: Inside, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    path = tmp_path / "it"
    make(path)
    (tmp_path / "archive").write_bytes(seal(b"{}", "correct horse battery"))
    inside.monkeypatch.chdir(tmp_path)
    assert inside.run("add", "b.example", "--provider=manual").status == 0  # for export
    for command in COMMANDS:
        if make is a_folder and "registrations" in command:
            continue  # all files of a folder are read
        result = inside.run(*(word.replace("{}", str(path)) for word in command))
        assert result.status == 2, (command, result)
        lines = result.stderr.splitlines()
        assert str(path) in lines[0], command
        assert len(lines) <= 1 + ("registrations" in command), lines


@pytest.mark.parametrize("make", HOSTILE)
def test_a_vault_key_that_is_no_file_is_one_line(
    inside: Inside, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    inside.home.mkdir()
    key = inside.home / "vault.key"
    make(key)
    if make is of_a_terabyte:
        key.chmod(0o600)
    inside.monkeypatch.setenv("ZONEPROOF_VAULT_KEY_FILE", "")
    result = inside.run("renew")
    assert result.status == 1
    assert str(key) in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("make", HOSTILE)
def test_files_of_a_certificate_that_are_none_are_a_problem_of_that_certificate(
    inside: Inside, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    inside.good("add", "a.example", "--provider=manual")
    live = inside.home / "live/a.example"
    live.mkdir(parents=True)
    make(live / "fullchain.pem")
    assert f"{live}/fullchain.pem cannot be read: " in inside.run("show", "a.example").stdout


@pytest.mark.parametrize("make", HOSTILE)
def test_what_a_notification_needs_and_is_no_file_is_told(
    inside: Inside, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    inside.home.mkdir()
    make(tmp_path / "it")
    (inside.home / "settings.toml").write_text(
        f"""[[notify.smtp]]
host = "127.0.0.1"
port = 1
sender = "a@b.example"
recipients = ["c@d.example"]
user = "u"
password = "@{tmp_path}/it"
[[notify.webhook]]
url = "https://127.0.0.1:1/"
secret = "@{tmp_path}/it"
"""
    )
    result = inside.run("notify", "test")
    assert result.status == 1
    lines = result.stderr.splitlines()
    assert len(lines) == 2
    assert all(f"cannot read {tmp_path}/it: " in line for line in lines)


def test_what_a_command_writes_is_taken_where_a_file_is_wanted(tmp_path: Path) -> None:
    """A shell's ``<(command)``."""
    command = (
        f"{sys.executable} -m zoneproof credential add rfc2136 --name dns {' '.join(RFC2136)}"
        " --field secret=@<(echo c2VjcmV0)"
    )
    done = subprocess.run(
        ["bash", "-c", command],
        env={**os.environ, "ZONEPROOF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
