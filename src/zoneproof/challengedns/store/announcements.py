"""How DNS workers learn that a database, or a node's replica, has changed: a file beside it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from zoneproof.core.errors import StorageError

_NOTICE_BYTES = 8
_MOST_AHEAD = 2**31  # what is further ahead would not be the newer serial (RFC 1982)


class Announcements:
    """Eight shared bytes beside the database, which change after every commit.

    Each announcement writes a number that was never there before. So whoever compares it with
    the one they saw last learns of every commit, however many processes write: no announcement
    can restore an old number and hide another.

    Eight more bytes are the highest generation that was announced. They outlive the database where
    it is replaced by a backup, so that the serials of the zones can continue from there. It only
    rises, whoever else announces at that moment.
    """

    def __init__(self, database: Path) -> None:
        """Open ``<database>.changed``, made with mode 0600 if it is missing.

        Raises StorageError.
        """
        self._path = self.path(database)
        self._file = os.fdopen(_open_announced(self._path), "r+b", buffering=0)
        self._turn = threading.Lock()

    @staticmethod
    def path(database: Path) -> Path:
        """Return where the file is."""
        return database.with_name(database.name + ".changed")

    def reopen(self) -> bool:
        """Open the file anew if another one, or none, has taken its place; tell whether.

        Then whoever has mapped the one before hears nothing more. One that was emptied in place is
        made whole. Raises StorageError.
        """
        opened = os.fstat(self._file.fileno())
        with contextlib.suppress(OSError):
            if identity(self._path.stat(follow_symlinks=False)) == identity(opened):
                if opened.st_size < _NOTICE_BYTES:
                    self.announce()
                return False
        successor = _open_announced(self._path)
        # In its place at once: another thread may be writing.
        os.dup2(successor, self._file.fileno(), inheritable=False)
        os.close(successor)
        return True

    def announce(self, generation: int = 0) -> None:
        """Tell that something was committed, and in which generation. Raises StorageError.

        Written and not stored into mapped memory: where somebody has emptied the file, that would
        end this process (SIGBUS), and this makes it whole.
        """
        with self._turn, _locked(self._file.fileno()):
            highest = max(generation, self.highest(generation))
            notice = os.urandom(_NOTICE_BYTES) + highest.to_bytes(8, "little")
            try:
                os.pwrite(self._file.fileno(), notice, 0)
            except OSError as error:
                raise StorageError(f"cannot write {self._path}: {error.strerror}") from error

    def highest(self, generation: int) -> int:
        """Return the highest generation that was announced, also in databases of before.

        One that cannot be newer than ``generation`` is damage: then it is 0. Raises StorageError.
        """
        try:
            found = int.from_bytes(os.pread(self._file.fileno(), 8, _NOTICE_BYTES), "little")
        except OSError as error:
            raise StorageError(f"cannot read {self._path}: {error.strerror}") from error
        return found if found - generation < _MOST_AHEAD else 0

    def close(self) -> None:
        """Release the file."""
        self._file.close()


def announced_number(database: Path) -> memoryview:
    """Map what :class:`Announcements` writes; ``[0]`` is what a DNS worker reads for each packet.

    That ends a process (SIGBUS) while the file is empty, because somebody has cut it short in
    place. It is a hundred times faster than a system call all the same, and the service starts
    another worker, which makes the file whole. Raises StorageError.
    """
    path = Announcements.path(database)
    descriptor = _open_announced(path)
    try:
        return memoryview(mmap.mmap(descriptor, _NOTICE_BYTES)).cast("Q")
    except (OSError, ValueError) as error:
        raise StorageError(f"cannot map {path}: {error}") from error
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _locked(descriptor: int) -> Iterator[None]:
    """Keep other processes waiting, where the file system can."""
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)


def _open_announced(path: Path) -> int:
    """Open the file of announcements for reading and writing, whole; return its descriptor."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            if os.fstat(descriptor).st_size < _NOTICE_BYTES:
                # Written rather than lengthened: on a full disk this fails, where a process that
                # looks at memory without a block of the disk behind it is killed. Nor is it zero,
                # which may be what a worker saw last before the file was emptied.
                os.pwrite(descriptor, os.urandom(_NOTICE_BYTES), 0)
        except OSError:
            os.close(descriptor)
            raise
    except OSError as error:
        what = f"{error.strerror}; check the folder and its permissions"
        if error.errno == errno.ELOOP:
            what = "it is a symbolic link, which Zoneproof never makes: remove it"
        raise StorageError(f"cannot open {path}: {what}") from error
    return descriptor


def identity(status: os.stat_result) -> tuple[int, int]:
    """Return what tells a file from another one in its place."""
    return status.st_dev, status.st_ino
