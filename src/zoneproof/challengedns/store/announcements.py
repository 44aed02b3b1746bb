"""Tells every process on the machine, through a shared file, that the database has changed."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import secrets
from pathlib import Path

from zoneproof.core.errors import StorageError

_SIZE = 8


class Announcements:
    """Eight shared bytes beside the database, which change after every commit.

    Each announcement writes a number that was never there before. So whoever compares it with
    the one they saw last learns of every commit, however many processes write: no announcement
    can restore an old number and hide another.
    """

    def __init__(self, database: Path) -> None:
        """Map ``<database>.changed``, made with mode 0600 if it is missing.

        Raises StorageError.
        """
        self._path = self.path(database)
        self._open()

    @staticmethod
    def path(database: Path) -> Path:
        """Return where the file is."""
        return database.with_name(database.name + ".changed")

    def reopen(self) -> bool:
        """Open the file anew if another one, or none, has taken its place; tell whether.

        Then whoever has mapped the one before hears nothing more. Raises StorageError.
        """
        with contextlib.suppress(OSError):
            if _identity(self._path.stat(follow_symlinks=False)) == self._file:
                return False
        numbers, mapped = self.numbers, self._map
        self._open()
        numbers.release()
        mapped.close()
        return True

    def _open(self) -> None:
        path = self._path
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                if os.fstat(descriptor).st_size < _SIZE:
                    # Written rather than lengthened: on a full disk this fails, where a process
                    # that stores into memory without a block of the disk behind it is killed.
                    os.pwrite(descriptor, bytes(_SIZE), 0)
                self._map = mmap.mmap(descriptor, _SIZE)
                self._file = _identity(os.fstat(descriptor))
            finally:
                os.close(descriptor)
        except OSError as error:
            what = f"{error.strerror}; check the folder and its permissions"
            if error.errno == errno.ELOOP:
                what = "it is a symbolic link, which Zoneproof never makes: remove it"
            raise StorageError(f"cannot open {path}: {what}") from error
        self.numbers = memoryview(self._map).cast("Q")
        """One number; reading ``numbers[0]`` is what a DNS worker does for each packet."""

    def announce(self) -> None:
        """Tell that something was committed."""
        self.numbers[0] = secrets.randbits(64)

    def close(self) -> None:
        """Release the file."""
        self.numbers.release()
        self._map.close()


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
