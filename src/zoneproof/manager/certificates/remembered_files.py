"""Certificate files that are read again only once they have changed, for who looks at all often."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from zoneproof.manager.certificates.files import CertificateFiles
from zoneproof.manager.certificates.on_disk import OnDisk


class RememberedFiles(CertificateFiles):
    """A home's files; it may be used by many managers of the home, one after the other."""

    def __init__(self, home: Path, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(home, clock=clock)
        self._seen: dict[str, tuple[bytes, OnDisk]] = {}

    def read(self, name: str) -> OnDisk:
        """Return what is there; it was read when its files were what they are now."""
        stamp = self.stamp(name)
        known = self._seen.get(name)
        if known and known[0] == stamp:
            return known[1]
        found = super().read(name)
        if stamp and found.certificate:
            self._seen[name] = stamp, found
        else:
            self._seen.pop(name, None)
        return found
