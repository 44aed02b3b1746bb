"""What was read of a certificate's files is taken again only if nothing about them has changed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.full_home import issued
from tests.support.self_signed import self_signed
from zoneproof.manager.certificates.files import CertificateFiles
from zoneproof.manager.certificates.remembered_files import RememberedFiles

NAME = "example.com"


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    """Return the files of a home with one certificate, an hour after it was written."""
    made = CertificateFiles(tmp_path, clock=lambda: time.time() + 3600)
    made.write(NAME, issued(NAME))
    return made


def serial(files: CertificateFiles, *, save: bool = True) -> int:
    with files.reading_many(save=save):
        found = files.read(NAME)
    assert not found.problem
    assert found.certificate
    return found.certificate.serial_number


def problem(files: CertificateFiles) -> str:
    with files.reading_many(save=True):
        return files.read(NAME).problem


def swap_what_is_known(home: Path) -> int:
    """Put another certificate where the known one stands, and return its serial number."""
    known = msgspec.msgpack.decode((home / "known-files").read_bytes())
    other, _ = self_signed("other.example")
    known[NAME][1] = other.public_bytes(Encoding.DER)
    (home / "known-files").write_bytes(msgspec.msgpack.encode(known))
    return other.serial_number


def test_what_did_not_change_is_not_read_again(files: CertificateFiles, tmp_path: Path) -> None:
    first = serial(files)
    known = swap_what_is_known(tmp_path)
    assert known != first
    assert serial(files) == known
    assert (tmp_path / "known-files").stat().st_mode & 0o777 == 0o600


def test_a_single_look_reads_the_files(files: CertificateFiles, tmp_path: Path) -> None:
    first = serial(files)
    swap_what_is_known(tmp_path)
    found = files.read(NAME).certificate
    assert found
    assert found.serial_number == first


def rewrite(path: Path) -> None:
    """Change a byte, and let size and time of the change be as before."""
    before = path.stat()
    data = path.read_bytes()
    path.write_bytes(data[:60] + bytes([data[60] ^ 1]) + data[61:])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def exchange(path: Path) -> None:
    """Put another file in its place."""
    path.with_name("new").write_bytes(b"something else")
    path.with_name("new").replace(path)


@pytest.mark.parametrize("change", [rewrite, exchange, Path.unlink])
@pytest.mark.parametrize("file", ["fullchain.pem", "cert.pem", "chain.pem", "privkey.pem"])
def test_any_change_is_seen(
    files: CertificateFiles, file: str, change: Callable[[Path], None]
) -> None:
    serial(files)
    change((files.live(NAME) / file).resolve())
    assert problem(files)
    assert problem(files)  # what is wrong is not remembered


def test_the_next_version_is_seen(files: CertificateFiles) -> None:
    first = serial(files)
    renewed = issued(NAME)
    files.write(NAME, renewed)
    assert serial(files) == renewed.chain.leaf.serial_number != first


@pytest.mark.parametrize("content", [b"", b"\x81", b"\xff" * 100, b"\x81\xa1a\x93\x01\x02\x03"])
def test_what_is_known_may_be_damaged(
    files: CertificateFiles, tmp_path: Path, content: bytes
) -> None:
    first = serial(files)
    (tmp_path / "known-files").write_bytes(content)
    assert serial(files) == first
    swapped = swap_what_is_known(tmp_path)  # it was written anew
    assert serial(files) == swapped


def test_what_was_written_just_now_is_read_again(tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path)
    files.write(NAME, issued(NAME))
    serial(files)
    assert not (tmp_path / "known-files").exists()


def test_who_only_reads_writes_nothing(files: CertificateFiles, tmp_path: Path) -> None:
    serial(files, save=False)
    assert not (tmp_path / "known-files").exists()


def test_a_home_that_cannot_be_written_is_read(files: CertificateFiles, tmp_path: Path) -> None:
    (tmp_path / "known-files").mkdir()
    assert serial(files)
    assert [path.name for path in tmp_path.glob(".known*")] == []


def test_a_certificate_that_is_gone_is_forgotten(files: CertificateFiles, tmp_path: Path) -> None:
    files.write("other.example", issued("other.example"))
    with files.reading_many(save=True):
        assert files.read("other.example").certificate
        assert files.read(NAME).certificate
    known = tmp_path / "known-files"
    assert set(msgspec.msgpack.decode(known.read_bytes())) == {NAME, "other.example"}
    files.remove("other.example")
    serial(files)
    assert set(msgspec.msgpack.decode(known.read_bytes())) == {NAME}


@pytest.mark.parametrize("change", [rewrite, exchange, Path.unlink])
def test_who_looks_often_sees_any_change(
    files: CertificateFiles, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    often = RememberedFiles(tmp_path, clock=lambda: time.time() + 3600)
    found = often.read(NAME)
    assert found.certificate
    assert often.read(NAME) is found
    change((files.live(NAME) / "privkey.pem").resolve())
    assert often.read(NAME).problem


def test_who_looks_often_reads_again_what_was_written_just_now(
    files: CertificateFiles, tmp_path: Path
) -> None:
    often = RememberedFiles(tmp_path)
    assert often.read(NAME) is not often.read(NAME)
