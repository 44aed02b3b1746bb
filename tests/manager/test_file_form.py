"""The form of a certificate's files: who may read them, all in one, a PKCS #12 bundle."""

from __future__ import annotations

import grp
import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12
from msgspec.structs import replace

from tests.manager.marked_files import issued
from tests.support.full_home import issued as real
from zoneproof.core.access import read_access
from zoneproof.core.errors import StorageError
from zoneproof.issuance import Issued
from zoneproof.manager.certificates.files import CertificateFiles
from zoneproof.manager.certificates.versions import FileForm


@contextmanager
def umask(value: int) -> Iterator[None]:
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to any group")
@pytest.mark.parametrize("value", [0o022, 0o077])  # the latter is that of the units
def test_a_group_may_read_the_key_through_the_folders_and_nothing_else(value: int) -> None:
    with umask(value), tempfile.TemporaryDirectory() as name:
        above = Path(name)
        above.chmod(0o755)
        home = above / "home"
        home.mkdir(mode=0o700)
        (home / "state.sqlite3").touch(mode=0o600)
        (home / "settings.toml").write_text("password")
        (home / "settings.toml").chmod(0o644)
        files = CertificateFiles(home)
        files.write("other.example", issued("other"))
        group = grp.getgrnam("daemon").gr_gid
        for mark in ("one", "two"):
            form = FileForm(read_access("", "daemon", ""), combined=True)
            files.write("example.com", issued(mark), form)
        live = files.live("example.com")

        def reads(path: Path, as_group: int) -> bool:
            command = ["cat", str(path)]
            done = subprocess.run(
                command,
                user=65534,
                group=as_group,
                extra_groups=[],
                capture_output=True,
                check=False,
            )
            return done.returncode == 0

        for file in ("privkey.pem", "combined.pem", "fullchain.pem"):
            assert reads(live / file, group)
        for file in ("privkey.pem", "combined.pem"):
            assert not reads(live / file, 65534)
            assert stat.S_IMODE((live / file).stat().st_mode) == 0o640
        assert not reads(files.live("other.example") / "fullchain.pem", group)
        assert not reads(home / "state.sqlite3", group)
        assert not reads(home / "settings.toml", group)
        listing = ["ls", str(home)]
        done = subprocess.run(listing, user=65534, group=group, capture_output=True, check=False)
        assert done.returncode != 0


def test_all_in_one_file_begins_with_the_key(tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path)
    files.write("example.com", issued("one"), FileForm(read_access("", "", "0440"), combined=True))
    live = files.live("example.com")
    key = (live / "privkey.pem").read_bytes()
    assert (live / "combined.pem").read_bytes() == key + (live / "fullchain.pem").read_bytes()
    assert stat.S_IMODE((live / "combined.pem").stat().st_mode) == 0o440
    assert stat.S_IMODE((live / "fullchain.pem").stat().st_mode) == 0o644
    files.write("example.com", issued("two"))
    assert not (live / "combined.pem").exists()


def other_group() -> int:
    """Return a group that this user may give files to, and does not give them anyway."""
    if os.geteuid() == 0:
        return grp.getgrnam("daemon").gr_gid
    return next((one for one in os.getgroups() if one != os.getegid()), os.getegid())


def facts(path: Path) -> tuple[int, int]:
    status = path.stat()
    return stat.S_IMODE(status.st_mode), status.st_gid


def test_files_that_are_there_are_brought_into_another_form_and_back(tmp_path: Path) -> None:
    files, made, group = CertificateFiles(tmp_path), real("example.com"), other_group()
    files.write("example.com", made)
    live = files.live("example.com")
    inode = (live / "privkey.pem").stat().st_ino
    form = FileForm(read_access("", str(group), ""), b"password", combined=True)
    for _ in range(2):
        files.reshape("example.com", form)
        assert made.private_key
        assert (live / "combined.pem").read_bytes() == made.private_key + made.chain.pem
        bundle = pkcs12.load_pkcs12((live / "bundle.p12").read_bytes(), b"password")
        assert bundle.cert
        assert bundle.cert.certificate == made.chain.leaf
        for name in ("privkey.pem", "combined.pem", "bundle.p12"):
            assert facts(live / name) == (0o640, group)
        assert facts(live / "fullchain.pem")[0] == 0o644
        assert (stat.S_IMODE(live.stat().st_mode), live.stat().st_gid) == (0o750, group)
    bundle_before = (live / "bundle.p12").read_bytes()
    files.reshape("example.com", replace(form, access=read_access("", "", "0440")))
    assert facts(live / "combined.pem")[0] == 0o440
    assert (live / "bundle.p12").read_bytes() == bundle_before
    files.reshape("example.com", replace(form, pkcs12_password=b"another"))
    assert pkcs12.load_pkcs12((live / "bundle.p12").read_bytes(), b"another").key
    files.reshape("example.com", FileForm())
    assert facts(live / "privkey.pem")[0] == 0o600
    assert (live / "privkey.pem").stat().st_ino == inode
    left = {one.name for one in live.iterdir()}
    assert left == {"cert.pem", "chain.pem", "fullchain.pem", "privkey.pem"}
    assert {one.name for one in files.archive("example.com").iterdir()} == {
        f"{Path(one).stem}1.pem" for one in left
    }


def test_files_that_were_made_for_their_owner_alone_are_opened_for_a_group(tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path)
    files.write("example.com", real("example.com"))
    live = files.live("example.com")
    public = ("cert.pem", "chain.pem", "fullchain.pem")
    for file in public:
        (live / file).chmod(0o600)
    files.reshape("example.com", FileForm(read_access("", str(other_group()), "")))
    assert {stat.S_IMODE((live / file).stat().st_mode) for file in public} == {0o644}


def test_a_form_is_of_the_newest_version_and_the_next_one_has_it_too(tmp_path: Path) -> None:
    files, form = CertificateFiles(tmp_path), FileForm(combined=True)
    files.write("example.com", real("example.com"))
    files.write("example.com", made := real("example.com"))
    files.reshape("example.com", form)
    archive = files.archive("example.com")
    assert not (archive / "combined1.pem").exists()
    assert made.private_key
    assert (archive / "combined2.pem").read_bytes() == made.private_key + made.chain.pem
    files.write("example.com", made := real("example.com"), form)
    assert made.chain.pem in (files.live("example.com") / "combined.pem").read_bytes()


@pytest.mark.parametrize("mode", ["", "0640"])
def test_a_group_that_is_no_longer_named_is_shut_out(tmp_path: Path, mode: str) -> None:
    group = other_group()
    if group == os.getegid():
        pytest.skip("this user is in one group only")
    files, form = CertificateFiles(tmp_path), FileForm(read_access("", str(group), mode))
    form = replace(form, combined=True)
    for _ in range(2):
        files.write("example.com", real("example.com"), form)
    live, archive = files.live("example.com"), files.archive("example.com")
    assert facts(archive / "privkey1.pem") == facts(live / "privkey.pem") == (0o640, group)
    files.reshape("example.com", after := replace(form, access=read_access("", "", mode)), form)
    assert facts(live / "privkey.pem") == (0o640 if mode else 0o600, os.getegid())
    assert facts(live / "combined.pem") == facts(live / "privkey.pem")
    for old in ("privkey1.pem", "combined1.pem"):
        assert facts(archive / old)[0] == 0o600
    for folder in (live, archive):
        assert facts(folder) == (0o700, os.getegid())
    assert facts(live / "fullchain.pem")[0] == 0o644
    files.reshape("example.com", form, after)
    assert facts(live / "privkey.pem") == (0o640, group)
    assert facts(live) == facts(archive) == (0o750, group)
    assert facts(archive / "privkey1.pem")[0] == 0o600


def test_where_the_key_stays_with_its_owner_no_form_changes_anything(tmp_path: Path) -> None:
    files, made = CertificateFiles(tmp_path), real("example.com")
    csr = cast("Any", type("Csr", (), {"pem": "request"})())
    files.write("example.com", Issued(made.chain, None, csr))
    files.reshape("example.com", FileForm(combined=True))
    assert not (files.live("example.com") / "combined.pem").exists()
    files.reshape("none.example", FileForm(combined=True))
    assert not files.exist("none.example")


def test_a_form_that_cannot_be_given_is_told(tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path)
    files.write("example.com", real("example.com"))
    target = files.archive("example.com") / "combined1.pem"
    target.mkdir()
    with pytest.raises(StorageError, match=f"cannot change the files of example.com .*{target}"):
        files.reshape("example.com", FileForm(combined=True))
