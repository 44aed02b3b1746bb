"""Encrypted archives as files: what cannot be opened, and how they are written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneproof.core.errors import InvalidInputError, StorageError
from zoneproof.core.files import write_new
from zoneproof.migration.sealed_file import MAX_BYTES, parse, read, seal

DOCUMENT = b'{"secret":"hidden-away"}'
MAGIC = b"zoneproof archive\n"
PASSPHRASE = "correct horse battery"


def names_in(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


@pytest.fixture(scope="module")
def sealed() -> bytes:
    return seal(DOCUMENT, PASSPHRASE)


def test_the_passphrase_opens_it_and_nothing_in_it_can_be_read(sealed: bytes) -> None:
    assert parse(sealed, "it").open(PASSPHRASE) == DOCUMENT
    assert b"hidden-away" not in sealed


def test_each_file_has_a_salt_and_a_nonce_of_its_own(sealed: bytes) -> None:
    other = seal(DOCUMENT, PASSPHRASE)
    assert sealed[19:47] != other[19:47]


def test_accents_are_the_same_however_they_are_typed() -> None:
    assert parse(seal(b"x", "Schl\u00fcsselbund 12"), "it").open("Schlu\u0308sselbund 12") == b"x"


def test_another_passphrase_does_not_open_it(sealed: bytes) -> None:
    with pytest.raises(InvalidInputError, match="it does not open with this passphrase") as caught:
        parse(sealed, "it").open(PASSPHRASE + " ")
    assert PASSPHRASE not in caught.value.message


@pytest.mark.parametrize("place", [19, 35, 55, -1], ids=["salt", "nonce", "body", "tag"])
def test_a_changed_byte_is_noticed(sealed: bytes, place: int) -> None:
    changed = bytearray(sealed)
    changed[place] ^= 1
    with pytest.raises(InvalidInputError, match="does not open"):
        parse(bytes(changed), "it").open(PASSPHRASE)


def test_a_file_cut_anywhere_is_told_before_a_passphrase_is_wanted(sealed: bytes) -> None:
    for length in range(len(sealed)):
        with pytest.raises(InvalidInputError, match=r"is (incomplete|not a Zoneproof archive)"):
            parse(sealed[:length], "it")
    with pytest.raises(InvalidInputError, match="is incomplete"):
        parse(sealed + b"\n", "it")


def test_a_newer_form_says_to_update(sealed: bytes) -> None:
    newer = sealed[:18] + b"\x02" + sealed[19:]
    with pytest.raises(InvalidInputError, match="written by a newer Zoneproof"):
        parse(newer, "it")


@given(st.binary(max_size=100) | st.binary(max_size=100).map(lambda data: MAGIC + data))
def test_whatever_a_file_holds_is_refused_if_it_is_not_whole(data: bytes) -> None:
    with pytest.raises(InvalidInputError, match=r"^it (is|was) "):
        parse(data, "it")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"zoneproof", b"\0" * 100])
def test_another_file_is_no_archive(data: bytes) -> None:
    with pytest.raises(InvalidInputError, match="is not a Zoneproof archive"):
        parse(data, "it")


def test_a_short_passphrase_and_a_huge_home_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="too short"):
        seal(DOCUMENT, "hunter2")
    with pytest.raises(InvalidInputError, match="omit --with-certificates"):
        seal(bytes(MAX_BYTES), PASSPHRASE)


def test_a_file_without_end_is_not_read_to_its_end() -> None:
    with pytest.raises(InvalidInputError, match="a device"):
        read(Path("/dev/zero"))


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_it_is_written_for_its_owner_alone(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_new(tmp_path / "home.zp", b"data")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "home.zp").stat().st_mode) == 0o600
    assert names_in(tmp_path) == ["home.zp"]


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_nothing_that_exists_is_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "home.zp"
    if kind == "file":
        path.write_text("mine")
    elif kind == "link":
        path.symlink_to("nowhere")
    else:
        path.mkdir()
    with pytest.raises(InvalidInputError, match="already exists"):
        write_new(path, b"data")
    assert names_in(tmp_path) == ["home.zp"]
    assert kind != "file" or path.read_text() == "mine"


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match="No space left"):
        write_new(tmp_path / "home.zp", b"data")
    assert names_in(tmp_path) == []
    with pytest.raises(InvalidInputError, match="No such file"):
        write_new(tmp_path / "no" / "home.zp", b"data")
