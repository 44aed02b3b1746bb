"""Certificates on disk."""

from __future__ import annotations

import grp
import os
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.full_home import issued as real
from zoneproof.acme import GivenCsr
from zoneproof.core.access import read_access
from zoneproof.core.errors import InvalidInputError, StorageError
from zoneproof.issuance import Issued
from zoneproof.manager.certificates import files as files_module
from zoneproof.manager.certificates.files import CertificateFiles, FileForm, check_certificate_name


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


LINKED = ["live", "live/example.com", "archive", "archive/example.com", ""]


def home_with_link(tmp_path: Path, linked: str) -> Path:
    """Return a home of which one folder, or all, is a link to a deeper place elsewhere."""
    home, disk = tmp_path / "home", tmp_path / "mnt/disk" / (linked or "home")
    disk.mkdir(parents=True)
    (home / linked).parent.mkdir(parents=True, exist_ok=True)
    (home / linked).symlink_to(disk, target_is_directory=True)
    return home


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


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


def test_a_version_that_was_left_half_written_is_not_used_again(tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path)
    files.write("example.com", issued("one"))
    (tmp_path / "archive/example.com/cert2.pem").write_text("half")
    files.write("example.com", issued("two"))
    assert (tmp_path / "live/example.com/cert.pem").resolve().name == "cert3.pem"


class Crash(BaseException):
    """Stands for the end of the process: nothing after it is done."""


def crash_at_file(monkeypatch: pytest.MonkeyPatch, stem: str) -> None:
    """Crash when the file of a version has been made and nothing is in it."""
    write = files_module._write_new

    def crashing(path: Path, *rest: Any) -> None:
        if path.name.startswith(stem):
            path.touch()
            raise Crash
        write(path, *rest)

    monkeypatch.setattr(files_module, "_write_new", crashing)


def crash_before_link(monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    replace = files_module._replace_link

    def crashing(link: Path, target: Path) -> None:
        if link.name == file:
            raise Crash
        replace(link, target)

    monkeypatch.setattr(files_module, "_replace_link", crashing)


def versions(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("stem", ["cert", "chain", "fullchain", "privkey"])
@pytest.mark.parametrize("earlier", [0, 1, 2])
def test_a_version_cut_off_before_the_first_link_moved_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stem: str, earlier: int
) -> None:
    files, archive = CertificateFiles(tmp_path), tmp_path / "archive/example.com"
    for mark in range(earlier):
        files.write("example.com", issued(str(mark)))
    archive.mkdir(parents=True, exist_ok=True)
    for own in ("cert9.txt", "my-own.pem", "cert.pem.bak"):
        (archive / own).write_text("a person's")
    before = versions(archive)
    with monkeypatch.context() as patch:
        crash_at_file(patch, stem)
        with pytest.raises(Crash):
            files.write("example.com", issued("cut off"))
    assert versions(archive) > before
    files.repair("example.com")
    assert versions(archive) == before
    files.write("example.com", issued("last"))
    assert (tmp_path / "live/example.com/cert.pem").resolve().name == f"cert{earlier + 1}.pem"
    assert (archive / "my-own.pem").read_text() == "a person's"


def test_a_whole_version_that_no_link_leads_to_is_removed_at_the_next_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, archive = CertificateFiles(tmp_path), tmp_path / "archive/example.com"
    files.write("example.com", issued("one"))
    with monkeypatch.context() as patch:
        crash_before_link(patch, "cert.pem")
        with pytest.raises(Crash):
            files.write("example.com", issued("cut off"))
    files.write("example.com", issued("two"))
    assert (archive / "cert2.pem").read_text() == "leaf two\n"
    assert len(versions(archive)) == 8


@pytest.mark.parametrize("earlier", [0, 1])
@pytest.mark.parametrize("file", ["chain.pem", "fullchain.pem", "privkey.pem"])
def test_links_that_a_crash_came_between_all_lead_to_the_new_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, earlier: int
) -> None:
    files, live = CertificateFiles(tmp_path), tmp_path / "live/example.com"
    for mark in range(earlier):
        files.write("example.com", issued(str(mark)))
    with monkeypatch.context() as patch:
        crash_before_link(patch, file)
        with pytest.raises(Crash):
            files.write("example.com", issued("new"))
    files.repair("example.com")
    assert {link.resolve().name[-5] for link in live.iterdir()} == {str(earlier + 1)}
    assert (live / "privkey.pem").read_text() == "key new\n"
    assert not (tmp_path / "archive/example.com/.writing").exists()


def of_owner(mark: str) -> Issued:
    """What was issued for a key that stays with its owner."""
    csr = GivenCsr(f"csr {mark}\n", b"", (), b"")
    return replace(issued(mark), private_key=None, csr=csr)


@pytest.mark.parametrize("file", ["cert.pem", "chain.pem", "fullchain.pem", "last"])
@pytest.mark.parametrize(("before", "after"), [("privkey", "csr"), ("csr", "privkey")])
def test_a_key_and_a_request_take_each_other_s_place_also_after_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str, file: str
) -> None:
    files, live = CertificateFiles(tmp_path), tmp_path / "live/example.com"
    makers = {"privkey": issued, "csr": of_owner}
    files.write("example.com", makers[before]("one"))
    with monkeypatch.context() as patch:
        crash_before_link(patch, f"{after}.pem" if file == "last" else file)
        with pytest.raises(Crash):
            files.write("example.com", makers[after]("two"))
    files.repair("example.com")
    is_new = file != "cert.pem"  # before the first link moved, nothing has happened
    assert versions(live) == {
        "cert.pem",
        "chain.pem",
        "fullchain.pem",
        f"{after if is_new else before}.pem",
    }
    files.write("example.com", makers[after]("three"))
    assert versions(live) == {"cert.pem", "chain.pem", "fullchain.pem", f"{after}.pem"}


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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to any group")
def test_a_group_may_read_the_key_through_the_folders_and_nothing_else() -> None:
    with tempfile.TemporaryDirectory() as name:
        above = Path(name)
        above.chmod(0o755)
        home = above / "home"
        home.mkdir(mode=0o700)
        (home / "state.sqlite3").touch(mode=0o600)
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
