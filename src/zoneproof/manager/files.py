"""Certificates and keys on disk, in the layout that administrators know.

``archive/<name>/privkey3.pem`` and its kin hold every version; ``live/<name>/privkey.pem`` and its
kin are links to the newest, each replaced in one step.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from zoneproof.errors import InvalidInputError, StorageError
from zoneproof.issuance import Issued

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,200}")
_PARTS = ("cert", "chain", "fullchain", "privkey")


def check_certificate_name(name: str) -> str:
    """Return the name if it can be a folder's. Raises InvalidInputError."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise InvalidInputError(
            f"'{name[:80]}' cannot name a certificate: use letters, digits, '.', '-' and '_'"
        )
    return name


class CertificateFiles:
    """The ``live`` and ``archive`` folders below the home."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def live(self, name: str) -> Path:
        """Return the folder with the links to the newest version."""
        return self._home / "live" / name

    def write(self, name: str, issued: Issued) -> list[Path]:
        """Write the next version and point the links at it; return the links.

        Every file is on disk before the first link moves, and the key is readable by its owner
        alone from the first byte. Raises StorageError, and then the links are as they were.
        """
        contents: Mapping[str, tuple[bytes, int]] = {
            "cert": (issued.chain.leaf_pem, 0o644),
            "chain": (issued.chain.issuers_pem, 0o644),
            "fullchain": (issued.chain.pem, 0o644),
            "privkey": (issued.private_key, 0o600),
        }
        archive = self._home / "archive" / name
        live = self.live(name)
        try:
            for folder in (archive, live):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            version = _next_version(archive)
            for part, (data, mode) in contents.items():
                _write_new(archive / f"{part}{version}.pem", data, mode)
            _sync_folder(archive)
            for part in _PARTS:
                _replace_link(live / f"{part}.pem", archive / f"{part}{version}.pem")
            _sync_folder(live)
        except OSError as error:
            raise StorageError(
                f"cannot write the certificate to {error.filename or archive}: {error.strerror};"
                " mend that and run this again: the order is kept and goes on"
            ) from error
        return [live / f"{part}.pem" for part in _PARTS]


def _next_version(archive: Path) -> int:
    found = (re.fullmatch(r"[a-z]+(\d+)\.pem", entry.name) for entry in archive.iterdir())
    return max((int(match[1]) for match in found if match), default=0) + 1


def _write_new(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _replace_link(link: Path, target: Path) -> None:
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(os.path.relpath(target, link.parent))
    temporary.replace(link)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
