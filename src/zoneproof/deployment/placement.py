"""Puts files where servers want them: owner, group and mode from the first byte, all or nothing.

What stood there before is kept beside each file as ``.NAME.before`` until the caller is content.
If the caller is not, or was killed before saying so, that is what comes back.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from zoneproof.core.access import Access
from zoneproof.core.errors import DeploymentError
from zoneproof.core.files import flush_folder, read_file
from zoneproof.core.secretive import Secretive
from zoneproof.deployment.trouble import cannot_write, reason_of

_SECRET_MODE, _PUBLIC_MODE = 0o600, 0o644


class Wanted(Secretive, frozen=True):
    """A file that is to be: what is in it, and whether others must not read it.

    ``is_same`` tells whether a file with other bytes will do as well.
    """

    path: Path
    data: bytes
    is_secret: bool
    is_same: Callable[[bytes], bool] | None = None

    def is_met_by(self, data: bytes) -> bool:
        """Tell whether a file with this content will do."""
        return data == self.data or bool(self.is_same and self.is_same(data))


def place_of(path: Path) -> object:
    """Return what is the same for all paths of one file, whether that is there or not.

    A link at the end of a path is no other file, because it is replaced.
    """
    try:
        folder = path.parent.stat()
    except OSError:
        return os.path.realpath(path.parent), path.name
    return folder.st_dev, folder.st_ino, path.name


class Placement:
    """Files that were put in place, until it is known whether they stay."""

    def __init__(self) -> None:
        self.changed: list[Path] = []
        self._begun: list[Path] = []
        self._made: set[Path] = set()  # where nothing stood

    def write(self, wanted: Sequence[Wanted], access: Access) -> None:
        """Write the files that differ. Raises DeploymentError, and then nothing has changed."""
        require_distinct([one.path for one in wanted], place_of)
        new: list[tuple[Path, Path]] = []
        at = Path()
        try:
            for one in wanted:
                at = one.path
                self._begun.append(at)
                if not self._is_right(one, access):
                    new.append((_write_beside(one, access), at))
            for temporary, at in new:
                if not _keep_old(at):
                    self._made.add(at)
                temporary.replace(at)
                self.changed.append(at)
            for at in {path.parent for path in self.changed}:
                flush_folder(at)
        except BaseException as error:
            told = self._put_back()
            if not isinstance(error, OSError):
                raise
            failed = cannot_write(at, error)
            raise DeploymentError("; ".join([failed.message, *told])) from error
        finally:
            for temporary, _ in new:
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)

    def _is_right(self, wanted: Wanted, access: Access) -> bool:
        try:
            status = wanted.path.lstat()
            same = stat.S_ISREG(status.st_mode) and wanted.is_met_by(read_file(wanted.path))
        except OSError:
            return False
        mode = _mode(wanted, access)
        return same and access.is_of(status) and (mode is None or _bits(status) == mode)

    def describe(self) -> str:
        """Return what was written, for people."""
        return f"wrote {', '.join(map(str, self.changed))}" if self.changed else "nothing to write"

    def keep(self) -> None:
        """Remove what stood there before."""
        for path in self._begun:
            with suppress(OSError):
                _before(path).unlink(missing_ok=True)

    def restore(self) -> bool:
        """Put back what stood there before; tells whether there was anything.

        Raises DeploymentError for what cannot be put back; the rest is.
        """
        restored = any(map(os.path.lexists, map(_before, self._begun)))
        if told := self._put_back():
            raise DeploymentError("; ".join(told))
        return restored

    def _put_back(self) -> list[str]:
        """Undo all that was done, the last first; return a line for what cannot be undone."""
        told = []
        for path in reversed(self._begun):
            before = _before(path)
            try:
                if os.path.lexists(before):
                    before.replace(path)
                    before.unlink(missing_ok=True)  # which stays where both are names of one file
                elif path in self._made:
                    path.unlink(missing_ok=True)
            except OSError as error:
                told.append(f"cannot restore {path} from {before}: {reason_of(error)}")
        self.changed, self._begun, self._made = [], [], set()
        return told


def require_distinct(paths: Sequence[Path], place: Callable[[Path], object]) -> None:
    """Raise DeploymentError if two of the paths have the same ``place``."""
    taken: set[object] = set()
    for path in paths:
        if place(path) in taken:
            raise DeploymentError(
                f"two files are to be written to {path}: give each a path of its own"
            )
        taken.add(place(path))


def _mode(wanted: Wanted, access: Access) -> int | None:
    """Return the mode that the file is to have, None for that of the file that is there."""
    return access.mode if wanted.is_secret else None


def _bits(status: os.stat_result) -> int:
    return stat.S_IMODE(status.st_mode)


def _write_beside(wanted: Wanted, access: Access) -> Path:
    """Write the new file under another name; its owner and mode are those of the old, or given."""
    temporary = wanted.path.with_name(f".{wanted.path.name}.new")
    temporary.unlink(missing_ok=True)  # of a run that was killed
    mode = _mode(wanted, access)
    try:
        old = wanted.path.lstat()
    except FileNotFoundError:
        old = None
    if old and not stat.S_ISREG(old.st_mode):
        old = None  # a link is replaced, not followed: its folder may be another user's
    if mode is None:
        usual = _SECRET_MODE if wanted.is_secret else _PUBLIC_MODE
        mode = _bits(old) if old else usual
        if wanted.is_secret:
            mode &= ~0o007  # nobody else, whatever it was
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            access.apply(file.fileno(), old, mode)
            file.write(wanted.data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _before(path: Path) -> Path:
    return path.with_name(f".{path.name}.before")


def _keep_old(path: Path) -> bool:
    """Keep the old file, and tell whether there is one.

    One that a killed run kept stays, because it is the one that worked.
    """
    try:
        os.link(path, _before(path), follow_symlinks=False)
    except FileExistsError:
        return True
    except FileNotFoundError:
        return False
    return True
