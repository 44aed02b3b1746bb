"""Certificates on disk whose writing was cut off: the next run finds a whole version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.manager.marked_files import Crash, crash_before_link, issued, versions
from zoneproof.acme import GivenCsr
from zoneproof.issuance import Issued
from zoneproof.manager.certificates.files import CertificateFiles
from zoneproof.manager.certificates.versions import write_new


def test_a_version_that_was_left_half_written_is_not_used_again(tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path)
    files.write("example.com", issued("one"))
    (tmp_path / "archive/example.com/cert2.pem").write_text("half")
    files.write("example.com", issued("two"))
    assert (tmp_path / "live/example.com/cert.pem").resolve().name == "cert3.pem"


def crash_at_file(monkeypatch: pytest.MonkeyPatch, stem: str) -> None:
    """Crash when the file of a version has been made and nothing is in it."""

    def crashing(path: Path, *rest: Any) -> None:
        if path.name.startswith(stem):
            path.touch()
            raise Crash
        write_new(path, *rest)

    monkeypatch.setattr("zoneproof.manager.certificates.versions.write_new", crashing)


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


def test_a_link_left_over_from_a_crash_does_not_stop_the_next_write(tmp_path: Path) -> None:
    live = tmp_path / "live/example.com"
    live.mkdir(parents=True)
    (live / ".cert.pem.new").symlink_to("nowhere")
    CertificateFiles(tmp_path).write("example.com", issued("one"))
    assert (live / "cert.pem").read_text() == "leaf one\n"
