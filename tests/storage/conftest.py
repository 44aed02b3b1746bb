"""A store in a temporary folder, and a user whom file modes bind."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.storage.numbers_table import NUMBERS
from zoneproof.storage import SqliteStore, open_sqlite

NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    opened = open_sqlite(path, NUMBERS)
    yield opened
    await opened.close()


@pytest.fixture
def bound_folder() -> Iterator[Path]:
    """Give a folder of a user whom file modes bind, which is not so for root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        as_root = os.geteuid() == 0
        if as_root:
            os.chown(folder, NOBODY, -1)
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            folder.chmod(0o700)
            if as_root:
                os.seteuid(0)
