"""Certificates on disk: versions and links, other disks, what people change, names."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.manager.marked_files import Crash, contents, crash_before_link, issued
from zoneproof.core.errors import InvalidInputError, StorageError
from zoneproof.manager.certificates.files import CertificateFiles, check_certificate_name


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


LINKED = ["live", "live/example.com", "archive", "archive/example.com", ""]


def home_with_link(tmp_path: Path, linked: str) -> Path:
    """Return a home of which one folder, or all, is a link to a deeper place elsewhere."""
    home, disk = tmp_path / "home", tmp_path / "mnt/disk" / (linked or "home")
    disk.mkdir(parents=True)
    (home / linked).parent.mkdir(parents=True, exist_ok=True)
    (home / linked).symlink_to(disk, target_is_directory=True)
    return home


@pytest.mark.parametrize("linked", LINKED)
def test_folders_may_be_links_to_another_disk(tmp_path: Path, linked: str) -> None:
    files = CertificateFiles(home_with_link(tmp_path, linked))
    for mark in ("one", "two"):
        files.write("example.com", issued(mark))
        found = contents(files.live("example.com"))
        assert found["privkey.pem"] == f"key {mark}\n"
        assert len(found) == 4
    assert files.read("example.com").problem.endswith("contains no complete certificates")


@pytest.mark.parametrize("linked", LINKED[:-1])
def test_a_disk_that_is_not_mounted_is_named(tmp_path: Path, linked: str) -> None:
    home = home_with_link(tmp_path, linked)
    (tmp_path / "mnt/disk" / linked).rmdir()
    with pytest.raises(StorageError, match=f"{linked}: it is a link to .*, which does not exist"):
        CertificateFiles(home).write("example.com", issued("one"))


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "live").write_text("")
    with pytest.raises(StorageError, match="live: it is not a directory"):
        CertificateFiles(tmp_path).write("example.com", issued("one"))


@pytest.mark.parametrize("file", ["chain.pem", "privkey.pem"])
@pytest.mark.parametrize("linked", LINKED)
def test_a_crash_between_the_links_is_repaired_on_another_disk_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked: str, file: str
) -> None:
    files = CertificateFiles(home_with_link(tmp_path, linked))
    files.write("example.com", issued("one"))
    with monkeypatch.context() as patch:
        crash_before_link(patch, file)
        with pytest.raises(Crash):
            files.write("example.com", issued("two"))
    files.repair("example.com")
    assert all("two" in text for text in contents(files.live("example.com")).values())


@pytest.mark.parametrize("linked", LINKED)
def test_files_on_another_disk_are_removed_and_nothing_else_there(
    tmp_path: Path, linked: str
) -> None:
    home = home_with_link(tmp_path, linked)
    files = CertificateFiles(home)
    files.write("example.com", issued("one"))
    (home / linked / "a-persons.txt").write_text("not ours")
    files.remove("example.com")
    assert not files.exist("example.com")
    left = [path.name for path in (tmp_path / "mnt").rglob("*") if path.is_file()]
    assert left == ["a-persons.txt"]


def exchange(files: CertificateFiles, names: list[str], version: int, folder: Path) -> None:
    """Lead links to a version that a person has put into a folder."""
    folder.mkdir(exist_ok=True, parents=True)
    for name in names:
        target = folder / f"{name}{version}.pem"
        target.write_text(f"{name} of a person\n")
        link = files.live("example.com") / f"{name}.pem"
        link.unlink()
        link.symlink_to(target)


@pytest.mark.parametrize("names", [["cert", "fullchain", "privkey"], ["privkey"], ["chain"]])
@pytest.mark.parametrize("folder", ["archive/example.com", "elsewhere"])
@pytest.mark.parametrize("version", [1, 3, 9])
def test_links_that_a_person_exchanged_are_left_until_the_next_version(
    tmp_path: Path, names: list[str], folder: str, version: int
) -> None:
    files = CertificateFiles(tmp_path)
    for mark in ("one", "two"):
        files.write("example.com", issued(mark))
    exchange(files, names, version, tmp_path / folder)
    before = contents(files.live("example.com"))
    assert before[f"{names[0]}.pem"] == f"{names[0]} of a person\n"
    files.repair("example.com")
    assert contents(files.live("example.com")) == before
    files.write("example.com", issued("new"))
    assert all("new" in text for text in contents(files.live("example.com")).values())
    kept = tmp_path / folder / f"{names[0]}{version}.pem"
    assert kept.read_text() == f"{names[0]} of a person\n"


def test_a_cut_off_version_is_not_taken_for_one_that_a_person_exchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = CertificateFiles(tmp_path)
    files.write("example.com", issued("one"))
    exchange(files, ["cert", "privkey"], 2, tmp_path / "elsewhere")
    before = contents(files.live("example.com"))
    with monkeypatch.context() as patch:
        crash_before_link(patch, "cert.pem")
        with pytest.raises(Crash):
            files.write("example.com", issued("cut off"))
    files.repair("example.com")
    assert contents(files.live("example.com")) == before


def test_a_bundle_that_a_person_made_is_kept(tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path)
    files.write("example.com", issued("one"))
    (files.live("example.com") / "bundle.p12").write_text("a person's")
    files.write("example.com", issued("two"))
    assert contents(files.live("example.com"))["bundle.p12"] == "a person's"


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


def test_a_person_who_goes_back_to_an_older_version_keeps_the_newer(tmp_path: Path) -> None:
    files, live = CertificateFiles(tmp_path), tmp_path / "live/example.com"
    for mark in ("one", "two"):
        files.write("example.com", issued(mark))
    for link in live.iterdir():
        target = link.readlink()
        link.unlink()
        link.symlink_to(target.with_name(target.name.replace("2", "1")))
    files.repair("example.com")
    assert (live / "cert.pem").read_text() == "leaf one\n"
    assert (tmp_path / "archive/example.com/cert2.pem").read_text() == "leaf two\n"


def test_a_folder_that_cannot_be_written_leaves_the_links_and_is_named(tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path)
    files.write("example.com", issued("one"))
    (tmp_path / "archive/example.com").rename(tmp_path / "archive/kept")
    (tmp_path / "archive/example.com").write_text("a file in the way")
    with pytest.raises(StorageError, match=r"archive/example\.com"):
        files.write("example.com", issued("two"))


LONGEST = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])  # 253, as RFC 1035 has it


@pytest.mark.parametrize("name", ["example.com", "a_b-c.d", "192.0.2.1", LONGEST])
def test_usual_names_are_taken(name: str) -> None:
    assert check_certificate_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "..", "../up", "a/b", "a\\b", ".hidden", "-x", "a\0b", "a\n", f"{LONGEST}e"]
)
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


def test_links_in_a_circle_are_removed_as_links(tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path)
    files.write("example.com", issued("one"))
    shutil.rmtree(files.archive("example.com"))
    files.archive("example.com").symlink_to("example.com")
    with pytest.raises(StorageError, match=r"cannot (repair|write)"):
        files.write("example.com", issued("two"))
    files.remove("example.com")
    assert not os.path.lexists(files.archive("example.com"))
