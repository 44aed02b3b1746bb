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


class Placement:
    """Files that were put in place, until it is known whether they stay."""

    def __init__(self) -> None:
        self.changed: list[Path] = []
        self._begun: list[Path] = []

    def write(self, wanted: Sequence[Wanted], access: Access) -> None:
        """Write the files that differ. Raises DeploymentError, and then nothing has changed."""
        new: list[tuple[Path, Path]] = []
        try:
            for one in wanted:
                self._begun.append(one.path)
                if not self._is_right(one, access):
                    new.append((_write_beside(one, access), one.path))
            for temporary, path in new:
                _keep_old(path)
                temporary.replace(path)
                self.changed.append(path)
            for folder in {path.parent for path in self.changed}:
                flush_folder(folder)
        except OSError as error:
            self.restore()
            raise DeploymentError(
                f"cannot write {self._begun[-1]}: {error.strerror or error}"
            ) from error
        finally:
            for temporary, _ in new:
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
        """Put back what stood there before; tells whether there was anything."""
        restored = False
        for path in self._begun:
            with suppress(FileNotFoundError):
                _before(path).replace(path)
                restored = True
                continue
            if path in self.changed:
                path.unlink(missing_ok=True)
        return restored


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


def _keep_old(path: Path) -> None:
    """Keep the old file; one that a killed run kept is the one that worked."""
    with suppress(FileExistsError, FileNotFoundError):
        os.link(path, _before(path), follow_symlinks=False)
