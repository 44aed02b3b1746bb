"""Reads files and folders that may be anything; what cannot be used is an InvalidInputError.

Every message is one line that begins with the file's name and repeats nothing of its content.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from zoneproof import input_files
from zoneproof.config import complaint
from zoneproof.errors import InvalidInputError, printable

MOST_ENTRIES = 10_000  # of a folder, and folders of a tree
_DEEPEST = 12

T = TypeVar("T")


def unusable(path: Path, reason: str) -> InvalidInputError:
    """Return the error that says what is wrong with a file."""
    return InvalidInputError(f"{shown(path)}: {reason}")


def shown(path: Path) -> str:
    """Return a path as people may see it."""
    return printable(str(path))


def read_file(path: Path) -> bytes:
    """Return a regular file's content. Raises InvalidInputError, also for more than 1 MiB."""
    try:
        return input_files.read_file(path)
    except OSError as error:
        raise _unreadable(path, error) from error


def read_text(path: Path) -> str:
    """Return a UTF-8 file's text. Raises InvalidInputError."""
    try:
        return read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise unusable(path, "it is no UTF-8 text") from None


def read_json(path: Path, kind: type[T]) -> T:
    """Return a JSON file's content, in the form of ``kind``. Raises InvalidInputError."""
    try:
        return msgspec.json.decode(read_file(path), type=kind)
    except msgspec.ValidationError as error:
        problem = complaint(error, kind, table="an object")
        raise unusable(path, f"it is not of the form expected: {problem}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise unusable(path, "it is no JSON, or was cut off") from None


def list_folder(folder: Path) -> list[Path]:
    """Return what is in a folder, sorted. Raises InvalidInputError."""
    entries: list[Path] = []
    try:
        for entry in folder.iterdir():
            entries.append(entry)
            if len(entries) > MOST_ENTRIES:
                raise unusable(folder, f"it holds more than {MOST_ENTRIES} files")
    except (OSError, ValueError) as error:
        raise _unreadable(folder, error) from error
    return sorted(entries)


def is_folder(path: Path) -> bool:
    """Tell whether there is a folder, as far as this user can see."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def exists(path: Path) -> bool:
    """Tell whether there is anything, be it a link to nothing, as far as this user can see."""
    try:
        path.lstat()
    except (OSError, ValueError):
        return False
    return True


def folders_below(root: Path, problems: list[str]) -> Iterator[Path]:
    """Give ``root`` and every folder below it, also through links, but never in a circle.

    Folders that cannot be read are added to the problems. Raises InvalidInputError for a tree
    without measure.
    """
    left = MOST_ENTRIES

    def walk(folder: Path, above: frozenset[tuple[int, int]]) -> Iterator[Path]:
        nonlocal left
        left -= 1
        if left < 0 or len(above) > _DEEPEST:
            raise unusable(root, "it has too many folders to be what it should be")
        try:
            identity = _identity(folder)
            entries = list_folder(folder)
        except InvalidInputError as error:
            problems.append(error.message)
            return
        if identity in above:
            return
        yield folder
        for entry in entries:
            if is_folder(entry):
                yield from walk(entry, above | {identity})

    yield from walk(root, frozenset())


def _identity(folder: Path) -> tuple[int, int]:
    try:
        found = folder.stat()
    except (OSError, ValueError) as error:
        raise _unreadable(folder, error) from error
    return found.st_dev, found.st_ino


def _unreadable(path: Path, error: OSError | ValueError) -> InvalidInputError:
    if isinstance(error, PermissionError):
        return unusable(path, "this user may not read it: run this as the user who may, often root")
    if isinstance(error, OSError):
        return unusable(path, f"it cannot be read: {error.strerror or 'unknown reason'}")
    return unusable(path, "no file can have this name")
