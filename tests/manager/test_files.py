"""Certificates on disk."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneproof.errors import InvalidInputError, StorageError
from zoneproof.issuance import Issued
from zoneproof.manager.certificates.files import CertificateFiles, check_certificate_name


@dataclass
class Chain:
    leaf_pem: bytes
    issuers_pem: bytes

    @property
    def pem(self) -> bytes:
        return self.leaf_pem + self.issuers_pem


def issued(mark: str) -> Issued:
    chain = Chain(f"leaf {mark}\n".encode(), f"issuer {mark}\n".encode())
    return Issued(cast("Any", chain), f"key {mark}\n".encode())


def test_links_lead_to_the_newest_version(tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path)
    files.write("example.com", issued("one"))
    links = files.write("example.com", issued("two"))
    assert [link.name for link in links] == [
        "cert.pem",
        "chain.pem",
        "fullchain.pem",
        "privkey.pem",
    ]
    assert (tmp_path / "live/example.com/fullchain.pem").read_text() == "leaf two\nissuer two\n"
    assert (tmp_path / "archive/example.com/privkey1.pem").read_text() == "key one\n"


def test_links_still_work_when_the_home_is_moved(tmp_path: Path) -> None:
    CertificateFiles(tmp_path / "home").write("example.com", issued("one"))
    (tmp_path / "home").rename(tmp_path / "moved")
    assert (tmp_path / "moved/live/example.com/cert.pem").read_text() == "leaf one\n"


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_the_key_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        CertificateFiles(tmp_path).write("example.com", issued("one"))
    finally:
        os.umask(before)
    key = tmp_path / "live/example.com/privkey.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_only_its_owner_may_replace_what_lies_in_the_folders(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        CertificateFiles(tmp_path).write("example.com", issued("one"))
    finally:
        os.umask(before)
    folders = [path for path in tmp_path.rglob("*") if path.is_dir()]
    assert len(folders) == 4
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}


def test_a_version_that_was_left_half_written_is_not_used_again(tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path)
    files.write("example.com", issued("one"))
    (tmp_path / "archive/example.com/cert2.pem").write_text("half")
    files.write("example.com", issued("two"))
    assert (tmp_path / "live/example.com/cert.pem").resolve().name == "cert3.pem"


def test_a_link_left_over_from_a_crash_does_not_stop_the_next_write(tmp_path: Path) -> None:
    live = tmp_path / "live/example.com"
    live.mkdir(parents=True)
    (live / ".cert.pem.new").symlink_to("nowhere")
    CertificateFiles(tmp_path).write("example.com", issued("one"))
    assert (live / "cert.pem").read_text() == "leaf one\n"


def test_a_folder_that_cannot_be_written_leaves_the_links_and_is_named(tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path)
    files.write("example.com", issued("one"))
    (tmp_path / "archive/example.com").rename(tmp_path / "archive/kept")
    (tmp_path / "archive/example.com").write_text("a file in the way")
    with pytest.raises(StorageError, match=r"archive/example\.com"):
        files.write("example.com", issued("two"))


@pytest.mark.parametrize("name", ["example.com", "a_b-c.d", "192.0.2.1"])
def test_usual_names_are_taken(name: str) -> None:
    assert check_certificate_name(name) == name


@pytest.mark.parametrize("name", ["", "..", "../up", "a/b", "a\\b", ".hidden", "-x", "a\0b", "a\n"])
def test_names_that_could_leave_the_folder_are_refused(name: str) -> None:
    with pytest.raises(InvalidInputError):
        check_certificate_name(name)


@given(st.text(max_size=40))
def test_a_name_that_is_taken_is_one_path_component(name: str) -> None:
    try:
        check_certificate_name(name)
    except InvalidInputError:
        return
    assert Path("folder", name).parent == Path("folder")
    assert Path(name).name == name
