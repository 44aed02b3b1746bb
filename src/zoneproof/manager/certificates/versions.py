"""The files of one version of a certificate: their names, forms, modes and how they are written."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    KeySerializationEncryption,
    NoEncryption,
    pkcs12,
)
from msgspec.structs import replace

from zoneproof.acme import key_from_pem
from zoneproof.core.access import ANYWAY, Access
from zoneproof.core.files import exists, flush_folder, is_folder, is_link, read_file
from zoneproof.core.secretive import Secretive
from zoneproof.deployment.parts import combined
from zoneproof.issuance import Issued

VERSIONED = re.compile(r"([a-z]+?)(\d+)\.(pem|p12)")
MODES = {
    "cert.pem": 0o644,
    "chain.pem": 0o644,
    "fullchain.pem": 0o644,
    "privkey.pem": 0o600,
    "csr.pem": 0o644,
    "bundle.p12": 0o600,
    "combined.pem": 0o600,
}
ON_REQUEST = ("bundle.p12", "combined.pem")
_GROUP_MODE = 0o640  # of a key that a group may read
GROUP_FOLDER, PASSAGE = 0o750, 0o711
WRITING = ".writing"


class FileForm(Secretive, frozen=True):
    """How a certificate is written besides the usual: who may read its key, and what is added.

    With a ``pkcs12_password``, which may be empty, there is a PKCS #12 file; a ``bundle`` is such a
    file as it was once written. ``combined`` is a file with the key and the full chain.
    """

    access: Access = ANYWAY
    pkcs12_password: bytes | None = None
    bundle: bytes | None = None
    combined: bool = False

    def mode(self, usual: int) -> int:
        """Return the mode of a file: that of one with a key may be said."""
        if usual & 0o077:
            return usual
        return self.access.mode or (usual if self.access.group is None else _GROUP_MODE)


USUAL = FileForm()


def on_request(name: str, issued: Issued, form: FileForm) -> dict[str, bytes]:
    """Return the files that only some forms have."""
    contents = {}
    if form.combined and issued.private_key:
        contents["combined.pem"] = combined(issued.private_key, issued.chain.pem)
    if form.pkcs12_password is not None:
        contents["bundle.p12"] = _bundle(name, issued, form.pkcs12_password)
    elif form.bundle is not None:
        contents["bundle.p12"] = form.bundle
    return contents


def is_same(path: Path, content: bytes, form: FileForm) -> bool:
    """Tell whether a file that is there on request holds what it should."""
    try:
        present = read_file(path)
    except FileNotFoundError:
        return False
    if path.suffix != ".p12" or form.bundle is not None:
        return present == content
    password = form.pkcs12_password or None
    try:  # of two with the same content no byte need be the same
        opened, other = (pkcs12.load_pkcs12(data, password) for data in (present, content))
    except ValueError:
        return False
    return (opened.cert, opened.additional_certs) == (other.cert, other.additional_certs)


def shut_out(before: Access, now: Access, *folders: Path) -> Access:
    """Close folders, and the keys in them, to the group of ``before``.

    Return whose files are ``now``: where no group is named, it is the one that new files have.
    """
    group = os.getegid() if now.group is None else now.group
    for folder in folders:
        if folder.stat().st_gid == before.group:
            os.chown(folder, -1, group)
            folder.chmod(0o700)
        for path in folder.iterdir():
            file = path.stat(follow_symlinks=False)
            is_private = not file.st_mode & 0o007
            if stat.S_ISREG(file.st_mode) and is_private and file.st_gid == before.group:
                give(path, stat.S_IMODE(file.st_mode) & 0o700, ANYWAY)
    return replace(now, group=group)


def close_files(folder: Path) -> None:
    """Take from others what they could read and write in a folder that they may pass from now on.

    What is not this user's stays as it is. Raises OSError.
    """
    for path in folder.iterdir():
        with suppress(FileNotFoundError, PermissionError):
            file = path.stat(follow_symlinks=False)
            if stat.S_ISREG(file.st_mode) and file.st_mode & 0o007:
                # Not opened: closing it again would drop the locks of the database's connections.
                path.chmod(stat.S_IMODE(file.st_mode) & ~0o007)


def give(path: Path, mode: int, access: Access) -> None:
    """Set whose a file is, and its mode; a link is not followed. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    try:
        access.apply(descriptor, None, mode)
    except OSError as error:
        error.filename = str(path)
        raise
    finally:
        os.close(descriptor)


def _bundle(name: str, issued: Issued, password: bytes) -> bytes:
    protection: KeySerializationEncryption = (
        BestAvailableEncryption(password) if password else NoEncryption()
    )
    leaf, *issuers = issued.chain.certificates
    key = key_from_pem(issued.private_key) if issued.private_key else None
    return pkcs12.serialize_key_and_certificates(name.encode(), key, leaf, issuers, protection)


def versioned(file: str, version: int) -> str:
    """Return what a file of a version is called."""
    stem, _, suffix = file.partition(".")
    return f"{stem}{version}.{suffix}"


def next_version(archive: Path) -> int:
    """Return the number after the highest that a file in the folder has."""
    found = (VERSIONED.fullmatch(entry.name) for entry in archive.iterdir())
    return max((int(match[2]) for match in found if match), default=0) + 1


def version_in(note: Path) -> int:
    """Return the version that was being written, 0 for none."""
    try:
        return int(note.read_bytes())
    except (FileNotFoundError, ValueError):
        return 0


def no_folder(path: Path) -> str:
    """Return why there can be no folder at the path, empty for any other reason.

    A link may lead to a disk that is not mounted now.
    """
    if is_folder(path) or not (is_link(path) or exists(path)):
        return ""
    if not exists(path):
        return f"it is a link to {path.readlink()}, which does not exist"
    return "it is not a directory"


def write_all(archive: Path, version: int, contents: Mapping[str, bytes], form: FileForm) -> None:
    """Write a version to the disk, whole or not at all. Raises OSError."""
    written = []
    try:
        for file, data in contents.items():
            path = archive / versioned(file, version)
            written.append(path)
            usual = MODES[file]
            write_new(path, data, form.mode(usual), ANYWAY if usual & 0o077 else form.access)
        flush_folder(archive)
    except OSError as error:
        error.filename = error.filename or str(written[-1])  # a full disk does not say of which
        for path in (*written, archive / WRITING):
            path.unlink(missing_ok=True)
        raise


def write_new(path: Path, data: bytes, mode: int, access: Access = ANYWAY) -> None:
    """Write a file that is not there yet, and that has its mode from the first byte.

    The umask takes nothing away: a service that may read the key also needs the certificate.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        access.apply(file.fileno(), None, mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_link(link: Path, target: Path) -> None:
    """Lead a link to another file, in one step."""
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(os.path.relpath(target, link.parent))
    temporary.replace(link)
