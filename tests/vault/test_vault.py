"""The vault of a state folder: first use, lost keys, another's keys, rotation."""

from __future__ import annotations

import base64
import resource
from pathlib import Path

import pytest

from zoneproof.core.errors import VaultError
from zoneproof.core.files import create
from zoneproof.vault import Key, key_id_of, open_vault

CONTEXT = "credential|7|token"


def sealed_by(sealed: str) -> str:
    return key_id_of(base64.b64decode(sealed))


def key_of(home: Path) -> Key:
    (text,) = (home / "vault.key").read_text().split()
    return Key.from_text(text)


def test_the_first_secret_makes_the_key(home: Path) -> None:
    vault = open_vault(home)
    assert not home.exists()
    sealed = vault.seal(b"secret", CONTEXT)
    assert sealed_by(sealed) == key_of(home).id
    assert vault.open(sealed, CONTEXT) == b"secret"
    assert sorted(entry.name for entry in home.iterdir()) == ["vault.key", "vault.key-id"]


def test_what_was_sealed_opens_after_a_restart(home: Path) -> None:
    sealed = open_vault(home).seal(b"secret", CONTEXT)
    assert open_vault(home).open(sealed, CONTEXT) == b"secret"


def test_a_secret_does_not_open_in_another_place(home: Path) -> None:
    vault = open_vault(home)
    sealed = vault.seal(b"secret", CONTEXT)
    with pytest.raises(VaultError, match=r"credential\|8\|token was changed .* belongs elsewhere"):
        vault.open(sealed, "credential|8|token")


def test_a_lost_key_is_named_with_the_places_where_it_was_looked_for(home: Path) -> None:
    vault = open_vault(home)
    sealed = vault.seal(b"secret", CONTEXT)
    key = key_of(home)
    (home / "vault.key").unlink()
    expected = (
        f"the vault key {key.id} is missing: there is neither $ZONEPROOF_VAULT_KEY nor"
        " $ZONEPROOF_VAULT_KEY_FILE nor $CREDENTIALS_DIRECTORY/zoneproof-vault-key nor"
        f" {home}/vault.key: restore the key in one of these places (or, if it is lost for good,"
        f" remove {home}/vault.key-id, and whatever needs a secret says how to store it anew)"
    )
    with pytest.raises(VaultError) as caught:
        open_vault(home)
    assert caught.value.message == expected
    assert vault.open(sealed, CONTEXT) == b"secret"  # it still has the key in memory


def test_a_key_lost_with_its_note_is_missed_when_a_secret_is_opened(home: Path) -> None:
    sealed = open_vault(home).seal(b"secret", CONTEXT)
    key = key_of(home)
    (home / "vault.key").unlink()
    (home / "vault.key-id").unlink()
    with pytest.raises(VaultError, match=f"the vault key {key.id} is missing"):
        open_vault(home).open(sealed, CONTEXT)


def test_a_restored_key_opens_everything_again(home: Path) -> None:
    sealed = open_vault(home).seal(b"secret", CONTEXT)
    key_file = home / "vault.key"
    backup = key_file.rename(home / "backup")
    with pytest.raises(VaultError):
        open_vault(home)
    backup.rename(key_file)
    assert open_vault(home).open(sealed, CONTEXT) == b"secret"


def test_a_key_lost_for_good_can_be_given_up(home: Path) -> None:
    open_vault(home).seal(b"secret", CONTEXT)
    (home / "vault.key").unlink()
    (home / "vault.key-id").unlink()
    vault = open_vault(home)
    assert vault.open(vault.seal(b"new", CONTEXT), CONTEXT) == b"new"


def test_a_shell_without_the_service_s_key_cannot_begin_another(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZONEPROOF_VAULT_KEY", Key.new().to_text())
    open_vault(home).seal(b"secret", CONTEXT)
    monkeypatch.delenv("ZONEPROOF_VAULT_KEY")
    with pytest.raises(VaultError, match="is missing"):
        open_vault(home)
    assert not (home / "vault.key").exists()


def test_a_key_that_goes_while_the_vault_is_open_is_missed_before_a_new_one_is_made(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = open_vault(home)
    monkeypatch.setenv("ZONEPROOF_VAULT_KEY", Key.new().to_text())
    open_vault(home).seal(b"secret", CONTEXT)
    monkeypatch.delenv("ZONEPROOF_VAULT_KEY")
    with pytest.raises(VaultError, match="is missing"):
        early.seal(b"other", CONTEXT)


def test_another_s_key_is_refused_with_the_ids_of_both(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = open_vault(home).seal(b"secret", CONTEXT)
    vault = open_vault(home)
    right, wrong = key_of(home), Key.new()
    monkeypatch.setenv("ZONEPROOF_VAULT_KEY", wrong.to_text())
    with pytest.raises(VaultError) as caught:
        open_vault(home)
    assert caught.value.message == (
        f"the secrets in {home} were sealed with the vault key {right.id}, but"
        f" $ZONEPROOF_VAULT_KEY holds {wrong.id}: add the key {right.id} before it"
        f" (or, if it is lost for good, remove {home}/vault.key-id, and whatever needs a secret"
        " says how to store it anew)"
    )
    monkeypatch.setenv("ZONEPROOF_VAULT_KEY", f"{right.to_text()} {wrong.to_text()}")
    assert open_vault(home).open(sealed, CONTEXT) == b"secret"
    assert vault.open(sealed, CONTEXT) == b"secret"


def test_a_rotated_key_seals_and_the_old_one_opens(home: Path) -> None:
    vault = open_vault(home)
    old = vault.seal(b"secret", CONTEXT)
    new_id = vault.rotate()
    assert new_id != sealed_by(old)
    assert vault.open(old, CONTEXT) == b"secret"
    assert sealed_by(vault.seal(b"other", CONTEXT)) == new_id
    assert open_vault(home).open(old, CONTEXT) == b"secret"


def test_resealing_moves_secrets_to_the_newest_key_once(home: Path) -> None:
    vault = open_vault(home)
    old = vault.seal(b"secret", CONTEXT)
    assert vault.reseal(old, CONTEXT) is None
    new_id = vault.rotate()
    new = vault.reseal(old, CONTEXT)
    assert new is not None
    assert sealed_by(new) == new_id
    assert vault.open(new, CONTEXT) == b"secret"
    assert vault.reseal(new, CONTEXT) is None


def test_resealing_in_another_place_is_refused(home: Path) -> None:
    vault = open_vault(home)
    old = vault.seal(b"secret", CONTEXT)
    vault.rotate()
    with pytest.raises(VaultError, match="belongs elsewhere"):
        vault.reseal(old, "credential|8|token")


def test_the_old_key_can_go_after_resealing(home: Path) -> None:
    vault = open_vault(home)
    vault.rotate()
    new = vault.seal(b"secret", CONTEXT)
    key_file = home / "vault.key"
    key_file.write_text(key_file.read_text().split()[-1])
    assert open_vault(home).open(new, CONTEXT) == b"secret"


def test_a_running_process_follows_a_rotation_by_another(home: Path) -> None:
    daemon = open_vault(home)
    old = daemon.seal(b"secret", CONTEXT)
    other = open_vault(home)
    new_id = other.rotate()
    new = other.reseal(old, CONTEXT)
    assert new is not None
    assert daemon.open(new, CONTEXT) == b"secret"
    assert sealed_by(daemon.seal(b"more", CONTEXT)) == new_id


def test_rotations_at_the_same_time_lose_no_key(home: Path) -> None:
    vaults = [open_vault(home) for _ in range(3)]
    vaults[0].seal(b"", CONTEXT)
    sealed = []
    for vault in vaults:
        vault.rotate()
        sealed.append(vault.seal(b"secret", CONTEXT))
    assert len((home / "vault.key").read_text().split()) == 4
    for vault in vaults:
        assert [vault.open(each, CONTEXT) for each in sealed] == [b"secret"] * 3


def test_nothing_is_sealed_with_a_key_that_is_gone_from_its_place(home: Path) -> None:
    daemon = open_vault(home)
    sealed = daemon.seal(b"secret", CONTEXT)
    key_file = home / "vault.key"
    kept = key_file.read_text()
    key_file.unlink()
    with pytest.raises(VaultError, match="is missing"):
        daemon.seal(b"other", CONTEXT)
    create(key_file, Key.new().to_text())
    with pytest.raises(VaultError, match="were sealed with the vault key"):
        daemon.seal(b"other", CONTEXT)
    assert daemon.open(sealed, CONTEXT) == b"secret", "what it knows it still opens, to clean up"
    key_file.write_text(kept)
    assert open_vault(home).open(daemon.seal(b"other", CONTEXT), CONTEXT) == b"other"


def test_what_was_read_before_older_keys_were_dropped_still_opens(home: Path) -> None:
    daemon, other = open_vault(home), open_vault(home)
    old = daemon.seal(b"secret", CONTEXT)
    other.rotate()
    other.drop_older()
    daemon.seal(b"more", CONTEXT)
    assert key_of(home).id != sealed_by(old)
    assert daemon.open(old, CONTEXT) == b"secret"


def test_a_rotation_for_which_the_disk_has_no_room_leaves_the_key_file_as_it_was(
    home: Path,
) -> None:
    vault = open_vault(home)
    vault.seal(b"secret", CONTEXT)
    before = (home / "vault.key").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, limits[1]))
    try:
        with pytest.raises(VaultError, match=r"cannot write .*vault.key"):
            vault.rotate()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (home / "vault.key").read_bytes() == before


def test_a_key_file_without_a_line_end_can_be_rotated(home: Path) -> None:
    home.mkdir()
    key_file = home / "vault.key"
    key_file.touch(0o600)
    key_file.write_text(Key.new().to_text())
    vault = open_vault(home)
    old = vault.seal(b"secret", CONTEXT)
    vault.rotate()
    assert len(key_file.read_text().split()) == 2
    assert open_vault(home).open(old, CONTEXT) == b"secret"


def test_a_key_from_elsewhere_is_rotated_by_its_owner(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Key.new(), Key.new()
    monkeypatch.setenv("ZONEPROOF_VAULT_KEY", first.to_text())
    old = open_vault(home).seal(b"secret", CONTEXT)
    with pytest.raises(VaultError, match=r"comes from \$ZONEPROOF_VAULT_KEY, which you manage"):
        open_vault(home).rotate()
    monkeypatch.setenv("ZONEPROOF_VAULT_KEY", f"{first.to_text()} {second.to_text()}")
    vault = open_vault(home)
    assert vault.rotate() == second.id
    new = vault.reseal(old, CONTEXT)
    assert new is not None
    monkeypatch.setenv("ZONEPROOF_VAULT_KEY", second.to_text())
    assert open_vault(home).open(new, CONTEXT) == b"secret"
    assert not (home / "vault.key").exists()


def test_nothing_that_a_vault_shows_holds_a_secret(home: Path) -> None:
    vault = open_vault(home)
    sealed = vault.seal(b"hunter2", CONTEXT)
    assert key_of(home).to_text() not in repr(vault)
    assert b"hunter2" not in base64.b64decode(sealed)
    with pytest.raises(VaultError) as caught:
        vault.open(sealed, "elsewhere")
    assert "hunter2" not in caught.value.message
