"""Values of Secrets as files, for fields that are files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from zoneproof.core.files import write_new


class PrivateFiles:
    """A folder of one process, with files that only its user may read, named by what they hold."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path_of(self, text: str) -> Path:
        """Return the file that holds the text. Raises StorageError."""
        path = self._folder / hashlib.sha256(text.encode()).hexdigest()
        if not path.exists():
            write_new(path, text.encode())
        return path
