"""Where keys come from: the order of places, file modes, and files that are no keys."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from zoneproof.core import files
from zoneproof.core.errors import VaultError
from zoneproof.vault import Key, key_id_of, open_vault

CONTEXT = "credential|7|token"
SEAL_ONE = Path(__file__).with_name("seal_one.py")


def key_file(path: Path, *keys: Key, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0o600)
    path.write_text("".join(f"{key.to_text()}\n" for key in keys))
    path.chmod(mode)
    return path


def sealing_key(home: Path) -> str:
    return key_id_of(base64.b64decode(open_vault(home).seal(b"secret", CONTEXT)))


def test_the_first_place_that_has_a_key_wins(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [Key.new() for _ in range(4)]
    named = key_file(tmp_path / "named", keys[1])
    credential = key_file(tmp_path / "credentials" / "zoneproof-vault-key", keys[2])
    key_file(home / "vault.key", keys[3])
    monkeypatch.setenv("ZONEPROOF_VAULT_KEY", keys[0].to_text())
    monkeypatch.setenv("ZONEPROOF_VAULT_KEY_FILE", str(named))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credential.parent))
    found = []
    for forget in ("ZONEPROOF_VAULT_KEY", "ZONEPROOF_VAULT_KEY_FILE", "CREDENTIALS_DIRECTORY", ""):
        found.append(sealing_key(home))
        monkeypatch.delenv(forget, raising=False)
        (home / "vault.key-id").unlink()
    assert found == [key.id for key in keys]


def test_an_empty_variable_counts_as_none(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ZONEPROOF_VAULT_KEY", "ZONEPROOF_VAULT_KEY_FILE", "CREDENTIALS_DIRECTORY"):
        monkeypatch.setenv(name, "")
    sealing_key(home)
    assert (home / "vault.key").exists()


def test_systemd_credentials_without_a_vault_key_are_passed_over(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    sealing_key(home)
    assert (home / "vault.key").exists()


def test_a_named_file_that_is_missing_is_an_error(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZONEPROOF_VAULT_KEY_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(VaultError, match=r"\$ZONEPROOF_VAULT_KEY_FILE names .*/nowhere, which"):
        open_vault(home)


def test_the_last_key_of_several_is_the_newest(home: Path) -> None:
    keys = [Key.new() for _ in range(3)]
    key_file(home / "vault.key", *keys)
    assert sealing_key(home) == keys[-1].id


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o666, 0o602, 0o660, 0o677])
def test_a_key_file_that_others_can_read_is_refused_with_the_command_to_run(
    home: Path, mode: int
) -> None:
    path = key_file(home / "vault.key", Key.new(), mode=mode)
    with pytest.raises(VaultError) as caught:
        open_vault(home)
    assert caught.value.message == (
        f"{path} can be read by others: run `chmod 600 {path}`, and rotate the key if somebody may"
        " have read it"
    )
    path.chmod(0o600)
    open_vault(home)


def test_the_command_to_run_is_safe_to_paste(tmp_path: Path) -> None:
    home = tmp_path / "a; rm -rf b"
    key_file(home / "vault.key", Key.new(), mode=0o644)
    with pytest.raises(VaultError, match=r"`chmod 600 '/.*/a; rm -rf b/vault\.key'`"):
        open_vault(home)


@pytest.mark.parametrize(
    ("owner", "mode", "refused"),
    [
        (1000, 0o600, False),
        (1000, 0o400, False),
        (1000, 0o440, True),
        (1000, 0o604, True),
        (0, 0o400, False),
        (0, 0o440, False),
        (0, 0o640, False),
        (0, 0o660, True),
        (0, 0o444, True),
    ],
)
def test_root_may_hand_a_file_to_its_group_as_systemd_and_kubernetes_do(
    owner: int, mode: int, refused: bool
) -> None:
    status = os.stat_result((stat.S_IFREG | mode, 1, 1, 1, owner, 0, 45, 0, 0, 0))
    assert bool(files.exposure(Path("vault.key"), status)) == refused


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty: restore the vault key there from a backup"),
        (" \n\n", "is empty"),
        ("hunter2", "key 1 is not base64 of 32 bytes"),
        (Key(bytes(32)).to_text()[:-4], "key 1 is not base64 of 32 bytes"),
        (f"{Key(bytes(32)).to_text()}\nhunter2\n", "key 2 is not base64 of 32 bytes"),
        ("hünter2\x00\x1b[2J", "key 1 is not base64 of 32 bytes"),
        ("A" * 10_000_000, "key 1 is not base64 of 32 bytes"),
    ],
    ids=["empty", "blank", "password", "cut", "second", "binary", "huge"],
)
def test_what_is_no_key_is_refused_and_not_shown(home: Path, text: str, reason: str) -> None:
    path = key_file(home / "vault.key")
    path.write_text(text)
    with pytest.raises(VaultError) as caught:
        open_vault(home)
    assert caught.value.message.startswith(str(path))
    assert reason in caught.value.message
    assert "nter2" not in caught.value.message
    assert caught.value.message.isprintable()


def test_a_variable_that_is_no_key_is_refused_and_not_shown(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZONEPROOF_VAULT_KEY", "hunter2")
    with pytest.raises(VaultError, match=r"\$ZONEPROOF_VAULT_KEY: key 1 is not base64") as caught:
        open_vault(home)
    assert "hunter2" not in caught.value.message


def test_a_folder_is_no_key_file(home: Path) -> None:
    (home / "vault.key").mkdir(parents=True)
    with pytest.raises(VaultError, match=r"cannot read .*/vault\.key: Is a directory"):
        open_vault(home)


def test_files_are_for_their_owner_alone_from_the_first_byte_and_flushed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    flush = os.fsync

    def look(descriptor: int) -> None:
        status = os.fstat(descriptor)
        kind = "folder" if stat.S_ISDIR(status.st_mode) else "file"
        flushed.append(f"{kind} {stat.S_IMODE(status.st_mode):o}")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    before = os.umask(0)
    try:
        vault = open_vault(home)
        vault.seal(b"secret", CONTEXT)
        vault.rotate()
    finally:
        os.umask(before)
    assert set(flushed) == {"folder 700", "file 600"}
    assert flushed[:2] == ["file 600", "folder 700"]
    assert {stat.S_IMODE(entry.stat().st_mode) for entry in home.iterdir()} == {0o600}
    assert sorted(entry.name for entry in home.iterdir()) == ["vault.key", "vault.key-id"]


def test_a_folder_that_cannot_be_written_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "home").symlink_to("/proc/self/nowhere")
    with pytest.raises(VaultError) as caught:
        open_vault(tmp_path / "home").seal(b"secret", CONTEXT)
    assert caught.value.message.startswith(f"cannot create {tmp_path}/home/vault.key: ")
    assert f"`(umask 077; openssl rand -base64 32 > {tmp_path}/home/vault.key)`" in str(
        caught.value
    )


def test_processes_that_start_at_once_share_one_key(home: Path) -> None:
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, str(SEAL_ONE), str(home)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(4)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        sealed = [process.communicate()[0].strip() for process in processes]
    assert len({key_id_of(base64.b64decode(each)) for each in sealed}) == 1
    assert [open_vault(home).open(each, "t|1|c") for each in sealed] == [b"secret"] * 4
    assert sorted(entry.name for entry in home.iterdir()) == ["vault.key", "vault.key-id"]


def test_of_two_that_create_a_key_file_the_first_stays(home: Path) -> None:
    files.create(home / "vault.key", "first")
    files.create(home / "vault.key", "second")
    assert (home / "vault.key").read_text() == "first"
    assert [entry.name for entry in home.iterdir()] == ["vault.key"]
