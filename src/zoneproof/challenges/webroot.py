"""Answers as files below the folder that a web server serves."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

import msgspec

from zoneproof.acme.keys import check_token
from zoneproof.core.errors import HttpResponderError, InvalidInputError
from zoneproof.core.files import is_folder, is_missing

_FOLDERS = (".well-known", "acme-challenge")
_TRIES = 10


class Leftover(msgspec.Struct, frozen=True):
    """A file that stays behind if the process dies now.

    ``folders`` is how many of the folders above it are ours, from the innermost one upwards.
    """

    webroot: Path
    token: str
    folders: int

    @property
    def path(self) -> Path:
        """The file's path (RFC 8555 section 8.3)."""
        return self.webroot.joinpath(*_FOLDERS, self.token)


class Webroot:
    """Writes ``.well-known/acme-challenge/<token>`` below ``path``, which must be there.

    The folders above the file are made where they are missing, and removed with the last file.
    A symbolic link in their place is followed, because administrators collect the challenges of
    many sites so; the one part that others choose is the token, and that is checked.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self._tokens: set[str] = set()
        self._made = 0  # of the folders, from the innermost one upwards

    @property
    def where(self) -> str:
        """Where the answers are, for people."""
        return f"files below {self._path}"

    async def check(self) -> None:
        """See whether the folder is there and can be written.

        Raises InvalidInputError if it is not there, else HttpResponderError.
        """
        if not is_folder(self._path):
            if not is_missing(self._path) and not os.access(self._path, os.F_OK):
                raise HttpResponderError(
                    f"this user cannot look into the webroot {self._path}: run this as a user who"
                    " can, or change the permissions of the folders above it"
                )
            raise InvalidInputError(
                f"the webroot {self._path} is not a directory: name the one that the web server "
                "serves"
            )
        # The deepest folder that is there is the one that will be changed.
        deepest = next(
            folder for folder in (*_folders(self._path), self._path) if is_folder(folder)
        )
        if not os.access(deepest, os.W_OK | os.X_OK):
            raise HttpResponderError(
                f"this user cannot write to {deepest}: run this as a user who can, or change its "
                "permissions"
            )

    def leftover(self, token: str) -> Leftover:
        """Return the token's file, and how many folders will have to be made for it."""
        missing = sum(not is_folder(folder) for folder in _folders(self._path))
        return Leftover(self._path, check_token(token), missing)

    async def put(self, token: str, key_authorization: str) -> None:
        """Write the file, readable by everybody, in one step."""
        self._made = max(self._made, self.leftover(token).folders)
        await self.check()
        self._tokens.add(token)
        await asyncio.to_thread(self._write, token, key_authorization)

    async def remove(self, token: str) -> None:
        """Remove the file, and the empty folders that were made for it."""
        await self.remove_leftover(Leftover(self._path, check_token(token), self._made))
        self._tokens.discard(token)

    @staticmethod
    async def remove_leftover(leftover: Leftover) -> None:
        """Remove a file of this or an earlier process, and those empty folders that are ours."""
        await asyncio.to_thread(_remove, leftover)

    async def close(self) -> None:
        """Remove the files that are still there."""
        for token in list(self._tokens):
            await self.remove(token)

    def _write(self, token: str, text: str) -> None:
        folder = _folders(self._path)[0]
        target = folder / token
        try:
            for attempt in range(_TRIES):
                try:
                    self._make_folders()
                    _write_in_one_step(target, text.encode("ascii"))
                except FileNotFoundError:
                    # Another order has just removed the folder with its own last file.
                    if attempt + 1 == _TRIES:
                        raise
                else:
                    return
        except OSError as error:
            raise HttpResponderError(
                f"cannot write {target}: {error.strerror}; the web server's folder must be"
                " writable for this user"
            ) from error

    def _make_folders(self) -> None:
        for folder in reversed(_folders(self._path)):
            with contextlib.suppress(FileExistsError):
                folder.mkdir()
                _let_through(folder)


def _folders(webroot: Path) -> list[Path]:
    """Return the folders above the file, the innermost first."""
    outer, inner = _FOLDERS
    return [webroot / outer / inner, webroot / outer]


def _remove(leftover: Leftover) -> None:
    inner, outer = _folders(leftover.webroot)
    target = leftover.path
    try:
        for path in (target, _temporary(target)):
            path.unlink(missing_ok=True)
    except NotADirectoryError:
        return
    except OSError as error:
        raise HttpResponderError(
            f"cannot remove {target}: {error.strerror}; remove it yourself"
        ) from error
    for folder in (inner, outer)[: leftover.folders]:
        with contextlib.suppress(OSError):  # it holds somebody else's files
            folder.rmdir()


def _let_through(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            _set_mode(descriptor, 0o755)
        finally:
            os.close(descriptor)


def _temporary(target: Path) -> Path:
    # No token holds a dot, and the name is known so that a crash in between can be fixed.
    return target.with_name(f".{target.name}.new")


def _write_in_one_step(target: Path, data: bytes) -> None:
    temporary = _temporary(target)
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        _set_mode(descriptor, 0o644)
        file.write(data)
    temporary.replace(target)


def _set_mode(descriptor: int, mode: int) -> None:
    """Undo what the umask took away, on the very file: a path might be a link by now."""
    if os.name == "posix":
        os.fchmod(descriptor, mode)
