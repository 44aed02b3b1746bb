"""Certificate files that are read again only once they have changed, for who looks at all often."""

from __future__ import annotations

import os
from pathlib import Path

from zoneproof.manager.certificates.files import CertificateFiles
from zoneproof.manager.certificates.on_disk import FILES, OnDisk

_Stamp = tuple[tuple[int, int, int] | None, ...]


class RememberedFiles(CertificateFiles):
    """A home's files; it may be used by many managers of the home, one after the other."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._seen: dict[str, tuple[_Stamp, OnDisk]] = {}

    def read(self, name: str) -> OnDisk:
        """Return what is there; it was read when its files were what they are now."""
        stamp = _stamp(str(self.live(name)))
        known = self._seen.get(name)
        if known and known[0] == stamp:
            return known[1]
        found = super().read(name)
        if _stamp(str(self.live(name))) == stamp:  # else it may be of both
            self._seen[name] = stamp, found
        return found


def _stamp(folder: str) -> _Stamp:
    return tuple(_of(f"{folder}/{file}") for file in FILES)


def _of(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116  thousands of times, so without making paths
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
