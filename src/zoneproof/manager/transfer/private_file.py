"""New files that only their owner may read, such as exports with keys."""

from __future__ import annotations

import os
from pathlib import Path

from zoneproof.errors import InvalidInputError, StorageError


def write_new(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all; replace none.

    Raises InvalidInputError if there is one, and StorageError.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # An empty file of ours reserves the name, because a rename would replace another's.
        os.close(_create(path))
    except FileExistsError as error:
        raise exists_already(path) from error
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error
    try:
        with os.fdopen(_create(temporary), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        for left in (temporary, path):
            left.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise StorageError(f"cannot write {path}: {error.strerror}") from error
        raise


def exists_already(path: Path) -> InvalidInputError:
    """Return the error for a file that would have to be replaced."""
    return InvalidInputError(f"{path} exists already: name another file, or move it away")


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
