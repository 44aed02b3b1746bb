"""Copies of a certificate: what is in them, whose they are, and never half of them."""

from __future__ import annotations

import errno
import os
import resource
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12
from msgspec.structs import replace

from tests.deployment.occasions import NAME, occasion, task
from zoneproof.acme import key_from_pem, parse_chain
from zoneproof.core.access import Access
from zoneproof.core.errors import DeploymentError, InvalidInputError
from zoneproof.deployment import Material
from zoneproof.deployment.placement import Placement, Wanted


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_every_part_is_written_and_those_with_the_key_are_private(tmp_path: Path) -> None:
    made, to = occasion(tmp_path / "home"), tmp_path / "tls"
    to.mkdir()
    parts = ("cert", "chain", "fullchain", "key", "combined")
    paths = {part: to / f"{part}.pem" for part in parts}
    said = await task("copy", **paths).run(made)
    assert said.startswith("wrote ")
    live = made.folder
    assert paths["cert"].read_bytes() == (live / "cert.pem").read_bytes()
    assert paths["chain"].read_bytes() == (live / "chain.pem").read_bytes()
    assert paths["fullchain"].read_bytes() == (live / "fullchain.pem").read_bytes()
    assert paths["key"].read_bytes() == (live / "privkey.pem").read_bytes()
    both = paths["combined"].read_bytes()
    assert both.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert (
        parse_chain(both[both.index(b"-----BEGIN CERT") :], "").pem
        == parse_chain((live / "fullchain.pem").read_bytes(), "").pem
    )
    assert [mode(paths[part]) for part in parts] == [0o644, 0o644, 0o644, 0o600, 0o600]
    assert sorted(to.iterdir()) == sorted(paths.values())


async def test_what_is_the_same_is_not_written_again(tmp_path: Path) -> None:
    made = occasion(tmp_path / "home")
    copy = task(
        "copy", key=tmp_path / "key", pkcs12=tmp_path / "p12", pkcs12_password="hunter2", mode="640"
    )
    await copy.run(made)
    before = [(tmp_path / name).stat().st_ino for name in ("key", "p12")]
    assert await copy.run(made) == "nothing to write"
    assert [(tmp_path / name).stat().st_ino for name in ("key", "p12")] == before
    (tmp_path / "key").chmod(0o600)
    assert await copy.run(made) == f"wrote {tmp_path / 'key'}"
    assert mode(tmp_path / "key") == 0o640


@pytest.mark.parametrize("encryption", ["modern", "legacy"])
async def test_the_pkcs12_file_opens_with_its_password(tmp_path: Path, encryption: str) -> None:
    made = occasion(tmp_path / "home")
    path = tmp_path / "bundle.p12"
    await task("copy", pkcs12=path, pkcs12_password="hunter2", pkcs12_encryption=encryption).run(
        made
    )
    assert made.material
    bundle = pkcs12.load_pkcs12(path.read_bytes(), b"hunter2")
    assert bundle.cert
    assert bundle.cert.certificate == made.material.chain.leaf
    assert bundle.cert.friendly_name == NAME.encode()
    assert mode(path) == 0o600


async def test_a_path_may_hold_the_name_of_the_certificate(tmp_path: Path) -> None:
    await task("copy", cert=tmp_path / "{name}.crt").run(occasion(tmp_path / "home"))
    assert (tmp_path / f"{NAME}.crt").exists()


@pytest.mark.parametrize("wrong", ["{nam}", "{NAME}", "{}", "{name }"])
def test_a_placeholder_that_means_nothing_is_no_part_of_a_path(wrong: str) -> None:
    with pytest.raises(InvalidInputError, match=r"write \{name\} where"):
        task("copy", cert=f"/etc/ssl/{{name}}/{wrong}.crt")


async def test_mode_and_group_of_what_is_there_are_kept(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("old")
    key.chmod(0o640)
    other = next((group for group in os.getgroups() if group != os.getgid()), os.getgid())
    if os.geteuid() == 0:
        other = 4242
    os.chown(key, -1, other)
    await task("copy", key=key).run(occasion(tmp_path / "home"))
    assert b"PRIVATE KEY" in key.read_bytes()
    assert (mode(key), key.stat().st_gid) == (0o640, other)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
async def test_owner_and_group_are_those_that_are_named(tmp_path: Path) -> None:
    key = tmp_path / "key"
    await task("copy", key=key, owner="4241", group="daemon", mode="0440").run(
        occasion(tmp_path / "home")
    )
    assert (mode(key), key.stat().st_uid, key.group()) == (0o440, 4241, "daemon")


async def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("keep me")
    link = tmp_path / "key"
    link.symlink_to(precious)
    await task("copy", key=link).run(occasion(tmp_path / "home"))
    assert precious.read_text() == "keep me"
    assert link.is_file()
    assert not link.is_symlink()


async def test_all_files_are_replaced_or_none(tmp_path: Path) -> None:
    cert = tmp_path / "cert"
    cert.write_text("old")
    copy = task("copy", cert=cert, key=tmp_path / "missing/key")
    with pytest.raises(DeploymentError) as raised:
        await copy.run(occasion(tmp_path / "home"))
    folder = tmp_path / "missing"
    assert raised.value.message == (
        f"cannot write {folder}/key: {folder} is not a directory: create it"
    )
    assert cert.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cert", "home"]


async def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    made = occasion(tmp_path / "home")
    for name in ("cert", "fullchain"):
        (tmp_path / name).write_text("old")
    copy = task("copy", cert=tmp_path / "cert", fullchain=tmp_path / "fullchain")
    assert made.material
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    most = len(made.material.chain.pem) - 1  # so that the first fits, and the second does not
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, limits[1]))
    try:
        with pytest.raises(DeploymentError, match=r"cannot write .*fullchain: File too large"):
            await copy.run(made)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [(tmp_path / name).read_text() for name in ("cert", "fullchain")] == ["old", "old"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cert", "fullchain", "home"]


async def test_a_directory_in_the_place_of_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "cert").mkdir()
    with pytest.raises(DeploymentError) as raised:
        await task("copy", cert=tmp_path / "cert").run(occasion(tmp_path / "home"))
    assert raised.value.message == (
        f"cannot write {tmp_path}/cert: {tmp_path}/cert is a directory, where a file is to be"
        " written"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cert", "home"]


@pytest.mark.parametrize("other", ["site.pem", "./site.pem", "sub/../site.pem", "link/site.pem"])
async def test_two_parts_are_never_written_to_one_file(tmp_path: Path, other: str) -> None:
    folder = tmp_path / "tls"
    (folder / "sub").mkdir(parents=True)
    (folder / "link").symlink_to(folder)
    site = folder / "site.pem"
    site.write_text("old")
    copy = task("copy", fullchain=site, key=f"{folder}/{other}")
    for _ in range(2):
        with pytest.raises(
            DeploymentError, match=r"two files are to be written to .*site\.pem: give"
        ):
            await copy.run(occasion(tmp_path / "home"))
        assert site.read_text() == "old"
        assert sorted(path.name for path in folder.iterdir()) == ["link", "site.pem", "sub"]


@pytest.mark.parametrize("failing", ["cert", "chain"])
@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), MemoryError()])
def test_whatever_goes_wrong_the_old_files_are_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, error: BaseException
) -> None:
    (tmp_path / "cert").write_text("old")
    replace_file = Path.replace

    def fail(self: Path, target: Path) -> Path:
        if self.name == f".{failing}.new":
            raise error
        return replace_file(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    wanted = [Wanted(tmp_path / name, b"new", False) for name in ("cert", "chain")]
    is_told = isinstance(error, OSError)
    with pytest.raises(DeploymentError if is_told else MemoryError) as raised:
        Placement().write(wanted, Access())
    assert not is_told or str(raised.value) == (
        f"cannot write {tmp_path / failing}: Input/output error: check the disk"
    )
    assert list(tmp_path.iterdir()) == [tmp_path / "cert"]
    assert (tmp_path / "cert").read_text() == "old"


def test_what_cannot_be_restored_is_told_and_the_rest_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cert", "chain"):
        (tmp_path / name).write_text("old")
    placement = Placement()
    placement.write(
        [Wanted(tmp_path / name, b"new", False) for name in ("cert", "chain")], Access()
    )
    replace_file = Path.replace

    def fail(self: Path, target: Path) -> Path:
        if self.name == ".chain.before":
            raise OSError(errno.EROFS, "Read-only file system")
        return replace_file(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(DeploymentError) as raised:
        placement.restore()
    assert raised.value.message == (
        f"cannot restore {tmp_path}/chain from {tmp_path}/.chain.before: Read-only file system:"
        " mount it for writing, or name another folder; in a systemd unit, ReadWritePaths="
        " allows it"
    )
    assert (tmp_path / "cert").read_text() == "old"
    assert (tmp_path / ".chain.before").read_text() == "old"


def test_what_a_killed_run_replaced_comes_back_when_the_next_one_fails(tmp_path: Path) -> None:
    path = tmp_path / "cert"
    path.write_text("works")
    Placement().write([Wanted(path, b"broken", False)], Access())  # and is killed
    second = Placement()
    second.write([Wanted(path, b"broken, too", False)], Access())
    assert path.read_text() == "broken, too"
    assert second.restore()
    assert path.read_text() == "works"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_run_had_only_begun_to_write_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "cert"
    (tmp_path / ".cert.new").write_text("hal")
    placement = Placement()
    placement.write([Wanted(path, b"whole", False)], Access())
    placement.keep()
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"whole"


def test_what_was_not_there_is_removed_when_it_is_not_wanted(tmp_path: Path) -> None:
    placement = Placement()
    placement.write([Wanted(tmp_path / "cert", b"broken", False)], Access())
    placement.restore()
    assert list(tmp_path.iterdir()) == []


async def test_a_key_that_stays_with_its_owner_cannot_be_copied(tmp_path: Path) -> None:
    made = occasion(tmp_path / "home")
    assert made.material
    without = replace(made, material=Material(made.material.chain, None))
    await task("copy", cert=tmp_path / "cert").run(without)
    with pytest.raises(DeploymentError, match="the key stays with its owner"):
        await task("copy", key=tmp_path / "key").run(without)


async def test_problems_are_known_before_it_matters(tmp_path: Path) -> None:
    copy = task("copy", key=tmp_path / "missing/key", cert=tmp_path, group="no-such-group")
    assert await copy.problems() == [
        "there is no group 'no-such-group' on this machine",
        f"{tmp_path} is a directory, where a file is to be written",
        f"{tmp_path / 'missing'} is not a directory: create it",
    ]
    assert await task("copy", key=tmp_path / "key").problems() == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "needs a field that names a file"),
        ({"key": "relative/key"}, "key must be an absolute path"),
        ({"key": "/k", "mode": "0644"}, "'0644' is not a mode for a private key"),
        ({"key": "/k", "mode": "rw"}, "'rw' is not a mode for a private key"),
        ({"keys": "/k"}, "deployment task copy has no field 'keys'"),
        ({"pkcs12": "/k", "pkcs12_encryption": "none"}, "choose one of modern, legacy"),
    ],
)
def test_what_cannot_work_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        task("copy", **fields)


def test_keys_are_for_the_key_that_was_issued(tmp_path: Path) -> None:
    made = occasion(tmp_path / "home")
    assert made.material
    assert made.material.private_key
    made.material.chain.require_key(key_from_pem(made.material.private_key))
    assert "PRIVATE" not in repr(made)
